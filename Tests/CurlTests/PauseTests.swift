import Curl
import Loop
import Testing

/// SplitMix64: the same numbers for a seed, always.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}

@Suite struct PauseTests {
  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func theSameBytesComeAgain(_ seed: UInt64) async throws {
    try await onLoop {
      var generator = SeededGenerator(state: seed)
      let body = pattern(Int.random(in: 1...600_000, using: &generator))
      let server = try TestServer { connection, _ in await connection.answer(body: body) }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let recorder = Recorder()
      var transfer: Transfer?
      var refused: [UInt8]?
      let timer = Timer()
      recorder.onBytes = { bytes in
        if let expected = refused {
          let common = min(expected.count, bytes.count)
          #expect(bytes.prefix(common) == expected.prefix(common))
        }
        guard Int.random(in: 0..<3, using: &generator) == 0 else {
          refused = nil
          return .taken
        }
        refused = bytes
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: EventLoop.submit { transfer?.resume() }
        case 1: timer.start(after: .milliseconds(1)) { transfer?.resume() }
        // A task of the loop, in the middle of its own turn.
        default:
          EventLoop.spawn {
            await Task.yield()
            transfer?.resume()
          }
        }
        return .pause
      }
      transfer = try transfers.start(server.options(), recorder)
      _ = try await recorder.end()?.get()
      #expect(recorder.body == body)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func aPauseStopsTheFlowAndIsNoStall() async throws {
    try await onLoop {
      let body = pattern(16_000_000)
      var isSent = false
      let server = try TestServer { connection, _ in
        await connection.answer(body: body)
        isSent = true
      }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      var options = server.options()
      options.stallTimeout = .milliseconds(40)
      let recorder = Recorder()
      var calls = 0
      recorder.onBytes = { _ in
        calls += 1
        return calls == 10 ? .pause : .taken
      }
      let transfer = try transfers.start(options, recorder)
      while calls < 10 { try await EventLoop.sleep(for: .milliseconds(1)) }
      // Longer than a stall is allowed to last.
      try await EventLoop.sleep(for: .milliseconds(200))
      #expect(calls == 10)
      #expect(!isSent)
      #expect(recorder.result == nil)
      transfer.resume()
      transfer.resume()
      _ = try await recorder.end()?.get()
      #expect(recorder.body == body)
      transfer.resume()
      transfers.shutDown()
      server.stop()
    }
  }

  @Test func aPausedTransferIsCancelled() async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.answer(body: pattern(500_000)) }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let recorder = Recorder()
      let paused = Recorder()
      paused.onBytes = { _ in .pause }
      let transfer = try transfers.start(server.options(), paused)
      try transfers.start(server.options(), recorder)
      _ = try await recorder.end()?.get()
      while paused.head == nil { try await EventLoop.sleep(for: .milliseconds(1)) }
      transfer.cancel()
      #expect(paused.ends == 1)
      #expect(await paused.errorKind() == .cancelled)
      #expect(paused.body.isEmpty)
      transfers.shutDown()
      server.stop()
    }
  }

  @Test(arguments: [BodyVerdict.abort, .pause])
  func bytesThatWaitedMayBeAbortedOrPausedAgain(_ second: BodyVerdict) async throws {
    try await onLoop {
      let server = try TestServer { connection, _ in await connection.answer(body: pattern(100_000)) }
      let transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 8)
      let recorder = Recorder()
      var calls = 0
      recorder.onBytes = { _ in
        calls += 1
        return calls == 1 ? .pause : calls == 2 ? second : .taken
      }
      let transfer = try transfers.start(server.options(), recorder)
      while calls < 1 { try await EventLoop.sleep(for: .milliseconds(1)) }
      transfer.resume()
      while calls < 2 { try await EventLoop.sleep(for: .milliseconds(1)) }
      transfer.resume()
      if second == .abort {
        #expect(await recorder.errorKind() == .refusedByReceiver)
        #expect(calls == 2)
      } else {
        #expect(try await recorder.end()?.get().bytes == 100_000)
        #expect(recorder.body == pattern(100_000))
      }
      #expect(recorder.ends == 1)
      transfers.shutDown()
      server.stop()
    }
  }
}
