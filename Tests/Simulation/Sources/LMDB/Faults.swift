// Where the simulation stands between the ledger and LMDB: the commit, which may fail or never come.

internal import CLMDB

/// What becomes of the next commit; set by the simulation.
public enum CommitFaults {
  /// Asked before every commit: nil to let it be, else the error that LMDB reports. Nothing of the transaction remains.
  nonisolated(unsafe) public static var next: () -> Int32? = { nil }
}

/// Stands before LMDB's own function of this name.
// swift-format-ignore: AlwaysUseLowerCamelCase
func mdb_txn_commit(_ transaction: OpaquePointer?) -> Int32 {
  guard let code = unsafe CommitFaults.next() else { return unsafe CLMDB.mdb_txn_commit(transaction) }
  unsafe CLMDB.mdb_txn_abort(transaction)
  return code
}
