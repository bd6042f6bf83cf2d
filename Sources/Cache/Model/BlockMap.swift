// Which blocks of an object are there: the bitmap, and nothing about why.

/// A set of block numbers below a fixed count, one bit each.
public struct BlockMap: Sendable, Hashable {
  public let count: Int
  /// How many are in the set.
  public private(set) var population = 0
  private var words: [UInt64]

  /// An empty set of at most `count` blocks.
  public init(count: Int) {
    precondition(count >= 0)
    self.count = count
    self.words = Array(repeating: 0, count: (count + 63) / 64)
  }

  public var isFull: Bool { population == count }

  public func contains(_ block: Int) -> Bool {
    precondition(block >= 0 && block < count)
    return words[block >> 6] & (1 << UInt64(block & 63)) != 0
  }

  /// True when the block was not in the set before.
  @discardableResult public mutating func insert(_ block: Int) -> Bool {
    guard !contains(block) else { return false }
    words[block >> 6] |= 1 << UInt64(block & 63)
    population += 1
    return true
  }

  /// True when the block was in the set before.
  @discardableResult public mutating func remove(_ block: Int) -> Bool {
    guard contains(block) else { return false }
    words[block >> 6] &= ~(1 << UInt64(block & 63))
    population -= 1
    return true
  }

  /// The first block at or after `start` that is not in the set.
  public func firstMissing(from start: Int = 0) -> Int? {
    guard start < count else { return nil }
    var index = start >> 6
    var word = ~words[index] & (UInt64.max << UInt64(start & 63))
    while word == 0 {
      index += 1
      guard index < words.count else { return nil }
      word = ~words[index]
    }
    let block = index << 6 + word.trailingZeroBitCount
    return block < count ? block : nil
  }
}
