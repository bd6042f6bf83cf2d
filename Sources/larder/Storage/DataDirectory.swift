// `storage.path` itself: made at the first start, held by one daemon at a time, and never created a second time behind a
// mount that is missing.

import Glibc
import Loop

/// What the start makes of the data directory.
enum DataDirectory {
  /// Another daemon holds it.
  struct Taken: Error, CustomStringConvertible {
    let path: String
    var description: String {
      "the data directory \(path) is locked by a running larder; stop that one or give this one its own storage.path"
    }
  }

  /// Makes what is missing of the promised layout.
  static func prepare(_ path: String) throws(DiskError) {
    try make(path, mode: 0o755)
    for folder in ["ledger", "objects"] { try make("\(path)/\(folder)", mode: 0o750) }
    for folder in ["downloads", "downloads/users"] { try make("\(path)/\(folder)", mode: 0o755) }
    let root = try open(path)
    defer { close(root) }
    for folder in ["downloads", "."] { try synchronize(folder, below: root) }
  }

  /// Makes the directory alone, for the key that is made in it at the first start.
  static func prepareForKey(_ path: String) throws(StartFailure) {
    do throws(DiskError) { try make(path, mode: 0o755) } catch {
      throw error.mayMend ? .temporary("the data directory: \(error)") : .configuration("storage.path: \(error)")
    }
  }

  /// Holds the directory for as long as the descriptor lives (`flock(2)`): the kernel lets go when we die.
  ///
  /// - Parameter folder: where the lock lies, for a ledger that is to take the place of another.
  static func lock(_ path: String, folder: String = "ledger") throws -> Descriptor {
    let lock = "\(path)/\(folder)/lock"
    let file = unsafe Glibc.open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard file >= 0 else { throw DiskError("open \(lock)", errno) }
    let descriptor = Descriptor(owning: file)
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      if errno == EWOULDBLOCK { throw Taken(path: path) }
      throw DiskError("lock \(lock)", errno)
    }
    return descriptor
  }

  /// Whether somebody holds the directory. It makes nothing: who asks may be root, and the file another user's to make.
  static func isTaken(_ path: String) -> Bool {
    let file = unsafe Glibc.open("\(path)/ledger/lock", O_RDWR | O_CLOEXEC)
    guard file >= 0 else { return false }
    let descriptor = Descriptor(owning: file)
    return withExtendedLifetime(descriptor) { flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK }
  }

  /// The folder as a descriptor, so that everything below is found even when a path above changes.
  static func open(_ path: String) throws(DiskError) -> Int32 {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DiskError("open \(path)", errno) }
    return descriptor
  }

  /// Makes the names in a folder durable (`fsync(2)` of the folder).
  static func synchronize(_ folder: String, below root: Int32) throws(DiskError) {
    let descriptor = unsafe openat(root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DiskError("open \(folder)", errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw DiskError("fsync \(folder)", errno) }
  }

  /// Bytes that an ordinary user may still write.
  static func freeBytes(_ root: Int32) -> Int? {
    var statistics = statvfs()
    guard unsafe fstatvfs(root, &statistics) == 0 else { return nil }
    // Some network file systems say "no limit" with the largest number there is.
    let (bytes, overflows) = statistics.f_bavail.multipliedReportingOverflow(by: statistics.f_frsize)
    return overflows ? 1 << 60 : Int(min(UInt64(bytes), 1 << 60))
  }

  private static func make(_ path: String, mode: mode_t) throws(DiskError) {
    guard unsafe mkdir(path, mode) == 0 || errno == EEXIST else { throw DiskError("make \(path)", errno) }
  }
}
