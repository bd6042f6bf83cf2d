// How much any order could gain at the most.

/// What is wanted again last, or never, goes first.
struct Clairvoyant: Order {
  func rank(_ holding: Holding) -> UInt64 { UInt64(Event.never - holding.next) }
}
