// Whether the daemon before this one came to its end in order. Its lock's file holds its process id until then: a daemon
// that was killed, or tripped over a damaged page, or lost its power, leaves it there, and the next start looks at more of
// the ledger before it trusts it.

import Glibc
import Loop

/// The mark of a run in the file of the data directory's lock.
enum RunMark {
  /// Puts the mark there; true when it was there already.
  ///
  /// It is not synced: when the power goes within the first seconds of a run, there was little to damage. A disk that takes
  /// no byte has no mark.
  static func set(in lock: borrowing Descriptor) -> Bool {
    var status = stat()
    let wasThere = unsafe fstat(lock.raw, &status) == 0 && status.st_size > 0
    let text = Array("\(getpid())\n".utf8)
    _ = unsafe pwrite(lock.raw, text, text.count, 0)
    _ = ftruncate(lock.raw, off_t(text.count))
    return wasThere
  }

  /// All is on the disk, and the ledger is closed.
  static func clear(in lock: borrowing Descriptor) { _ = ftruncate(lock.raw, 0) }
}
