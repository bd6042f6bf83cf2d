// Whether usage drifts: everything that follows from the records is recomputed from them and compared with what the
// tables hold. It only reads, believes no counter, and takes damage for a finding instead of giving up at it.

public import LMDB

/// One place where the ledger does not hold what follows from its records.
public enum AuditFinding: Sendable, Hashable, CustomStringConvertible {
  /// A record or row cannot be read; what would follow from it was left out.
  case unreadable(table: String, key: [UInt8], reason: String)
  /// A row that follows from a record is not there.
  case missingRow(table: String, key: [UInt8])
  /// A row that follows from a record holds something else.
  case differentRow(table: String, key: [UInt8])
  /// A row that follows from no record.
  case strayRow(table: String, key: [UInt8])
  /// A user's usage is not what the user's live downloads count for.
  case usage(UserID, recorded: Usage, recomputed: Usage)
  /// The box's usage is not what objects and discards count for.
  case boxUsage(recorded: BoxUsage, recomputed: BoxUsage)
  /// A user has another number of downloads than is counted.
  case counts(UserID, recorded: UserCounts, recomputed: UserCounts)
  /// Another number of live downloads is in a state than is counted.
  case statuses(recorded: StatusCounts, recomputed: StatusCounts)
  /// An object does not count its owners right.
  case owners(ObjectID, recorded: Int, recomputed: Int)
  /// An object does not count its stored bytes right.
  case storedBytes(ObjectID, recorded: Int, recomputed: Int)
  /// An object counts as complete and lacks bytes.
  case incomplete(ObjectID, missing: Int)
  /// An unfinished object that no download holds; it should have gone with its last owner.
  case abandoned(ObjectID)
  /// A live download holds an object that is not there, or is completed without a complete one.
  case unfounded(DownloadID, ObjectID)
  /// The file of an object that the ledger holds is to be removed.
  case discardInUse(ObjectID)
  /// A sequence would give out a number that is in use.
  case sequence(String, next: UInt64, inUse: UInt64)

  /// One sentence for people.
  public var description: String {
    switch self {
    case .unreadable(let table, let key, let reason): "\(Self.place(table, key)) cannot be read: \(reason)"
    case .missingRow(let table, let key): "\(Self.place(table, key)) is missing"
    case .differentRow(let table, let key): "\(Self.place(table, key)) is not what its record says"
    case .strayRow(let table, let key): "\(Self.place(table, key)) follows from no record"
    case .usage(let user, let recorded, let recomputed):
      """
      the user \(user.text) is charged \(recorded.used) bytes used and \(recorded.reserved) reserved, \
      where the downloads make \(recomputed.used) and \(recomputed.reserved)
      """
    case .boxUsage(let recorded, let recomputed):
      """
      the box is charged \(recorded.complete) bytes complete (\(recorded.unowned) unowned), \(recorded.filling) filling \
      (\(recorded.fillingStored) stored) and \(recorded.discarded) discarded, where objects and discards make \
      \(recomputed.complete) (\(recomputed.unowned)), \(recomputed.filling) (\(recomputed.fillingStored)) and \
      \(recomputed.discarded)
      """
    case .statuses(let recorded, let recomputed):
      "of live downloads are counted \(recorded.words), where there are \(recomputed.words)"
    case .counts(let user, let recorded, let recomputed):
      """
      the user \(user.text) counts \(recorded.live) live downloads (\(recorded.unfinished) unfinished) and \
      \(recorded.gone) deleted, where there are \(recomputed.live) (\(recomputed.unfinished)) and \(recomputed.gone)
      """
    case .owners(let object, let recorded, let recomputed):
      "the object \(object.hexadecimal) counts \(recorded) owners, where \(recomputed) live downloads hold it"
    case .storedBytes(let object, let recorded, let recomputed):
      "the object \(object.hexadecimal) counts \(recorded) bytes stored, where its blocks make \(recomputed)"
    case .incomplete(let object, let missing):
      "the object \(object.hexadecimal) counts as complete and lacks \(missing) bytes"
    case .abandoned(let object): "the object \(object.hexadecimal) is unfinished and no download holds it"
    case .unfounded(let download, let object):
      "the download \(download) stands on the object \(object.hexadecimal), which is not there or not complete"
    case .discardInUse(let object): "the file of the object \(object.hexadecimal) is to be removed, and is in use"
    case .sequence(let name, let next, let inUse):
      "the sequence \(name) stands at \(next), where \(inUse) is in use already"
    }
  }

  private static func place(_ table: String, _ key: [UInt8]) -> String {
    // By the name under which its user knows it.
    if table == Download.table, key.count == 16 { return "the record of the download \(Key.downloadID(endOf: key))" }
    return "the row \(key.map { ObjectID(UInt64($0)).hexadecimal.suffix(2) }.joined()) of the table \(table)"
  }
}

/// What the records make, added up while they are walked.
private struct Recount {
  struct Holders {
    var count = 0
    /// Of those that may be evicted.
    var lastWanted: Timestamp?
    /// Whether one of them may not be.
    var isBound = false
  }

  var findings: [AuditFinding] = []
  var rows: [DerivedRow.Index: Int] = [:]
  var usages: [UserID: Usage] = [:]
  var counts: [UserID: UserCounts] = [:]
  var statuses = StatusCounts()
  var holders: [ObjectID: Holders] = [:]
  var box = BoxUsage()
  var pages = 0

  /// Runs `body`; a record that it cannot read becomes a finding.
  mutating func reading<R>(_ table: Table, _ key: [UInt8], _ body: () throws -> R?) throws -> R? {
    do { return try body() } catch let damage as CorruptRecord {
      findings.append(.unreadable(table: table.name, key: key, reason: damage.reason))
      return nil
    }
  }
}

extension Recount.Holders {
  fileprivate mutating func add(_ download: Download) {
    count += 1
    if download.isEvictable { lastWanted = max(lastWanted ?? download.lastWanted, download.lastWanted) }
    isBound = isBound || !download.isEvictable
  }

  fileprivate func place(of object: StoredObject) -> DerivedRow? {
    isBound ? nil : lastWanted.map { object.place(wanted: $0) }
  }
}

extension Ledger {
  /// Recomputes what follows from the records and compares it with what the tables hold: nothing, when all is well.
  ///
  /// It takes time in proportion to the whole ledger, and any transaction: in the one of a change it sees the change.
  ///
  /// - Throws: an `LMDBError` when the file itself cannot be read. Damaged records are findings.
  public func auditFindings(in tx: borrowing some Reading & ~Copyable) throws -> [AuditFinding] {
    var recount = Recount()
    try auditDownloads(&recount, in: tx)
    try auditObjects(&recount, in: tx)
    try auditDiscards(&recount, in: tx)
    try auditUsages(&recount, in: tx)
    try auditCounts(&recount, in: tx)
    try auditLimits(&recount, in: tx)
    try auditStrays(&recount, in: tx)
    try auditSequence("next_audit", of: audit, &recount, in: tx)
    return recount.findings
  }

  private func auditDownloads(_ recount: inout Recount, in tx: borrowing some Reading & ~Copyable) throws {
    try each(of: downloads, in: tx) { key, value in
      let read = try recount.reading(downloads, key) {
        guard key.count == 16 else { throw CorruptRecord(table: downloads.name, reason: "a key of odd length") }
        return try Download(id: Key.downloadID(endOf: key), record: value)
      }
      guard let download = read else { return }
      try compare(download.rows, &recount, in: tx)
      recount.usages[download.user, default: Usage()].add(download.charge)
      recount.counts[download.user, default: UserCounts()].add(download)
      recount.statuses.add(download)
      guard download.isLive, download.object != .none || download.status == .completed else { return }
      recount.holders[download.object, default: Recount.Holders()].add(download)
      let held = try recount.reading(objects, Key.object(download.object)) { try object(download.object, in: tx) }
      if held == nil || download.status == .completed && held?.state == .filling {
        recount.findings.append(.unfounded(download.id, download.object))
      }
    }
  }

  private func auditObjects(_ recount: inout Recount, in tx: borrowing some Reading & ~Copyable) throws {
    try each(of: objects, in: tx) { key, value in
      let read = try recount.reading(objects, key) {
        guard key.count == 8 else { throw CorruptRecord(table: objects.name, reason: "a key of odd length") }
        return try StoredObject(id: ObjectID(Key.number(in: key, at: 0)), record: value)
      }
      guard let object = read else { return }
      let holders = recount.holders[object.id] ?? Recount.Holders()
      try compare(object.rows + [holders.place(of: object)].compactMap(\.self), &recount, in: tx)
      object.charge(to: &recount.box, sign: 1)
      let owners = holders.count
      if owners != object.owners {
        recount.findings.append(.owners(object.id, recorded: object.owners, recomputed: owners))
      }
      let stored = try storedBytes(of: object, &recount, in: tx)
      if stored != object.storedBytes {
        recount.findings.append(.storedBytes(object.id, recorded: object.storedBytes, recomputed: stored))
      }
      switch object.state {
      case .complete where stored < object.size:
        recount.findings.append(.incomplete(object.id, missing: object.size - stored))
      case .filling where owners == 0, .mending where owners == 0: recount.findings.append(.abandoned(object.id))
      case .complete, .filling, .mending: break
      }
    }
    try auditSequence("next_object", of: objects, &recount, in: tx)
    try auditStarts(&recount, in: tx)
    guard try tx.count(blocks) != recount.pages else { return }
    try each(of: blocks, in: tx) { key, _ in
      let id = ObjectID(Key.number(in: key, at: 0))
      if key.count != 12 || (try? object(id, in: tx)) == nil {
        recount.findings.append(.strayRow(table: blocks.name, key: key))
      }
    }
  }

  /// A beginning is one of a block that is not there, of an object that is.
  private func auditStarts(_ recount: inout Recount, in tx: borrowing some Reading & ~Copyable) throws {
    try each(of: starts, in: tx) { key, value in
      guard let start = try recount.reading(starts, key, { try BlockStart(key: key, value: value) }) else { return }
      let id = ObjectID(Key.number(in: key, at: 0))
      let isFounded = try recount.reading(starts, key) {
        guard let object = try object(id, in: tx), object.state != .complete, start.index < object.blockCount,
          (1..<object.bytes(ofBlock: start.index).count).contains(start.length)
        else { return false }
        return try checksum(ofBlock: start.index, of: id, in: tx) == nil
      }
      if isFounded == false { recount.findings.append(.strayRow(table: starts.name, key: key)) }
    }
  }

  /// The bytes of the blocks whose bit is set.
  private func storedBytes(
    of object: StoredObject, _ recount: inout Recount, in tx: borrowing some Reading & ~Copyable
  ) throws -> Int {
    var stored = 0
    try each(of: blocks, prefix: Key.object(object.id), in: tx) { key, value in
      recount.pages += 1
      let first = Int(Key.number(in: key, at: 8)) * BlockPage.blocks
      guard key.count == 12, first < object.blockCount else {
        return recount.findings.append(.strayRow(table: blocks.name, key: key))
      }
      guard let page = try recount.reading(blocks, key, { try BlockPage(value) }) else { return }
      for slot in 0..<BlockPage.blocks where page[slot] != nil {
        guard first + slot < object.blockCount else {
          return recount.findings.append(.differentRow(table: blocks.name, key: key))
        }
        stored += object.bytes(ofBlock: first + slot).count
      }
    }
    return stored
  }

  private func auditDiscards(_ recount: inout Recount, in tx: borrowing some Reading & ~Copyable) throws {
    var newest: UInt64 = 0
    try each(of: discards, in: tx) { key, value in
      guard let discard = try recount.reading(discards, key, { try Discard(key: key, value: value) }) else { return }
      recount.box.discarded += discard.bytes
      newest = max(newest, discard.sequence)
      if let name = discard.path.split(separator: "/").last, let number = UInt64(name, radix: 16),
        discard.path == StoredPath.object(ObjectID(number)), try tx.contains(objects, Key.object(ObjectID(number)).span)
      {
        recount.findings.append(.discardInUse(ObjectID(number)))
      }
    }
    try check("next_discard", atLeast: newest, &recount, in: tx)
    let box = try recount.reading(meta, Array("box".utf8)) { try boxUsage(in: tx) }
    if let box, box != recount.box {
      recount.findings.append(.boxUsage(recorded: box, recomputed: recount.box))
    }
  }

  private func auditUsages(_ recount: inout Recount, in tx: borrowing some Reading & ~Copyable) throws {
    try each(of: users, in: tx) { key, value in
      guard let user = Self.user(ofKey: key) else {
        return recount.findings.append(.strayRow(table: users.name, key: key))
      }
      let recomputed = recount.usages.removeValue(forKey: user) ?? Usage()
      let recorded = try recount.reading(users, key) { try Usage(record: value) }
      if let recorded, recorded != recomputed {
        recount.findings.append(.usage(user, recorded: recorded, recomputed: recomputed))
      }
    }
    // Whoever is left has no row, which counts as nothing.
    for (user, recomputed) in recount.usages.sorted(by: { $0.key.text < $1.key.text }) where recomputed != Usage() {
      recount.findings.append(.usage(user, recorded: Usage(), recomputed: recomputed))
    }
  }

  /// A user without a row was not counted yet.
  private func auditCounts(_ recount: inout Recount, in tx: borrowing some Reading & ~Copyable) throws {
    try each(of: counts, in: tx) { key, value in
      guard let user = Self.user(ofKey: key) else {
        return recount.findings.append(.strayRow(table: counts.name, key: key))
      }
      let recorded = try recount.reading(counts, key) { try UserCounts(record: value) }
      let recomputed = recount.counts[user] ?? UserCounts()
      if let recorded, recorded != recomputed {
        recount.findings.append(.counts(user, recorded: recorded, recomputed: recomputed))
      }
    }
    let statuses = try recount.reading(meta, StatusCounts.key) { try statusCounts(in: tx) }
    if let statuses, statuses != recount.statuses {
      recount.findings.append(.statuses(recorded: statuses, recomputed: recount.statuses))
    }
  }

  /// What an administrator has said follows from nothing: it only has to be readable.
  private func auditLimits(_ recount: inout Recount, in tx: borrowing some Reading & ~Copyable) throws {
    try each(of: limits, in: tx) { key, value in
      guard Self.user(ofKey: key) != nil else {
        return recount.findings.append(.strayRow(table: limits.name, key: key))
      }
      _ = try recount.reading(limits, key) { try SetLimit(record: value) }
    }
  }

  /// Whose row it is; nil when no user has such a key.
  static func user(ofKey key: [UInt8]) -> UserID? {
    guard let text = String(validating: key.dropFirst(), as: UTF8.self), let user = UserID(text), key == Key.user(user)
    else { return nil }
    return user
  }

  // MARK: Rows

  private func compare(
    _ rows: [DerivedRow], _ recount: inout Recount, in tx: borrowing some Reading & ~Copyable
  ) throws {
    for row in rows {
      let table = table(row.index)
      switch try tx.get(table, row.key) {
      case nil: recount.findings.append(.missingRow(table: table.name, key: row.key))
      case row.value: recount.rows[row.index, default: 0] += 1
      default: recount.findings.append(.differentRow(table: table.name, key: row.key))
      }
    }
  }

  /// Every row that follows from a record was found; whatever a table holds besides follows from none.
  private func auditStrays(_ recount: inout Recount, in tx: borrowing some Reading & ~Copyable) throws {
    for index in DerivedRow.Index.allCases {
      let table = table(index)
      guard try tx.count(table) != recount.rows[index] ?? 0 else { continue }
      try each(of: table, in: tx) { key, value in
        guard
          try !rows(behind: index, key, value, recount, in: tx).contains(where: { $0.index == index && $0.key == key })
        else { return }
        recount.findings.append(.strayRow(table: table.name, key: key))
      }
    }
  }

  /// The rows of the record that a row names; none when it names none, or one that cannot be read.
  private func rows(
    behind index: DerivedRow.Index, _ key: [UInt8], _ value: [UInt8], _ recount: Recount,
    in tx: borrowing some Reading & ~Copyable
  ) throws -> [DerivedRow] {
    let name = index == .claims ? value : key
    guard name.count >= (index == .fills || index == .mends ? 8 : 16) else { return [] }
    do {
      switch index {
      case .byKey, .unowned, .fills, .mends:
        return try object(ObjectID(Key.number(in: name, at: name.count - 8)), in: tx)?.rows ?? []
      case .boxLRU:
        guard let object = try object(ObjectID(Key.number(in: name, at: name.count - 8)), in: tx) else { return [] }
        return [recount.holders[object.id]?.place(of: object)].compactMap(\.self)
      case .live, .gone, .claims, .queue, .owners, .userLRU:
        return try download(Key.downloadID(endOf: name), in: tx)?.rows ?? []
      }
    } catch is CorruptRecord {
      return []
    }
  }

  private func each(
    of table: Table, prefix: [UInt8] = [], in tx: borrowing some Reading & ~Copyable,
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws {
    var cursor = try tx.cursor(table)
    var isThere = try cursor.seek(atOrAfter: prefix)
    while isThere, let key = try cursor.key, key.starts(with: prefix), let value = try cursor.value {
      try body(key, value)
      isThere = try cursor.next()
    }
  }

  // MARK: Sequences

  /// The table's keys are numbers of the sequence.
  private func auditSequence(
    _ name: String, of table: Table, _ recount: inout Recount, in tx: borrowing some Reading & ~Copyable
  ) throws {
    var cursor = try tx.cursor(table)
    guard try cursor.last(), let key = try cursor.key else { return }
    try check(name, atLeast: Key.number(in: key, at: 0), &recount, in: tx)
  }

  private func check(
    _ sequence: String, atLeast inUse: UInt64, _ recount: inout Recount, in tx: borrowing some Reading & ~Copyable
  ) throws {
    let next = try tx.get(meta, Array(sequence.utf8)).map { Key.number(in: $0, at: 0) } ?? 0
    if next < inUse { recount.findings.append(.sequence(sequence, next: next, inUse: inUse)) }
  }
}
