// How far the scrub has come: it goes through all objects by number, again and again, and goes on where it stopped.

public import LMDB

/// Where the next look at the disk begins.
public struct ScrubProgress: Sendable, Hashable {
  /// The object to look at next, or the first one behind it.
  public var object: ObjectID
  /// The block to begin with.
  public var block: Int
  /// When this round began; nil before the first.
  public var began: Timestamp?
  /// When the last round was through with everything; nil when none was.
  public var finished: Timestamp?
  /// Bytes that this round has read, and blocks that it found bad.
  public var checkedBytes: Int
  public var badBlocks: Int

  public init() {
    object = .none
    block = 0
    checkedBytes = 0
    badBlocks = 0
  }
}

extension Ledger {
  /// How far the scrub has come.
  public func scrubProgress(in tx: borrowing some Reading & ~Copyable) throws -> ScrubProgress {
    guard let record = try tx.get(meta, Self.scrubKey) else { return ScrubProgress() }
    var reader = try RecordReader(record, table: "meta", version: 1)
    var progress = ScrubProgress()
    progress.object = ObjectID(try reader.take())
    progress.block = try reader.takeSize()
    progress.began = try reader.takeMoment()
    progress.finished = try reader.takeMoment()
    progress.checkedBytes = try reader.takeSize()
    progress.badBlocks = try reader.takeSize()
    try reader.finish()
    return progress
  }

  /// Remembers how far it has come.
  public func note(_ progress: ScrubProgress, in tx: borrowing WriteTransaction) throws {
    var writer = RecordWriter(version: 1)
    writer.put(progress.object.number)
    writer.put(Int64(progress.block))
    writer.put(progress.began)
    writer.put(progress.finished)
    writer.put(Int64(progress.checkedBytes))
    writer.put(Int64(progress.badBlocks))
    try tx.put(meta, Self.scrubKey, writer.bytes)
  }

  private static let scrubKey = Array("scrub".utf8)
}
