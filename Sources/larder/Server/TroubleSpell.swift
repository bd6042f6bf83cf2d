// For how long there has been trouble, for who looks at it again and again: what comes and goes is one trouble.

import Cache

/// A time of trouble, from its first look to the end of it.
struct TroubleSpell {
  private var began: Timestamp?
  private var well: Timestamp?

  /// How long it has to go well until trouble is over, in milliseconds.
  private static let calm: Int64 = 2000

  /// - Returns: for how long there has been trouble, short times without it included; 0 when there is none, in milliseconds.
  mutating func look(isTroubled: Bool, at now: Timestamp) -> Int64 {
    if isTroubled {
      well = nil
      if began == nil { began = now }
    } else {
      let since = well ?? now
      well = since
      if now >= since.adding(milliseconds: Self.calm) { began = nil }
    }
    return began.map { now.milliseconds - $0.milliseconds } ?? 0
  }
}
