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

/// What the scrub comes to next.
public enum ScrubStep: Sendable, Equatable {
  /// A block that is there, and its checksum.
  case block(StoredObject, Int, UInt32)
  /// Nothing up to this block of this object.
  case nothing(before: ObjectID, block: Int)
  /// The object, or where its blocks are, cannot be read.
  case unreadable(ObjectID, CorruptRecord)
  /// Nothing behind it at all.
  case end
}

extension Ledger {
  /// What there is to look at from a block of an object on; where that object is gone, from the next one on.
  ///
  /// It reads one object's record and one row of its blocks at the most, so that nobody is kept waiting.
  public func scrubStep(
    from id: ObjectID, block: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> ScrubStep {
    var here = try tx.row(in: objects, from: Key.object(id))
    // A name that larder does not make is the auditor's finding.
    while let row = here, row.key.count != 8 { here = try tx.row(in: objects, after: row.key) }
    guard let row = here else { return .end }
    let found = ObjectID(Key.number(in: row.key, at: 0))
    let next = ScrubStep.nothing(before: found.next, block: 0)
    do {
      let object = try StoredObject(id: found, record: row.value)
      let first = found == id ? block : 0
      // A fill compares what it brings in by itself.
      guard object.state != .filling, first < object.blockCount else { return next }
      let number = first / BlockPage.blocks
      let end = min((number + 1) * BlockPage.blocks, object.blockCount)
      if let page = try tx.get(blocks, Key.page(found, number)).map({ try BlockPage($0) }) {
        for index in first..<end {
          if let checksum = page[index % BlockPage.blocks] { return .block(object, index, checksum) }
        }
      }
      return .nothing(before: found, block: end)
    } catch let error as CorruptRecord { return .unreadable(found, error) }
  }

  /// How far the scrub has come.
  public func scrubProgress(in tx: borrowing some Reading & ~Copyable) throws -> ScrubProgress {
    guard let record = try tx.get(meta, Self.scrubKey) else { return ScrubProgress() }
    var reader = try RecordReader(record, table: "meta", version: 1)
    var progress = ScrubProgress()
    progress.object = ObjectID(try reader.take())
    progress.block = try reader.takeSize()
    progress.began = try reader.takeMomentOrNone()
    progress.finished = try reader.takeMomentOrNone()
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
