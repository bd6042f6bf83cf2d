import Glibc
import Loop
import Synchronization
import Testing

/// What happened, in order; from any thread.
final class Log: Sendable {
  private let lines = Mutex<[String]>([])
  func add(_ line: String) { lines.withLock { $0.append(line) } }
  var all: [String] { lines.withLock { $0 } }
}

private func nonisolatedIsOnLoop() async -> Bool { EventLoop.executor.isCurrent }

@Suite struct EventLoopTests {
  @Test func spawnRunsUntilTheFirstSuspensionBeforeItReturns() async throws {
    let lines = try await onLoop {
      let log = Log()
      let task = EventLoop.spawn {
        log.add("began")
        await Task.yield()
        log.add("went on")
      }
      log.add("spawn returned")
      await task.value
      return log.all
    }
    #expect(lines == ["began", "spawn returned", "went on"])
  }

  @Test func spawnFromATaskKeepsTheTaskCurrent() async throws {
    try await onLoop {
      let outer = unsafe withUnsafeCurrentTask { unsafe $0?.hashValue }
      EventLoop.spawn { await Task.yield() }
      let after = unsafe withUnsafeCurrentTask { unsafe $0?.hashValue }
      #expect(outer != nil && outer == after)
    }
  }

  @Test func submittedTasksRunInOrder() async throws {
    let log = Log()
    try await onLoop {}
    let tasks = (0..<100).map { number in EventLoop.submit { log.add("\(number)") } }
    for task in tasks { await task.value }
    #expect(log.all == (0..<100).map(String.init))
  }

  @Test func everyAwaitComesBackToTheLoopThread() async throws {
    let worker = Worker(name: "other")
    try await onLoop {
      #expect(EventLoop.executor.isCurrent)
      let isWorkerOnLoop = await worker.run { EventLoop.executor.isCurrent }
      #expect(!isWorkerOnLoop)
      #expect(EventLoop.executor.isCurrent)
      unsafe await withUnsafeContinuation { continuation in worker.post { unsafe continuation.resume() } }
      #expect(EventLoop.executor.isCurrent)
      await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<10 { group.addTask { await nonisolatedIsOnLoop() } }
        for await isOnLoop in group { #expect(isOnLoop) }
      }
      #expect(EventLoop.executor.isCurrent)
    }
    #expect(!EventLoop.executor.isCurrent)
  }

  @Test func nonisolatedFunctionsOfLoopTasksStayOnTheThread() async throws {
    let kinds = try await onLoop {
      let inTask = await nonisolatedIsOnLoop()
      let inSpawned = unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
        EventLoop.spawn { unsafe continuation.resume(returning: await nonisolatedIsOnLoop()) }
      }
      async let inChild = nonisolatedIsOnLoop()
      return [inTask, inSpawned, await inChild]
    }
    #expect(kinds == [true, true, true])
  }

  @Test func endlessYieldingLeavesTimersAndDescriptorsTheirTurn() async throws {
    try await onLoop {
      var isOver = false
      let timer = Timer()
      timer.start(after: .milliseconds(5)) { isOver = true }
      while !isOver { await Task.yield() }
    }
  }

  @Test func callbacksOfTheLoopAreIsolatedAndMaySpawn() async throws {
    let log = Log()
    try await onLoop {
      let timer = Timer()
      unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        timer.start(after: .milliseconds(1)) {
          EventLoop.shared.preconditionIsolated()
          EventLoop.spawn {
            log.add("spawned")
            await Task.yield()
            unsafe continuation.resume()
          }
          log.add("after")
        }
      }
    }
    #expect(log.all == ["spawned", "after"])
  }

  @Test func lastReferenceDroppedElsewhereDeinitsOnTheLoop() async throws {
    @EventLoop final class Probe {
      let log: Log
      init(_ log: Log) { self.log = log }
      isolated deinit { log.add(EventLoop.executor.isCurrent ? "on the loop" : "elsewhere") }
    }
    let log = Log()
    let worker = Worker(name: "other")
    try await onLoop {
      let held = Held(Probe(log))
      await worker.run { held.value.withLock { $0 = nil } }
      while log.all.isEmpty { await Task.yield() }
    }
    #expect(log.all == ["on the loop"])
  }

  @Test func theLoopKnowsItsThread() async throws {
    let inside = try await onLoop { EventLoop.executor.isIsolatingCurrentContext() }
    #expect(inside == true)
    #expect(EventLoop.executor.isIsolatingCurrentContext() == false)
  }

  @Test func timeGoesForward() async throws {
    try await onLoop {
      let before = EventLoop.now
      try await EventLoop.sleep(for: .milliseconds(3))
      #expect(before.duration(to: EventLoop.now) >= .milliseconds(3))
      #expect(before.advanced(by: .milliseconds(3)) <= EventLoop.now)
    }
  }

  @Test(arguments: [
    (Duration.zero, 0 as UInt64), (.nanoseconds(1), 1), (.milliseconds(1), 1), (.microseconds(1001), 2),
    (.seconds(3), 3000), (.seconds(-1), 0), (.nanoseconds(-1), 0), (.seconds(Int64.max), .max),
  ])
  func durationsAreRoundedUp(_ duration: Duration, _ milliseconds: UInt64) {
    #expect(duration.wholeMilliseconds == milliseconds)
  }

  @Test func runReturnsTheValueOfMain() async {
    await #expect(processExitsWith: .exitCode(7)) {
      exit(
        EventLoop.run {
          try? await EventLoop.sleep(for: .milliseconds(1))
          return Int32(7)
        })
    }
  }

  @Test func runMayBeRepeated() async {
    await #expect(processExitsWith: .exitCode(6)) {
      let first = EventLoop.run { await Worker(name: "a").run { Int32(2) } }
      let second = EventLoop.run { await Worker(name: "b").run { Int32(3) } }
      exit(first * second)
    }
  }

  @Test func isolationIsCheckedOffTheLoop() async {
    await #expect(processExitsWith: .failure) { EventLoop.shared.preconditionIsolated() }
  }
}

/// Something to let go of from any thread.
private final class Held: Sendable {
  let value: Mutex<(any AnyObject & Sendable)?>
  init(_ value: any AnyObject & Sendable) { self.value = Mutex(value) }
}
