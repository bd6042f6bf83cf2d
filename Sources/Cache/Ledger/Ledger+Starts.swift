// The beginnings of blocks that come in slowly. A block takes seconds on a slow line, and a cut may cost no more than two
// seconds of what was fetched: so what has arrived of it is written down once a second, and the next request goes on there.

public import LMDB

/// The first bytes of a block that is not whole yet; durable in the object's file.
public struct BlockStart: Sendable, Hashable {
  public var index: Int
  /// In bytes; less than the block has.
  public var length: Int
  /// CRC-32C of these bytes.
  public var checksum: UInt32

  public init(index: Int, length: Int, checksum: UInt32) {
    self.index = index
    self.length = length
    self.checksum = checksum
  }
}

extension Ledger {
  /// Remembers beginnings that are durable; of a block that is there already, nothing.
  public func record(
    _ beginnings: [BlockStart], of id: ObjectID, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    guard !beginnings.isEmpty, let object = try object(id, in: tx), object.state != .complete else { return }
    for start in beginnings where (0..<object.blockCount).contains(start.index) {
      guard (1..<object.bytes(ofBlock: start.index).count).contains(start.length),
        try checksum(ofBlock: start.index, of: id, in: tx) == nil
      else { continue }
      try tx.put(starts, Key.start(id, start.index), start.record)
    }
  }

  /// What there is of blocks that are not whole.
  public func starts(of id: ObjectID, in tx: borrowing some Reading & ~Copyable) throws -> [BlockStart] {
    let prefix = Key.object(id)
    var found: [BlockStart] = []
    var row = try tx.row(in: starts, prefix: prefix)
    while let (key, value) = row {
      found.append(try BlockStart(key: key, value: value))
      row = try tx.row(in: starts, after: key, prefix: prefix)
    }
    return found
  }

  func removeStarts(of id: ObjectID, in tx: borrowing WriteTransaction) throws {
    for start in try starts(of: id, in: tx) { try tx.delete(starts, Key.start(id, start.index)) }
  }
}

extension BlockStart {
  var record: [UInt8] {
    var writer = RecordWriter(version: 1, reserving: 9)
    writer.put(UInt32(length))
    writer.put(checksum)
    return writer.bytes
  }

  /// From its row.
  init(key: [UInt8], value: [UInt8]) throws(CorruptRecord) {
    guard key.count == 12 else { throw CorruptRecord(table: "starts", reason: "a key of odd length") }
    var reader = try RecordReader(value, table: "starts", version: 1)
    self.init(
      index: key.suffix(4).reduce(0) { $0 << 8 | Int($1) }, length: Int(try reader.take(UInt32.self)),
      checksum: try reader.take())
    try reader.finish()
  }
}
