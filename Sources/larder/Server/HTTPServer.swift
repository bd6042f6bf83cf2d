// The listening side: connections, their number, their deadlines, and draining.

import Cache
import HTTP
import Loop

/// What the server asks the rest of the program.
@EventLoop
protocol RequestHandler: AnyObject {
  /// Answers at once what needs neither a copy nor a wait; false for everything else.
  func answerNow(_ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer, on connection: HTTPConnection) -> Bool
  /// Answers a request that may wait for the ledger, the origin or the disk.
  func answer(_ request: APIRequest) async -> Reply
}

/// Timeouts and limits of connections; see the configuration's `[server]`.
struct ServerLimits: Sendable {
  var connections: Int
  /// In milliseconds.
  var idleTimeout: UInt64
  /// In milliseconds.
  var headerTimeout: UInt64

  func with(connections: Int) -> ServerLimits {
    var limits = self
    limits.connections = connections
    return limits
  }
}

/// Accepts connections and keeps them within their limits.
@EventLoop
@safe
final class HTTPServer {
  let handler: any RequestHandler
  /// Where its answers are counted; nil for a server that is not worth counting.
  let metrics: Metrics?
  /// Where each answered request is told; nil as long as nobody wants to know.
  var requestLog: EventLog?
  private(set) var limits: ServerLimits
  private(set) var isDraining = false
  private var listeners: [Listener] = []
  private var connections: [ObjectIdentifier: HTTPConnection] = [:]
  /// How many of them are only there to be told that there is no room.
  private var turnedAway = 0
  private var shortage = Shortage()
  /// Bytes that the connections hold in memory, as each of them says.
  var held = 0 { didSet { noteMemory() } }
  /// Requests that a task is finding the answer to.
  var answering = 0 { didSet { noteMemory() } }
  /// The most memory that connections took since freed memory was given back.
  private var mostMemory = 0
  private let watch = Timer()
  /// For how long nobody has asked for anything before what that took is let go.
  private static let restMilliseconds: UInt64 = 10_000
  private let shared: SharedCounts
  /// Whether it is known of each connection which user's process is at its other end.
  let asksForUsers: Bool

  /// What every connection reads into within one callback; no connection keeps a buffer of its own while it is idle.
  let arrivals = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 4096)
  /// What answers are rendered in. Requests that were sent ahead still lie in the other buffer meanwhile.
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 4096)
  /// The head that is being looked at.
  var head = RequestHead()

  /// - Parameters:
  ///   - shared: with the servers whose requests stand in the same log, and which rest together.
  ///   - asksForUsers: for Unix sockets, whose requests are somebody's on this machine.
  init(
    handler: any RequestHandler, limits: ServerLimits, metrics: Metrics? = nil,
    shared: SharedCounts = SharedCounts(),
    asksForUsers: Bool = false
  ) {
    self.shared = shared
    self.asksForUsers = asksForUsers
    self.handler = handler
    self.limits = limits
    self.metrics = metrics
  }

  func use(_ limits: ServerLimits) {
    self.limits = limits
    if watch.isActive { startWatch() }
  }

  /// Takes connections from a listener from now on.
  func serve(_ listener: Listener) {
    listeners.append(listener)
    listener.start { [weak self] descriptor in self?.accepted(descriptor) }
  }

  /// How many connections are open.
  var count: Int { connections.count }

  /// Now, in seconds since 1970, for `Date`.
  nonisolated static var seconds: Int { Int(Clock.now.milliseconds / 1000) }

  /// The date of these seconds in bytes, made once for each of them.
  static func date(_ seconds: Int) -> [UInt8] {
    if seconds != lastDate.seconds { lastDate = (seconds, Array(HTTPDate.string(seconds).utf8)) }
    return lastDate.text
  }

  private static var lastDate: (seconds: Int, text: [UInt8]) = (-1, [])

  func nextRequestNumber() -> UInt64 { shared.nextNumber() }

  /// An answer begins.
  func noteAnswer() { shared.answeredAt = EventLoop.now.milliseconds }

  private func accepted(_ descriptor: consuming Descriptor) {
    let hasRoom = makeRoom(for: descriptor.raw)
    // In a flood nobody is told anything beyond these: to be closed at once costs the others the least.
    guard hasRoom || turnedAway < Limits.turnedAway else { return }
    Socket.setNoDelay(descriptor.raw)
    Socket.setKeepAlive(descriptor.raw)
    guard let connection = try? HTTPConnection(descriptor, server: self) else { return }
    connections[ObjectIdentifier(connection)] = connection
    noteMemory()
    if !watch.isActive { startWatch() }
    guard hasRoom else {
      turnedAway += 1
      let problem = Problem(.serviceUnavailable, code: "busy", detail: "too many connections; try again in a moment")
      return connection.turnAway(problem, [Reply.Field("Retry-After", "1")])
    }
    // Most clients send their request along: try before asking the kernel to tell us.
    connection.begin()
  }

  /// Whether there is room for one more connection, perhaps because another one goes for it.
  private func makeRoom(for newcomer: Int32) -> Bool {
    guard !isDraining else { return false }
    guard connections.count - turnedAway >= limits.connections else {
      shortage.end()
      return true
    }
    let network = Socket.peerAddress(newcomer)?.network ?? 0
    guard let victim = shortage.next(among: connections.values, for: network, now: EventLoop.now.milliseconds) else {
      return false
    }
    victim.giveWay()
    // After a reload that lowered the limit, one is not enough.
    return connections.count - turnedAway < limits.connections
  }

  /// The connections hold too much memory: some of those go that wait for their clients, until there is a quarter of it
  /// again; see ``Relief``.
  func relieve(for needy: HTTPConnection) {
    let holding = connections.values.filter { $0 !== needy && $0.isSending }
    let answers = holding.map { Relief.Answer(held: $0.held, progressed: $0.progressed) }
    for place in Relief.order(answers, for: needy.held) where held > Limits.heldBytes / 4 * 3 {
      holding[place].giveWay()
    }
  }

  func closed(_ connection: HTTPConnection) {
    connections[ObjectIdentifier(connection)] = nil
    if connection.isTurnedAway { turnedAway -= 1 }
    if connections.isEmpty { giveBack() }
  }

  // MARK: Memory

  /// About what the connections take: a request on its way to its answer is a task with all that it needs.
  private var memory: Int { held + (answering << 13) + (connections.count << 10) }

  private func noteMemory() { mostMemory = max(mostMemory, memory) }

  /// After a crowd has gone, its memory lies in pieces between what is in use: it is worth a moment to give it back.
  private func giveBack() {
    guard mostMemory > 4 << 20, memory < mostMemory / 4 else { return }
    mostMemory = memory
    Memory.trim()
  }

  /// Lets go of what answers took when nobody has had one for a while, here or at the other server, and none is going out.
  private func rest(at now: UInt64) {
    guard let last = shared.answeredAt, now >= last + Self.restMilliseconds else { return }
    guard !connections.values.contains(where: \.isSending) else {
      shared.answeredAt = now
      return
    }
    shared.answeredAt = nil
    Memory.letGo()
  }

  // MARK: Deadlines

  /// One timer for all connections, and none when there are none and the box rests: exact to a quarter of the shortest
  /// timeout.
  private func startWatch() {
    let period = min(500, max(25, min(limits.headerTimeout, limits.idleTimeout) / 4))
    watch.start(after: .milliseconds(period), every: .milliseconds(period)) { [weak self] in self?.look() }
  }

  private func look() {
    let now = EventLoop.now.milliseconds
    for connection in connections.values { connection.checkDeadline(now) }
    giveBack()
    rest(at: now)
    if connections.isEmpty, shared.answeredAt == nil { watch.stop() }
  }

  // MARK: The end

  /// Accepts no more, lets open responses finish for up to `grace`, then closes what is left.
  func drain(grace: Duration) async {
    isDraining = true
    for listener in listeners { listener.stop() }
    for connection in connections.values { connection.drain() }
    let deadline = EventLoop.exactNow.advanced(by: grace)
    while !connections.isEmpty, EventLoop.exactNow < deadline {
      do { try await EventLoop.sleep(for: .milliseconds(20)) } catch { break }
    }
    for connection in connections.values { connection.close() }
  }

  isolated deinit {
    unsafe arrivals.deallocate()
    unsafe scratch.deallocate()
  }
}
