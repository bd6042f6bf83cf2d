import Curl
import Loop
import Testing

/// Bytes that do not repeat soon, so that a missing or doubled portion shows.
func pattern(_ count: Int) -> [UInt8] {
  var state: UInt64 = 88_172_645_463_325_252
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + 8)
  while bytes.count < count {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    unsafe withUnsafeBytes(of: state) { unsafe bytes.append(contentsOf: $0) }
  }
  bytes.removeLast(bytes.count - count)
  return bytes
}

@Suite struct TransferTests {
  @Test func headAndBodyArrive() async throws {
    try await onLoop {
      let body = pattern(1_000_000)
      let server = try TestServer { connection, _ in
        await connection.answer("206 Partial Content", "ETag: \"a\"\r\nX-Two: 1\r\nx-two:  2 \r\n", body: body)
      }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let recorder = Recorder()
      try transfers.start(server.options(), recorder)
      let summary = try await recorder.end()?.get()
      #expect(recorder.head?.status == 206)
      #expect(recorder.head?["etag"] == "\"a\"")
      #expect(recorder.head?.values("x-two") == ["1", "2"])
      #expect(recorder.head?["x-three"] == nil)
      #expect(recorder.body == body)
      #expect(summary?.bytes == body.count)
      #expect(summary?.reusedConnection == false)
      #expect(recorder.ends == 1)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func theRequestIsWhatWasAskedFor() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.answer() }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      var options = server.options("/a/../b%2Fc/./d?x=1&y=%20")
      options.headers = [("Range", "bytes=0-9"), ("X-Empty", ""), ("If-Match", "\"a\"")]
      _ = try await transfers.perform(options, bodyLimit: 0)
      let lines = server.requests[0].split(separator: "\r\n").map(String.init)
      #expect(lines[0] == "GET /a/../b%2Fc/./d?x=1&y=%20 HTTP/1.1")
      #expect(lines[1].hasPrefix("Host: 127.0.0.1:"))
      #expect(lines[2...] == ["Accept: */*", "Range: bytes=0-9", "X-Empty:", "If-Match: \"a\""])
      options.method = .head
      _ = try await transfers.perform(options, bodyLimit: 0)
      #expect(server.requests[1].hasPrefix("HEAD /a/../b%2Fc/./d?x=1&y=%20 HTTP/1.1\r\n"))
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func interimHeadsAndTrailersAreSkipped() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in
        await connection.send("HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-A: 2\r\n\r\n")
        await connection.send("HTTP/1.1 200 OK\r\nX-A: 3\r\nTransfer-Encoding: chunked\r\n\r\n")
        await connection.send("5\r\nhello\r\n0\r\nX-A: 4\r\n\r\n")
      }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let (head, body) = try await transfers.perform(server.options(), bodyLimit: 5)
      #expect(head.status == 200)
      #expect(head.values("x-a") == ["3"])
      #expect(body == Array("hello".utf8))
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func aHeadRequestAndAnEmptyAnswerHaveNoBody() async throws {
    try await onLoop {
      let server = try TestServer { connection, request in
        await connection.send(
          request.hasPrefix("HEAD")
            ? "HTTP/1.1 200 OK\r\nContent-Length: 123456\r\n\r\n" : "HTTP/1.1 204 No Content\r\n\r\n")
      }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let (head, body) = try await transfers.perform(server.options("/", .head), bodyLimit: 0)
      #expect(head["content-length"] == "123456")
      #expect(body.isEmpty)
      let (empty, _) = try await transfers.perform(server.options(), bodyLimit: 0)
      #expect(empty.status == 204)
      #expect(server.connections == 1)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func redirectsAreAnswersLikeOthers() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.answer("302 Found", "Location: /other\r\n") }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let (head, _) = try await transfers.perform(server.options(), bodyLimit: 0)
      #expect(head.status == 302)
      #expect(server.requests.count == 1)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func connectionsAreReused() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.answer(body: pattern(1000)) }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      var reused: [Bool] = []
      for _ in 0..<5 {
        let recorder = Recorder()
        try transfers.start(server.options(), recorder)
        reused.append(try await recorder.end()?.get().reusedConnection == true)
      }
      #expect(reused == [false, true, true, true, true])
      #expect(server.connections == 1)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func noMoreConnectionsThanAllowedAreOpened() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in
        await Task.yield()
        await connection.answer(body: pattern(10_000))
      }
      let transfers = try Transfers(maxConnectionsPerHost: 2, maxTotal: 8)
      let recorders = (0..<10).map { _ in Recorder() }
      for recorder in recorders { try transfers.start(server.options(), recorder) }
      for recorder in recorders { #expect(try await recorder.end()?.get().bytes == 10_000) }
      #expect(server.requests.count == 10)
      #expect(server.mostConnections == 2)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func aLostIdleConnectionIsReplaced() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in
        await connection.answer(body: [1])
        connection.close()
      }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      for _ in 0..<3 { #expect(try await transfers.perform(server.options(), bodyLimit: 1).body == [1]) }
      #expect(server.connections == 3)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func receiversMayStartTransfersFromAnyMethod() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.answer(body: [1, 2, 3]) }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let (first, fromHead, fromBytes, fromEnd) = (Recorder(), Recorder(), Recorder(), Recorder())
      @EventLoop func start(_ recorder: Recorder) { _ = try? transfers.start(server.options(), recorder) }
      first.onHead = { _ in
        start(fromHead)
        return true
      }
      first.onBytes = { _ in
        start(fromBytes)
        return .taken
      }
      first.onEnd = { start(fromEnd) }
      start(first)
      for recorder in [first, fromHead, fromBytes, fromEnd] { #expect(try await recorder.end()?.get().bytes == 3) }
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func shuttingDownCancelsAndRefuses() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.clientIsGone() }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let recorders = (0..<3).map { _ in Recorder() }
      for recorder in recorders { try transfers.start(server.options(), recorder) }
      while server.requests.count < 3 { try await EventLoop.sleep(for: .milliseconds(1)) }
      let late = Recorder()
      recorders[0].onEnd = { _ = try? transfers.start(server.options(), late) }
      transfers.shutDown()
      transfers.shutDown()
      for recorder in recorders {
        #expect(recorder.ends == 1)
        #expect(await recorder.errorKind() == .cancelled)
      }
      let error = #expect(throws: CurlError.self) { try transfers.start(server.options(), late) }
      #expect(error?.kind == .cancelled)
      #expect(late.ends == 0)
      while server.openConnections > 0 { try await EventLoop.sleep(for: .milliseconds(1)) }
      server.stop()
    }
  }
}
