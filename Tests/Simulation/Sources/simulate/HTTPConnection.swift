// A player's connection: the program's own `Playable` and `Outgoing` on a pretend socket. What stands between them, when
// to pump again, is done here as `HTTPConnection` does it.

import Cache
import Glibc
import HTTP
import Loop

/// Stands in for the program's own connection, with the face that a title's answer knows.
@EventLoop
@safe
final class HTTPConnection {
  private let socket: Int32
  private let wire: Wire
  private var output = Outgoing()
  private var task: Task<Void, Never>?
  /// Whether the next pump comes from that task.
  private var isWaiting = false
  private var isOpen = true
  /// Told once: whether the answer went out to its end.
  private let ended: (HTTPConnection, _ isWhole: Bool) -> Void

  static let shared = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)
  var scratch: UnsafeMutableRawBufferPointer { unsafe Self.shared }
  var metrics: Metrics? { nil }
  var persistence: StaticString? { nil }
  func playBegins(isWhole: Bool) {}
  func answered(_ status: Status) {}
  func played(_ count: Int) {}

  init(_ wire: Wire, ended: @escaping (HTTPConnection, Bool) -> Void) {
    self.wire = wire
    self.ended = ended
    socket = Socket.open(wire)
  }

  func send(_ status: Status, _ type: MediaType, _ body: [UInt8], _ fields: [Reply.Field], isHead: Bool) {
    output.set(Array("HTTP/1.1 \(status.rawValue) \r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body)
    pump()
  }

  func send(_ bytes: UnsafeRawBufferPointer) {
    var sent = 0
    switch unsafe Socket.write(socket, bytes) {
    case .bytes(let count): sent = count
    case .wouldBlock: break
    case .closed, .failed: return close()
    }
    guard sent < bytes.count else { return end(isWhole: true) }
    output.set(unsafe Array(bytes[sent...]))
    pump()
  }

  func send(_ head: UnsafeRawBufferPointer, then body: FileBody) {
    output.set(unsafe Array(head), then: body)
    pump()
  }

  private func pump() {
    switch output.pump(into: socket) {
    case .done: end(isWhole: true)
    // The client's turn.
    case .blocked: break
    case .turnOver: EventLoop.submit { [self] in if isOpen { pump() } }
    case .cold(let file, let range):
      begin { await ColdReader.warm(file, range) }
    case .unverified(let reader, let block):
      begin { [self] in
        let readiness = await reader.ready(block)
        guard isOpen else { return }
        if case .ready = readiness { return }
        end(isWhole: false)
      }
    case .forgotten(let reader, let block):
      begin { [self] in
        let copy = await reader.copy(of: block)
        if isOpen, let copy { output.take(copy, from: reader.object.bytes(ofBlock: block)) }
      }
    case .failed: end(isWhole: false)
    }
  }

  private func begin(_ wait: @escaping @EventLoop () async -> Void) {
    isWaiting = true
    task = EventLoop.spawn { [self] in
      await wait()
      isWaiting = false
      if isOpen { pump() }
    }
  }

  /// The client took so many bytes.
  func drained(_ bytes: Int) {
    let wasFull = wire.room == 0
    wire.room += bytes
    if isOpen, wasFull, !isWaiting { pump() }
  }

  /// The client is gone, or the box is.
  func close() { end(isWhole: false) }

  private func end(isWhole: Bool) {
    guard isOpen else { return }
    isOpen = false
    wire.isGone = true
    unsafe Socket.wires[socket] = nil
    output = Outgoing()
    task?.cancel()
    ended(self, isWhole)
  }
}

/// The time of day, as the program's own server has it.
enum HTTPServer {
  static var seconds: Int { Int(Clock.now.milliseconds / 1000) }

  static func date(_ seconds: Int) -> [UInt8] { Array(HTTPDate.string(seconds).utf8) }
}

/// What of a request an answer is planned by.
struct APIRequest {
  /// The head's bytes.
  let head: [UInt8]
}

/// What of an answer the sources name.
enum Reply {
  struct Field {
    init(_ name: StaticString, _ value: String) {}
  }
}

/// What of the refusals the sources name.
struct Rejection: Error, CustomStringConvertible {
  let description: String

  static func tooManyRequests(_ detail: String) -> Rejection { Rejection(description: detail) }
}
