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

extension Ledger {
  /// How many entries are kept; the oldest go first.
  static let auditLimit = 100_000

  /// Writes one entry and drops the oldest when there are too many.
  func record(
    _ event: AuditEntry.Event, _ download: Download?, object: ObjectID? = nil, bytes: Int, cause: String,
    in tx: borrowing WriteTransaction, _ change: borrowing Change
  ) throws {
    var writer = RecordWriter(version: 1)
    writer.put(change.now)
    writer.put(event.rawValue)
    writer.put(download?.id.upper ?? 0)
    writer.put(download?.id.lower ?? 0)
    writer.put((object ?? download?.object ?? .none).number)
    writer.put(Int64(bytes))
    writer.put(download?.user.text ?? "")
    writer.put(cause)
    let number = try nextNumber(of: "next_audit", in: tx)
    try tx.put(audit, Key.bigEndian(number), writer.bytes)
    if number > UInt64(Self.auditLimit) { try tx.delete(audit, Key.bigEndian(number - UInt64(Self.auditLimit))) }
  }

  /// The newest entries, newest first.
  public func auditEntries(
    limit: Int, before number: UInt64 = .max, in tx: borrowing some Reading & ~Copyable
  ) throws -> [AuditEntry] {
    var entries: [AuditEntry] = []
    var row = try tx.row(in: audit, before: Key.bigEndian(number))
    while let (key, value) = row, entries.count < limit {
      var reader = try RecordReader(value, table: "audit", version: 1)
      let moment = try reader.takeMoment() ?? Timestamp(milliseconds: 0)
      guard let event = AuditEntry.Event(rawValue: try reader.take()) else { throw reader.corrupt("an unknown event") }
      let id = DownloadID(upper: try reader.take(), lower: try reader.take())
      let object = ObjectID(try reader.take())
      entries.append(
        AuditEntry(
          number: Key.number(in: key, at: 0), moment: moment, event: event, download: id.upper == 0 ? nil : id,
          object: object,
          user: "", bytes: try reader.takeSize(), cause: ""))
      entries[entries.count - 1].user = try reader.takeText()
      entries[entries.count - 1].cause = try reader.takeText()
      try reader.finish()
      row = try tx.row(in: audit, before: key)
    }
    return entries
  }
}
