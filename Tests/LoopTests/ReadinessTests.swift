import Glibc
import Loop
import Testing

@Suite struct ReadinessTests {
  @Test func theClosureIsCalledForAsLongAsTheConditionHolds() async throws {
    let calls = try await onLoop {
      let pair = SocketPair()
      let readiness = try Readiness(descriptor: pair.left)
      #expect(write(pair.right, "x") == .bytes(1))
      let calls = Inbox<Readiness.Events>()
      readiness.watch(.readable) { calls.add($0) }
      var seen = [await calls.next(), await calls.next()]
      readiness.watch(.writable)
      seen.append(await calls.next())
      readiness.close()
      readiness.close()
      return seen
    }
    // The third may have been on its way when the interest changed.
    #expect(calls.prefix(2) == [.readable, .readable])
  }

  @Test func interestIsWhatWasAskedForLast() async throws {
    try await onLoop {
      let pair = SocketPair()
      let readiness = try Readiness(descriptor: pair.left)
      let calls = Inbox<Readiness.Events>()
      readiness.watch([.readable, .writable]) { calls.add($0) }
      #expect(await calls.next() == .writable)
      readiness.watch(.readable)
      #expect(write(pair.right, "x") == .bytes(1))
      var last = await calls.next()
      while last == .writable { last = await calls.next() }
      #expect(last == .readable)
      readiness.close()
    }
  }

  @Test func aTaskWaits() async throws {
    try await onLoop {
      let pair = SocketPair()
      let readiness = try Readiness(descriptor: pair.left)
      #expect(await readiness.wait(for: .writable) == .writable)
      let other = pair.right
      EventLoop.submit { #expect(write(other, "x") == .bytes(1)) }
      #expect(await readiness.wait(for: .readable) == .readable)
      #expect(read(pair.left).1 == "x")
      readiness.close()
      #expect(await readiness.wait(for: .readable) == [])
    }
  }

  @Test func closingAndCancellingWakeATask() async throws {
    try await onLoop {
      let pair = SocketPair()
      let readiness = try Readiness(descriptor: pair.left)
      let cancelled = EventLoop.spawn { #expect(await readiness.wait(for: .readable) == []) }
      cancelled.cancel()
      await cancelled.value
      let closed = EventLoop.spawn { #expect(await readiness.wait(for: .readable) == []) }
      readiness.close()
      await closed.value
    }
  }

  @Test func aWaitLeavesTheClosureWhatItWatches() async throws {
    try await onLoop {
      let pair = SocketPair()
      let readiness = try Readiness(descriptor: pair.left)
      let calls = Inbox<Readiness.Events>()
      readiness.watch(.readable) { events in
        readiness.stop()
        calls.add(events)
      }
      #expect(await readiness.wait(for: .writable) == .writable)
      #expect(write(pair.right, "x") == .bytes(1))
      #expect(await calls.next() == .readable)
      readiness.close()
    }
  }

  @Test func aResetIsReportedAsFailedAndReadable() async throws {
    try await onLoop {
      let listener = try Listener(address: SocketAddress(parsing: "127.0.0.1:0"))
      let accepted = Inbox<Int32>()
      listener.start { accepted.add($0.release()) }
      let client = try connectTo(listener.localAddress)
      let server = await accepted.next()
      defer { close(server) }
      let readiness = try Readiness(descriptor: server)
      let calls = Inbox<Readiness.Events>()
      readiness.watch(.readable) { calls.add($0) }
      Socket.resetOnClose(client)
      close(client)
      #expect(await calls.next() == [.readable, .failed])
      #expect(read(server).0 == .closed)
      readiness.close()
      listener.stop()
    }
  }

  @Test func aDescriptorIsWatchedOnceAndNoFileIs() async throws {
    try await onLoop {
      let pair = SocketPair()
      let readiness = try Readiness(descriptor: pair.left)
      readiness.watch(.readable) { _ in }
      let twice = #expect(throws: LoopError.self) { try Readiness(descriptor: pair.left) }
      #expect(twice?.code == EEXIST)
      readiness.close()
      try Readiness(descriptor: pair.left).close()
      let file = temporaryFile("")
      defer { close(file) }
      let noSocket = #expect(throws: LoopError.self) { try Readiness(descriptor: file) }
      #expect(noSocket?.code == EPERM)
    }
  }
}
