// A moment as the ledger keeps it. The Cache has no clock: every moment comes in from outside.

/// A moment in milliseconds since 1970-01-01 00:00 UTC.
public struct Timestamp: Sendable, Hashable, Comparable {
  /// Milliseconds since the epoch; never negative in the ledger.
  public var milliseconds: Int64

  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }

  /// The moment `duration` milliseconds later.
  public func adding(milliseconds duration: Int64) -> Timestamp {
    Timestamp(milliseconds: milliseconds &+ duration)
  }
}
