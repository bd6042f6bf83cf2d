// Whether it is the network that a title waits for. While it is, the title keeps its turn: the next one would wait too, and a
// whole queue would ask in vain, one after the other. But an origin that answers others and not for this title is there, so
// that others may go ahead; and somebody has to ask for another title to find that out.

import Cache

/// The failures in a row of one title to reach the origin.
struct NetworkWait {
  /// When the first of them was; nil when the last try brought something.
  private var first: Timestamp?

  /// It could not be reached once more: whether it gives its turn to others meanwhile.
  ///
  /// - Parameters:
  ///   - heard: when the origin last gave anybody an answer of its own.
  ///   - since: when it got its turn.
  ///   - patience: how long it keeps a turn when nobody is answered, in milliseconds.
  mutating func yields(at now: Timestamp, heard: Timestamp?, since: Timestamp, patience: Int64) -> Bool {
    guard let first else {
      first = now
      return false
    }
    if let heard, heard > first { return true }
    return now >= max(first, since).adding(milliseconds: patience)
  }
}
