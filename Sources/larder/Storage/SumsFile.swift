// The file beside a whole object that has its version and checksums; `Sums` says what is in it, and the volume writes it.

import Cache
import Glibc

/// Reading `objects/<id>.sums`. It blocks.
enum SumsFile {
  /// What it says; nil when there is none.
  ///
  /// Its first bytes say how long it has to be: what is longer is nothing of ours, and may be longer than the memory.
  ///
  /// - Throws: a `CorruptRecord` when it says nothing that could be used; a ``DiskError``.
  static func read(_ id: ObjectID, below root: Int32) throws -> Sums? {
    guard let file = try ObjectFile.reading(StoredPath.sums(id), below: root) else { return nil }
    let size = file.size
    try Sums.check(length: size, announcedBy: bytes(min(size, Sums.headLength), of: file))
    return try Sums(bytes(size, of: file))
  }

  /// The first bytes; none when it is cut while it is read.
  private static func bytes(_ count: Int, of file: ObjectFile) throws(DiskError) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
    defer { unsafe buffer.deallocate() }
    return unsafe try file.read(into: buffer, at: 0) ? unsafe Array(buffer) : []
  }
}
