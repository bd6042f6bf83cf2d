// LMDB's lock file, in memory. Each read writes into it, so on a disk that is slow or frozen every read would wait; and a
// full disk has no block for it. It holds nothing worth keeping. LMDB wants it beside its data file, so there stands a
// symbolic link, which brings other processes that read to the same file.
//
// The link stays when the memory is given back: a full disk may take no name at all, XFS for one has no inode for it. Who
// opens the environment next makes the file again where the link leads. That may be where another environment has its own,
// of which this one is a copy; so beside the file stands `of`, a link to the directory that it is of.

internal import CLMDB
internal import Glibc

/// Where `lock.mdb` of one environment lies.
enum LockFile {
  /// Has `lock.mdb` be a file, or a link to one, before LMDB opens it.
  ///
  /// Only before the environment is opened by this process: closing the file drops the locks that this process has on it.
  ///
  /// - Parameter inMemory: whether it is to lie on a tmpfs from now on, which is for the one writer to say; where that
  ///   cannot be done it stays on the disk.
  static func prepare(_ directory: String, inMemory: Bool) {
    let path = "\(directory)/lock.mdb"
    if let file = target(of: path) {
      let folder = folder(of: file)
      if belongs(folder, to: directory), isUsable(file) || isOwn(path) && makeAgain(folder, for: directory) { return }
    } else if inMemory, isInUse(path) || isLink(path) && isUsable(path) {
      // Whoever reads the environment now has its slot there.
      return
    }
    if !inMemory || !moveToMemory(path, of: directory) { forgetUselessLink(path, of: directory) }
  }

  /// Gives the memory back once this process has closed the environment, unless another one reads it.
  static func giveBack(_ directory: String) {
    let path = "\(directory)/lock.mdb"
    guard let file = target(of: path), belongs(folder(of: file), to: directory), !isInUse(path) else { return }
    remove(folder(of: file))
  }

  // MARK: In memory

  /// Makes a file in memory and a link to it; false where that cannot be done.
  private static func moveToMemory(_ path: String, of directory: String) -> Bool {
    var template = Array("/dev/shm/larder-XXXXXX\0".utf8)
    let isMade = unsafe template.withUnsafeMutableBytes { bytes in
      unsafe mkdtemp(bytes.baseAddress!.assumingMemoryBound(to: CChar.self)) != nil
    }
    guard isMade else { return false }
    let folder = String(decoding: template.dropLast(), as: UTF8.self)
    let fresh = path + ".new"
    unsafe unlink(fresh)
    if fill(folder, for: directory), unsafe symlink("\(folder)/lock.mdb", fresh) == 0 {
      if unsafe rename(fresh, path) == 0 { return true }
      unsafe unlink(fresh)
    }
    remove(folder)
    return false
  }

  /// Makes what was given back, or went with a boot, where the link leads. Nobody else's folder is taken for it.
  private static func makeAgain(_ folder: String, for directory: String) -> Bool {
    if unsafe mkdir(folder, 0o700) != 0 {
      var status = stat()
      guard errno == EEXIST, unsafe lstat(folder, &status) == 0, status.st_mode & (S_IFMT | 0o77) == S_IFDIR,
        status.st_uid == geteuid()
      else { return false }
    }
    return fill(folder, for: directory)
  }

  /// Makes what belongs into the folder, unless it is there.
  private static func fill(_ folder: String, for directory: String) -> Bool {
    guard unsafe symlink(resolved(directory), folder + "/of") == 0 || errno == EEXIST else { return false }
    let descriptor = unsafe open(folder + "/lock.mdb", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o640)
    if descriptor >= 0 { close(descriptor) }
    return descriptor >= 0
  }

  private static func remove(_ folder: String) {
    for name in ["lock.mdb", "of"] { unsafe unlink("\(folder)/\(name)") }
    unsafe rmdir(folder)
  }

  /// Whether a folder in memory is of this environment: so unless it says that it is of another one, which is there.
  private static func belongs(_ folder: String, to directory: String) -> Bool {
    var (named, own) = (stat(), stat())
    guard unsafe stat(folder + "/of", &named) == 0, unsafe stat(directory, &own) == 0 else { return true }
    return named.st_dev == own.st_dev && named.st_ino == own.st_ino
  }

  private static func resolved(_ directory: String) -> String {
    guard let path = unsafe realpath(directory, nil) else { return directory }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  // MARK: The link

  /// Where the link leads; nil when it is none of ours.
  private static func target(of path: String) -> String? {
    destination(of: path).flatMap { $0.hasPrefix("/dev/shm/larder-") && $0.hasSuffix("/lock.mdb") ? $0 : nil }
  }

  private static func folder(of file: String) -> String { String(file.dropLast("/lock.mdb".count)) }

  private static func destination(of path: String) -> String? {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe readlink(path, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }

  /// Takes a link away that leads nowhere, as LMDB would follow it and find no folder, or that leads to another's file.
  private static func forgetUselessLink(_ path: String, of directory: String) {
    guard isLink(path) else { return }
    if let file = target(of: path), !belongs(folder(of: file), to: directory) {
      unsafe unlink(path)
      return
    }
    // Not access(2): below a folder that is root's, who reads by a capability would hear EACCES of any link.
    var status = stat()
    if unsafe stat(path, &status) != 0, errno == ENOENT { unsafe unlink(path) }
  }

  private static func isLink(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  private static func isOwn(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_uid == geteuid()
  }

  private static func isUsable(_ path: String) -> Bool {
    unsafe faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0
  }

  // MARK: The file

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
