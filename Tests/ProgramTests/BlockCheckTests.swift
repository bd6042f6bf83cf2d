// What a comparison of a block leaves behind in memory.

import S3
import Testing

@testable import larder

@Suite struct BlockCheckTests {
  @Test("a good block stays in memory; one that differs does not, where players would take it for what they compared")
  func memory() throws {
    let bytes = 0..<256 << 10
    let file = try ScratchFile.make(bytes.count)
    let checksum = unsafe [UInt8](repeating: 7, count: bytes.count).withUnsafeBytes { unsafe CRC32C.checksum(of: $0) }
    let good = BlockCheck().check(file, bytes, checksum: checksum)
    #expect(good == .good && file.isResident(at: 0))
    let bad = BlockCheck().check(file, bytes, checksum: checksum ^ 1)
    #expect(bad == .different && !file.isResident(at: 0))
  }
}
