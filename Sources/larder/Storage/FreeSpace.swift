// What the file system has free, for whoever shows it: asked on a thread of its own and waited for only a moment, so that one
// that hangs stops neither the loop nor the answer that tells of it.

import Loop

/// The free bytes of the file system, as it says when it is asked.
@EventLoop
final class FreeSpace {
  private enum State {
    case resting, asking
    /// Asked, and nobody waits for its answer any longer.
    case late
  }

  /// As it was said last; nil when it could not be, or not in time.
  private(set) var bytes: Int?
  private let look: @Sendable () -> Int?
  private let patience: Duration
  private let worker = Worker(name: "space")
  private var state = State.resting
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private let timer = Timer()

  /// - Parameters:
  ///   - patience: how long an answer is waited for.
  ///   - look: asks the file system, for however long that takes.
  init(patience: Duration = .milliseconds(500), _ look: @escaping @Sendable () -> Int?) {
    self.patience = patience
    self.look = look
  }

  /// Asks, once for all who want to know meanwhile; nil when there is no answer.
  @discardableResult
  func ask() async -> Int? {
    if state == .late { return nil }
    await withCheckedContinuation { continuation in
      // First: the answer may be there before anybody could wait for it.
      waiting.append(continuation)
      if state == .resting { begin() }
    }
    return bytes
  }

  private func begin() {
    state = .asking
    timer.start(after: patience) { [weak self] in self?.heard(nil, .late) }
    EventLoop.spawn { [self] in heard(await worker.run(look), .resting) }
  }

  private func heard(_ found: Int?, _ next: State) {
    timer.stop()
    bytes = found
    state = next
    let woken = waiting
    waiting = []
    for one in woken { one.resume() }
  }
}
