// One consistent look at the environment. It ends when it goes out of scope.

internal import CLMDB

/// A read transaction: it sees the last commit before it began, however many follow (`mdb_txn_begin`, `MDB_RDONLY`).
///
/// It blocks no writer, but keeps the pages that it sees from being used again: hold it briefly. It belongs to no
/// thread (`MDB_NOTLS`), is used by one at a time, and ends with its scope.
public struct ReadTransaction: Reading, ~Copyable {
  public let snapshot: Snapshot
  private let gate: Gate

  /// Begins within `gate`, renewing an idle transaction when there is one.
  init(_ gate: Gate) throws(LMDBError) {
    let (environment, idle) = try unsafe gate.enterToRead()
    var transaction: OpaquePointer?
    let code =
      if let idle { unsafe mdb_txn_renew(idle.transaction) } else {
        unsafe mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &transaction)
      }
    guard code == MDB_SUCCESS, let snapshot = unsafe idle ?? transaction.map({ unsafe Snapshot($0, isWritable: false) })
    else {
      idle?.abort()
      gate.leave()
      throw LMDBError(code: code, operation: "begin read")
    }
    self.snapshot = snapshot
    self.gate = gate
  }

  deinit {
    snapshot.reset()
    gate.leave(returning: snapshot)
  }
}
