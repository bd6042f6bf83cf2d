// The two ways in which a running daemon loses its ledger: its file is taken away, or LMDB gives it up. Neither is
// played down: nothing is acknowledged any more that is not there.

import Glibc
import LMDB

/// A ledger that cannot be written to as it should.
enum LedgerLoss {
  /// The file that is open is no longer the one below `storage.path`: changes are refused until it is there again.
  struct NotInPlace: Error, CustomStringConvertible {
    var description: String {
      "the data directory was removed or unmounted; bring it back, or restart larder to begin with what is there"
    }
  }

  /// Ends the process with status 70, to be started again by systemd.
  ///
  /// After a failed write of the meta page LMDB refuses everything (`MDB_PANIC`), and nobody can say whether the commit
  /// is durable. The next start reads what the disk holds; whoever waits for an answer gets none.
  static func end(because error: any Error) -> Never {
    Larder.complain("the ledger cannot be written, and its state is not known: \(error); ending to start from the disk")
    _exit(70)
  }
}
