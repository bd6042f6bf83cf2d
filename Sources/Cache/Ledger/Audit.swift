// Why the box did what it did to somebody's title: a bounded diary in the ledger, written with the deed.

public import LMDB

/// One line of the diary.
public struct AuditEntry: Sendable, Hashable {
  public enum Event: UInt8, Sendable, CaseIterable {
    case started = 1
    case completed = 2
    case failed = 3
    case cancelled = 4
    case deleted = 5
    case evicted = 6
    case objectEvicted = 7
    case renewed = 8
    case refetched = 9
    /// Blocks of an object were found bad or gone.
    case damaged = 10
    /// They are there again.
    case mended = 11
    /// An object is whole; the cause says what it was compared with.
    case verified = 20
  }

  /// Its place in the diary, which only grows.
  public var number: UInt64
  public var moment: Timestamp
  public var event: Event
  public var download: DownloadID?
  public var object: ObjectID
  public var user: String
  public var bytes: Int
  /// For whom or what: the cause in words.
  public var cause: String
}

extension AuditEntry {
  /// The entry without its number, which is the key.
  var record: [UInt8] {
    var writer = RecordWriter(version: 1)
    writer.put(moment)
    writer.put(event.rawValue)
    writer.put(download?.upper ?? 0)
    writer.put(download?.lower ?? 0)
    writer.put(object.number)
    writer.put(Int64(bytes))
    writer.put(user)
    writer.put(cause)
    return writer.bytes
  }

  init(number: UInt64, record: [UInt8]) throws(CorruptRecord) {
    var reader = try RecordReader(record, table: "audit", version: 1)
    let moment = Timestamp(milliseconds: try reader.take())
    guard let event = Event(rawValue: try reader.take()) else { throw reader.corrupt("an unknown event") }
    let id = DownloadID(upper: try reader.take(), lower: try reader.take())
    self.init(
      number: number, moment: moment, event: event, download: id == DownloadID(upper: 0, lower: 0) ? nil : id,
      object: ObjectID(try reader.take()), user: "", bytes: try reader.takeSize(), cause: "")
    user = try reader.takeText()
    cause = try reader.takeText()
    try reader.finish()
  }
}

extension Ledger {
  /// How many entries are kept; the oldest go first.
  public static let auditLimit = 100_000

  /// Writes one entry and drops the oldest when there are too many.
  func record(
    _ event: AuditEntry.Event, _ download: Download?, object: ObjectID? = nil, bytes: Int, cause: String,
    in tx: borrowing WriteTransaction, _ change: borrowing Change
  ) throws {
    let number = try nextNumber(of: "next_audit", in: tx)
    let entry = AuditEntry(
      number: number, moment: change.now, event: event, download: download?.id,
      object: object ?? download?.object ?? .none, user: download?.user.text ?? "", bytes: bytes, cause: cause)
    try tx.put(audit, Key.bigEndian(number), entry.record)
    if number > UInt64(Self.auditLimit) { try tx.delete(audit, Key.bigEndian(number - UInt64(Self.auditLimit))) }
  }

  /// The newest entries, newest first.
  public func auditEntries(
    limit: Int, before number: UInt64 = .max, in tx: borrowing some Reading & ~Copyable
  ) throws -> [AuditEntry] {
    var entries: [AuditEntry] = []
    var row = try tx.row(in: audit, before: Key.bigEndian(number))
    while let (key, value) = row, entries.count < limit {
      entries.append(try AuditEntry(number: Key.number(in: key, at: 0), record: value))
      row = try tx.row(in: audit, before: key)
    }
    return entries
  }
}
