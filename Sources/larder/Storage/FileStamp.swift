// Whether a file is still the one that was looked at.

import Glibc

/// Which file it is, how long, and when it was last written to: different once somebody else wrote to it.
struct FileStamp: Sendable, Equatable {
  let inode: UInt64
  let size: Int
  /// Of the last write, since 1970.
  let seconds: Int
  let nanoseconds: Int

  private init(_ status: stat) {
    inode = UInt64(status.st_ino)
    size = Int(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }

  /// Of the file at a path (`stat(2)`).
  init(_ path: String) throws(DiskError) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { throw DiskError("look at \(path)", errno) }
    self.init(status)
  }

  /// Of an open file (`fstat(2)`); nil when it cannot be asked.
  init?(_ file: ObjectFile) {
    var status = stat()
    guard unsafe fstat(file.descriptor, &status) == 0 else { return nil }
    self.init(status)
  }
}
