// Byte ranges as RFC 9110, section 14, counts them: first and last position, both included.
//
// A set holds sixteen at the most: a request that would need more is answered with the whole.

/// Consecutive bytes of a representation.
public struct ByteRange: Equatable, Sendable {
  /// The position of the first byte.
  public let first: Int
  /// The position of the last byte, never before the first.
  public let last: Int

  /// The bytes from `first` to `last`; a range that is empty or before the start traps.
  public init(first: Int, last: Int) {
    precondition(first >= 0 && last >= first, "a byte range holds at least one byte")
    self.first = first
    self.last = last
  }

  /// Length in bytes.
  public var count: Int { last - first + 1 }
}

/// Up to sixteen byte ranges that neither overlap nor touch, in the order in which they were asked for.
public struct ByteRangeSet: RandomAccessCollection, Equatable, Sendable {
  /// The most ranges of a set.
  public static let capacity = 16

  private var ranges: [ByteRange]

  init(_ first: ByteRange) {
    ranges = [first]
  }

  /// The first index, 0.
  public var startIndex: Int { 0 }
  /// How many ranges there are.
  public var endIndex: Int { ranges.count }
  /// The range at `index`, in the order in which they were asked for.
  public subscript(index: Int) -> ByteRange { ranges[index] }

  /// The sum of the ranges' lengths in bytes.
  public var byteCount: Int { ranges.reduce(0) { $0 + $1.count } }

  /// Adds a range, merged with all that are `gap` bytes or fewer away from it; the result stands where the first of
  /// them stood. Returns false when there is no room for another.
  mutating func insert(_ range: ByteRange, gap: Int) -> Bool {
    var merged = range
    var place: Int?
    var kept: [ByteRange] = []
    kept.reserveCapacity(Self.capacity)
    for other in ranges {
      guard merged.isNear(other, gap: gap) else {
        kept.append(other)
        continue
      }
      merged = ByteRange(first: Swift.min(merged.first, other.first), last: Swift.max(merged.last, other.last))
      if place == nil {
        place = kept.count
        kept.append(merged)
      }
    }
    if let place {
      kept[place] = merged
    } else {
      guard kept.count < Self.capacity else { return false }
      kept.append(merged)
    }
    ranges = kept
    return true
  }
}

extension ByteRange {
  /// Whether no more than `gap` bytes lie between the two.
  fileprivate func isNear(_ other: ByteRange, gap: Int) -> Bool {
    // Positions are not negative, so the differences fit; a difference of 1 is a gap of 0.
    other.first - last - 1 <= gap && first - other.last - 1 <= gap
  }
}
