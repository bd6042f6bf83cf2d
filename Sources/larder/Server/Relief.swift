// Which answers go when all of them together take too much memory: as a value, without the connections.

/// Chooses among answers whose clients have not taken all of them yet.
enum Relief {
  /// What of one lies in memory, in bytes, and when its client last took some of it.
  struct Answer {
    let held: Int
    let progressed: UInt64
  }

  /// More than this is a large answer: some few of them are all that there is room for.
  private static let large = Limits.heldBytes / 4

  /// The places of those that go, in this order, for as long as too much is held.
  ///
  /// A large answer makes way for whoever needs memory, and none of the others for a large one: it would take many of them,
  /// who are not to blame. So the most that is held is what all may hold and one large answer.
  ///
  /// - Parameter needy: what the one holds for whom they go; it is none of them.
  static func order(_ answers: [Answer], for needy: Int) -> [Int] {
    answers.indices.filter { answers[$0].held > 0 && (needy <= large || answers[$0].held > large) }
      .sorted { one, other in
        let (one, other) = (answers[one], answers[other])
        return (one.held > large ? 0 : 1, one.progressed) < (other.held > large ? 0 : 1, other.progressed)
      }
  }
}
