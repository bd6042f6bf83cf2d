// The heart of S3-FIFO and of 2Q: most of what was wanted once is never wanted again.

/// What was wanted only once goes before what was wanted again; each by the last time.
struct OnceFirst: Order {
  func rank(_ holding: Holding) -> UInt64 { UInt64(holding.lastWanted) | (holding.wants > 1 ? 1 << 62 : 0) }
}
