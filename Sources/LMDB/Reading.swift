// Reading, written once for both kinds of transaction.
// A value lies in the map and is borrowed for the length of a closure, or copied: no pointer into the map leaves here.

internal import CLMDB

/// The transaction behind a ``ReadTransaction`` or a ``WriteTransaction``: opaque, and of use only through them.
///
/// It counts its lives, because a read transaction is reset and renewed, so that a ``Cursor`` that outlived its
/// transaction is told so instead of touching freed memory.
@safe
public final class Snapshot {
  /// The transaction; nil once committed or aborted.
  private(set) var transaction: OpaquePointer?

  /// Which life this is; it changes when the transaction ends.
  private(set) var life: UInt64 = 0

  let isWritable: Bool

  init(_ transaction: OpaquePointer, isWritable: Bool) {
    unsafe self.transaction = transaction
    self.isWritable = isWritable
  }

  /// The transaction of the given life, or `MDB_BAD_TXN` when that one has ended.
  func transaction(of life: UInt64, _ operation: String) throws(LMDBError) -> OpaquePointer {
    guard life == self.life, let transaction = unsafe transaction else {
      throw LMDBError(code: MDB_BAD_TXN, operation: operation, text: "the transaction has ended")
    }
    return unsafe transaction
  }

  /// Ends this life and gives the transaction up to whoever commits or aborts it.
  func take() -> OpaquePointer? {
    life += 1
    defer { unsafe transaction = nil }
    return unsafe transaction
  }

  /// Ends this life and keeps the transaction, its reader slot and nothing else (`mdb_txn_reset`).
  func reset() {
    life += 1
    unsafe mdb_txn_reset(transaction)
  }

  func abort() {
    if let transaction = unsafe take() { unsafe mdb_txn_abort(transaction) }
  }
}

/// What both transactions can do, so that a query is written once: `func f(_ tx: borrowing some Reading & ~Copyable)`.
///
/// Only ``ReadTransaction`` and ``WriteTransaction`` conform. Keys are 1 to 511 bytes and sort as `memcmp` has them.
public protocol Reading: ~Copyable {
  /// The transaction that is read through.
  var snapshot: Snapshot { get }
}

extension Reading where Self: ~Copyable {
  /// Lends the value of `key` to `body` for as long as it runs; nil when there is none (`mdb_get`).
  ///
  /// Nothing is copied: the bytes are those of the map. `body` must not write to the table through the same
  /// transaction, which may move them.
  public func withValue<R>(
    _ table: Table, _ key: Span<UInt8>, _ body: (Span<UInt8>) throws -> R
  ) throws -> R? {
    var value = unsafe MDB_val()
    guard try unsafe look(table, key, &value) else { return nil }
    return try unsafe body(value.elements.span)
  }

  /// Lends the value of `key` to `body` for as long as it runs; nil when there is none (`mdb_get`).
  public func withValue<R>(
    _ table: Table, _ key: [UInt8], _ body: (Span<UInt8>) throws -> R
  ) throws -> R? {
    try withValue(table, key.span, body)
  }

  /// A copy of the value of `key`; nil when there is none (`mdb_get`).
  public func get(_ table: Table, _ key: Span<UInt8>) throws(LMDBError) -> [UInt8]? {
    var value = unsafe MDB_val()
    return try unsafe look(table, key, &value) ? unsafe Array(value.elements) : nil
  }

  /// A copy of the value of `key`; nil when there is none (`mdb_get`).
  public func get(_ table: Table, _ key: [UInt8]) throws(LMDBError) -> [UInt8]? {
    try get(table, key.span)
  }

  /// Whether the table holds `key`.
  public func contains(_ table: Table, _ key: Span<UInt8>) throws(LMDBError) -> Bool {
    var value = unsafe MDB_val()
    return try unsafe look(table, key, &value)
  }

  /// Whether the table holds `key`.
  public func contains(_ table: Table, _ key: [UInt8]) throws(LMDBError) -> Bool {
    try contains(table, key.span)
  }

  /// How many keys the table holds, without walking it (`mdb_stat`).
  public func count(_ table: Table) throws(LMDBError) -> Int {
    var statistics = MDB_stat()
    try unsafe check(mdb_stat(snapshot.transaction, table.handle, &statistics), "count \(table.name)")
    return statistics.ms_entries
  }

  /// A cursor over the table, on no entry yet; it ends with the transaction (`mdb_cursor_open`).
  public func cursor(_ table: Table) throws(LMDBError) -> Cursor {
    try Cursor(snapshot, table)
  }

  /// Lends every entry whose key starts with `prefix` to `body`, in order, until it returns false.
  ///
  /// An empty prefix means the whole table. `body` must not write to the table: collect the keys, then write.
  public func scan(
    _ table: Table, prefix: [UInt8] = [], _ body: (_ key: Span<UInt8>, _ value: Span<UInt8>) throws -> Bool
  ) throws {
    var cursor = try cursor(table)
    var isThere = try cursor.seek(atOrAfter: prefix)
    while isThere {
      let goesOn = try cursor.withCurrent { key, value in
        try key.starts(with: prefix.span) && body(key, value)
      }
      guard goesOn == true else { return }
      isThere = try cursor.next()
    }
  }

  private func look(_ table: Table, _ key: Span<UInt8>, _ value: inout MDB_val) throws(LMDBError) -> Bool {
    let code = unsafe key.withUnsafeBytes { bytes in
      var key = unsafe MDB_val(bytes)
      return unsafe mdb_get(snapshot.transaction, table.handle, &key, &value)
    }
    return try found(code, "get from \(table.name)")
  }
}

extension MDB_val {
  /// The same bytes as a value for C, which reads them during the call and never writes to them.
  init(_ bytes: UnsafeRawBufferPointer) {
    unsafe self.init(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
  }

  /// The bytes that LMDB pointed at; they last until the next write or the end of the transaction.
  var elements: UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(start: mv_data?.assumingMemoryBound(to: UInt8.self), count: mv_size)
  }
}

extension Span<UInt8> {
  /// Whether the first bytes are those of `prefix`.
  func starts(with prefix: Span<UInt8>) -> Bool {
    guard count >= prefix.count else { return false }
    for index in prefix.indices where self[index] != prefix[index] { return false }
    return true
  }
}
