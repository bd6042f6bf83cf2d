// What lies beside the file of a whole object: its version and the checksum of each block. The ledger is what counts; this
// is for the day on which the ledger cannot be read any more, so that not one film has to be fetched again for that.

/// A whole object as its `.sums` file has it; "The ledger on disk" draws it to the byte.
public struct Sums: Sendable, Hashable {
  public var object: StoredObject
  /// CRC-32C of each block.
  public var checksums: [UInt32]

  /// - Returns: nil when a block is missing.
  public init?(of object: StoredObject, checksums: [UInt32?]) {
    guard checksums.count == object.blockCount else { return nil }
    self.object = object
    self.checksums = checksums.compactMap { $0 }
    guard self.checksums.count == checksums.count else { return nil }
  }

  /// The file's bytes.
  public var encoded: [UInt8] {
    var writer = RecordWriter(version: Self.version, reserving: 64 + checksums.count * 4)
    writer.put(object.id.number)
    writer.put(object.record)
    writer.put(UInt32(checksums.count))
    for checksum in checksums { writer.put(checksum) }
    writer.put(Key.fnv1a(writer.bytes))
    return writer.bytes
  }

  /// How many of the file's first bytes say how long it is: with the longest record.
  public static let headLength = 11 + Int(UInt16.max)

  /// Refuses a file of so many bytes that does not have as many as its head says: its first ``headLength`` bytes, or all
  /// that there are.
  public static func check(length: Int, announcedBy head: [UInt8]) throws(CorruptRecord) {
    var reader = try RecordReader(head, table: "sums", version: Self.version)
    let id = ObjectID(try reader.take())
    let record = try reader.takeBlob()
    let due = try 11 + record.count + 4 + 4 * StoredObject(id: id, record: record).blockCount + 8
    guard length == due else { throw CorruptRecord(table: "sums", reason: "\(length) bytes, and not \(due)") }
  }

  /// Reads the file's bytes; what was torn or changed is refused as a whole.
  public init(_ bytes: [UInt8]) throws(CorruptRecord) {
    guard bytes.count > 9 else { throw CorruptRecord(table: "sums", reason: "too short") }
    var tail = try RecordReader([Self.version] + bytes.suffix(8), table: "sums", version: Self.version)
    let body = Array(bytes.dropLast(8))
    guard try tail.take(UInt64.self) == Key.fnv1a(body) else {
      throw CorruptRecord(table: "sums", reason: "torn or changed")
    }
    var reader = try RecordReader(body, table: "sums", version: Self.version)
    let id = ObjectID(try reader.take())
    object = try StoredObject(id: id, record: try reader.takeBlob())
    guard Int(try reader.take(UInt32.self)) == object.blockCount else { throw reader.corrupt("odd block count") }
    checksums = []
    checksums.reserveCapacity(object.blockCount)
    for _ in 0..<object.blockCount { checksums.append(try reader.take()) }
    try reader.finish()
  }

  private static let version: UInt8 = 1
}
