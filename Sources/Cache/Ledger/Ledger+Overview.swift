// The box at a glance: how many downloads are in which state, who its users are, and everybody's downloads in one list.
// The numbers are counters, so that a glance costs the same however much there is.

public import LMDB

/// How many live downloads of all users are in which state.
public struct StatusCounts: Sendable, Hashable {
  public var pending = 0
  public var downloading = 0
  public var paused = 0
  public var completed = 0
  public var failed = 0

  public init() {}

  /// Counts a download in, or out with a step of -1.
  mutating func add(_ download: Download, _ step: Int = 1) {
    guard download.isLive else { return }
    switch download.status {
    case .pending: pending += step
    case .downloading: downloading += step
    case .paused: paused += step
    case .completed: completed += step
    case .failed: failed += step
    // What is cancelled is deleted.
    case .cancelled: break
    }
  }

  var record: [UInt8] {
    var writer = RecordWriter(version: 1, reserving: 48)
    for count in [pending, downloading, paused, completed, failed] { writer.put(Int64(count)) }
    return writer.bytes
  }

  init(record: [UInt8]) throws(CorruptRecord) {
    var reader = try RecordReader(record, table: "meta", version: 1)
    pending = try reader.takeSize()
    downloading = try reader.takeSize()
    paused = try reader.takeSize()
    completed = try reader.takeSize()
    failed = try reader.takeSize()
    try reader.finish()
  }

  /// For people.
  var words: String {
    "\(pending) pending, \(downloading) downloading, \(paused) paused, \(completed) completed and \(failed) failed"
  }

  /// Their place in `meta`.
  static let key = Array("statuses".utf8)
}

extension Ledger {
  /// How many live downloads are in which state.
  public func statusCounts(in tx: borrowing some Reading & ~Copyable) throws -> StatusCounts {
    try tx.get(meta, StatusCounts.key).map { try StatusCounts(record: $0) } ?? StatusCounts()
  }

  /// Counts what was written of a download.
  func countStatus(_ new: Download, over old: Download?, in tx: borrowing WriteTransaction) throws {
    guard old?.status != new.status || old?.isLive != new.isLive else { return }
    let before = try statusCounts(in: tx)
    var now = before
    if let old { now.add(old, -1) }
    now.add(new)
    guard now != before else { return }
    guard min(now.pending, now.downloading, min(now.paused, now.completed, now.failed)) >= 0 else {
      throw CorruptRecord(table: "meta", reason: "fewer downloads of a state than there are")
    }
    try tx.put(meta, StatusCounts.key, now.record)
  }

  /// How many users have downloads, or had some that are still readable.
  public func userCount(in tx: borrowing some Reading & ~Copyable) throws -> Int { try tx.count(counts) }

  /// Some of the users behind `last`, whoever has or had a download or has a limit of their own: in the ledger's order,
  /// short names first.
  ///
  /// - Returns: whether there may be more.
  public func users(
    after last: UserID?, limit: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> (users: [UserID], more: Bool) {
    var found: [UserID] = []
    var key = last.map { Key.user($0) } ?? []
    while true {
      let rows = [
        try tx.row(in: counts, after: key)?.key, try tx.row(in: users, after: key)?.key,
        try tx.row(in: limits, after: key)?.key,
      ]
      guard let next = rows.compactMap(\.self).min(by: { $0.lexicographicallyPrecedes($1) }) else {
        return (found, false)
      }
      if found.count == limit { return (found, true) }
      key = next
      // A key that no user has is the auditor's finding.
      if let user = Self.user(ofKey: key) { found.append(user) }
    }
  }

  /// Downloads of all users, newest first, found among the next `examined` ones at the most. One whose record cannot be
  /// read hides no other.
  ///
  /// - Returns: also where to go on, nil at the end, and which of those passed on the way cannot be read.
  public func list(
    _ filter: DownloadFilter, examining examined: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> (downloads: [Download], next: DownloadID?, unreadable: [DownloadID: CorruptRecord]) {
    var found: [Download] = []
    var unreadable: [DownloadID: CorruptRecord] = [:]
    var last: DownloadID?
    var looked = 0
    var row = try tx.row(in: downloads, before: filter.before.map { Key.download($0) } ?? Self.behindAllDownloads)
    while let (key, value) = row {
      if found.count == filter.limit || looked == examined { return (found, last, unreadable) }
      looked += 1
      let id = Key.downloadID(endOf: key)
      last = id
      do throws(CorruptRecord) {
        let download = try Download(id: id, record: value)
        if filter.includesDeleted || download.isLive, filter.statuses?.contains(download.status) ?? true {
          found.append(download)
        }
      } catch { unreadable[id] = error }
      row = try tx.row(in: downloads, before: key)
    }
    return (found, nil, unreadable)
  }

  private static let behindAllDownloads = Array(repeating: UInt8.max, count: 17)
}
