// What an earlier version wrote, brought up to date in the commit with which a start begins.

internal import LMDB

extension Ledger {
  /// Schema 1 ordered what no one owns by its last use alone. Its rows follow from records, which are as they were.
  func upgradeFromSchema1(in tx: borrowing WriteTransaction) throws {
    let unowned = table(.unowned)
    var objects: [ObjectID] = []
    try tx.scan(unowned) { key, _ in
      if key.count == 16 { objects.append(ObjectID(Key.number(in: key.indices.map { key[$0] }, at: 8))) }
      return true
    }
    try tx.deleteAll(unowned)
    for id in objects {
      // A record that cannot be read is for the auditor to find, and must not keep the box from starting.
      guard let object = try? object(id, in: tx) else { continue }
      for row in object.rows where row.index == .unowned { try tx.put(unowned, row.key, row.value) }
    }
  }
}
