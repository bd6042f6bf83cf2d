// Everything that must survive: downloads, users' usage, objects and their blocks, the audit. One LMDB environment, and
// for each record the rows that follow from it. This file opens it and writes records; the files beside it decide.

public import LMDB

/// The ledger cannot be used.
public enum LedgerError: Error, Sendable, CustomStringConvertible {
  /// It was written by another version of Larder.
  case foreignSchema(found: UInt32)
  /// The file is not what LMDB takes it for.
  case damaged(FileDamage)
  /// It was never opened for writing by this version, which would have made the table.
  case incomplete(table: String)
  /// An earlier version wrote it, and this one has not opened it for writing yet.
  case older(found: UInt32)

  public var description: String {
    switch self {
    case .foreignSchema(let found):
      "the ledger has schema \(found), this version of larder reads \(Ledger.schema); install the version that wrote it"
    case .damaged(let damage): "the ledger's file is damaged (\(damage))"
    case .incomplete(let table): "the ledger has no table \(table) yet; start larder serve once"
    case .older(let found): "the ledger has schema \(found), an earlier one; start larder serve once"
    }
  }
}

/// The box's memory. Reads run in any read transaction, changes in the one write transaction of the writer.
public final class Ledger: Sendable {
  /// The version of everything that is drawn in "The ledger on disk".
  public static let schema: UInt32 = 3

  public let environment: Environment

  let meta: Table
  let downloads: Table
  let users: Table
  let counts: Table
  let limits: Table
  let objects: Table
  let blocks: Table
  let starts: Table
  let discards: Table
  let audit: Table
  private let indices: [DerivedRow.Index: Table]

  /// Opens the ledger in a folder that exists, or makes a new one there.
  ///
  /// - Parameters:
  ///   - mapSize: bytes of address space to begin with; it grows by itself.
  ///   - readOnly: looks at it, also while another process writes; what is not there is not made.
  ///   - depth: how far the file is checked before LMDB is trusted with it.
  /// - Throws: a ``LedgerError``, or an `LMDBError` when the file cannot be opened.
  public init(
    path: String, mapSize: Int = 64 << 20, readOnly: Bool = false, checking depth: Environment.CheckDepth = .roots
  ) throws {
    let environment = try Environment(
      path: path, mapSize: mapSize, maxTables: 24, readOnly: readOnly, locksInMemory: !readOnly)
    self.environment = environment
    if let damage = try environment.damage(in: path, depth) { throw LedgerError.damaged(damage) }
    func open(_ name: String) throws -> Table {
      do { return try environment.table(name, create: !readOnly) } catch {
        guard error.isNotFound else { throw error }
        throw LedgerError.incomplete(table: name)
      }
    }
    // What a later version wrote is left exactly as it is.
    let meta = try open(BoxUsage.table)
    let found = try environment.read { tx in
      try tx.get(meta, Array("schema".utf8)).map { UInt32(truncatingIfNeeded: Key.number(in: $0, at: 0)) }
    }
    guard (1...Self.schema).contains(found ?? Self.schema) else { throw LedgerError.foreignSchema(found: found ?? 0) }
    if readOnly, let found, found < Self.schema { throw LedgerError.older(found: found) }
    self.meta = meta
    var opened: [String: Table] = [:]
    let names = [
      Download.table, Usage.table, UserCounts.table, SetLimit.table, StoredObject.table, "blocks", "starts", "discards",
      "audit", "live", "gone", "claims", "queue", "owners", "lru_user", "lru_box", "by_key", "unowned", "fills",
      "mends",
    ]
    for name in names { opened[name] = try open(name) }
    downloads = opened[Download.table]!
    users = opened[Usage.table]!
    counts = opened[UserCounts.table]!
    limits = opened[SetLimit.table]!
    objects = opened[StoredObject.table]!
    blocks = opened["blocks"]!
    starts = opened["starts"]!
    discards = opened["discards"]!
    audit = opened["audit"]!
    indices = [
      .live: opened["live"]!, .gone: opened["gone"]!, .claims: opened["claims"]!, .queue: opened["queue"]!,
      .owners: opened["owners"]!, .userLRU: opened["lru_user"]!, .boxLRU: opened["lru_box"]!,
      .byKey: opened["by_key"]!, .unowned: opened["unowned"]!, .fills: opened["fills"]!,
      .mends: opened["mends"]!,
    ]
    guard !readOnly else { return }
    // Each start begins with a commit: what a process left behind as it died may be in the kernel's memory only, and
    // nobody is told of it before it is durable.
    func begin() throws {
      try environment.write { tx in
        if found == 1 { try upgradeFromSchema1(in: tx) }
        if let found, found < 3 { try upgradeFromSchema2(in: tx) }
        try tx.put(meta, Array("schema".utf8), Key.bigEndian(UInt64(Self.schema)))
      }
    }
    while true {
      do {
        try begin()
        break
      } catch let error as LMDBError where error.isMapFull {
        try environment.setMapSize(try environment.mapSize() * 2)
      }
    }
  }

  func table(_ index: DerivedRow.Index) -> Table { indices[index]! }

  // MARK: Records

  /// The record of a download, deleted ones included.
  public func download(_ id: DownloadID, in tx: borrowing some Reading & ~Copyable) throws -> Download? {
    guard let record = try tx.get(downloads, Key.download(id)) else { return nil }
    return try Download(id: id, record: record)
  }

  /// The record of an object; nil when the box has given it up.
  public func object(_ id: ObjectID, in tx: borrowing some Reading & ~Copyable) throws -> StoredObject? {
    guard id != .none, let record = try tx.get(objects, Key.object(id)) else { return nil }
    return try StoredObject(id: id, record: record)
  }

  /// The download, for whoever has others to go on with: nil also when its record, or its object's, cannot be read. The
  /// auditor names those.
  public func readable(_ id: DownloadID, in tx: borrowing some Reading & ~Copyable) throws -> Download? {
    do {
      guard let found = try download(id, in: tx) else { return nil }
      _ = try object(found.object, in: tx)
      return found
    } catch is CorruptRecord { return nil }
  }

  /// The same for whoever changes what it counts for: nil also when its user's usage cannot be read, or is less than that.
  func changeable(_ id: DownloadID, in tx: borrowing WriteTransaction) throws -> Download? {
    do {
      guard let found = try readable(id, in: tx) else { return nil }
      if found.isLive {
        var usage = try usage(of: found.user, in: tx)
        try usage.remove(found.charge)
      }
      return found
    } catch is CorruptRecord { return nil }
  }

  /// What the user's live downloads count for.
  public func usage(of user: UserID, in tx: borrowing some Reading & ~Copyable) throws -> Usage {
    guard let record = try tx.get(users, Key.user(user)) else { return Usage() }
    return try Usage(record: record)
  }

  /// What the box's disk is charged.
  public func boxUsage(in tx: borrowing some Reading & ~Copyable) throws -> BoxUsage {
    guard let record = try tx.get(meta, Array("box".utf8)) else { return BoxUsage() }
    return try BoxUsage(record: record)
  }

  // MARK: Writing records and what follows from them

  /// Writes a download, its rows, its user's usage and its object's owners: all or nothing, and nothing elsewhere.
  func put(_ new: Download, over old: Download?, in tx: borrowing WriteTransaction, _ change: inout Change) throws {
    try tx.put(downloads, Key.download(new.id), new.record)
    let places = try placesMoved(by: new, over: old, in: tx)
    try replace(old?.rows ?? [], with: new.rows, in: tx)
    for (id, wanted) in places { try settlePlace(of: id, from: wanted, in: tx) }
    try count(new, over: old, in: tx, change.policy.bounds)
    try countStatus(new, over: old, in: tx)
    let before = old?.charge ?? .nothing
    if before != new.charge {
      var usage = try usage(of: new.user, in: tx)
      try usage.remove(before)
      usage.add(new.charge)
      try tx.put(users, Key.user(new.user), usage.record)
    }
    let held = old.map { $0.isLive ? $0.object : .none } ?? .none
    let holds = new.isLive ? new.object : .none
    if held != holds {
      try countOwner(of: holds, by: 1, in: tx, &change)
      try countOwner(of: held, by: -1, in: tx, &change)
    }
    if old?.status != new.status || old?.deleted != new.deleted || held != holds { change.queueChanged = true }
    change.note(new, over: old)
  }

  /// Writes an object, its rows and the box's usage; nil gives it up and leaves its file to the volume.
  func put(
    _ new: StoredObject?, over old: StoredObject?, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    guard let id = new?.id ?? old?.id else { return }
    if let new, new.owners < 0 || !(0...new.size).contains(new.storedBytes) {
      throw CorruptRecord(table: StoredObject.table, reason: "it counts less than there is")
    }
    let before = try boxUsage(in: tx)
    var box = before
    old?.charge(to: &box, sign: -1)
    new?.charge(to: &box, sign: 1)
    if new == nil, let old { box.discarded += old.bytesOnDisk }
    if box != before { try put(box, in: tx) }
    try replace(old?.rows ?? [], with: new?.rows ?? [], in: tx)
    if let new {
      try tx.put(objects, Key.object(id), new.record)
    } else if let old {
      try tx.delete(objects, Key.object(id))
      try removeBlocks(of: old, in: tx)
      try discard(StoredPath.object(id), bytes: old.bytesOnDisk, in: tx, &change)
      change.goneObjects.append(id)
    }
  }

  /// Writes the box's usage.
  ///
  /// - Throws: when it is less than nothing: it was too low before, and what is decided by it may be wrong.
  func put(_ box: BoxUsage, in tx: borrowing WriteTransaction) throws {
    guard box.complete >= 0, box.unowned >= 0, box.filling >= 0, box.fillingStored >= 0, box.discarded >= 0 else {
      throw CorruptRecord(table: BoxUsage.table, reason: "the box is charged less than there is")
    }
    try tx.put(meta, Array("box".utf8), box.record)
  }

  private func replace(
    _ old: [DerivedRow], with new: [DerivedRow], in tx: borrowing WriteTransaction
  ) throws {
    for row in old where !new.contains(row) { try tx.delete(table(row.index), row.key) }
    for row in new where !old.contains(row) { try tx.put(table(row.index), row.key, row.value) }
  }

  /// A finished object without owners stays as a cache; one that lacks bytes goes with its last owner.
  private func countOwner(
    of id: ObjectID, by step: Int, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    guard let old = try object(id, in: tx) else { return }
    var new = old
    new.owners += step
    if new.owners == 0, new.state != .complete, id != change.awaited {
      try put(nil, over: old, in: tx, &change)
    } else {
      try put(new, over: old, in: tx, &change)
    }
  }

  /// The next number of a sequence that never repeats.
  func nextNumber(of sequence: String, in tx: borrowing WriteTransaction) throws -> UInt64 {
    let key = Array(sequence.utf8)
    let number = (try tx.get(meta, key).map { Key.number(in: $0, at: 0) } ?? 0) + 1
    try tx.put(meta, key, Key.bigEndian(number))
    return number
  }
}
