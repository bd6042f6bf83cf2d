import Curl
import Loop
import Testing

@Suite struct FailureTests {
  /// How a server breaks off, and what of the body came before.
  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", "0123456789"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", ""),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "hel"), ("HTTP/1.1 200 OK\r\nContent-Le", ""),
    ("", ""),
  ])
  func aShortAnswerIsCut(_ answer: String, _ body: String) async throws {
    for isReset in [false, true] {
      try await onLoop {
        let recorder = Recorder()
        let server = try TestServer { connection, _ in
          await connection.send(answer)
          // A reset discards what the client has not read yet.
          while isReset, recorder.body.count < body.utf8.count { await Task.yield() }
          if isReset { connection.reset() } else { connection.close() }
        }
        let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
        try transfers.start(server.options(), recorder)
        #expect(await recorder.errorKind() == .cut)
        #expect(recorder.body == Array(body.utf8))
        transfers.shutDown()
        server.stop()
      }
    }
  }

  @Test func nobodyListening() async throws {
    try await onLoop {
      let server = try TestServer { _, _ in }
      let options = server.options()
      server.stop()
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let error = await #expect(throws: CurlError.self) { try await transfers.perform(options, bodyLimit: 0) }
      #expect(error?.kind == .couldNotConnect)
      #expect(error?.code == 7)
      #expect(error?.operation == "GET \(options.url)")
      transfers.shutDown()
    }
  }

  /// A server that says so much and then nothing more.
  @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc"])
  func aSilentServerStalls(_ beginning: String) async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in
        await connection.send(beginning)
        await connection.clientIsGone()
      }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      var options = server.options()
      options.stallTimeout = .milliseconds(40)
      let recorder = Recorder()
      try transfers.start(options, recorder)
      #expect(await recorder.errorKind() == .stalled)
      #expect(recorder.body == Array(beginning.hasSuffix("abc") ? "abc".utf8 : "".utf8))
      #expect(recorder.ends == 1)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func aDeadlinePasses() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.clientIsGone() }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      var options = server.options()
      options.deadline = .milliseconds(30)
      let error = await #expect(throws: CurlError.self) { try await transfers.perform(options, bodyLimit: 0) }
      #expect(error?.kind == .timedOut)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func plainTextIsNoTLSAndNoiseIsNoHTTP() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in
        await connection.send("HELLO, THIS IS NOT THE PROTOCOL THAT YOU EXPECTED TO SPEAK\r\n\r\n")
        connection.close()
      }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      var options = server.options()
      let noise = await #expect(throws: CurlError.self) { try await transfers.perform(options, bodyLimit: 9999) }
      #expect(noise?.kind == .other)
      options.url.replace("http:", with: "ftp:")
      let protocolError = await #expect(throws: CurlError.self) { try await transfers.perform(options, bodyLimit: 0) }
      #expect(protocolError?.kind == .other)
      options.url.replace("ftp:", with: "https:")
      options.caFile = "/nowhere/ca.pem"
      let tls = await #expect(throws: CurlError.self) { try await transfers.perform(options, bodyLimit: 0) }
      #expect(tls?.kind == .tls)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func theReceiverMayRefuse() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.answer(body: pattern(200_000)) }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let noHead = Recorder()
      noHead.onHead = { _ in false }
      try transfers.start(server.options(), noHead)
      #expect(await noHead.errorKind() == .refusedByReceiver)
      #expect(noHead.body.isEmpty)
      let noBytes = Recorder()
      var calls = 0
      noBytes.onBytes = { _ in
        calls += 1
        return calls < 3 ? .taken : .abort
      }
      try transfers.start(server.options(), noBytes)
      #expect(await noBytes.errorKind() == .refusedByReceiver)
      #expect(calls == 3)
      #expect(noHead.ends == 1 && noBytes.ends == 1)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func cancellingEndsItAtOnce() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in
        await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc")
        await connection.clientIsGone()
      }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let early = Recorder()
      try transfers.start(server.options(), early).cancel()
      #expect(early.ends == 1)
      let late = Recorder()
      let transfer = try transfers.start(server.options(), late)
      while late.body.isEmpty { try await EventLoop.sleep(for: .milliseconds(1)) }
      transfer.cancel()
      #expect(late.ends == 1)
      transfer.cancel()
      transfer.resume()
      #expect(late.ends == 1)
      #expect(await early.errorKind() == .cancelled)
      #expect(await late.errorKind() == .cancelled)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test(arguments: [true, false])
  func aReceiverMayCancelItself(_ isAtHead: Bool) async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.answer(body: pattern(300_000)) }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let recorder = Recorder()
      var transfer: Transfer?
      var calls = 0
      recorder.onHead = { _ in
        if isAtHead { transfer?.cancel() }
        #expect(recorder.ends == 0)
        return true
      }
      recorder.onBytes = { _ in
        calls += 1
        transfer?.cancel()
        #expect(recorder.ends == 0)
        return .taken
      }
      transfer = try transfers.start(server.options(), recorder)
      #expect(await recorder.errorKind() == .cancelled)
      #expect(calls == (isAtHead ? 0 : 1))
      #expect(recorder.ends == 1)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func aCancelledTaskCancelsItsTransfer() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.clientIsGone() }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let task = EventLoop.spawn {
        let error = await #expect(throws: CurlError.self) {
          try await transfers.perform(server.options(), bodyLimit: 0)
        }
        #expect(error?.kind == .cancelled)
      }
      while server.requests.isEmpty { try await EventLoop.sleep(for: .milliseconds(1)) }
      task.cancel()
      await task.value
      while server.openConnections > 0 { try await EventLoop.sleep(for: .milliseconds(1)) }
      transfers.shutDown()
      server.stop()
    }
  }

  @Test(arguments: [
    "Content-Length: 11\r\n\r\nhello world", "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
  ])
  func aBodyOverTheLimitIsTooLarge(_ answer: String) async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.send("HTTP/1.1 200 OK\r\n\(answer)") }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let body = try await transfers.perform(server.options(), bodyLimit: 11).body
      #expect(String(decoding: body, as: UTF8.self) == "hello world")
      let error = await #expect(throws: CurlError.self) {
        try await transfers.perform(server.options(), bodyLimit: 10)
      }
      #expect(error?.kind == .tooLarge)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func aHeadOverTheLimitIsTooLarge() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in
        await connection.answer("200 OK", "X: \(String(repeating: "x", count: 500))\r\n")
      }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      var options = server.options()
      options.maxHeadBytes = 500
      let error = await #expect(throws: CurlError.self) { try await transfers.perform(options, bodyLimit: 0) }
      #expect(error?.kind == .tooLarge)
      options.maxHeadBytes = 600
      #expect(try await transfers.perform(options, bodyLimit: 0).head["x"]?.count == 500)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test(arguments: [("X", "a\r\nY: b"), ("X", "a\0"), ("X\n", "a"), ("X:", "a"), ("", "a"), ("Ä", "a")])
  func headersThatAreNoneAreRefused(_ name: String, _ value: String) async throws {
    try await onLoop {
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let options = TransferOptions(url: "http://127.0.0.1:1/", headers: [(name, value)])
      #expect(throws: CurlError.self) { try transfers.start(options, Recorder()) }
      transfers.shutDown()
    }
  }
}
