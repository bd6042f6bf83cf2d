// Where things go that belong to nothing: `lost+found` in the data directory, below the path where they were found.

import CSystem
import Glibc

/// Moves strays out of the way, and never over anything.
enum LostAndFound {
  static let folder = "lost+found"

  /// Moves a file or folder; durable when it returns.
  ///
  /// - Returns: where it is now, below the data directory.
  static func take(_ path: String, below root: Int32) throws(DiskError) -> String {
    let parts = path.split(separator: "/").map(String.init)
    var parent = folder
    try make(parent, below: root)
    for part in parts.dropLast() {
      parent += "/\(part)"
      try make(parent, below: root)
    }
    let name = parts.last ?? path
    for attempt in 1...10_000 {
      // A name that is too long with the number behind it gives way.
      let fresh = attempt == 1 ? name : "\(name.prefixOfBytes(240)).\(attempt)"
      let place = "\(parent)/\(fresh)"
      switch unsafe larder_rename_new(root, path, root, place) {
      case 0:
        try DataDirectory.synchronize(parent, below: root)
        let source = parts.dropLast().joined(separator: "/")
        try DataDirectory.synchronize(source.isEmpty ? "." : source, below: root)
        return place
      case -EEXIST: continue
      case let code: throw DiskError("move \(path) to \(place)", -code)
      }
    }
    throw DiskError("move \(path) to \(parent)", EEXIST)
  }

  private static func make(_ path: String, below root: Int32) throws(DiskError) {
    guard unsafe mkdirat(root, path, 0o750) == 0 else {
      if errno == EEXIST { return }
      throw DiskError("make \(path)", errno)
    }
    let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    try DataDirectory.synchronize(parent, below: root)
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
