// The demo's own temporary folder, and the names in any folder. Blocks: for the start and the end.

import Glibc

/// Folders as the demo needs them.
enum Folder {
  /// The names of everything in a folder but `.` and `..`, sorted by their bytes (`readdir(3)`).
  static func names(in path: String) throws(DiskError) -> [String] {
    guard let stream = unsafe opendir(path) else { throw DiskError("open \(path)", errno) }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Makes a relative path absolute, as the data directory's has to be.
  static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let here = unsafe getcwd(nil, 0) else { return path }
    defer { unsafe free(here) }
    return unsafe "\(String(cString: here))/\(path)"
  }
}

/// A folder that nobody else can look into, and that goes with the demo.
struct TemporaryFolder: Sendable {
  let path: String

  /// Makes it below `$TMPDIR`, else `/tmp` (`mkdtemp(3)`).
  init() throws(DiskError) {
    let template = Folder.absolute("\(environment("TMPDIR") ?? "/tmp")/larder-demo.XXXXXX")
    var name = Array(template.utf8CString)
    guard unsafe mkdtemp(&name) != nil else { throw DiskError("make \(template)", errno) }
    path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Removes it with all that is in it; links are removed, never followed.
  func remove() { Self.remove(path) }

  private static func remove(_ path: String) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      unsafe unlink(path)
      return
    }
    for name in (try? Folder.names(in: path)) ?? [] { remove("\(path)/\(name)") }
    unsafe rmdir(path)
  }
}
