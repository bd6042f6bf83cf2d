// A small HTTP/1.1 server for one test: what it answers, and how badly, is the test's to say.

import Curl
import Glibc
import Loop

/// Accepts connections on loopback and hands each request to a script.
@EventLoop
final class TestServer {
  /// Writes whatever it likes; the connection is read for another request when it returns, unless it closed it.
  typealias Script = @EventLoop (Connection, _ request: String) async -> Void

  private let listener: Listener
  private let script: Script
  private(set) var connections = 0
  private(set) var openConnections = 0
  private(set) var mostConnections = 0
  private(set) var requests: [String] = []

  init(_ script: @escaping Script) throws {
    self.script = script
    listener = try Listener(address: SocketAddress(parsing: "127.0.0.1:0"))
    listener.start { [weak self] descriptor in
      guard let self, let connection = try? Connection(descriptor) else { return }
      EventLoop.spawn { await self.serve(connection) }
    }
  }

  func options(_ path: String = "/", _ method: TransferOptions.Method = .get) -> TransferOptions {
    TransferOptions(method: method, url: "http://\(listener.localAddress)\(path)", proxy: "")
  }

  func stop() { listener.stop() }

  private func serve(_ connection: Connection) async {
    connections += 1
    openConnections += 1
    mostConnections = max(mostConnections, openConnections)
    while let request = await connection.nextRequest() {
      requests.append(request)
      await script(connection, request)
    }
    connection.close()
    openConnections -= 1
  }
}

/// The server's end of a connection.
@EventLoop
final class Connection {
  private let readiness: Readiness
  private var descriptor: Int32?
  private var received: [UInt8] = []

  init(_ descriptor: consuming Descriptor) throws {
    readiness = try Readiness(descriptor: descriptor.raw)
    self.descriptor = descriptor.release()
  }

  /// The next head, without its empty line; nil when the client is gone.
  func nextRequest() async -> String? {
    while true {
      let text = String(decoding: received, as: UTF8.self)
      if let end = text.range(of: "\r\n\r\n") {
        received.removeFirst(text[..<end.upperBound].utf8.count)
        return String(text[..<end.lowerBound])
      }
      guard await receive() else { return nil }
    }
  }

  /// Waits until the client has closed its end.
  func clientIsGone() async { while await receive() {} }

  private func receive() async -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while let descriptor {
      switch unsafe buffer.withUnsafeMutableBytes({ unsafe Socket.read(descriptor, into: $0) }) {
      case .bytes(let count):
        received += buffer.prefix(count)
        return true
      case .wouldBlock: _ = await readiness.wait(for: .readable)
      case .closed, .failed: return false
      }
    }
    return false
  }

  func send(_ text: String) async { await send(Array(text.utf8)) }

  /// Sends all of it, or as much as the client takes before it closes.
  func send(_ bytes: [UInt8]) async {
    var sent = 0
    while sent < bytes.count, let descriptor {
      switch unsafe bytes[sent...].withUnsafeBytes({ unsafe Socket.write(descriptor, $0) }) {
      case .bytes(let count): sent += count
      case .wouldBlock: _ = await readiness.wait(for: .writable)
      case .closed, .failed: return
      }
    }
  }

  func answer(_ status: String = "200 OK", _ headers: String = "", body: [UInt8] = []) async {
    await send("HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.count)\r\n\r\n")
    await send(body)
  }

  func close() {
    readiness.close()
    if let descriptor { _ = Glibc.close(descriptor) }
    descriptor = nil
  }

  func reset() {
    if let descriptor { Socket.resetOnClose(descriptor) }
    close()
  }

  isolated deinit { close() }
}

extension String {
  /// The first place of another string in this one.
  func range(of other: String) -> Range<String.Index>? { firstRange(of: other) }
}

/// What a transfer brought, with a say in how it goes on.
@EventLoop
final class Recorder: TransferReceiver {
  var head: TransferHead?
  var body: [UInt8] = []
  var ends = 0
  var result: Result<TransferSummary, CurlError>?
  var onHead: @EventLoop (TransferHead) -> Bool = { _ in true }
  var onBytes: @EventLoop ([UInt8]) -> BodyVerdict = { _ in .taken }
  var onEnd: @EventLoop () -> Void = {}
  private var waiter: CheckedContinuation<Void, Never>?

  func received(head: TransferHead) -> Bool {
    precondition(self.head == nil && body.isEmpty && result == nil)
    self.head = head
    return onHead(head)
  }

  func received(bytes: UnsafeRawBufferPointer) -> BodyVerdict {
    precondition(head != nil && result == nil && bytes.count > 0)
    let bytes = unsafe Array(bytes)
    let verdict = onBytes(bytes)
    if verdict == .taken { body += bytes }
    return verdict
  }

  func finished(_ result: Result<TransferSummary, CurlError>) {
    ends += 1
    self.result = result
    onEnd()
    waiter?.resume()
    waiter = nil
  }

  /// Waits for the end and returns it; the error's kind is enough for most.
  func end() async -> Result<TransferSummary, CurlError>? {
    if result == nil { await withCheckedContinuation { waiter = $0 } }
    return result
  }

  func errorKind() async -> CurlError.Kind? {
    if case .failure(let error) = await end() { error.kind } else { nil }
  }
}
