// What an earlier version wrote, brought up to date in the commit with which a start begins.

internal import LMDB

extension Ledger {
  /// Schema 2 did not count the downloads of each state, nor the bytes that no one owns, and had no limits of users. Whom
  /// nobody has counted yet is counted with them.
  func upgradeFromSchema2(in tx: borrowing WriteTransaction) throws {
    var statuses = StatusCounts()
    var users: [UserID: UserCounts] = [:]
    try tx.scan(downloads) { key, value in
      // A record that cannot be read is for the auditor to find, and must not keep the box from starting.
      guard key.count == 16,
        let download = try? Download(
          id: Key.downloadID(endOf: key.indices.map { key[$0] }), record: value.indices.map { value[$0] })
      else { return true }
      statuses.add(download)
      users[download.user, default: UserCounts()].add(download)
      return true
    }
    try tx.put(meta, StatusCounts.key, statuses.record)
    for (user, found) in users where try !tx.contains(counts, Key.user(user)) {
      try tx.put(counts, Key.user(user), found.record)
    }
    let key = Array("box".utf8)
    guard let record = try tx.get(meta, key), record.first == 1 else { return }
    var unowned = 0
    try tx.scan(table(.unowned)) { _, value in
      if value.count == 8 {
        unowned += (try? Key.size(in: value.indices.map { value[$0] }, at: 0, table: "unowned")) ?? 0
      }
      return true
    }
    // The same sizes, and what no one owns behind them.
    var writer = RecordWriter(version: 2, reserving: 48)
    for byte in record.dropFirst() { writer.put(byte) }
    writer.put(Int64(unowned))
    try tx.put(meta, key, writer.bytes)
  }

  /// Schema 1 ordered what no one owns by its last use alone, owners by their ids, and who has to go download by download.
  /// All of these are rows, which follow from records, and those are as they were.
  func upgradeFromSchema1(in tx: borrowing WriteTransaction) throws {
    for index in [DerivedRow.Index.unowned, .owners, .boxLRU] { try tx.deleteAll(table(index)) }
    // A record that cannot be read is for the auditor to find, and must not keep the box from starting.
    try tx.scan(downloads) { key, value in
      if key.count == 16,
        let row = try? Download(
          id: Key.downloadID(endOf: key.indices.map { key[$0] }), record: value.indices.map { value[$0] }
        ).ownerRow
      {
        try tx.put(table(.owners), row.key, row.value)
      }
      return true
    }
    try tx.scan(objects) { key, value in
      guard key.count == 8 else { return true }
      let id = ObjectID(Key.number(in: key.indices.map { key[$0] }, at: 0))
      guard let object = try? StoredObject(id: id, record: value.indices.map { value[$0] }) else { return true }
      for row in object.rows where row.index == .unowned { try tx.put(table(.unowned), row.key, row.value) }
      try settlePlace(of: id, from: nil, in: tx)
      return true
    }
  }
}
