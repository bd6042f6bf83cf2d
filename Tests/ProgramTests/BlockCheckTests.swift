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

  @Test("a look past memory leaves memory as it was, whatever it finds", arguments: [256 << 10, 5000, 1])
  func pastMemory(count: Int) throws {
    let bytes = 0..<count
    let file = try ScratchFile.make(count)
    try #require(file.readsPastMemory(true) && file.readsPastMemory(false), "TMPDIR's file system only reads to memory")
    let checksum = unsafe [UInt8](repeating: 7, count: count).withUnsafeBytes { unsafe CRC32C.checksum(of: $0) }
    for isResident in [true, false] {
      if !isResident { file.forget(bytes) }
      #expect(BlockCheck().checkPastMemory(file, bytes, checksum: checksum) == .good)
      #expect(BlockCheck().checkPastMemory(file, bytes, checksum: checksum ^ 1) == .different)
      #expect(BlockCheck().checkPastMemory(file, (256 << 10)..<(256 << 10) + 9, checksum: checksum) == .short)
      try #require(file.readsPastMemory(false))
      #expect(file.isResident(at: 0) == isResident)
    }
  }
}
