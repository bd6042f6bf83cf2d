// Files that must go. The ledger forgets first and in the same transaction writes down what the disk still holds, so that
// a power cut between the two leaves neither a file without a name nor a name without a file.

public import LMDB

extension Ledger {
  /// Writes down that the volume has to remove `path`.
  func discard(
    _ path: String, bytes: Int, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    let discard = Discard(path: path, sequence: try nextNumber(of: "next_discard", in: tx), bytes: bytes)
    try tx.put(
      discards, Array(path.utf8), Key.bigEndian(discard.sequence) + Key.bigEndian(UInt64(bytes)))
    change.discards.append(discard)
  }

  /// A path is in use again: what was to be removed there is not removed any more.
  func keep(_ path: String, in tx: borrowing WriteTransaction) throws {
    try tx.delete(discards, Array(path.utf8))
  }

  /// What still has to be removed, after a start.
  public func pendingDiscards(in tx: borrowing some Reading & ~Copyable) throws -> [Discard] {
    var found: [Discard] = []
    try tx.scan(discards) { key, value in
      found.append(try Discard(key: key.indices.map { key[$0] }, value: value.indices.map { value[$0] }))
      return true
    }
    return found
  }

  /// The volume has removed these; they count no longer. A newer discard of the same path stays.
  public func settle(_ removed: [Discard], in tx: borrowing WriteTransaction) throws {
    var box = try boxUsage(in: tx)
    for discard in removed {
      let key = Array(discard.path.utf8)
      guard let value = try tx.get(discards, key) else { continue }
      let known = try Discard(key: key, value: value)
      guard known.sequence == discard.sequence else { continue }
      try tx.delete(discards, key)
      box.discarded -= known.bytes
    }
    try put(box, in: tx)
  }
}

extension Discard {
  /// From its row.
  init(key: [UInt8], value: [UInt8]) throws(CorruptRecord) {
    guard value.count == 16 else { throw CorruptRecord(table: "discards", reason: "a row of odd length") }
    guard let path = String(validating: key, as: UTF8.self) else {
      throw CorruptRecord(table: "discards", reason: "not UTF-8")
    }
    self.init(
      path: path, sequence: Key.number(in: value, at: 0), bytes: try Key.size(in: value, at: 8, table: "discards"))
  }
}
