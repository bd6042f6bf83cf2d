// The ledger's own: what the program does with what no one owns.

import Cache

/// By the program's ``Eviction/standing(begun:lastUsed:)``.
struct Standing: Order {
  func rank(_ holding: Holding) -> UInt64 {
    let standing = Eviction.standing(
      begun: Timestamp(milliseconds: holding.fetched), lastUsed: Timestamp(milliseconds: holding.lastWanted))
    return UInt64(standing.milliseconds)
  }
}
