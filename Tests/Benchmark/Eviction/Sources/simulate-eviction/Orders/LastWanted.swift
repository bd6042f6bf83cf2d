// The contract's rule for what is owned, and the program's for what is not until it was measured.

/// Least recently wanted first.
struct LastWanted: Order {
  func rank(_ holding: Holding) -> UInt64 { UInt64(holding.lastWanted) }
}
