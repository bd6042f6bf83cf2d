// Names on the disk, for the inspection: what a folder holds, a batch at a time, and what a name stands for. Everything
// here blocks.

import Glibc

/// What stands behind a name, without following it (`fstatat(2)`).
struct FileIdentity: Sendable, Hashable {
  enum Kind: Sendable { case file, folder, other }

  let kind: Kind
  let device: UInt64
  let inode: UInt64
  let size: Int
  let links: Int
  /// When its bytes were last changed: milliseconds since the epoch.
  let modified: Int64

  init(_ status: stat) {
    switch status.st_mode & S_IFMT {
    case S_IFREG: kind = .file
    case S_IFDIR: kind = .folder
    default: kind = .other
    }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int(status.st_size)
    links = Int(status.st_nlink)
    modified = Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000
  }

  /// Nil when there is nothing of that name.
  init?(_ path: String, below root: Int32) throws(DiskError) {
    var status = stat()
    guard unsafe fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw DiskError("look at \(path)", errno)
    }
    self.init(status)
  }

  /// Only what tells a file from all others.
  init(device: UInt64, inode: UInt64) {
    (kind, self.device, self.inode, size, links, modified) = (.file, device, inode, 0, 0, 0)
  }

  /// The same file, by whatever names.
  func isSame(as other: FileIdentity) -> Bool { device == other.device && inode == other.inode }
}

/// A folder that is read.
enum FolderNames {
  /// Lends the names in a folder, some hundreds at a time, in no order; `.` and `..` are left out.
  ///
  /// What comes or goes meanwhile may or may not be among them. A folder that is not there has none.
  ///
  /// - Parameter foreign: told of each name that is no UTF-8, before it is lent as a text that nothing is found under.
  static func each(
    in folder: String, below root: Int32, batch size: Int = 512, foreign: (String) -> Void = { _ in },
    _ body: ([String]) throws -> Void
  ) throws {
    let descriptor = unsafe openat(root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      if errno == ENOENT { return }
      throw DiskError("open \(folder)", errno)
    }
    guard let stream = unsafe fdopendir(descriptor) else {
      close(descriptor)
      throw DiskError("read \(folder)", errno)
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else { break }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
        unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { name in
          if let valid = unsafe String(validatingCString: name) { return valid }
          let repaired = unsafe String(cString: name)
          foreign(repaired)
          return repaired
        }
      }
      if name != ".", name != ".." { names.append(name) }
      if names.count == size {
        try body(names)
        names.removeAll(keepingCapacity: true)
      }
    }
    if errno != 0 { throw DiskError("read \(folder)", errno) }
    if !names.isEmpty { try body(names) }
  }
}
