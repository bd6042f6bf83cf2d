// What an earlier version wrote, brought up to date in the commit with which a start begins.

internal import LMDB

extension Ledger {
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
