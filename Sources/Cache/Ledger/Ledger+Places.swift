// Where an object that is owned stands when somebody has to go for the room of the box: one row for each, however many
// owners it has. It frees nothing before the last of them goes, so it stands where the one stands who wanted it last.

internal import LMDB

extension Ledger {
  /// When an owner of the object last wanted it; nil while one of them may not be evicted, and when there is none.
  func lastWanted(_ id: ObjectID, in tx: borrowing some Reading & ~Copyable) throws -> Timestamp? {
    let prefix = Key.object(id)
    guard let first = try tx.row(in: table(.owners), prefix: prefix), Self.wanted(first.key) != nil,
      let last = try tx.row(in: table(.owners), before: prefix + Self.behindAll, prefix: prefix)
    else { return nil }
    return Self.wanted(last.key)
  }

  /// The owners of an object that may all be evicted, who wanted it longest ago first.
  func candidates(
    for id: ObjectID, bytes: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> [EvictionCandidate] {
    let prefix = Key.object(id)
    var found: [EvictionCandidate] = []
    var row = try tx.row(in: table(.owners), prefix: prefix)
    while let (key, _) = row {
      found.append(
        EvictionCandidate(
          download: Key.downloadID(endOf: key), object: id, bytes: bytes,
          lastWanted: Self.wanted(key) ?? Timestamp(milliseconds: 0)))
      row = try tx.row(in: table(.owners), after: key, prefix: prefix)
    }
    return found
  }

  /// The objects whose owners change with a download, and where they stand until then.
  func placesMoved(
    by new: Download, over old: Download?, in tx: borrowing WriteTransaction
  ) throws -> [(ObjectID, Timestamp?)] {
    let (before, after) = (old?.ownerRow, new.ownerRow)
    guard before != after else { return [] }
    var ids: [ObjectID] = []
    if after != nil { ids.append(new.object) }
    if before != nil, let old, !ids.contains(old.object) { ids.append(old.object) }
    return try ids.map { ($0, try lastWanted($0, in: tx)) }
  }

  /// Moves an object whose owners have changed to where it stands now.
  func settlePlace(of id: ObjectID, from old: Timestamp?, in tx: borrowing WriteTransaction) throws {
    let new = try lastWanted(id, in: tx)
    guard new != old, let object = try object(id, in: tx) else { return }
    if let old { try tx.delete(table(.boxLRU), object.place(wanted: old).key) }
    guard let new else { return }
    let row = object.place(wanted: new)
    try tx.put(table(.boxLRU), row.key, row.value)
  }

  private static func wanted(_ key: [UInt8]) -> Timestamp? {
    let number = Key.number(in: key, at: 8)
    return number == 0 ? nil : Timestamp(milliseconds: Int64(clamping: number))
  }

  private static let behindAll = Array(repeating: UInt8.max, count: 25)
}
