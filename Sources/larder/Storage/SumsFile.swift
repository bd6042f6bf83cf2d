// The file beside a whole object that has its version and checksums; `Sums` says what is in it, and the volume writes it.

import Cache
import Glibc

/// Reading `objects/<id>.sums`. It blocks.
enum SumsFile {
  /// The file's bytes; nil when there is none, empty when it was cut while it was read.
  static func read(_ path: String, below root: Int32) throws(DiskError) -> [UInt8]? {
    let descriptor = unsafe openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw DiskError("open \(path)", errno)
    }
    let file = ObjectFile(owning: descriptor)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: file.size, alignment: 16)
    defer { unsafe buffer.deallocate() }
    return unsafe try file.read(into: buffer, at: 0) ? unsafe Array(buffer) : []
  }
}
