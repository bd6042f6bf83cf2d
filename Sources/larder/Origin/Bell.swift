// How tasks on the loop wait for "something happened".

import Cache
import Loop

/// Rung by callbacks, heard by one task. A ring before the wait is not lost.
@EventLoop
final class Bell {
  private var rung = false
  private var waiter: CheckedContinuation<Void, Never>?
  private let timer = Timer()

  /// Wakes the task that waits, or the next wait at once.
  func ring() {
    guard let waiter else {
      rung = true
      return
    }
    self.waiter = nil
    timer.stop()
    waiter.resume()
  }

  /// A ring that nobody has waited for is none.
  func forget() { rung = false }

  /// Waits for a ring, or until `deadline` on the steady clock.
  func wait(until deadline: Timestamp? = nil) async {
    if rung {
      rung = false
      return
    }
    if let deadline {
      let left = max(1, deadline.milliseconds - Clock.steady.milliseconds)
      timer.start(after: .milliseconds(left)) { [weak self] in self?.ring() }
    }
    await withCheckedContinuation { waiter = $0 }
    rung = false
  }
}

/// Rung by callbacks, heard by everybody who waits at that moment.
@EventLoop
final class Chimes {
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private let timer = Timer()

  /// Wakes all who wait.
  func ring() {
    timer.stop()
    let woken = waiting
    waiting = []
    for one in woken { one.resume() }
  }

  /// Waits for a ring, for a fifth of a second at the most: who waits looks again for what no ring tells.
  func wait() async {
    if !timer.isActive { timer.start(after: .milliseconds(200)) { [weak self] in self?.ring() } }
    await withCheckedContinuation { waiting.append($0) }
  }
}
