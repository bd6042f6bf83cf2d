// What of a file is in memory. A block that was compared with its checksum stays good as long as it stays there; once it has
// to come from the disk again, nobody knows.

import CSystem
import Glibc

/// Tells which bytes of a file are in memory.
///
/// As a rule they all are, which the kernel knows at a glance (`cachestat(2)`). Where they end is asked through a mapping
/// that nobody reads (`mincore(2)`), and so is everything where the kernel is older than 6.5.
@safe
struct Residency: ~Copyable {
  private let file: ObjectFile
  private let start: UnsafeMutableRawPointer?
  private let size: Int
  private static let page = Int(getpagesize())

  /// - Parameter size: bytes of the file; more than it has now is no fault.
  init(_ file: ObjectFile, size: Int) {
    self.file = file
    self.size = size
    let mapped = unsafe size > 0 ? mmap(nil, size, PROT_READ, MAP_SHARED, file.descriptor, 0) : MAP_FAILED
    unsafe start = mapped == MAP_FAILED ? nil : mapped
  }

  deinit { if let start = unsafe start { unsafe munmap(start, size) } }

  /// Up to where these bytes are in memory without a gap; their beginning when it cannot be told, so that they are compared
  /// once more.
  func end(_ bytes: Range<Int>) -> Int {
    guard let start = unsafe start, !bytes.isEmpty, bytes.lowerBound >= 0, bytes.upperBound <= size else {
      return bytes.lowerBound
    }
    let first = bytes.lowerBound / Self.page * Self.page
    let pages = (bytes.upperBound - first + Self.page - 1) / Self.page
    if larder_cached_pages(file.descriptor, UInt64(first), UInt64(bytes.upperBound - first)) == pages {
      return bytes.upperBound
    }
    return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pages) { found in
      guard unsafe mincore(start + first, bytes.upperBound - first, found.baseAddress) == 0 else {
        return bytes.lowerBound
      }
      guard let gap = unsafe found[..<pages].firstIndex(where: { $0 & 1 == 0 }) else { return bytes.upperBound }
      return max(bytes.lowerBound, first + gap * Self.page)
    }
  }
}
