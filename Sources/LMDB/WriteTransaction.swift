// Changes that become durable together or not at all. Dropping one without `commit` undoes it.

internal import CLMDB

/// The one write transaction of an environment: it is alone, and what it did is durable once committed.
///
/// It belongs to the thread that began it (LMDB's writer lock is that thread's), so no `await` may lie between its
/// begin and its end. After a call that failed midway (a full map) LMDB refuses the commit too (`MDB_BAD_TXN`).
public struct WriteTransaction: Reading, ~Copyable {
  public let snapshot: Snapshot
  private let gate: Gate

  /// Begins within `gate`; waits for the writer before. With a parent it is nested in that.
  init(_ gate: Gate, parent: OpaquePointer? = nil) throws(LMDBError) {
    let environment = try unsafe gate.enter("begin write")
    var transaction: OpaquePointer?
    let code = unsafe mdb_txn_begin(environment, parent, 0, &transaction)
    guard code == MDB_SUCCESS, let transaction = unsafe transaction else {
      gate.leave()
      throw LMDBError(code: code, operation: "begin write")
    }
    snapshot = unsafe Snapshot(transaction, isWritable: true)
    self.gate = gate
  }

  deinit {
    // Nothing is left to abort after a commit, which frees the transaction even when it fails.
    snapshot.abort()
    gate.leave()
  }

  /// Makes everything durable and ends the transaction (`mdb_txn_commit`, with a full sync).
  ///
  /// - Throws: `isMapFull`, `isNoSpace` or an I/O error; then nothing of the transaction remains, and it has ended.
  public consuming func commit() throws(LMDBError) {
    try unsafe check(mdb_txn_commit(snapshot.take()), "commit")
  }

  /// Undoes everything and ends the transaction (`mdb_txn_abort`).
  public consuming func abort() {
    snapshot.abort()
  }

  /// Sets the value of `key`, replacing the one before (`mdb_put`).
  public func put(_ table: Table, _ key: Span<UInt8>, _ value: Span<UInt8>) throws(LMDBError) {
    try check(store(table, key, value, flags: 0), "put into \(table.name)")
  }

  /// Sets the value of `key`, replacing the one before (`mdb_put`).
  public func put(_ table: Table, _ key: [UInt8], _ value: [UInt8]) throws(LMDBError) {
    try put(table, key.span, value.span)
  }

  /// Sets the value of `key` unless it has one; true when it had none (`mdb_put`, `MDB_NOOVERWRITE`).
  public func putNew(_ table: Table, _ key: Span<UInt8>, _ value: Span<UInt8>) throws(LMDBError) -> Bool {
    let code = store(table, key, value, flags: UInt32(MDB_NOOVERWRITE))
    if code == MDB_KEYEXIST { return false }
    try check(code, "put into \(table.name)")
    return true
  }

  /// Sets the value of `key` unless it has one; true when it had none (`mdb_put`, `MDB_NOOVERWRITE`).
  public func putNew(_ table: Table, _ key: [UInt8], _ value: [UInt8]) throws(LMDBError) -> Bool {
    try putNew(table, key.span, value.span)
  }

  /// Removes `key`; true when it was there (`mdb_del`).
  @discardableResult
  public func delete(_ table: Table, _ key: Span<UInt8>) throws(LMDBError) -> Bool {
    let code = unsafe key.withUnsafeBytes { bytes in
      var key = unsafe MDB_val(bytes)
      return unsafe mdb_del(snapshot.transaction, table.handle, &key, nil)
    }
    return try found(code, "delete from \(table.name)")
  }

  /// Removes `key`; true when it was there (`mdb_del`).
  @discardableResult
  public func delete(_ table: Table, _ key: [UInt8]) throws(LMDBError) -> Bool {
    try delete(table, key.span)
  }

  /// Removes every key of the table and keeps the table (`mdb_drop`).
  public func deleteAll(_ table: Table) throws(LMDBError) {
    try unsafe check(mdb_drop(snapshot.transaction, table.handle, 0), "empty \(table.name)")
  }

  /// Runs `body` so that it happens wholly or, when it throws, not at all, without harm to what was done before.
  ///
  /// This is how many mutations share one durable commit and one of them may still fail (a child transaction of
  /// `mdb_txn_begin`). Only the inner transaction may be used while `body` runs: the outer one answers `MDB_BAD_TXN`.
  ///
  /// - Throws: what `body` throws; an ``LMDBError`` when LMDB refuses. On `isMapFull` the outer one must end too.
  public func nested<R>(_ body: (borrowing WriteTransaction) throws -> R) throws -> R {
    let inner = try unsafe WriteTransaction(gate, parent: snapshot.transaction)
    let result = try body(inner)
    try inner.commit()
    return result
  }

  private func store(_ table: Table, _ key: Span<UInt8>, _ value: Span<UInt8>, flags: UInt32) -> Int32 {
    unsafe key.withUnsafeBytes { key in
      unsafe value.withUnsafeBytes { value in
        var key = unsafe MDB_val(key)
        var value = unsafe MDB_val(value)
        return unsafe mdb_put(snapshot.transaction, table.handle, &key, &value, flags)
      }
    }
  }
}
