import Glibc
import Loop
import Testing

@Suite struct TimerTests {
  @Test func timersFireInTheOrderOfTheirDeadlines() async throws {
    let log = Log()
    try await onLoop {
      let timers = [30, 10, 20].map { _ in Timer() }
      unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        for (timer, delay) in zip(timers, [3, 1, 2]) {
          timer.start(after: .milliseconds(delay)) {
            log.add("\(delay)")
            if delay == 3 { unsafe continuation.resume() }
          }
        }
      }
      #expect(timers.allSatisfy { !$0.isActive })
    }
    #expect(log.all == ["1", "2", "3"])
  }

  @Test func aRepeatingTimerStopsWhenTold() async throws {
    let count = try await onLoop {
      let timer = Timer()
      var count = 0
      unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        timer.start(after: .zero, every: .milliseconds(1)) {
          count += 1
          guard count == 3 else { return }
          timer.stop()
          unsafe continuation.resume()
        }
      }
      try await EventLoop.sleep(for: .milliseconds(3))
      return count
    }
    #expect(count == 3)
  }

  @Test func aTimerThatNobodyHoldsDoesNotFire() async throws {
    try await onLoop {
      var hasFired = false
      Timer().start(after: .milliseconds(1)) { hasFired = true }
      try await EventLoop.sleep(for: .milliseconds(3))
      #expect(!hasFired)
    }
  }

  @Test func againPutsTheDeadlineOff() async throws {
    let log = Log()
    try await onLoop {
      let (putOff, other) = (Timer(), Timer())
      unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        // Of timers with one deadline, the one that was started first fires first.
        putOff.start(after: .milliseconds(2)) {
          log.add("put off")
          unsafe continuation.resume()
        }
        other.start(after: .milliseconds(2)) { log.add("other") }
        putOff.again()
      }
      putOff.stop()
      putOff.again()
      #expect(!putOff.isActive)
    }
    #expect(log.all == ["other", "put off"])
  }

  @Test func sleepEndsWithItsTask() async throws {
    try await onLoop {
      let sleeping = EventLoop.spawn {
        await #expect(throws: CancellationError.self) { try await EventLoop.sleep(for: .seconds(3600)) }
      }
      sleeping.cancel()
      await sleeping.value
    }
  }

  @Test func sleepOfACancelledTaskEndsAtOnce() async throws {
    try await onLoop {
      let sleeping = EventLoop.submit {
        await #expect(throws: CancellationError.self) { try await EventLoop.sleep(for: .seconds(3600)) }
      }
      sleeping.cancel()
      await sleeping.value
    }
  }

  @Test func signalsArrive() async throws {
    let number = try await onLoop {
      let signals = Inbox<Int32>()
      let source = try Signals([SIGUSR1, SIGUSR2]) { signals.add($0) }
      kill(getpid(), SIGUSR2)
      let number = await signals.next()
      withExtendedLifetime(source) {}
      return number
    }
    #expect(number == SIGUSR2)
  }

  @Test func signalsThatCannotBeCaughtAreRefused() async throws {
    let code = try await onLoop {
      let error = #expect(throws: LoopError.self) { try Signals([SIGKILL]) { _ in } }
      return error?.code
    }
    #expect(code == EINVAL)
  }
}

/// What came from callbacks, for a task that awaits it.
@EventLoop
final class Inbox<Item: Sendable> {
  private var items: [Item] = []
  private var waiter: CheckedContinuation<Item, Never>?

  func add(_ item: Item) {
    if let waiter {
      self.waiter = nil
      waiter.resume(returning: item)
    } else {
      items.append(item)
    }
  }

  func next() async -> Item {
    if !items.isEmpty { return items.removeFirst() }
    return await withCheckedContinuation { waiter = $0 }
  }
}
