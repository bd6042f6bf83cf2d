// What can be asked of the ledger. Each query works in a read or a write transaction alike.

public import LMDB

/// Which of a user's downloads to list.
public struct DownloadFilter: Sendable {
  /// Nil for all.
  public var statuses: Set<Download.Status>?
  public var includesDeleted: Bool
  /// Only ids older than this one.
  public var before: DownloadID?
  public var limit: Int

  public init(
    statuses: Set<Download.Status>? = nil, includesDeleted: Bool = false, before: DownloadID? = nil, limit: Int
  ) {
    self.statuses = statuses
    self.includesDeleted = includesDeleted
    self.before = before
    self.limit = limit
  }
}

/// The first fills of the queue, and what they are waiting for.
public struct QueueEntry: Sendable, Hashable {
  public var download: DownloadID
  /// `.none` when the origin has yet to tell the version.
  public var object: ObjectID
}

extension Ledger {
  /// The user's live download of a title; there is one at the most.
  public func liveDownload(
    of user: UserID, _ title: Title, in tx: borrowing some Reading & ~Copyable
  ) throws -> Download? {
    guard let value = try tx.get(table(.claims), Key.claim(user, title)) else { return nil }
    guard value.count == 16 else { throw CorruptRecord(table: "claims", reason: "a row of odd length") }
    return try download(Key.downloadID(endOf: value), in: tx)
  }

  /// The user's downloads, newest first, found among the next `examined` ones at the most. One whose record cannot be read
  /// hides no other.
  ///
  /// - Returns: also where to go on, nil at the end, and which of those passed on the way cannot be read.
  public func list(
    of user: UserID, _ filter: DownloadFilter, examining examined: Int = .max,
    in tx: borrowing some Reading & ~Copyable
  ) throws -> (downloads: [Download], next: DownloadID?, unreadable: [DownloadID: CorruptRecord]) {
    let prefix = Key.user(user)
    let end = filter.before.map { Key.download($0) } ?? Array(repeating: 0xFF, count: 17)
    var live = try tx.row(in: table(.live), before: prefix + end, prefix: prefix)
    var gone = filter.includesDeleted ? try tx.row(in: table(.gone), before: prefix + end, prefix: prefix) : nil
    var found: [Download] = []
    var unreadable: [DownloadID: CorruptRecord] = [:]
    var last: DownloadID?
    var looked = 0
    while live != nil || gone != nil {
      if looked == examined { return (found, last, unreadable) }
      looked += 1
      let key: [UInt8]
      if let fromLive = live, gone.map({ $0.key.lexicographicallyPrecedes(fromLive.key) }) ?? true {
        key = fromLive.key
        live = try tx.row(in: table(.live), before: key, prefix: prefix)
      } else {
        key = gone!.key
        gone = try tx.row(in: table(.gone), before: key, prefix: prefix)
      }
      let id = Key.downloadID(endOf: key)
      do {
        guard let download = try download(id, in: tx) else {
          throw CorruptRecord(table: "live", reason: "a row without its download")
        }
        if filter.statuses?.contains(download.status) ?? true {
          if found.count == filter.limit { return (found, last, unreadable) }
          found.append(download)
        }
      } catch let error as CorruptRecord { unreadable[id] = error }
      last = id
    }
    return (found, nil, unreadable)
  }

  /// The object of exactly this version, complete or on its way.
  public func object(
    of version: ObjectVersion, in tx: borrowing some Reading & ~Copyable
  ) throws -> StoredObject? {
    try objects(ofKey: version.key, bucket: version.bucket, in: tx).first { $0.origin.version == version }
  }

  /// The newest whole version of a key that the box holds, for when the origin cannot be asked.
  public func wholeVersion(
    ofKey key: String, bucket: String, in tx: borrowing some Reading & ~Copyable
  ) throws -> StoredObject? {
    try objects(ofKey: key, bucket: bucket, in: tx).last { $0.state == .complete }
  }

  private func objects(
    ofKey key: String, bucket: String, in tx: borrowing some Reading & ~Copyable
  ) throws -> [StoredObject] {
    let prefix = Key.origin(bucket: bucket, key: key)
    var found: [StoredObject] = []
    var row = try tx.row(in: table(.byKey), prefix: prefix)
    while let (rowKey, _) = row {
      if let object = try object(ObjectID(Key.number(in: rowKey, at: 8)), in: tx),
        object.origin.version.isOf(bucket: bucket, key: key)
      {
        found.append(object)
      }
      row = try tx.row(in: table(.byKey), after: rowKey, prefix: prefix)
    }
    return found
  }

  /// The live downloads that hold an object, oldest first.
  ///
  /// - Parameter limit: of more than these, those that may not be evicted go before the others: who waits for it is among
  ///   them.
  public func owners(
    of id: ObjectID, limit: Int = .max, in tx: borrowing some Reading & ~Copyable
  ) throws -> [DownloadID] {
    let prefix = Key.object(id)
    var found: [DownloadID] = []
    var row = try tx.row(in: table(.owners), prefix: prefix)
    while let (key, _) = row, found.count < limit {
      found.append(Key.downloadID(endOf: key))
      row = try tx.row(in: table(.owners), after: key, prefix: prefix)
    }
    return found.sorted()
  }

  /// Objects that were whole and lack blocks now, by number, behind the given one.
  public func mends(
    after last: ObjectID = .none, limit: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> [ObjectID] {
    var found: [ObjectID] = []
    var row = try tx.row(in: table(.mends), after: last == .none ? [] : Key.object(last))
    while let (key, _) = row, found.count < limit {
      found.append(ObjectID(Key.number(in: key, at: 0)))
      row = try tx.row(in: table(.mends), after: key)
    }
    return found
  }

  /// The queue of fills behind `after`, oldest first.
  public func queue(
    after: DownloadID? = nil, limit: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> [QueueEntry] {
    var found: [QueueEntry] = []
    // The one query that reads a thousand rows on the loop: it walks on instead of looking each of them up.
    var cursor = try tx.cursor(table(.queue))
    // The smallest key greater than this one is this one with a zero byte behind it.
    var isThere =
      if let after { try cursor.seek(atOrAfter: Key.download(after) + [0]) } else { try cursor.first() }
    while isThere, found.count < limit, let key = try cursor.key, let value = try cursor.value {
      found.append(
        QueueEntry(download: Key.downloadID(endOf: key), object: ObjectID(Key.number(in: value, at: 0))))
      isThere = try cursor.next()
    }
    return found
  }
}
