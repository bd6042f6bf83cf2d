// One who was played often survives, for a while.

/// Least recently wanted first, but each further time that it was wanted counts for a week, up to eight.
struct WeekForEach: Order {
  func rank(_ holding: Holding) -> UInt64 {
    UInt64(holding.lastWanted) + UInt64(min(holding.wants - 1, 8)) * 7 * 86_400_000
  }
}
