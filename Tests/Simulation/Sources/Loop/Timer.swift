// Timers of the machine's clock.

/// Stands in for the program's own timer, with the same face.
@EventLoop
public final class Timer {
  private var generation = 0
  private var fire: (@EventLoop () -> Void)?
  private var period: UInt64 = 0
  public private(set) var isActive = false

  public init() {}

  public func start(after delay: Duration, every period: Duration? = nil, _ fire: @escaping @EventLoop () -> Void) {
    self.fire = fire
    self.period = period.map { max(1, $0.wholeNanoseconds) } ?? 0
    wait(delay.wholeNanoseconds)
  }

  public func stop() {
    generation += 1
    isActive = false
    fire = nil
  }

  private func wait(_ delay: UInt64) {
    generation += 1
    isActive = true
    let mine = generation
    let machine = unsafe Machine.current
    machine.after(delay) { [weak self] in
      EventLoop.assumeIsolated { self?.ended(mine) }
    }
  }

  private func ended(_ one: Int) {
    guard one == generation, let fire else { return }
    isActive = false
    if period > 0 { wait(period) }
    fire()
  }
}

extension EventLoop {
  /// The machine's one thread is the loop's too.
  public nonisolated static func assumeIsolated<R>(_ body: @EventLoop () -> R) -> R {
    withoutActuallyEscaping(body) { body in unsafe unsafeBitCast(body, to: (() -> R).self)() }
  }

  /// Suspends the calling task for `duration`.
  @EventLoop
  public static func sleep(for duration: Duration) async throws(CancellationError) {
    unsafe await withUnsafeContinuation { continuation in
      unsafe Machine.current.after(duration.wholeNanoseconds) { unsafe continuation.resume() }
    }
  }
}
