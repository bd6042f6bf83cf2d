// Deadlines on the loop: a timer that calls back, and a sleep that is awaited.

internal import CLibuv

/// Calls back on the loop once after a while, or again and again (`uv_timer_t`).
///
/// Durations are rounded up to milliseconds and count from the loop's own time (`EventLoop.now`), which stands still
/// during a callback. A timer that nobody holds any longer does not fire.
@EventLoop
public final class Timer {
  private let handle: Handle
  private var fire: (@EventLoop () -> Void)?
  private var delay: UInt64 = 0
  private var period: UInt64 = 0

  public init() {
    do {
      handle = unsafe try Handle("create a timer") { unsafe uv_timer_init($0, $1) }
    } catch {
      // uv_timer_init cannot fail, so what is left is the memory for it.
      fatalError("\(error)")
    }
    handle.belongs(to: self)
  }

  /// Calls `fire` after `delay`, and then every `period` when there is one; what was started before is forgotten.
  ///
  /// The closure is kept until `stop`, the next `start` or the timer's end, so let it hold its owner weakly.
  public func start(after delay: Duration, every period: Duration? = nil, _ fire: @escaping @EventLoop () -> Void) {
    self.fire = fire
    self.delay = delay.wholeMilliseconds
    // 0 would mean no repetition.
    self.period = period.map { max(1, $0.wholeMilliseconds) } ?? 0
    again()
  }

  /// Starts anew with the durations and the closure of the last `start`; does nothing after `stop`.
  public func again() {
    guard fire != nil else { return }
    _ = unsafe uv_timer_start(
      handle.pointer(),
      { pointer in
        let timer = unsafe Handle.owner(of: pointer, as: Timer.self)
        timer.fired()
      }, delay, period)
  }

  /// Calls back no more and forgets the closure.
  public func stop() {
    _ = unsafe uv_timer_stop(handle.pointer())
    fire = nil
  }

  /// Whether a callback is due.
  public var isActive: Bool { unsafe uv_is_active(handle.base) != 0 }

  private func fired() { fire?() }

  isolated deinit {}
}

extension EventLoop {
  /// Suspends the calling task for `duration`, rounded up to milliseconds; throws when the task is cancelled.
  @EventLoop
  public static func sleep(for duration: Duration) async throws(CancellationError) {
    let sleeper = Sleeper()
    let woken = await withTaskCancellationHandler {
      unsafe await withUnsafeContinuation { continuation in unsafe sleeper.begin(duration, continuation) }
    } onCancel: {
      // Runs on any thread, perhaps before the sleep began; on the loop it comes after the suspension.
      EventLoop.submit { sleeper.end(.cancelled) }
    }
    guard woken == .rested else { throw CancellationError() }
  }
}

/// One sleep: whichever of timer and cancellation comes first resumes the task.
@safe
@EventLoop
private final class Sleeper {
  enum Wakening: Sendable { case rested, cancelled }

  private let timer = Timer()
  private var continuation: UnsafeContinuation<Wakening, Never>?

  func begin(_ duration: Duration, _ continuation: UnsafeContinuation<Wakening, Never>) {
    unsafe self.continuation = unsafe continuation
    timer.start(after: duration) { self.end(.rested) }
  }

  func end(_ wakening: Wakening) {
    timer.stop()
    unsafe continuation?.resume(returning: wakening)
    unsafe continuation = nil
  }
}
