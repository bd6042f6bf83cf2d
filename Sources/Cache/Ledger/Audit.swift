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
    /// An administrator pinned a download, or took its pin away.
    case pinned = 12
    case unpinned = 13
    /// An administrator set how much a user may keep, or left it to the configuration again; the cause says to what.
    case quotaSet = 14
    /// An object is whole; the cause says what it was compared with.
    case verified = 20

    /// The stable word of the API.
    public var word: String {
      switch self {
      case .started: "started"
      case .completed: "completed"
      case .failed: "failed"
      case .cancelled: "cancelled"
      case .deleted: "deleted"
      case .evicted: "evicted"
      case .objectEvicted: "object_evicted"
      case .renewed: "renewed"
      case .refetched: "refetched"
      case .damaged: "damaged"
      case .mended: "mended"
      case .pinned: "pinned"
      case .unpinned: "unpinned"
      case .quotaSet: "quota_set"
      case .verified: "verified"
      }
    }

    /// From the API's word.
    public init?(word: some StringProtocol) {
      guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
      self = found
    }
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
  /// The administrator who did it; empty when it was a user, or the box by itself.
  public var by = ""
}

extension AuditEntry {
  /// The entry without its number, which is the key. What an administrator did is of version 2, which names them; all
  /// else is as it ever was.
  var record: [UInt8] {
    var writer = RecordWriter(version: by.isEmpty ? 1 : 2)
    writer.put(moment)
    writer.put(event.rawValue)
    writer.put(download?.upper ?? 0)
    writer.put(download?.lower ?? 0)
    writer.put(object.number)
    writer.put(Int64(bytes))
    writer.put(user)
    writer.put(cause)
    if !by.isEmpty { writer.put(by) }
    return writer.bytes
  }

  init(number: UInt64, record: [UInt8]) throws(CorruptRecord) {
    let isNamed = record.first == 2
    var reader = try RecordReader(record, table: "audit", version: isNamed ? 2 : 1)
    let moment = try reader.takeMoment()
    guard let event = Event(rawValue: try reader.take()) else { throw reader.corrupt("an unknown event") }
    let id = DownloadID(upper: try reader.take(), lower: try reader.take())
    self.init(
      number: number, moment: moment, event: event, download: id == DownloadID(upper: 0, lower: 0) ? nil : id,
      object: ObjectID(try reader.take()), user: "", bytes: try reader.takeSize(), cause: "")
    user = try reader.takeText()
    cause = try reader.takeText()
    if isNamed {
      by = try reader.takeText()
      guard !by.isEmpty else { throw reader.corrupt("done by nobody") }
    }
    try reader.finish()
  }
}

/// Which entries of the diary to show.
public struct AuditFilter: Sendable {
  /// Only of this user's downloads; nil for all.
  public var user: UserID?
  /// Only these events; nil for all.
  public var events: Set<AuditEntry.Event>?
  /// Only entries older than this one.
  public var before: UInt64
  public var limit: Int

  public init(
    user: UserID? = nil, events: Set<AuditEntry.Event>? = nil, before: UInt64 = .max, limit: Int
  ) {
    self.user = user
    self.events = events
    self.before = before
    self.limit = limit
  }
}

extension Ledger {
  /// How many entries are kept; the oldest go first.
  public static let auditLimit = 100_000

  /// Writes one entry and drops the oldest when there are too many.
  func record(
    _ event: AuditEntry.Event, _ download: Download?, object: ObjectID? = nil, user: UserID? = nil, bytes: Int,
    cause: String, by administrator: String? = nil, in tx: borrowing WriteTransaction, _ change: borrowing Change
  ) throws {
    let number = try nextNumber(of: "next_audit", in: tx)
    let entry = AuditEntry(
      number: number, moment: change.now, event: event, download: download?.id,
      object: object ?? download?.object ?? .none, user: (download?.user ?? user)?.text ?? "", bytes: bytes,
      cause: cause, by: administrator ?? "")
    try tx.put(audit, Key.bigEndian(number), entry.record)
    if number > UInt64(Self.auditLimit) { try tx.delete(audit, Key.bigEndian(number - UInt64(Self.auditLimit))) }
  }

  /// The entries that the filter lets pass, newest first, found among the next `examined` ones at the most.
  ///
  /// - Returns: also where to go on; nil at the end. One that cannot be read hides no other.
  public func auditEntries(
    _ filter: AuditFilter, examining examined: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> (entries: [AuditEntry], next: UInt64?) {
    var entries: [AuditEntry] = []
    var looked = 0
    var row = try tx.row(in: audit, before: Key.bigEndian(filter.before))
    while let (key, value) = row {
      let number = Key.number(in: key, at: 0)
      if entries.count == filter.limit || looked == examined { return (entries, number == .max ? nil : number + 1) }
      looked += 1
      do throws(CorruptRecord) {
        let entry = try AuditEntry(number: number, record: value)
        if filter.events?.contains(entry.event) ?? true,
          filter.user.map({ $0.text.utf8.elementsEqual(entry.user.utf8) }) ?? true
        {
          entries.append(entry)
        }
      } catch {}
      row = try tx.row(in: audit, before: key)
    }
    return (entries, nil)
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
