// The file of one object, open. Whoever holds it may read what the ledger says is there, also after it was unlinked.

internal import CSystem
import Glibc
import Synchronization

/// An open object file; closed when the last holder lets go.
final class ObjectFile: Sendable {
  /// For `sendfile` and `preadv2`; valid as long as this object is held.
  let descriptor: Int32
  /// How many times `synchronize` has failed. What was begun to be written before such a failure is not to be believed
  /// after it, even when a later one succeeds: the kernel reports it once and may have dropped the pages.
  let failures = Atomic<Int>(0)

  /// How far it reaches for all that we know: it was so long when it was opened for writing, or was written to since.
  private let reach = Atomic<Int>(0)
  /// Says that it is open, until after it is closed.
  private let hold: Hold?

  /// - Parameter hold: nil for a file that is no object's.
  init(owning descriptor: Int32, _ hold: Hold? = nil) {
    self.descriptor = descriptor
    self.hold = hold
  }

  deinit { close(descriptor) }

  /// Opens a file for reading that somebody else may have put there; nil when there is none of that name.
  ///
  /// - Throws: also for what is no regular file. A pipe is not waited for.
  static func reading(
    _ path: String, below root: Int32, followsLinks: Bool = false, _ hold: Hold? = nil
  ) throws(DiskError) -> ObjectFile? {
    let flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW)
    let descriptor = unsafe openat(root, path, flags)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw DiskError("open \(path)", errno)
    }
    let file = ObjectFile(owning: descriptor, hold)
    try file.insistOnFile(path)
    return file
  }

  /// Throws when it is a folder, a pipe, or whatever else is no regular file.
  func insistOnFile(_ path: String) throws(DiskError) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw DiskError("look at \(path)", errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw DiskError("use \(path), which is no file", EINVAL) }
  }

  /// The file is so long, or is by now.
  func reaches(_ end: Int) { reach.max(end, ordering: .relaxed) }

  /// Throws `ESTALE` when somebody else has cut the file short or taken its last name away. What were written to it then
  /// would make it long again, with zeros that look in memory like what was there and was good, or would be found by nobody.
  private func insistOnWhatWasThere() throws(DiskError) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw DiskError("look at a file", errno) }
    guard Int(status.st_size) >= reach.load(ordering: .relaxed) else {
      throw DiskError("go on with a file that was cut short meanwhile", ESTALE)
    }
    guard status.st_nlink > 0 else { throw DiskError("go on with a file that was removed meanwhile", ESTALE) }
  }

  /// Writes all of `bytes` at `offset` (`pwrite(2)`).
  func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
    try insistOnWhatWasThere()
    var done = 0
    while done < bytes.count {
      let wrote = unsafe bytes.withUnsafeBytes { all in
        unsafe pwrite(descriptor, all.baseAddress! + done, all.count - done, off_t(offset + done))
      }
      if wrote < 0 {
        if errno == EINTR { continue }
        throw DiskError("write", errno)
      }
      done += wrote
    }
    reaches(offset + done)
  }

  /// Reads exactly `buffer.count` bytes at `offset`; false when the file ends before (`pread(2)`).
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Bool {
    unsafe try read(into: buffer, atLeast: buffer.count, at: offset)
  }

  /// Reads up to `buffer.count` bytes at `offset`; false when the file ends before so many as are needed.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, atLeast needed: Int, at offset: Int
  ) throws(DiskError) -> Bool {
    var done = 0
    while done < needed {
      let got = unsafe pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if got == 0 { return false }
      if got < 0 {
        if errno == EINTR { continue }
        throw DiskError("read", errno)
      }
      done += got
    }
    return true
  }

  /// Makes the bytes durable (`fdatasync(2)`).
  func synchronize() throws(DiskError) {
    if fdatasync(descriptor) < 0 { throw failed(DiskError("fdatasync", errno)) }
    try insistOnWhatWasThere()
  }

  /// Sends bytes that were written to the disk and waits until they are there, without making them durable
  /// (`sync_file_range(2)`). An error that it tells is told no second time by `fdatasync`.
  func push(_ bytes: Range<Int>) throws(DiskError) {
    let code = larder_push(descriptor, off_t(bytes.lowerBound), off_t(bytes.count))
    if code < 0 { throw failed(DiskError("write", -code)) }
  }

  private func failed(_ error: DiskError) -> DiskError {
    failures.add(1, ordering: .sequentiallyConsistent)
    return error
  }
}

/// The disk refused.
struct DiskError: Error, Sendable, Hashable, CustomStringConvertible {
  let operation: String
  /// As in `errno(3)`.
  let code: Int32

  init(_ operation: String, _ code: Int32) {
    self.operation = operation
    self.code = code
  }

  var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }

  /// Whether what was opened is not any more what it was; opened anew it is looked at as it is now.
  var isStale: Bool { code == ESTALE }

  /// Whether the disk may be well the next time, with nothing changed in the configuration.
  var mayMend: Bool { isOutOfSpace || code == EIO || code == EROFS }

  var description: String { "cannot \(operation): \(reason)" }

  /// In the C library's words, without the file's name.
  var reason: String { unsafe String(cString: strerror(code)) }
}
