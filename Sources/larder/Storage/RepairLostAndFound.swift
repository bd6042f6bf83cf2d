// Where things go that belong to nothing: `lost+found` in the data directory, below the path where they were found.

import CSystem
import Glibc

/// Moves strays out of the way, and never over anything.
enum LostAndFound {
  static let folder = "lost+found"

  /// Makes the folder for what lies at a path, and makes it durable: a flush of the disk for each on the way.
  ///
  /// - Returns: the folder, below the data directory.
  static func prepare(for path: String, below root: Int32) throws(DiskError) -> String {
    var parent = folder
    try make(parent, below: root)
    for part in path.split(separator: "/").dropLast() {
      parent += "/\(part)"
      try make(parent, below: root)
    }
    return parent
  }

  /// Moves a file or folder into that folder; a rename and no more.
  ///
  /// - Returns: where it is now, below the data directory.
  static func move(_ path: String, to parent: String, below root: Int32) throws(DiskError) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    for attempt in 1...10_000 {
      // A name that is too long with the number behind it gives way.
      let fresh = attempt == 1 ? name : "\(name.prefixOfBytes(240)).\(attempt)"
      let place = "\(parent)/\(fresh)"
      switch unsafe larder_rename_new(root, path, root, place) {
      case 0: return place
      case -EEXIST: continue
      case let code: throw DiskError("move \(path) to \(place)", -code)
      }
    }
    throw DiskError("move \(path) to \(parent)", EEXIST)
  }

  /// Makes a move durable, at both ends.
  static func settle(_ path: String, at place: String, below root: Int32) throws(DiskError) {
    try DataDirectory.synchronize(parent(of: place), below: root)
    do throws(DiskError) { try DataDirectory.synchronize(parent(of: path), below: root) } catch {
      // A user's folder goes with its last title.
      guard error.code == ENOENT else { throw error }
      try DataDirectory.synchronize(parent(of: parent(of: path)), below: root)
    }
  }

  /// The folder that a name stands in.
  static func parent(of path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }

  private static func make(_ path: String, below root: Int32) throws(DiskError) {
    guard unsafe mkdirat(root, path, 0o750) == 0 else {
      if errno == EEXIST { return }
      throw DiskError("make \(path)", errno)
    }
    try DataDirectory.synchronize(parent(of: path), below: root)
  }
}

extension String {
  /// As many of the first bytes as fit, in whole characters.
  fileprivate func prefixOfBytes(_ count: Int) -> String {
    var end = utf8.index(startIndex, offsetBy: count, limitedBy: endIndex) ?? endIndex
    while end > startIndex, String.Index(end, within: self) == nil { end = utf8.index(before: end) }
    return String(self[..<end])
  }
}
