// Where the simulation stands between the ledger and LMDB: the commit, which may fail or never come, and the room that is
// set aside for it.

internal import CLMDB
internal import Glibc

/// What becomes of what LMDB asks of the disk; set by the simulation.
public enum LedgerFaults {
  /// Asked before every commit: nil to let it be, else the error that LMDB reports. Nothing of the transaction remains.
  nonisolated(unsafe) public static var commit: () -> Int32? = { nil }
  /// Whether the disk has no room that could be set aside.
  nonisolated(unsafe) public static var isFull: () -> Bool = { false }
}

/// Stands before LMDB's own function of this name.
// swift-format-ignore: AlwaysUseLowerCamelCase
func mdb_txn_commit(_ transaction: OpaquePointer?) -> Int32 {
  guard let code = unsafe LedgerFaults.commit() else { return unsafe CLMDB.mdb_txn_commit(transaction) }
  unsafe CLMDB.mdb_txn_abort(transaction)
  return code
}

/// Stands before the shim's function of this name; the file itself lies in memory, where nothing is set aside.
// swift-format-ignore: AlwaysUseLowerCamelCase
func larder_set_aside(_ file: Int32, _ bytes: off_t) -> Int32 {
  // The lock file, which lies in memory on a real machine too, is small.
  unsafe bytes > 1 << 20 && LedgerFaults.isFull() ? -ENOSPC : 0
}
