// The simplest there is. SIEVE is the same here: what is wanted leaves this queue and comes back at its end, so that the
// hand never meets one that was wanted meanwhile.

/// First fetched, first gone.
struct FirstFetched: Order {
  func rank(_ holding: Holding) -> UInt64 { UInt64(holding.fetched) }
}
