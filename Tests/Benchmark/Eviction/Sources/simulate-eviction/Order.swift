// In which order objects have to go. Nothing happens to an object while no one owns it, so its rank is settled when its
// last owner goes: whatever an order wants to know must be known by then, and the ledger could write it into a row.

/// What is known of an object that the box holds.
struct Holding {
  var bytes = 0
  /// When it was fetched.
  var fetched: Int64 = 0
  var lastWanted: Int64 = 0
  /// How often it was wanted since it was fetched, that time included.
  var wants = 0
  /// Which event wants it next: for the clairvoyant.
  var next = Event.never
}

/// An order in which objects go.
protocol Order: SendableMetatype {
  init()

  /// The lowest rank goes first.
  mutating func rank(_ holding: Holding) -> UInt64

  /// One of this rank had to go.
  mutating func evicted(_ rank: UInt64)
}

extension Order {
  mutating func evicted(_ rank: UInt64) {}
}
