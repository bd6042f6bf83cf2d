// An open file of a few hundred bytes, with the calls that a key file needs and the errors that name them.

internal import Glibc

/// A descriptor that is closed exactly once.
struct KeyFileDescriptor: ~Copyable {
  private let descriptor: Int32
  private let path: String

  init(_ path: String, flags: Int32, mode: mode_t = 0) throws(AuthKeyFileError) {
    let descriptor = unsafe open(path, flags | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw .system(operation: "open", path: path, code: errno) }
    self.descriptor = descriptor
    self.path = path
  }

  deinit { close(descriptor) }

  func status() throws(AuthKeyFileError) -> stat {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw failure("stat") }
    return status
  }

  /// The first `limit` bytes, or the whole file when it is shorter.
  func read(upTo limit: Int) throws(AuthKeyFileError) -> [UInt8] {
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while content.count < limit {
      let wanted = min(buffer.count, limit - content.count)
      let got = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, wanted) }
      if got == 0 { break }
      if got > 0 {
        content += buffer[..<got]
      } else if errno != EINTR {
        throw failure("read")
      }
    }
    return content
  }

  func write(_ content: [UInt8]) throws(AuthKeyFileError) {
    var rest = content[...]
    while !rest.isEmpty {
      let done = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if done >= 0 {
        rest = rest.dropFirst(done)
      } else if errno != EINTR {
        throw failure("write")
      }
    }
  }

  func synchronize() throws(AuthKeyFileError) {
    guard fsync(descriptor) == 0 else { throw failure("fsync") }
  }

  private func failure(_ operation: String) -> AuthKeyFileError {
    .system(operation: operation, path: path, code: errno)
  }
}
