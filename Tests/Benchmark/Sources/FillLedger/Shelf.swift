// The files of a data directory: objects and the links of those who have them.

import Cache
import Glibc

/// A data directory that is being filled; nothing in it is made durable one by one.
struct Shelf {
  struct Fault: Error {
    var path: String
    var code: Int32
  }

  let path: String

  init(_ path: String) throws {
    self.path = path
    for folder in ["", "ledger", "objects", "downloads", "downloads/users"] { try makeFolder("\(path)/\(folder)") }
  }

  /// The object's file, when it is not there yet, and its link.
  func put(_ placed: Placed) throws {
    let object = "\(path)/\(StoredPath.object(placed.object))"
    let descriptor = unsafe open(object, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
    if descriptor >= 0 {
      defer { close(descriptor) }
      let written = unsafe write(descriptor, Population.content, Population.content.count)
      guard written == Population.content.count else { throw Fault(path: object, code: errno) }
    } else if errno != EEXIST {
      throw Fault(path: object, code: errno)
    }
    guard let name = placed.link else { return }
    let link = "\(path)/\(name)"
    try makeFolder(String(link[..<link.lastIndex(of: "/")!]))
    guard unsafe Glibc.link(object, link) == 0 else { throw Fault(path: link, code: errno) }
  }
}

private func makeFolder(_ path: String) throws {
  guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else { throw Shelf.Fault(path: path, code: errno) }
}
