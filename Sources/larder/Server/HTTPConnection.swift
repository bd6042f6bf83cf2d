// One connection: bytes to requests, replies to bytes, in order. The fast path is one callback from readable to answered,
// without a task, an allocation or a wait; what has to wait becomes a task and stops the reading until it is answered.

import Cache
import Glibc
import HTTP
import Loop

/// A client's connection and where it stands.
@EventLoop
final class HTTPConnection: RequestClient {
  enum State {
    /// Waiting for a request's first byte, or for the rest of its head.
    case head
    case body(BodyReader, head: [UInt8], content: [UInt8])
    /// A task is finding the answer.
    case answering
    /// Bytes of an answer are waiting for the socket.
    case sending
    /// An answer that is made while it is sent, until it is over or the client goes.
    case streaming(any AnswerStream)
    /// The last answer is out; what the client still sends is read away, so that it gets the answer and no reset.
    case lingering
    case closed
  }

  /// Held, and given up with `close`: `unowned` costs a count up and down at each of twenty uses in a request.
  let server: HTTPServer
  let descriptor: Int32
  let readiness: Readiness
  var state = State.head
  /// What was received and not used yet.
  var input: [UInt8] = []
  /// Whether no byte of a next request has come yet.
  var isIdle = true
  /// Whether no request has come at all.
  var isNew = true
  /// Whether whole requests wait in `input` for the next turn of the loop.
  var isResting = false
  /// Milliseconds of the loop's clock; 0 for none.
  var deadline: UInt64 = 0
  /// When the state began, or the client last took some of an answer: milliseconds of the loop's clock.
  var progressed: UInt64 = 0
  /// When the head of the request came that is being answered: nanoseconds of the loop's clock.
  var asked: UInt64 = 0
  /// What the log will say of the request that is being answered; nil when it says nothing.
  var line: AnsweredRequest?
  /// When the answer of a play began, in milliseconds of the loop's clock; 0 when none is under way.
  var playBegan: UInt64 = 0
  /// What the server counts for this connection's memory, and the part of it that belongs to a request being answered.
  var held = 0
  private(set) var requestCount = 0
  /// Of the client's address, once somebody asked; see `SocketAddress.network`.
  lazy var network: UInt64 = Socket.peerAddress(descriptor)?.network ?? 0
  /// Asked when it was accepted: later the descriptor may be another connection's.
  let peerUser: UInt32?
  var keepsAlive = true
  /// Whether the client takes a connection for closed unless it is told otherwise: HTTP/1.0.
  var mustSayKept = false
  /// Whether there was no room for it: it is told so, and does not count.
  private(set) var isTurnedAway = false
  var output = Outgoing()
  private(set) var task: Task<Void, Never>?
  /// Tells the tasks of this connection apart.
  private var tasks: UInt = 0
  private var tasksOver: UInt = 0

  init(_ descriptor: consuming Descriptor, server: HTTPServer) throws(LoopError) {
    self.server = server
    readiness = try Readiness(descriptor: descriptor.raw)
    peerUser = server.asksForUsers ? Socket.peerUser(descriptor.raw) : nil
    self.descriptor = descriptor.release()
  }

  /// Reads what is there already and then waits for more.
  func begin() {
    progressed = EventLoop.now.milliseconds
    deadline = progressed + server.limits.idleTimeout
    readiness.watch(.readable) { [unowned self] events in happened(events) }
    readable()
  }

  /// Says that there is no room, at once: whatever the client is about to send is read away, so that it gets the answer
  /// and no reset.
  func turnAway(_ problem: Problem, _ fields: [Reply.Field]) {
    isTurnedAway = true
    keepsAlive = false
    readiness.watch(.readable) { [unowned self] events in happened(events) }
    send(problem.status, .problemJSON, problem.json, fields, isHead: false)
  }

  private func happened(_ events: Readiness.Events) {
    switch state {
    case .head where isResting: goOn()
    case .head, .body: readable()
    case .sending where events.contains(.disconnected): close()
    case .sending:
      // There is room again, so that the client took something.
      progressed = EventLoop.now.milliseconds
      pump()
    case .streaming:
      guard events.contains(.writable) else { return discardInput() }
      progressed = EventLoop.now.milliseconds
      flushStream()
    case .lingering: discardInput()
    case .answering: if events.contains(.failed) || events.contains(.disconnected) { close() }
    case .closed: break
    }
  }

  // MARK: Answering

  /// Starts what this connection has to wait for. A task that is over before it is known here must not stay: it holds
  /// all that it worked with.
  private func begin(_ body: @escaping @EventLoop (UInt) async -> Void) {
    tasks += 1
    let number = tasks
    let started = EventLoop.spawn { await body(number) }
    if tasksOver < number { task = started }
  }

  /// The wait is over; another one may begin before its task returns.
  private func end(_ number: UInt) {
    tasksOver = number
    task = nil
  }

  /// From now on the wait for an answer ends when the client is gone, or has closed its side.
  func watchForLeaving() {
    if case .answering = state { readiness.watch(.disconnected) }
  }

  func answer(_ request: APIRequest) {
    state = .answering
    requestCount = request.head.count + request.body.count
    readiness.watch([])
    server.answering += 1
    begin { [self, server] number in
      let reply = await server.handler.answer(request)
      server.answering -= 1
      end(number)
      requestCount = 0
      guard case .answering = state else {
        if case .stream(let stream) = reply { stream.cancel() }
        return
      }
      send(reply, to: request)
      weigh()
    }
  }

  private func send(_ reply: Reply, to request: APIRequest) {
    switch reply {
    case .bytes(let status, let type, let body, let fields):
      send(status, type, body, fields, isHead: request.method == .head)
    case .play(let playable):
      // In a head of its own: what the client sent ahead is parsed into the server's before this call returns.
      var head = RequestHead()
      unsafe request.head.withUnsafeBytes { bytes in
        _ = unsafe RequestParser.parse(bytes, into: &head)
        unsafe playable.answer(head, in: bytes, on: self)
      }
    case .page(let file): file.answer(request, on: self)
    case .stream(let stream): begin(stream, isHead: request.method == .head)
    }
  }

  /// Sends a whole answer from memory.
  func send(_ status: Status, _ type: MediaType, _ body: [UInt8], _ fields: [Reply.Field], isHead: Bool) {
    answered(status, bytes: isHead ? 0 : body.count)
    let room = ResponseHead.usualCount + fields.reduce(0) { $0 + $1.value.utf8.count + 64 }
    var bytes = unsafe [UInt8](unsafeUninitializedCapacity: room + body.count) { buffer, count in
      var head = unsafe ResponseHead(status, into: UnsafeMutableRawBufferPointer(buffer))
      head.append("Date", date: HTTPServer.seconds)
      head.append("Content-Type", type.name)
      head.append("Content-Length", body.count)
      head.append("Cache-Control", "no-store")
      for field in fields { head.append(field.name, string: field.value) }
      if let persistence { head.append("Connection", persistence) }
      count = head.end()
    }
    if !isHead { bytes += body }
    output.set(bytes)
    startSending()
  }

  /// Answers a request that is none, and closes.
  func refuse(_ status: Status, code: String, detail: String, _ fields: [Reply.Field] = []) {
    keepsAlive = false
    let problem = Problem(status, code: code, detail: detail)
    send(status, .problemJSON, problem.json, fields, isHead: false)
  }

  func sendContinue() {
    let line = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
    // A few bytes into a socket that is waiting for us: they fit, or the client is not there.
    _ = unsafe line.withUnsafeBytes { unsafe Socket.write(descriptor, $0) }
  }

  /// What the answer says in `Connection`, nil for nothing; for whoever renders the head (RFC 9112, section 9.3).
  var persistence: StaticString? { !keepsAlive ? "close" : mustSayKept ? "keep-alive" : nil }

  /// Where answers are counted; nil when they are not.
  var metrics: Metrics? { server.metrics }

  /// The shared buffer to render an answer in.
  var scratch: UnsafeMutableRawBufferPointer { unsafe server.scratch }

  /// Sends bytes that lie in the shared buffer; what the socket does not take is copied.
  func send(_ bytes: UnsafeRawBufferPointer) {
    var sent = 0
    switch unsafe Socket.write(descriptor, bytes) {
    case .bytes(let count): sent = count
    case .wouldBlock: break
    case .closed, .failed: return close()
    }
    guard sent < bytes.count else { return finished() }
    output.set(unsafe Array(bytes[sent...]))
    progressed = EventLoop.now.milliseconds
    wait()
  }

  /// Sends a head that lies in the shared buffer and then bytes of a file.
  func send(_ head: UnsafeRawBufferPointer, then body: FileBody) {
    output.set(unsafe Array(head), then: body)
    startSending()
  }

  /// What was sent ahead is not looked at any more: the connection ends with the answer that is under way.
  func dropAhead() {
    input = []
    keepsAlive = false
    weigh()
  }

  func startSending() {
    state = .sending
    progressed = EventLoop.now.milliseconds
    pump()
  }

  /// Sends as much as the socket takes and a turn allows.
  private func pump() {
    let progress = output.pump(into: descriptor)
    let count = output.takeFileBytes()
    if count > 0 { progressed = EventLoop.now.milliseconds }
    played(count)
    // A copy that waits to go out counts, and no longer than that.
    if held > 0 || output.held > Limits.ownBytes { weigh() }
    switch progress {
    case .done: finished()
    case .blocked: wait()
    case .turnOver:
      // The rest waits for the next turn of the loop: others get theirs first.
      wait()
    case .cold(let file, let range):
      readiness.watch([])
      begin { [self] number in
        await ColdReader.warm(file, range)
        end(number)
        if case .sending = state { pump() }
      }
    case .unverified(let reader, let block):
      // Bytes that are still to come are waited for only as long as somebody wants them.
      readiness.watch(reader.state == .complete ? [] : .disconnected)
      begin { [self] number in
        let readiness = await reader.ready(block)
        end(number)
        guard case .sending = state else { return }
        if case .ready = readiness { pump() } else { breakOff() }
      }
    case .forgotten(let reader, let block):
      readiness.watch([])
      begin { [self] number in
        let copy = await reader.copy(of: block)
        end(number)
        guard case .sending = state else { return }
        if let copy { output.take(copy, from: reader.object.bytes(ofBlock: block)) }
        pump()
      }
    case .failed: breakOff()
    }
  }

  /// Part of an answer is out, and the rest will not come: what was sent arrives, and `Content-Length` tells the client that
  /// it is not the whole (RFC 9112, section 8). A reset would take away what it has not read yet.
  private func breakOff() {
    output = Outgoing()
    answerEnds()
    linger()
    weigh()
  }

  private func wait() {
    state = .sending
    readiness.watch(.writable)
  }

  /// The answer is out.
  private func finished() {
    output = Outgoing()
    answerEnds()
    defer { weigh() }
    guard keepsAlive, !server.isDraining else { return linger() }
    state = .head
    readiness.watch(.readable)
    guard !input.isEmpty else { return becomeIdle() }
    // What was sent ahead is parsed before anything more is read.
    let ahead = input
    input = []
    isIdle = true
    unsafe ahead.withUnsafeBytes { unsafe process($0) }
  }

  func linger() {
    Socket.shutdownWrite(descriptor)
    state = .lingering
    input = []
    progressed = EventLoop.now.milliseconds
    deadline = progressed + 2000
    readiness.watch(.readable)
    discardInput()
  }
}
