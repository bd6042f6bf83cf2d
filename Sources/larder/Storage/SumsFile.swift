// The file beside a whole object that has its version and checksums; `Sums` says what is in it.

import Cache
import Glibc

/// Reading and writing `objects/<id>.sums`. It blocks.
enum SumsFile {
  /// The file's bytes; nil when there is none.
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

  /// Writes it anew: under another name first, so that no cut leaves half of it.
  static func write(_ sums: Sums, below root: Int32) throws(DiskError) {
    let path = StoredPath.sums(sums.object.id)
    let draft = "\(path).new"
    let descriptor = unsafe openat(root, draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o640)
    guard descriptor >= 0 else { throw DiskError("make \(draft)", errno) }
    let file = ObjectFile(owning: descriptor)
    try file.write(sums.encoded, at: 0)
    try file.synchronize()
    guard unsafe renameat(root, draft, root, path) == 0 else { throw DiskError("rename \(draft)", errno) }
    try DataDirectory.synchronize("objects", below: root)
  }
}
