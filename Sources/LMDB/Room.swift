// Disk blocks that are got before they are needed: a commit, or a page of the lock file, must not find the disk full.

internal import CLMDB
internal import Glibc

/// Room on the file system for LMDB's two files.
enum Room {
  /// Has the file system keep the first `bytes` of an open file for it, whatever the file's size is.
  static func setAside(_ bytes: Int, of descriptor: Int32, _ operation: String) throws(LMDBError) {
    while true {
      let result = larder_set_aside(descriptor, off_t(bytes))
      if result == 0 { return }
      guard result == -EINTR else { throw LMDBError(code: -result, operation: operation) }
    }
  }

  /// Gives `lock.mdb` its blocks before LMDB maps it: it makes the file sparse, and the first touch of a page for which
  /// a full disk has no block ends the process (`SIGBUS`).
  ///
  /// Only before the environment is opened: closing the file drops this process's locks on it.
  static func setAsideForReaders(path: String, readers: Int) throws(LMDBError) {
    let operation = "make room for \(path)/lock.mdb"
    let descriptor = unsafe open("\(path)/lock.mdb", O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw LMDBError(code: errno, operation: operation) }
    defer { close(descriptor) }
    do throws(LMDBError) {
      // Generously: a slot takes a cache line, which is 64 bytes, or 128 on some machines.
      try setAside((readers + 8) * 128, of: descriptor, operation)
    } catch { guard error.code == EOPNOTSUPP else { throw error } }
  }

  /// Whether a path names the open file.
  static func `is`(_ descriptor: Int32, named path: String) -> Bool {
    var (open, named) = (stat(), stat())
    return unsafe fstat(descriptor, &open) == 0 && stat(path, &named) == 0
      && open.st_dev == named.st_dev && open.st_ino == named.st_ino
  }
}
