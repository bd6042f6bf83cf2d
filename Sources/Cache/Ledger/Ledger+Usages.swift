// What all users count for, a page at a time, for whoever adds it up: the box's own figures are counters, these are not.

public import LMDB

extension Ledger {
  /// Some of the users behind `last` whose downloads count or have counted for something, in the ledger's order.
  ///
  /// - Returns: whether there may be more. What cannot be read is passed over; the auditor names it.
  public func usages(
    after last: UserID?, limit: Int, in tx: borrowing some Reading & ~Copyable
  ) throws -> (usages: [(user: UserID, usage: Usage)], more: Bool) {
    var found: [(user: UserID, usage: Usage)] = []
    var cursor = try tx.cursor(users)
    var isThere = try cursor.seek(atOrAfter: last.map { Key.user($0) + [0] } ?? [])
    while isThere, let key = try cursor.key, let value = try cursor.value {
      if found.count == limit { return (found, true) }
      if let user = Self.user(ofKey: key), let usage = try? Usage(record: value) { found.append((user, usage)) }
      isThere = try cursor.next()
    }
    return (found, false)
  }
}
