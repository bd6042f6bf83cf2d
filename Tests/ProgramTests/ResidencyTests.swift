// What of a file is in memory, told to the byte.

import Foundation
import Glibc
import Testing

@testable import larder

@Suite struct ResidencyTests {
  private static let page = Int(getpagesize())

  @Test func allOfIt() throws {
    let size = 300 * Self.page
    let residency = Residency(try ScratchFile.make(size), size: size)
    #expect(residency.end(0..<size) == size)
    #expect(residency.end(1..<size - 1) == size - 1)
    #expect(residency.end(Self.page - 1..<Self.page + 1) == Self.page + 1)
    #expect(residency.end(5..<5) == 5)
    #expect(residency.end(0..<size + 1) == 0, "beyond the end nothing can be told")
  }

  @Test("up to the first byte that memory has forgotten")
  func upToTheGap() throws {
    let size = 300 * Self.page
    let file = try ScratchFile.make(size)
    let residency = Residency(file, size: size)
    file.forget(0..<size)
    posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_RANDOM)
    var byte: UInt8 = 0
    // The first three pages and one behind a gap come back.
    for page in [0, 1, 2, 10] { try #require(unsafe pread(file.descriptor, &byte, 1, off_t(page * Self.page)) == 1) }
    #expect(residency.end(0..<size) == 3 * Self.page)
    #expect(residency.end(7..<2 * Self.page + 7) == 2 * Self.page + 7)
    #expect(residency.end(4 * Self.page..<size) == 4 * Self.page)
    #expect(residency.end(10 * Self.page + 1..<size) == 11 * Self.page)
  }
}
