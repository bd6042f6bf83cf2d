// What those who play a title want of its fill while it is still coming in. A value: who plays, and how fast, the program
// knows; what to fetch first, `Fill` decides.

/// The wishes of all who play one object, the most pressing first.
public struct Demand: Sendable, Hashable {
  /// Blocks that somebody waits for at this moment, the latest wish first: whoever seeks again has no use for what was
  /// wished for before.
  public var awaited: [Int]
  /// Blocks that those who play will want next, a run for each of them.
  public var ahead: [Range<Int>]

  public init(awaited: [Int] = [], ahead: [Range<Int>] = []) {
    self.awaited = awaited
    self.ahead = ahead
  }

  /// Whether nobody plays.
  public var isEmpty: Bool { awaited.isEmpty && ahead.isEmpty }

  /// Whether somebody who plays wants any of these blocks now or soon.
  public func wants(_ blocks: Range<Int>) -> Bool {
    awaited.contains { blocks.contains($0) } || ahead.contains { $0.overlaps(blocks) }
  }
}
