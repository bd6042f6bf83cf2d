// What follows from a record: its rows in the other tables. Everything that lists, orders or counts downloads and objects
// is derived here and nowhere else, so that writing a record writes its rows, and an auditor can recompute them all.

import LMDB

/// A row that follows from a record.
struct DerivedRow: Hashable {
  enum Index: Hashable, CaseIterable {
    case live, gone, claims, queue, owners, userLRU, boxLRU, byKey, unowned, fills, mends
  }

  var index: Index
  var key: [UInt8]
  var value: [UInt8]
}

extension Download {
  var rows: [DerivedRow] {
    let id = Key.download(id)
    let user = Key.user(user)
    guard isLive else { return [DerivedRow(index: .gone, key: user + id, value: [])] }
    var rows = [
      DerivedRow(index: .live, key: user + id, value: []),
      DerivedRow(index: .claims, key: Key.claim(self.user, title), value: id),
    ]
    if status == .pending || status == .downloading {
      rows.append(DerivedRow(index: .queue, key: id, value: Key.object(object)))
    }
    if let ownerRow { rows.append(ownerRow) }
    if isEvictable {
      let value = Key.object(object) + Key.bigEndian(UInt64(totalBytes ?? 0))
      rows.append(DerivedRow(index: .userLRU, key: user + Key.moment(lastWanted) + id, value: value))
    }
    return rows
  }

  /// The row under its object: the owners that may not be evicted first, then the others as they last wanted it.
  var ownerRow: DerivedRow? {
    guard isLive, object != .none else { return nil }
    let wanted = isEvictable ? lastWanted : nil
    return DerivedRow(
      index: .owners, key: Key.object(object) + Key.wanted(wanted) + Key.download(id), value: [])
  }
}

extension StoredObject {
  var rows: [DerivedRow] {
    let version = origin.version
    var rows = [
      DerivedRow(
        index: .byKey, key: Key.origin(bucket: version.bucket, key: version.key) + Key.object(id), value: [])
    ]
    if state == .complete && owners == 0 {
      let standing = Eviction.standing(begun: created, lastUsed: lastUsed)
      rows.append(
        DerivedRow(
          index: .unowned, key: Key.moment(standing) + Key.object(id), value: Key.bigEndian(UInt64(size))))
    }
    if state != .complete { rows.append(DerivedRow(index: .fills, key: Key.object(id), value: [])) }
    if state == .mending { rows.append(DerivedRow(index: .mends, key: Key.object(id), value: [])) }
    return rows
  }

  /// The row of an object whose owners may all be evicted, by the last time that one of them wanted it.
  ///
  /// It follows from all owners and from no single record, so ``Ledger/settlePlace(of:from:in:)`` writes it.
  func place(wanted: Timestamp) -> DerivedRow {
    DerivedRow(index: .boxLRU, key: Key.wanted(wanted) + Key.object(id), value: Key.bigEndian(UInt64(size)))
  }

  /// What the box's usage counts for it.
  func charge(to box: inout BoxUsage, sign: Int) {
    switch state {
    case .complete:
      box.complete += sign * size
      if owners == 0 { box.unowned += sign * size }
    // What is to be fetched again is promised room, like what was never there.
    case .filling, .mending:
      box.filling += sign * size
      box.fillingStored += sign * storedBytes
    }
  }
}

extension EvictionCandidate {
  /// From a row of `lru_user`.
  init(key: [UInt8], value: [UInt8]) throws(CorruptRecord) {
    guard key.count >= 24, value.count == 16 else { throw CorruptRecord(table: "lru", reason: "a row of odd length") }
    self.init(
      download: Key.downloadID(endOf: key), object: ObjectID(Key.number(in: value, at: 0)),
      bytes: try Key.size(in: value, at: 8, table: "lru"),
      lastWanted: Timestamp(milliseconds: Int64(clamping: Key.number(in: key, at: key.count - 24))))
  }
}
