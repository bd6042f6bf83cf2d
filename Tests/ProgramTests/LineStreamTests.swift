// Lines that are made while they are sent, through the real server and the real client.

import Glibc
import HTTP
import Loop
import Synchronization
import Testing

@testable import larder

/// Answers every request with lines, and knows how many were made.
@EventLoop
private final class LineMaker: RequestHandler {
  let count: Int
  let line: String
  private(set) var made = 0
  private(set) var isDone = false

  init(count: Int, line: String) {
    self.count = count
    self.line = line
  }

  func answerNow(
    _ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer, on connection: HTTPConnection
  ) -> Bool { false }

  func answer(_ request: APIRequest) async -> Reply {
    .stream(
      LineStream { [self] lines in
        while made < count {
          made += 1
          guard await lines.write("\(made) \(line)") else { break }
        }
        isDone = true
      })
  }
}

/// A server for one test, on the loop that all share.
@EventLoop
private final class Stage {
  let maker: LineMaker
  let path = socketPath()
  private let server: HTTPServer

  init(count: Int, line: String) throws {
    maker = LineMaker(count: count, line: line)
    server = HTTPServer(
      handler: maker, limits: ServerLimits(connections: 8, idleTimeout: 60_000, headerTimeout: 60_000))
    server.serve(try Listener(address: SocketAddress(parsing: path)))
  }

  /// Waits until something is so.
  func eventually(_ what: String, _ condition: () -> Bool) async throws {
    let deadline = EventLoop.exactNow.advanced(by: .seconds(30))
    while !condition() {
      try #require(EventLoop.exactNow < deadline, "\(what)")
      try await EventLoop.sleep(for: .milliseconds(5))
    }
  }

  func stop() async { await server.drain(grace: .zero) }
}

@Suite("Answers of lines") struct LineStreamTests {
  /// Runs `body` on the loop as a task that lives there.
  private func onLoop<T: Sendable>(_ body: @escaping @EventLoop @Sendable () async throws -> T) async throws -> T {
    EventLoop.runInBackground()
    return try await Task(executorPreference: EventLoop.executor, operation: body).value
  }

  @Test("every line arrives, in order, and the end is told", arguments: [(0, 1), (1, 0), (3, 100_000), (20_000, 50)])
  func whole(count: Int, length: Int) async throws {
    let line = String(repeating: "x", count: length)
    try await onLoop {
      let stage = try Stage(count: count, line: line)
      let socket = AdminSocket(path: stage.path)
      let lines = try await blocking {
        let answer = try socket.request("GET", "/")
        var lines: [String] = []
        while let line = try answer.nextLine() { lines.append(line) }
        return lines
      }
      #expect(lines == (0..<count).map { "\($0 + 1) \(line)" })
      #expect(stage.maker.isDone)
      await stage.stop()
    }
  }

  @Test("who does not read holds up the maker, and who goes ends it")
  func pressure() async throws {
    try await onLoop {
      let stage = try Stage(count: 1_000_000, line: String(repeating: "x", count: 1000))
      let socket = AdminSocket(path: stage.path)
      var answer: Held? = try await blocking { Held(try socket.request("GET", "/")) }
      // The kernel takes some; then nothing more is made, however often the loop turns.
      var last = -1
      var still = 0
      try await stage.eventually("the maker waits") {
        still = stage.maker.made == last ? still + 1 : 0
        last = stage.maker.made
        return still == 20
      }
      #expect(stage.maker.made < 10_000 && !stage.maker.isDone, "\(stage.maker.made) lines were made")
      withExtendedLifetime(answer) {}
      answer = nil
      try await stage.eventually("the maker ends") { stage.maker.isDone }
      #expect(stage.maker.made < 10_000)
      await stage.stop()
    }
  }

  @Test("a server that stops in the middle leaves no answer that looks whole")
  func stopped() async throws {
    try await onLoop {
      let stage = try Stage(count: 1_000_000, line: String(repeating: "x", count: 1000))
      let socket = AdminSocket(path: stage.path)
      let answer = try await blocking { Held(try socket.request("GET", "/")) }
      await stage.stop()
      try await stage.eventually("the maker ends") { stage.maker.isDone }
      let failure = try await blocking { answer.failure() }
      #expect(failure == .cut(stage.path))
    }
  }

  @Test("an old client gets lines without chunks, and HEAD gets none")
  func plain() async throws {
    try await onLoop {
      let stage = try Stage(count: 2, line: "x")
      let path = stage.path
      for (request, body) in [("GET / HTTP/1.0\r\n\r\n", "1 x\n2 x\n"), ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "")] {
        let text = try await blocking { try raw(path, request) }
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        #expect(parts.count == 2 && parts[0].hasPrefix("HTTP/1.1 200 "), "\(text)")
        #expect(parts.last.map(String.init) == body)
        #expect(parts[0].contains("application/x-ndjson"))
      }
      await stage.stop()
    }
  }
}

/// An answer that goes from thread to thread, one at a time.
private final class Held: Sendable {
  private let answer: Mutex<AdminAnswer>

  init(_ answer: sending AdminAnswer) { self.answer = Mutex(answer) }

  /// Reads to the end; why there is none.
  func failure() -> AdminSocket.Failure? {
    answer.withLock { answer in
      do throws(AdminSocket.Failure) {
        while try answer.nextLine() != nil {}
        return nil
      } catch { return error }
    }
  }
}

/// Everything that comes back for a request as it stands here.
private func raw(_ path: String, _ request: String) throws -> String {
  let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
  let connected = unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
  try #require(connected == 0)
  let bytes = Array(request.utf8)
  try #require(unsafe send(descriptor, bytes, bytes.count, 0) == bytes.count)
  var all: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while case let count = unsafe recv(descriptor, &buffer, buffer.count, 0), count > 0 { all += buffer[..<count] }
  return String(decoding: all, as: UTF8.self)
}
