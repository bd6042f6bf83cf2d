// Moments of the machine's clock.

extension EventLoop {
  /// A point in monotonic time.
  public struct Instant: Hashable, Comparable, Sendable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    public var milliseconds: UInt64 { nanoseconds / 1_000_000 }

    public func duration(to later: Instant) -> Duration { .nanoseconds(later.nanoseconds - nanoseconds) }

    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
  }

  @EventLoop
  public static var now: Instant { exactNow }

  public nonisolated static var exactNow: Instant { unsafe Instant(nanoseconds: Machine.current.now) }
}

extension Duration {
  /// In nanoseconds, at least 0.
  public var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    return seconds < 0 || attoseconds < 0 ? 0 : UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
