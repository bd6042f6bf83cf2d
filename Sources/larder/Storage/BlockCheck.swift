// Whether a block on the disk is what the ledger says it is. Everything here blocks and runs off the loop.

internal import CSystem
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
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: Self.page)

  /// What the disk wants places and lengths to be whole numbers of, at the most.
  private static let page = 4096

  deinit { unsafe buffer.deallocate() }

  /// Reads the bytes of one block and compares; what differs is read a second time from the disk itself, since it may be
  /// memory that is bad.
  ///
  /// - Parameters:
  ///   - bytes: where the block lies; 256 KiB at the most.
  func check(_ file: ObjectFile, _ bytes: Range<Int>, checksum: UInt32) -> BlockVerdict {
    let first = verdict(file, bytes, checksum)
    guard first == .different else { return first }
    file.forget(bytes)
    let second = verdict(file, bytes, checksum)
    // A player who compared the block before would find these bytes in memory, and take them for those.
    if second != .good { file.forget(bytes) }
    return second
  }

  /// The same of what the disk has, whatever memory has, which is left as it was: what a player compared before may have
  /// fallen out of memory and be other on the disk by now, and who read it into memory would have it sent.
  ///
  /// A file system that reads only through memory is asked to forget the block before and after.
  ///
  /// - Parameter file: nobody else reads or writes by this descriptor.
  func checkPastMemory(_ file: ObjectFile, _ bytes: Range<Int>, checksum: UInt32) -> BlockVerdict {
    if file.readsPastMemory(true) {
      var found = verdict(file, bytes, checksum, inPagesOf: Self.page)
      if found == .different { found = verdict(file, bytes, checksum, inPagesOf: Self.page) }
      // Some file systems say only now that they do not do that.
      guard case .unreadable(let error) = found, [EINVAL, EOPNOTSUPP, ENOSYS].contains(error.code) else { return found }
      _ = file.readsPastMemory(false)
    }
    file.forget(bytes)
    defer { file.forget(bytes) }
    return check(file, bytes, checksum: checksum)
  }

  /// The block itself, when it is what the ledger says.
  static func copy(_ file: ObjectFile, _ bytes: Range<Int>, checksum: UInt32) -> [UInt8]? {
    var copy = [UInt8](repeating: 0, count: bytes.count)
    let isGood = unsafe copy.withUnsafeMutableBytes { part in
      guard (unsafe try? file.read(into: part, at: bytes.lowerBound)) == true else { return false }
      return unsafe CRC32C.checksum(of: UnsafeRawBufferPointer(part)) == checksum
    }
    // Bad bytes do not stay in memory, where others would take them for what was compared before.
    if !isGood { file.forget(bytes) }
    return isGood ? copy : nil
  }

  private func verdict(
    _ file: ObjectFile, _ bytes: Range<Int>, _ checksum: UInt32, inPagesOf page: Int = 1
  ) -> BlockVerdict {
    let whole = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<((bytes.count + page - 1) / page * page)])
    do throws(DiskError) {
      guard unsafe try file.read(into: whole, atLeast: bytes.count, at: bytes.lowerBound) else { return .short }
    } catch { return .unreadable(error) }
    return unsafe CRC32C.checksum(of: UnsafeRawBufferPointer(rebasing: whole[..<bytes.count])) == checksum
      ? .good : .different
  }
}

extension ObjectFile {
  /// Has reads come from the disk and not from memory (`O_DIRECT`, open(2)), or as ever.
  ///
  /// - Returns: false where the file system does not do that.
  func readsPastMemory(_ wanted: Bool) -> Bool { larder_read_past_memory(descriptor, wanted ? 1 : 0) == 0 }

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
