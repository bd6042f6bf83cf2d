// A place in a table's order, to walk from. It is closed when it goes out of scope, at the latest with its
// transaction; used after that it throws.

internal import CLMDB

/// A place in the order of a table's keys (`mdb_cursor_open`).
///
/// Every move answers whether it ended on an entry. Past either end the cursor stands outside: from behind the last
/// entry ``previous()`` comes back to the last, from before the first ``next()`` to the first. LMDB keeps its place
/// while the same transaction puts and deletes other keys.
@safe
public struct Cursor: ~Copyable {
  private enum Place {
    /// Nowhere yet: next is the first entry, previous the last.
    case unset
    case beforeFirst
    case onEntry
    /// Where an entry was deleted: next and previous are its neighbours.
    case between
    case afterLast
  }

  private let snapshot: Snapshot
  private let life: UInt64
  private let cursor: OpaquePointer
  private var place = Place.unset

  init(_ snapshot: Snapshot, _ table: Table) throws(LMDBError) {
    var cursor: OpaquePointer?
    let code = unsafe mdb_cursor_open(snapshot.transaction, table.handle, &cursor)
    guard code == MDB_SUCCESS, let cursor = unsafe cursor else {
      throw LMDBError(code: code, operation: "open a cursor on \(table.name)")
    }
    self.snapshot = snapshot
    life = snapshot.life
    unsafe self.cursor = unsafe cursor
  }

  deinit {
    // LMDB has freed the cursors of a write transaction that ended, and never those of a read transaction.
    if !snapshot.isWritable || snapshot.life == life { unsafe mdb_cursor_close(cursor) }
  }

  /// Goes to the first entry; false when the table is empty.
  @discardableResult
  public mutating func first() throws(LMDBError) -> Bool {
    try move(MDB_FIRST, orElse: .beforeFirst)
  }

  /// Goes to the last entry; false when the table is empty.
  @discardableResult
  public mutating func last() throws(LMDBError) -> Bool {
    try move(MDB_LAST, orElse: .afterLast)
  }

  /// Goes to the following entry, or the first when it stood nowhere yet; false behind the last.
  @discardableResult
  public mutating func next() throws(LMDBError) -> Bool {
    switch place {
    case .unset, .beforeFirst: try move(MDB_FIRST, orElse: .afterLast)
    case .onEntry, .between: try move(MDB_NEXT, orElse: .afterLast)
    case .afterLast: false
    }
  }

  /// Goes to the preceding entry, or the last when it stood nowhere yet; false before the first.
  @discardableResult
  public mutating func previous() throws(LMDBError) -> Bool {
    switch place {
    case .unset, .afterLast: try move(MDB_LAST, orElse: .beforeFirst)
    case .onEntry, .between: try move(MDB_PREV, orElse: .beforeFirst)
    case .beforeFirst: false
    }
  }

  /// Goes to the smallest key that is not less than `key`; false, and behind the last, when there is none.
  @discardableResult
  public mutating func seek(atOrAfter key: Span<UInt8>) throws(LMDBError) -> Bool {
    // LMDB takes no empty key, which is less than every key there is.
    if key.isEmpty { return try move(MDB_FIRST, orElse: .afterLast) }
    return try move(MDB_SET_RANGE, key: key, orElse: .afterLast)
  }

  /// Goes to the smallest key that is not less than `key`; false, and behind the last, when there is none.
  @discardableResult
  public mutating func seek(atOrAfter key: [UInt8]) throws(LMDBError) -> Bool {
    try seek(atOrAfter: key.span)
  }

  /// Goes to the largest key that is less than `key`; false, and before the first, when there is none.
  @discardableResult
  public mutating func seek(before key: Span<UInt8>) throws(LMDBError) -> Bool {
    try seek(atOrAfter: key)
    return try previous()
  }

  /// Goes to the largest key that is less than `key`; false, and before the first, when there is none.
  @discardableResult
  public mutating func seek(before key: [UInt8]) throws(LMDBError) -> Bool {
    try seek(before: key.span)
  }

  /// A copy of the key it stands on; nil when it stands on no entry.
  public var key: [UInt8]? {
    get throws(LMDBError) {
      guard let (key, _) = try unsafe current() else { return nil }
      return unsafe Array(key.elements)
    }
  }

  /// A copy of the value it stands on; nil when it stands on no entry.
  public var value: [UInt8]? {
    get throws(LMDBError) {
      guard let (_, value) = try unsafe current() else { return nil }
      return unsafe Array(value.elements)
    }
  }

  /// Lends the entry it stands on to `body` for as long as it runs; nil when it stands on none.
  ///
  /// Nothing is copied; `body` must not write through the same transaction, which may move the bytes.
  public func withCurrent<R>(_ body: (_ key: Span<UInt8>, _ value: Span<UInt8>) throws -> R) throws -> R? {
    guard let (key, value) = try unsafe current() else { return nil }
    return try unsafe body(key.elements.span, value.elements.span)
  }

  /// Removes the entry it stands on; false when it stands on none (`mdb_cursor_del`).
  ///
  /// It then stands between the neighbours: move it before anything else is put.
  ///
  /// - Throws: `EACCES` in a read transaction.
  @discardableResult
  public mutating func deleteCurrent() throws(LMDBError) -> Bool {
    _ = try unsafe snapshot.transaction(of: life, "delete at a cursor")
    guard place == .onEntry else { return false }
    try unsafe check(mdb_cursor_del(cursor, 0), "delete at a cursor")
    place = .between
    return true
  }

  private mutating func move(
    _ operation: MDB_cursor_op, key: Span<UInt8> = Span(), orElse outside: Place
  ) throws(LMDBError) -> Bool {
    _ = try unsafe snapshot.transaction(of: life, "move a cursor")
    let cursor = unsafe cursor
    let code = unsafe key.withUnsafeBytes { bytes in
      var key = unsafe MDB_val(bytes)
      var value = unsafe MDB_val()
      return unsafe mdb_cursor_get(cursor, &key, &value, operation)
    }
    let isThere = try found(code, "move a cursor")
    place = isThere ? .onEntry : outside
    return isThere
  }

  /// Asks LMDB anew each time: a write since the last move may have moved the page.
  private func current() throws(LMDBError) -> (key: MDB_val, value: MDB_val)? {
    _ = try unsafe snapshot.transaction(of: life, "read at a cursor")
    guard place == .onEntry else { return nil }
    var key = unsafe MDB_val()
    var value = unsafe MDB_val()
    let code = unsafe mdb_cursor_get(cursor, &key, &value, MDB_GET_CURRENT)
    return try found(code, "read at a cursor") ? unsafe (key, value) : nil
  }
}
