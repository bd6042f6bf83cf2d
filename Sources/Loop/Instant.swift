// Time as the loop counts it: monotonic, and cheap enough to ask at each event.

internal import CLibuv
import Glibc

extension EventLoop {
  /// A point in monotonic time (`CLOCK_MONOTONIC`): it never goes back and knows no date.
  public struct Instant: InstantProtocol, Hashable, Sendable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    public var milliseconds: UInt64 { nanoseconds / 1_000_000 }

    public func advanced(by duration: Duration) -> Instant {
      let sum = Int64(clamping: nanoseconds).addingReportingOverflow(duration.wholeNanoseconds)
      return Instant(nanoseconds: sum.overflow ? UInt64(Int64.max) : UInt64(max(0, sum.partialValue)))
    }

    public func duration(to other: Instant) -> Duration {
      .nanoseconds(Int64(clamping: other.nanoseconds) - Int64(clamping: nanoseconds))
    }

    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
  }

  /// The time at which the loop last woke (`uv_now`): in whole milliseconds, the same during a whole callback, and for
  /// the price of a load.
  @EventLoop
  public static var now: Instant { Instant(nanoseconds: unsafe uv_now(executor.loop) * 1_000_000) }

  /// The time of this very moment (`clock_gettime`), from any thread; some 20 ns to ask.
  public nonisolated static var exactNow: Instant {
    Instant(nanoseconds: uv_hrtime())
  }
}

extension Duration {
  /// In milliseconds, rounded up, and at least 0.
  package var wholeMilliseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (milliseconds, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
    let (rest, isPartial) = UInt64(attoseconds).quotientAndRemainder(dividingBy: 1_000_000_000_000_000)
    return overflow ? .max : milliseconds &+ rest &+ (isPartial > 0 ? 1 : 0)
  }

  /// In nanoseconds, rounded towards zero and clamped to what fits (292 years).
  fileprivate var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, isMore) = nanoseconds.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow || isMore ? (seconds < 0 ? .min : .max) : sum
  }
}
