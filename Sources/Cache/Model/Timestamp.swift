// A moment as the ledger keeps it. The Cache has no clock: every moment comes in from outside.

/// A moment in milliseconds since 1970-01-01 00:00 UTC.
public struct Timestamp: Sendable, Hashable, Comparable {
  /// Milliseconds since the epoch; in the ledger never negative, nor beyond 2⁵³.
  public var milliseconds: Int64

  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// The latest one in the ledger: far beyond every clock, and near enough to calculate with.
  static let latest: Int64 = 1 << 53

  /// The nearest one that the ledger keeps. Its first is a millisecond after the epoch, since zero stands for none.
  var kept: Timestamp { Timestamp(milliseconds: min(max(1, milliseconds), Self.latest)) }

  public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }

  /// The moment `duration` milliseconds later.
  public func adding(milliseconds duration: Int64) -> Timestamp {
    Timestamp(milliseconds: milliseconds &+ duration)
  }
}
