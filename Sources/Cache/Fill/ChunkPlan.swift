// What to ask the origin for next: missing blocks, in runs that never cross a chunk's border.

/// A run of an object's blocks that one ranged request fetches.
public struct ChunkSpan: Sendable, Hashable {
  public var blocks: Range<Int>
  /// The same in bytes; the last block may be short.
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
  /// Everything before this block is claimed.
  private var cursor = 0

  /// - Parameters:
  ///   - present: the blocks that the ledger has.
  ///   - chunkSize: bytes; rounded down to whole blocks, one at the least.
  public init(object: StoredObject, present: BlockMap, chunkSize: Int) {
    precondition(present.count == object.blockCount)
    self.blockSize = object.blockSize
    self.size = object.size
    self.blocksInChunk = max(1, chunkSize / object.blockSize)
    self.claimed = present
  }

  public var isExhausted: Bool { claimed.isFull }

  /// Claims the next run of missing blocks, of about `bytes` at the most; nil when all are claimed.
  public mutating func claim(bytes: Int = .max) -> ChunkSpan? {
    guard let first = claimed.firstMissing(from: cursor) else { return nil }
    let most = first + max(1, bytes / blockSize)
    let border = min(claimed.count, (first / blocksInChunk + 1) * blocksInChunk, most)
    var end = first
    while end < border, !claimed.contains(end) {
      claimed.insert(end)
      end += 1
    }
    cursor = end
    return ChunkSpan(blocks: first..<end, bytes: first * blockSize..<min(size, end * blockSize))
  }

  /// Gives blocks back that did not arrive.
  public mutating func release(_ blocks: Range<Int>) {
    for block in blocks { claimed.remove(block) }
    cursor = min(cursor, blocks.lowerBound)
  }
}
