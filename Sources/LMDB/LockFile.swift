// LMDB's lock file, in memory. Each read writes into it, so on a disk that is slow or frozen every read would wait; and a
// full disk has no block for it. It holds nothing worth keeping. LMDB wants it beside its data file, so there stands a
// symbolic link, which brings other processes that read to the same file.

internal import CLMDB
internal import Glibc

/// Where `lock.mdb` of one environment lies.
enum LockFile {
  /// Has `lock.mdb` lie on a tmpfs from now on; where that cannot be done it stays on the disk.
  ///
  /// Only before the environment is opened by this process, and by its one writer: closing the file drops the locks that
  /// this process has on it.
  static func moveToMemory(_ directory: String) {
    let path = "\(directory)/lock.mdb"
    var status = stat()
    if unsafe lstat(path, &status) == 0 {
      // Whoever reads the environment now has its slot there.
      if isInUse(path) { return }
      if status.st_mode & S_IFMT == S_IFLNK, unsafe faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0 {
        return
      }
    }
    var template = Array("/dev/shm/larder-XXXXXX\0".utf8)
    let isMade = unsafe template.withUnsafeMutableBytes { bytes in
      unsafe mkdtemp(bytes.baseAddress!.assumingMemoryBound(to: CChar.self)) != nil
    }
    guard isMade else { return }
    let folder = String(decoding: template.dropLast(), as: UTF8.self)
    let (file, fresh) = (folder + "/lock.mdb", path + ".new")
    let descriptor = unsafe open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
    if descriptor >= 0 { close(descriptor) }
    unsafe unlink(fresh)
    guard descriptor >= 0, unsafe symlink(file, fresh) == 0, unsafe rename(fresh, path) == 0 else {
      unsafe unlink(file)
      unsafe rmdir(folder)
      return
    }
  }

  /// Gives the memory back once this process has closed the environment, unless another one reads it.
  static func giveBack(_ directory: String) {
    let path = "\(directory)/lock.mdb"
    guard let file = target(of: path), !isInUse(path) else { return }
    unsafe unlink(path)
    unsafe unlink(file)
    unsafe rmdir(String(file.dropLast("/lock.mdb".count)))
  }

  /// Where the link leads; nil when it is none of ours.
  private static func target(of path: String) -> String? {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe readlink(path, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    guard count > 0 else { return nil }
    let target = String(decoding: bytes[..<count], as: UTF8.self)
    return target.hasPrefix("/dev/shm/larder-") && target.hasSuffix("/lock.mdb") ? target : nil
  }

  /// Takes a link away that leads nowhere, as after a boot: LMDB would follow it and find no folder.
  static func forgetLostLink(_ directory: String) {
    let path = "\(directory)/lock.mdb"
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return }
    // Not access(2): below a folder that is root's, who reads by a capability would hear EACCES of any link.
    if unsafe stat(path, &status) != 0, errno == ENOENT { unsafe unlink(path) }
  }

  /// Gives the file its blocks before LMDB maps it: it makes the file sparse, and the first touch of a page for which a
  /// full disk has no block ends the process (`SIGBUS`).
  ///
  /// Only before the environment is opened, as above.
  static func setAside(in directory: String, readers: Int, _ operation: String) throws(LMDBError) {
    let descriptor = unsafe open("\(directory)/lock.mdb", O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw LMDBError(code: errno, operation: operation) }
    defer { close(descriptor) }
    do throws(LMDBError) {
      // Generously: a slot takes a cache line, which is 64 bytes, or 128 on some machines.
      try Room.setAside((readers + 8) * 128, of: descriptor, operation)
    } catch { guard error.code == EOPNOTSUPP else { throw error } }
  }

  /// Whether another process has the environment open: it holds a lock on the first byte (`mdb_env_share_locks`).
  private static func isInUse(_ path: String) -> Bool {
    let descriptor = unsafe open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    lock.l_whence = Int16(SEEK_SET)
    lock.l_len = 1
    return unsafe fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != Int16(F_UNLCK)
  }
}
