// How many records a user has: counted so that nobody makes the ledger grow without end. Bytes are the quota's business;
// what costs no bytes (a title whose size nobody knows yet, a deleted download) is bounded here.

public import LMDB

/// How many downloads of one user the ledger takes.
public struct UserBounds: Sendable, Hashable {
  /// Live ones, in whatever state.
  public var live = 10_000
  /// Of these, the ones that wait or are on their way.
  public var unfinished = 1_000
  /// Deleted ones that stay readable. Beyond, the oldest by its creation goes for good, never the one that has just been
  /// deleted.
  public var gone = 1_000

  public init() {}
}

/// How many downloads a user has.
public struct UserCounts: Sendable, Hashable {
  public var live = 0
  public var unfinished = 0
  public var gone = 0

  public init() {}

  static let table = "counts"

  var record: [UInt8] {
    var writer = RecordWriter(version: 1, reserving: 32)
    writer.put(Int64(live))
    writer.put(Int64(unfinished))
    writer.put(Int64(gone))
    return writer.bytes
  }

  init(record: [UInt8]) throws(CorruptRecord) {
    var reader = try RecordReader(record, table: Self.table, version: 1)
    live = try reader.takeSize()
    unfinished = try reader.takeSize()
    gone = try reader.takeSize()
    try reader.finish()
  }

  /// Counts a download in, or out with a step of -1.
  mutating func add(_ download: Download, _ step: Int = 1) {
    guard download.isLive else {
      gone += step
      return
    }
    live += step
    if download.status.isUnfinished { unfinished += step }
  }
}

extension Ledger {
  /// The most deleted records that one change takes away: a ledger from before they were counted is caught up with in
  /// steps.
  private static let prunedAtOnce = 16

  /// How many downloads the user has; nil when nobody has counted yet.
  public func counts(of user: UserID, in tx: borrowing some Reading & ~Copyable) throws -> UserCounts? {
    try tx.get(counts, Key.user(user)).map { try UserCounts(record: $0) }
  }

  /// The same for whoever can do without: nil also when the record cannot be read. It follows from the downloads, and is
  /// counted anew.
  private func readableCounts(of user: UserID, in tx: borrowing WriteTransaction) throws -> UserCounts? {
    do { return try counts(of: user, in: tx) } catch is CorruptRecord { return nil }
  }

  /// Which of the bounds leaves no room for one more unfinished download; nil when there is room.
  ///
  /// - Parameter old: the failed one that is tried anew, which counts as live already.
  func exceeded(by user: UserID, over old: Download?, in tx: borrowing WriteTransaction, _ bounds: UserBounds) throws
    -> Int?
  {
    let now = try readableCounts(of: user, in: tx) ?? recounted(user, in: tx)
    if now.unfinished >= bounds.unfinished { return bounds.unfinished }
    return old == nil && now.live >= bounds.live ? bounds.live : nil
  }

  /// Counts what was written of a download, and takes away deleted ones beyond the bound. Its rows are written already.
  func count(_ new: Download, over old: Download?, in tx: borrowing WriteTransaction, _ bounds: UserBounds) throws {
    var now: UserCounts
    if let known = try readableCounts(of: new.user, in: tx) {
      now = known
      if let old { now.add(old, -1) }
      now.add(new)
      if now == known { return }
      guard now.live >= 0, now.unfinished >= 0, now.gone >= 0 else {
        throw CorruptRecord(table: UserCounts.table, reason: "fewer than the user has")
      }
    } else {
      now = try recounted(new.user, in: tx)
    }
    let prefix = Key.user(new.user)
    var row = now.gone > bounds.gone ? try tx.row(in: table(.gone), prefix: prefix) : nil
    var pruned = 0
    while let (key, _) = row, now.gone > bounds.gone, pruned < Self.prunedAtOnce {
      let id = Key.downloadID(endOf: key)
      if id != new.id {
        try tx.delete(table(.gone), key)
        try tx.delete(downloads, Key.download(id))
        now.gone -= 1
        pruned += 1
      }
      row = try tx.row(in: table(.gone), after: key, prefix: prefix)
    }
    try tx.put(counts, prefix, now.record)
  }

  /// The counts by the records themselves.
  private func recounted(_ user: UserID, in tx: borrowing WriteTransaction) throws -> UserCounts {
    let prefix = Key.user(user)
    var found = UserCounts()
    for index in [DerivedRow.Index.live, .gone] {
      var row = try tx.row(in: table(index), prefix: prefix)
      while let (key, _) = row {
        if let download = try readable(Key.downloadID(endOf: key), in: tx) { found.add(download) }
        row = try tx.row(in: table(index), after: key, prefix: prefix)
      }
    }
    return found
  }
}
