// The whole ledger a page at a time, for whoever compares it with the disk: each page is a short look of its own, so that
// nobody who writes has to keep old pages for a walk that takes hours. What cannot be read is passed over; the auditor
// names it.

public import LMDB

extension Ledger {
  /// Some of the downloads behind `after`, in the order of their ids, deleted ones left out.
  ///
  /// - Returns: where to go on; nil at the end.
  public func liveDownloads(
    after: DownloadID?, limit: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> (downloads: [Download], next: DownloadID?) {
    var found: [Download] = []
    let start = after.map { Key.download($0) + [0] } ?? []
    let next = try walk(downloads, from: start, limit: limit, in: tx) { key, value in
      guard key.count == 16 else { return }
      let download = try Download(id: Key.downloadID(endOf: key), record: value)
      if download.isLive { found.append(download) }
    }
    return (found, next.map { Key.downloadID(endOf: Array(repeating: 0, count: max(0, 16 - $0.count)) + $0) })
  }

  /// Some of the objects behind `after`, in the order of their numbers.
  ///
  /// - Returns: where to go on; nil at the end.
  public func objects(
    after: ObjectID, limit: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> (objects: [StoredObject], next: ObjectID?) {
    var found: [StoredObject] = []
    let next = try walk(objects, from: Key.object(after) + [0], limit: limit, in: tx) { key, value in
      guard key.count == 8 else { return }
      found.append(try StoredObject(id: ObjectID(Key.number(in: key, at: 0)), record: value))
    }
    return (found, next.map { ObjectID(Key.number(in: $0, at: 0)) })
  }

  /// - Returns: the last key, when there may be more behind it.
  private func walk(
    _ table: Table, from start: [UInt8], limit: Int, in tx: borrowing some Reading & ~Copyable,
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws -> [UInt8]? {
    var cursor = try tx.cursor(table)
    var isThere = try cursor.seek(atOrAfter: start)
    var last: [UInt8]?
    var count = 0
    while isThere, let key = try cursor.key, let value = try cursor.value {
      do { try body(key, value) } catch is CorruptRecord {}
      last = key
      count += 1
      if count == limit { return last }
      isThere = try cursor.next()
    }
    return nil
  }

  /// How many objects there are.
  public func objectCount(in tx: borrowing some Reading & ~Copyable) throws -> Int { try tx.count(objects) }

  /// How many blocks stand on one page; see ``checksums(ofPage:of:in:)``.
  public static let blocksOfPage = BlockPage.blocks

  /// The checksums of the blocks from `page` × ``blocksOfPage`` on, nil where a block is missing.
  public func checksums(
    ofPage number: Int, of object: StoredObject, in tx: borrowing some Reading & ~Copyable
  ) throws -> [UInt32?] {
    let count = min(BlockPage.blocks, object.blockCount - number * BlockPage.blocks)
    guard count > 0 else { return [] }
    guard let row = try tx.get(blocks, Key.page(object.id, number)), let page = try? BlockPage(row) else {
      return Array(repeating: nil, count: count)
    }
    return (0..<count).map { page[$0] }
  }

  /// Whether what lies at the path is to be removed anyway.
  public func isDiscarded(_ path: String, in tx: borrowing some Reading & ~Copyable) throws -> Bool {
    let key = Array(path.utf8)
    // What is longer than LMDB's keys was never written down.
    return try (1...511).contains(key.count) && tx.contains(discards, key.span)
  }
}
