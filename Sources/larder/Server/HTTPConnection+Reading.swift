// From bytes to requests: what a connection does with what it receives, several requests at once or one in pieces.

import HTTP
import Loop

extension HTTPConnection {
  /// How much is read at a time: a client that sends requests ahead of their answers holds no more of our memory than that.
  private static let arrival = 16 << 10
  /// In a turn of the loop that is older than this, only one request of each connection is worked through.
  private static let turn = Duration.milliseconds(2)

  func readable() {
    // What came before goes in front of what comes now.
    let arrivals = unsafe server.arrivals
    let kept = input.count
    if kept > 0 { unsafe input.withUnsafeBytes { unsafe arrivals.copyMemory(from: $0) } }
    let room = unsafe UnsafeMutableRawBufferPointer(rebasing: arrivals[kept..<min(arrivals.count, kept + Self.arrival)])
    switch unsafe Socket.read(descriptor, into: room) {
    case .bytes(let count):
      input.removeAll(keepingCapacity: false)
      unsafe process(UnsafeRawBufferPointer(rebasing: arrivals[..<(kept + count)]))
      weigh()
    case .wouldBlock: break
    case .closed, .failed: close()
    }
  }

  /// Works through what was received: several requests may stand there, and the last may be incomplete.
  func process(_ bytes: UnsafeRawBufferPointer) {
    var rest = unsafe bytes
    var isFirst = true
    while unsafe !rest.isEmpty {
      switch state {
      case .head:
        // Whoever sends many requests ahead lets others go in between.
        guard isFirst || EventLoop.now.duration(to: EventLoop.exactNow) < Self.turn else { return unsafe pause(rest) }
        isFirst = false
        switch unsafe RequestParser.parse(rest, into: &server.head) {
        case .incomplete:
          if isIdle {
            progressed = EventLoop.now.milliseconds
            deadline = progressed + server.limits.headerTimeout
          }
          isIdle = false
          input = unsafe Array(rest)
          return
        case .refused(let refusal):
          return refuse(refusal.status, code: refusal.status.refusalCode, detail: refusal.reason.description)
        case .complete(let length):
          let head = unsafe UnsafeRawBufferPointer(rebasing: rest[..<length])
          unsafe rest = UnsafeRawBufferPointer(rebasing: rest[length...])
          unsafe headArrived(head)
        }
      case .body(var reader, let head, var content):
        // Given up meanwhile, so that the content has one owner and grows in place however small the chunks are.
        state = .head
        let step = unsafe reader.read(rest)
        unsafe content.append(contentsOf: rest[step.produced])
        unsafe rest = UnsafeRawBufferPointer(rebasing: rest[step.consumed...])
        state = .body(reader, head: head, content: content)
        switch step.outcome {
        case .more: break
        case .done: bodyArrived(head, content)
        case .refused(let refusal):
          return refuse(refusal.status, code: refusal.status.refusalCode, detail: refusal.reason.description)
        }
      case .answering, .sending, .streaming:
        // One answer at a time: what the client sent ahead waits, and the socket is not read meanwhile.
        input = unsafe Array(rest)
        return
      case .lingering, .closed: return
      }
    }
    if case .head = state { becomeIdle() }
  }

  /// The rest has to wait for the next turn of the loop.
  private func pause(_ rest: UnsafeRawBufferPointer) {
    input = unsafe Array(rest)
    isResting = true
    readiness.watch(.writable)
  }

  func goOn() {
    isResting = false
    readiness.watch(.readable)
    let ahead = input
    input = []
    unsafe ahead.withUnsafeBytes { unsafe process($0) }
    weigh()
  }

  func becomeIdle() {
    isIdle = true
    progressed = EventLoop.now.milliseconds
    deadline = progressed + server.limits.idleTimeout
    if server.isDraining { close() }
  }

  /// A head is complete.
  private func headArrived(_ bytes: UnsafeRawBufferPointer) {
    isIdle = false
    isNew = false
    keepsAlive = server.head.keepsAlive && !server.isDraining
    mustSayKept = server.head.version == .http10
    unsafe note(server.head, in: bytes)
    let reader = BodyReader(server.head.framing)
    switch reader.outcome {
    case .done:
      deadline = 0
      if unsafe server.handler.answerNow(server.head, in: bytes, on: self) { return }
      unsafe answer(APIRequest(number: requestNumber, server.head, in: bytes, body: [], client: self))
    case .refused(let refusal):
      refuse(refusal.status, code: refusal.status.refusalCode, detail: refusal.reason.description)
    case .more:
      if server.head.expectsContinue, server.head.version == .http11 { sendContinue() }
      progressed = EventLoop.now.milliseconds
      deadline = progressed + server.limits.headerTimeout
      state = .body(reader, head: unsafe Array(bytes), content: [])
    }
  }

  /// A body is complete too.
  private func bodyArrived(_ head: [UInt8], _ content: [UInt8]) {
    deadline = 0
    let request = unsafe head.withUnsafeBytes { bytes in
      _ = unsafe RequestParser.parse(bytes, into: &server.head)
      return unsafe APIRequest(number: requestNumber, server.head, in: bytes, body: content, client: self)
    }
    answer(request)
  }

  /// Reads away what nobody wants, up to the end of the stream.
  func discardInput() {
    for _ in 0..<16 {
      switch unsafe Socket.read(descriptor, into: server.arrivals) {
      case .bytes: continue
      case .wouldBlock: return
      case .closed, .failed: return close()
      }
    }
  }
}
