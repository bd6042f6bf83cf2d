// Disk blocks that are got before they are needed, and whether an open file is still where it was.

internal import CLMDB
internal import Glibc

/// Room on the file system, and a place in it.
enum Room {
  /// Has the file system keep the first `bytes` of an open file for it, whatever the file's size is.
  ///
  /// A file that has so many already has them: XFS asks for all of it again, and a full disk says no.
  static func setAside(_ bytes: Int, of descriptor: Int32, _ operation: String) throws(LMDBError) {
    while true {
      let result = larder_set_aside(descriptor, off_t(bytes))
      if result == 0 || result == -ENOSPC && onDisk(descriptor) >= bytes { return }
      guard result == -EINTR else { throw LMDBError(code: -result, operation: operation) }
    }
  }

  /// Bytes of the blocks that the file has, also behind its end.
  private static func onDisk(_ descriptor: Int32) -> Int {
    var status = stat()
    return unsafe fstat(descriptor, &status) == 0 ? Int(status.st_blocks) * 512 : 0
  }

  /// Whether a path names the open file.
  static func `is`(_ descriptor: Int32, named path: String) -> Bool {
    var (open, named) = (stat(), stat())
    return unsafe fstat(descriptor, &open) == 0 && stat(path, &named) == 0
      && open.st_dev == named.st_dev && open.st_ino == named.st_ino
  }
}
