// What to ask the origin for next: missing blocks, in runs that never cross a chunk's border.

/// A run of an object's blocks that one ranged request fetches.
public struct ChunkSpan: Sendable, Hashable {
  public var blocks: Range<Int>
  /// The same in bytes; the last block may be short, and of the first there may be a beginning already.
  public var bytes: Range<Int>

  public init(blocks: Range<Int>, bytes: Range<Int>) {
    self.blocks = blocks
    self.bytes = bytes
  }
}

/// Cuts an object into chunks and deals out what of them is not yet claimed.
public struct ChunkPlan: Sendable {
  public let blockSize: Int
  public let size: Int
  /// Blocks in a whole chunk; 1 at the least.
  public let blocksInChunk: Int
  /// Blocks that are stored, written, or asked for.
  public private(set) var claimed: BlockMap
  /// How many bytes there are already of blocks that are not claimed.
  private var starts: [Int: Int]
  /// Everything before this block is claimed.
  private var cursor = 0

  /// - Parameters:
  ///   - present: the blocks that the ledger has.
  ///   - starts: bytes that there are of blocks that are not whole.
  ///   - chunkSize: bytes; rounded down to whole blocks, one at the least.
  public init(object: StoredObject, present: BlockMap, starts: [Int: Int] = [:], chunkSize: Int) {
    precondition(present.count == object.blockCount)
    self.blockSize = object.blockSize
    self.size = object.size
    self.blocksInChunk = max(1, chunkSize / object.blockSize)
    self.claimed = present
    self.starts = starts
  }

  public var isExhausted: Bool { claimed.isFull }

  /// Claims the next run of missing blocks, of about `bytes` at the most; nil when all are claimed.
  public mutating func claim(bytes: Int = .max) -> ChunkSpan? {
    guard let span = claim(in: cursor..<claimed.count, bytes: bytes) else { return nil }
    cursor = span.blocks.upperBound
    return span
  }

  /// Claims the first run of missing blocks that begins in `range`, of about `bytes` at the most; nil when all of them are
  /// claimed.
  public mutating func claim(in range: Range<Int>, bytes: Int) -> ChunkSpan? {
    guard let first = claimed.firstMissing(from: range.lowerBound), first < range.upperBound else { return nil }
    let border = min(claimed.count, (first / blocksInChunk + 1) * blocksInChunk)
    // What is left of the chunk is dealt evenly: a remainder would be a request of its own for next to nothing.
    let requests = (border - first - 1) / max(1, bytes / blockSize) + 1
    let most = first + (border - first - 1) / requests + 1
    var end = first
    // A block with a beginning comes first in its request, which goes on behind that.
    while end < most, !claimed.contains(end), end == first || starts[end] == nil {
      claimed.insert(end)
      end += 1
    }
    let start = starts.removeValue(forKey: first) ?? 0
    return ChunkSpan(blocks: first..<end, bytes: first * blockSize + start..<min(size, end * blockSize))
  }

  /// Gives blocks back that did not arrive; of the first of them there may be a beginning.
  public mutating func release(_ blocks: Range<Int>, start: Int = 0) {
    for block in blocks { claimed.remove(block) }
    if start > 0, !blocks.isEmpty { starts[blocks.lowerBound] = start }
    cursor = min(cursor, blocks.lowerBound)
  }
}
