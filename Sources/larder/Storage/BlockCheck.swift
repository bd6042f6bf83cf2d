// Whether a block on the disk is what the ledger says it is. Everything here blocks and runs off the loop.

import Cache
import Glibc
import S3

/// What the disk gives back for a block.
enum BlockVerdict: Sendable, Hashable {
  case good
  /// The bytes are there and are others.
  case different
  /// The file ends before the block does.
  case short
  /// The disk cannot read it: a bad sector, as a rule (`EIO`). Writing it anew makes the disk put it elsewhere.
  case unreadable(DiskError)

  /// What the diary says of it; nil when all is well.
  var fault: String? {
    switch self {
    case .good: nil
    case .different: "it does not match its checksum"
    case .short: "the file ends before it"
    case .unreadable(let error): "\(error)"
    }
  }
}

/// Reads blocks and compares them with their checksums, in a buffer that serves for all of them.
@safe
struct BlockCheck: ~Copyable {
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)

  deinit { unsafe buffer.deallocate() }

  /// Reads the bytes of one block and compares; what differs is read a second time from the disk itself, since it may be
  /// memory that is bad.
  ///
  /// - Parameters:
  ///   - bytes: where the block lies; 256 KiB at the most.
  ///   - pastMemory: reads from the disk what is in memory too, and leaves memory as it was (`posix_fadvise(2)`).
  func check(
    _ file: ObjectFile, _ bytes: Range<Int>, checksum: UInt32, pastMemory: Bool = false
  ) -> BlockVerdict {
    if pastMemory { file.forget(bytes) }
    defer { if pastMemory { file.forget(bytes) } }
    let first = verdict(file, bytes, checksum)
    guard first == .different else { return first }
    file.forget(bytes)
    let second = verdict(file, bytes, checksum)
    // A player who compared the block before would find these bytes in memory, and take them for those.
    if second != .good { file.forget(bytes) }
    return second
  }

  private func verdict(_ file: ObjectFile, _ bytes: Range<Int>, _ checksum: UInt32) -> BlockVerdict {
    let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<bytes.count])
    do throws(DiskError) {
      guard unsafe try file.read(into: part, at: bytes.lowerBound) else { return .short }
    } catch { return .unreadable(error) }
    return unsafe CRC32C.checksum(of: UnsafeRawBufferPointer(part)) == checksum ? .good : .different
  }
}

extension ObjectFile {
  /// Drops the bytes from memory, unless they wait to be written.
  func forget(_ bytes: Range<Int>) {
    posix_fadvise(descriptor, off_t(bytes.lowerBound), off_t(bytes.count), POSIX_FADV_DONTNEED)
  }

  /// Bytes of the file (`fstat(2)`).
  var size: Int {
    var status = stat()
    return unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
  }
}
