// The client of the administration socket, against a peer that says exactly what it is told to.

import Glibc
import Synchronization
import Testing

@testable import larder

/// Listens, answers one connection with `answer` a piece at a time, and closes.
private final class Peer: Sendable {
  let path = socketPath()
  private let descriptor: Int32
  /// What the client sent.
  let heard = Mutex<[UInt8]>([])

  init() throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let bound = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0 && listen(descriptor, 1) == 0)
  }

  /// Reads a head and says these pieces; the client may see them together or apart.
  func answer(_ pieces: [String]) {
    let connection = accept(descriptor, nil, nil)
    var bytes = [UInt8](repeating: 0, count: 65536)
    let count = unsafe recv(connection, &bytes, bytes.count, 0)
    heard.withLock { $0 = Array(bytes[..<max(0, count)]) }
    for piece in pieces {
      let piece = Array(piece.utf8)
      _ = unsafe send(connection, piece, piece.count, Int32(MSG_NOSIGNAL))
    }
    close(connection)
  }

  deinit {
    close(descriptor)
    _ = unsafe unlink(path)
  }
}

@Suite("The administration socket's client") struct AdminSocketTests {
  /// What a client makes of an answer: its status and lines, or why not.
  private func outcome(
    _ pieces: [String], method: String = "GET"
  ) async throws -> (status: Int, lines: [String], failure: AdminSocket.Failure?, path: String) {
    let peer = try Peer()
    async let served: Void = blocking { peer.answer(pieces) }
    let socket = AdminSocket(path: peer.path, patience: 300)
    let result = try await blocking { () -> (Int, [String], AdminSocket.Failure?) in
      var lines: [String] = []
      var status = 0
      do {
        let answer = try socket.request(method, "/verify")
        status = answer.status
        while let line = try answer.nextLine() { lines.append(line) }
      } catch { return (status, lines, error as? AdminSocket.Failure) }
      return (status, lines, nil)
    }
    try await served
    let heard = peer.heard.withLock { String(decoding: $0, as: UTF8.self) }
    #expect(heard.hasPrefix("\(method) /verify HTTP/1.1\r\n") && heard.contains("\r\nHost: larder\r\n"))
    return (result.0, result.1, result.2, peer.path)
  }

  @Test(
    "lines come out of every framing",
    arguments: [
      (["HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\na\nbb\nc\nnot this"], 200, ["a", "bb", "c"]),
      (["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], 200, []),
      (["HTTP/1.1 503 No\r\n", "content-length:3\r\n", "\r\n", "a", "\n", "\n"], 503, ["a", ""]),
      (["HTTP/1.1 200 OK\r\n\r\na\n", "b"], 200, ["a", "b"]),
      (["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n"], 200, ["a"]),
      (
        [
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n", "A;x=y\r\n0123",
          "456\nab\r\n1\r\n\n\r\n0\r\n\r\n",
        ],
        200, ["a", "0123456", "ab"]
      ),
      (["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n"], 200, []),
    ] as [([String], Int, [String])])
  func framings(pieces: [String], status: Int, lines: [String]) async throws {
    let result = try await outcome(pieces)
    #expect(result.failure == nil && result.status == status && result.lines == lines, "\(result)")
  }

  @Test("the answer to HEAD has no body, whatever its head says")
  func head() async throws {
    let result = try await outcome(["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"], method: "HEAD")
    #expect(result.failure == nil && result.lines.isEmpty)
  }

  @Test(
    "an answer that ends early is told from one that is whole",
    arguments: [
      ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\na\n"], ["HTTP/1.1 200 OK\r\nContent-Le"], [],
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n"],
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\na\n"],
    ])
  func cut(pieces: [String]) async throws {
    let result = try await outcome(pieces)
    #expect(result.failure == .cut(result.path))
    #expect(result.lines == (pieces.joined().contains("a\n") ? ["a"] : []), "what came before counts")
  }

  @Test(
    "what is no answer is said to be none",
    arguments: [
      "SSH-2.0-x\r\n", "HTTP/1.1 2 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno field\r\n\r\n", "HTTP/1.1 200 OK\n\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naa\r\n0\r\n\r\n",
    ])
  func garbled(text: String) async throws {
    let result = try await outcome([text])
    #expect(result.failure == .garbled(result.path))
  }

  @Test("no file, no listener, no right and no answer are four different things")
  func unreachable() async throws {
    func failure(_ path: String, patience: Int = 20) async throws -> AdminSocket.Failure? {
      try await blocking {
        do {
          _ = try AdminSocket(path: path, patience: patience).request("GET", "/")
          return nil
        } catch { return error as? AdminSocket.Failure }
      }
    }
    let path = socketPath()
    #expect(try await failure(path) == .missing(path))
    #expect(try await failure("/dev/null/x.sock") == .missing("/dev/null/x.sock"))
    close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
    #expect(try await failure(path) == .deserted(path))
    _ = unsafe unlink(path)
    let long = "/" + String(repeating: "x", count: 200)
    #expect(try await failure(long) == .failed("connect to \(long)", ENAMETOOLONG))
    // It listens and never answers.
    let peer = try Peer()
    #expect(try await failure(peer.path, patience: 1) == .timedOut(peer.path))
  }
}
