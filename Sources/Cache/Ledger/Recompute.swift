// Everything that follows from the records, made anew: the rows of all other tables, the counters of users, objects and
// box, the sequences. What cannot be read goes, what stands on it begins again, and a title that can still be read stays.
//
// It is the auditor's counterpart: after it the auditor finds nothing.

public import LMDB

/// What a recomputation had to give up, besides counting anew.
public struct RecomputeResult: Sendable, Hashable {
  /// Records that could not be read.
  public var droppedRecords = 0
  /// Live downloads whose object was not there: they wait for the origin again.
  public var restarted: [DownloadID] = []
  /// Second live downloads of one title of one user: ended.
  public var ended: [DownloadID] = []
  /// Objects that turned out to lack blocks.
  public var mending: [ObjectID] = []

  public init() {}
}

/// What the records make, added up on the way.
private struct Totals {
  struct Holders {
    var owners = 0
    /// Whether one of them is completed: then the whole was compared with the origin once.
    var hasCompleted = false
  }

  var usages: [UserID: Usage] = [:]
  var counts: [UserID: UserCounts] = [:]
  var statuses = StatusCounts()
  var holders: [ObjectID: Holders] = [:]
  var box = BoxUsage()
  var highestObject: UInt64 = 0
  var result = RecomputeResult()
}

extension Ledger {
  /// Makes everything anew that follows from the records, in this one transaction.
  ///
  /// It takes time in proportion to the whole ledger, and memory to the number of users and objects.
  ///
  /// - Parameter highest: the highest number of a file in `objects`: a new object may not take its place.
  public func recompute(
    above highest: ObjectID = .none, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> RecomputeResult {
    var totals = Totals()
    totals.highestObject = highest.number
    try dropUnreadable(&totals, in: tx, &change)
    try settleDownloads(&totals, in: tx, &change)
    try settleObjects(&totals, in: tx, &change)
    try settleStarts(in: tx)
    try settleDiscards(&totals, in: tx)
    try settleCounters(totals, in: tx)
    try deriveRows(in: tx)
    change.queueChanged = true
    return totals.result
  }

  // MARK: Records that cannot be read

  private func dropUnreadable(
    _ totals: inout Totals, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    // The diary first: what follows writes into it.
    try sift(audit, &totals, in: tx) { key, value in
      guard key.count == 8 else { throw CorruptRecord(table: "audit", reason: "a key of odd length") }
      _ = try AuditEntry(number: Key.number(in: key, at: 0), record: value)
    }
    try raise(
      "next_audit", to: try tx.row(in: audit, before: Self.behindAll).map { Key.number(in: $0.key, at: 0) }, in: tx)
    let lost = try sift(downloads, &totals, in: tx) { key, value in
      guard key.count == 16 else { throw CorruptRecord(table: Download.table, reason: "a key of odd length") }
      _ = try Download(id: Key.downloadID(endOf: key), record: value)
    }
    for (key, reason) in lost {
      let id = key.count == 16 ? Key.downloadID(endOf: key).description : "of odd length"
      try note("the record of the download \(id) could not be read (\(reason)) and was dropped", .none, in: tx, change)
    }
    let gone = try sift(objects, &totals, in: tx) { key, value in
      guard key.count == 8, Key.number(in: key, at: 0) != 0 else {
        throw CorruptRecord(table: StoredObject.table, reason: "an odd key")
      }
      _ = try StoredObject(id: ObjectID(Key.number(in: key, at: 0)), record: value)
    }
    for (key, reason) in gone {
      let id = ObjectID(key.count == 8 ? Key.number(in: key, at: 0) : 0)
      totals.highestObject = max(totals.highestObject, id.number)
      if id != .none { change.goneObjects.append(id) }
      try note("the record of an object could not be read (\(reason)) and was dropped", id, in: tx, change)
    }
    try sift(discards, &totals, in: tx) { key, value in
      let path = try Discard(key: key, value: value).path
      // What would be removed must lie where larder puts things.
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      guard !parts.contains(".."),
        parts.count == 2 && parts[0] == "objects" || parts.count == 4 && parts[0] == "downloads"
      else { throw CorruptRecord(table: "discards", reason: "a path that larder does not make") }
    }
    // A page that cannot be read has no blocks: they are fetched again.
    try sift(blocks, &totals, in: tx) { key, value in
      guard key.count == 12 else { throw CorruptRecord(table: "blocks", reason: "a key of odd length") }
      _ = try BlockPage(value)
    }
    try sift(starts, &totals, in: tx) { key, value in _ = try BlockStart(key: key, value: value) }
    // Whose limit nobody can read any more has the configuration's.
    try sift(limits, &totals, in: tx) { key, value in
      guard Self.user(ofKey: key) != nil else { throw CorruptRecord(table: limits.name, reason: "the key of no user") }
      _ = try SetLimit(record: value)
    }
    do { _ = try scrubProgress(in: tx) } catch is CorruptRecord { try note(ScrubProgress(), in: tx) }
  }

  /// Removes the rows that cannot be read.
  @discardableResult
  private func sift(
    _ table: Table, _ totals: inout Totals, in tx: borrowing WriteTransaction,
    _ check: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws -> [(key: [UInt8], reason: String)] {
    var unreadable: [(key: [UInt8], reason: String)] = []
    try eachRow(of: table, in: tx) { key, value in
      do { try check(key, value) } catch let error as CorruptRecord { unreadable.append((key, error.reason)) }
    }
    for (key, _) in unreadable { try tx.delete(table, key) }
    totals.result.droppedRecords += unreadable.count
    return unreadable
  }

  private func note(
    _ cause: String, _ object: ObjectID, in tx: borrowing WriteTransaction, _ change: borrowing Change
  ) throws {
    try record(.damaged, nil, object: object, bytes: 0, cause: cause, in: tx, change)
  }

  // MARK: Downloads

  private func settleDownloads(
    _ totals: inout Totals, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    try tx.deleteAll(table(.claims))
    // First who keeps a title that two claim, so that nobody loses a film to somebody who only waits for it.
    try eachRow(of: downloads, in: tx) { key, value in
      let download = try Download(id: Key.downloadID(endOf: key), record: value)
      guard download.isLive else { return }
      let claim = Key.claim(download.user, download.title)
      if let other = try tx.get(table(.claims), claim).flatMap({ try self.download(Key.downloadID(endOf: $0), in: tx) }
      ),
        try rank(other, in: tx) >= rank(download, in: tx)
      {
        return
      }
      try tx.put(table(.claims), claim, key)
    }
    var key: [UInt8] = []
    while let row = try tx.row(in: downloads, after: key) {
      key = row.key
      let old = try Download(id: Key.downloadID(endOf: key), record: row.value)
      guard old.isLive else {
        totals.counts[old.user, default: UserCounts()].add(old)
        continue
      }
      var new = old
      let isFirst = try tx.get(table(.claims), Key.claim(old.user, old.title)) == key
      if !isFirst {
        new.deleted = change.now
        new.object = .none
        new.pinned = false
        if old.status.isUnfinished { new.status = .cancelled }
        totals.result.ended.append(old.id)
        try record(.deleted, old, bytes: 0, cause: "a second record of the same title", in: tx, change)
      } else {
        try settle(&new, &totals, in: tx, &change)
      }
      if new != old {
        new.updated = change.now
        try tx.put(downloads, key, new.record)
        change.note(new, over: old)
      }
      totals.usages[new.user, default: Usage()].add(new.charge)
      totals.counts[new.user, default: UserCounts()].add(new)
      totals.statuses.add(new)
      guard new.isLive, new.object != .none else { continue }
      totals.holders[new.object, default: Totals.Holders()].owners += 1
      if new.status == .completed {
        totals.holders[new.object]?.hasCompleted = true
        // Its link is in use: nothing that once was to be removed there may be.
        try keep(change.policy.link(of: new), in: tx)
      }
    }
  }

  /// The higher, the more there is to lose.
  private func rank(_ download: Download, in tx: borrowing WriteTransaction) throws -> Int {
    guard try object(download.object, in: tx) != nil else { return 0 }
    return download.status == .completed ? 2 : 1
  }

  /// What a live download stands on must be there.
  private func settle(
    _ download: inout Download, _ totals: inout Totals, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    if let object = try object(download.object, in: tx), download.status.isUnfinished || download.status == .completed {
      download.totalBytes = object.size
      return
    }
    let wasCompleted = download.status == .completed
    guard wasCompleted || download.object != .none else { return }
    download.object = .none
    guard wasCompleted || download.status.isUnfinished else { return }
    if download.status != .paused { download.status = .pending }
    download.totalBytes = nil
    download.completed = nil
    download.endedBytes = 0
    totals.result.restarted.append(download.id)
    try record(
      .renewed, download, bytes: 0, cause: "what the box held of it cannot be read; it is fetched anew", in: tx, change)
    if wasCompleted { try discard(change.policy.link(of: download), bytes: 0, in: tx, &change) }
  }

  // MARK: Objects

  private func settleObjects(
    _ totals: inout Totals, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    var key: [UInt8] = []
    while let row = try tx.row(in: objects, after: key) {
      key = row.key
      let old = try StoredObject(id: ObjectID(Key.number(in: key, at: 0)), record: row.value)
      totals.highestObject = max(totals.highestObject, old.id.number)
      let holders = totals.holders[old.id] ?? Totals.Holders()
      var new = old
      new.owners = holders.owners
      new.storedBytes = try settleBlocks(of: old, in: tx)
      let isWhole = new.storedBytes == new.size
      switch new.state {
      case .complete where !isWhole:
        new.state = .mending
        totals.result.mending.append(new.id)
        change.damagedObjects.append(new.id)
        try record(
          .damaged, nil, object: new.id, bytes: new.size - new.storedBytes, cause: "the ledger lost its blocks", in: tx,
          change)
      case .filling where holders.hasCompleted: new.state = isWhole ? .complete : .mending
      case .complete, .filling, .mending: break
      }
      if new.owners == 0, new.state != .complete {
        try tx.delete(objects, key)
        try removeBlocks(of: new, in: tx)
        try discard(StoredPath.object(new.id), bytes: new.bytesOnDisk, in: tx, &change)
        change.goneObjects.append(new.id)
        continue
      }
      if new != old { try tx.put(objects, key, new.record) }
      new.charge(to: &totals.box, sign: 1)
    }
    // Pages of nothing, and pages beyond an object's end.
    key = []
    while let row = try tx.row(in: blocks, after: key) {
      key = row.key
      let owner = try object(ObjectID(Key.number(in: key, at: 0)), in: tx)
      let first = Int(Key.number(in: key, at: 8)) * BlockPage.blocks
      if owner.map({ first >= $0.blockCount }) ?? true { try tx.delete(blocks, key) }
    }
  }

  /// Takes away beginnings of blocks that are there, or that no object has.
  private func settleStarts(in tx: borrowing WriteTransaction) throws {
    var key: [UInt8] = []
    while let row = try tx.row(in: starts, after: key) {
      key = row.key
      let start = try BlockStart(key: key, value: row.value)
      if let owner = try object(ObjectID(Key.number(in: key, at: 0)), in: tx), owner.state != .complete,
        start.index < owner.blockCount,
        (1..<owner.bytes(ofBlock: start.index).count).contains(start.length),
        try checksum(ofBlock: start.index, of: owner.id, in: tx) == nil
      {
        continue
      }
      try tx.delete(starts, key)
    }
  }

  /// Takes away the bits of blocks that the object does not have.
  ///
  /// - Returns: the bytes of those whose bit is set.
  private func settleBlocks(of object: StoredObject, in tx: borrowing WriteTransaction) throws -> Int {
    var stored = 0
    let prefix = Key.object(object.id)
    var key = prefix
    while let row = try tx.row(in: blocks, after: key, prefix: prefix) {
      key = row.key
      let first = Int(Key.number(in: key, at: 8)) * BlockPage.blocks
      guard first < object.blockCount else { break }
      var page = try BlockPage(row.value)
      for slot in 0..<BlockPage.blocks where page[slot] != nil {
        if first + slot < object.blockCount {
          stored += object.bytes(ofBlock: first + slot).count
        } else {
          page[slot] = nil
        }
      }
      if page.bytes != row.value { try tx.put(blocks, key, page.bytes) }
    }
    return stored
  }

  // MARK: Discards and counters

  private func settleDiscards(_ totals: inout Totals, in tx: borrowing WriteTransaction) throws {
    var newest: UInt64 = 0
    var inUse: [[UInt8]] = []
    try eachRow(of: discards, in: tx) { key, value in
      let discard = try Discard(key: key, value: value)
      newest = max(newest, discard.sequence)
      let parts = discard.path.split(separator: "/")
      if parts.count == 2, let id = StoredPath.objectID(ofFile: String(parts[1])) {
        totals.highestObject = max(totals.highestObject, id.number)
        if try object(id, in: tx) != nil { return inUse.append(key) }
      }
      totals.box.discarded += discard.bytes
    }
    for key in inUse { try tx.delete(discards, key) }
    try raise("next_discard", to: newest, in: tx)
  }

  private func settleCounters(_ totals: Totals, in tx: borrowing WriteTransaction) throws {
    try tx.put(meta, Array("box".utf8), totals.box.record)
    try raise("next_object", to: totals.highestObject, in: tx)
    try tx.put(meta, StatusCounts.key, totals.statuses.record)
    try tx.deleteAll(counts)
    for (user, count) in totals.counts { try tx.put(counts, Key.user(user), count.record) }
    try tx.deleteAll(users)
    for (user, usage) in totals.usages where usage != Usage() { try tx.put(users, Key.user(user), usage.record) }
  }

  /// A sequence may not give out what is in use.
  private func raise(_ sequence: String, to inUse: UInt64?, in tx: borrowing WriteTransaction) throws {
    let key = Array(sequence.utf8)
    let next = try tx.get(meta, key).map { Key.number(in: $0, at: 0) } ?? 0
    if let inUse, next < inUse { try tx.put(meta, key, Key.bigEndian(inUse)) }
  }

  // MARK: Rows

  private func deriveRows(in tx: borrowing WriteTransaction) throws {
    for index in DerivedRow.Index.allCases { try tx.deleteAll(table(index)) }
    func put(_ rows: [DerivedRow]) throws {
      for row in rows { try tx.put(table(row.index), row.key, row.value) }
    }
    try eachRow(of: downloads, in: tx) { key, value in
      try put(try Download(id: Key.downloadID(endOf: key), record: value).rows)
    }
    try eachRow(of: objects, in: tx) { key, value in
      let object = try StoredObject(id: ObjectID(Key.number(in: key, at: 0)), record: value)
      try put(object.rows)
      try settlePlace(of: object.id, from: nil, in: tx)
    }
  }

  /// Every row; `body` may write to other tables.
  private func eachRow(
    of table: Table, in tx: borrowing WriteTransaction, _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws {
    var cursor = try tx.cursor(table)
    var isThere = try cursor.first()
    while isThere, let key = try cursor.key, let value = try cursor.value {
      try body(key, value)
      isThere = try cursor.next()
    }
  }

  /// Greater than any key of numbers.
  private static let behindAll = Array(repeating: UInt8.max, count: 32)
}
