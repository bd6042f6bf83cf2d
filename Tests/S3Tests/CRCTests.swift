// The three CRCs against their published check values, against division one bit at a time, and put together from parts.

import Testing

@testable import S3

/// One of the CRCs, with its register widened so that a table can hold all three.
struct CRCUnderTest: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let check: UInt64
  let polynomial: UInt64
  let ones: UInt64
  let checksum: @Sendable ([UInt8]) -> UInt64
  let inRuns: @Sendable ([ArraySlice<UInt8>]) -> UInt64
  let combine: @Sendable (UInt64, UInt64, Int) -> UInt64

  static let all = [
    CRCUnderTest(
      testDescription: "CRC32", check: 0xCBF4_3926, polynomial: 0xEDB8_8320, ones: 0xFFFF_FFFF,
      checksum: { bytes in unsafe UInt64(bytes.withUnsafeBytes { unsafe CRC32.checksum(of: $0) }) },
      inRuns: { runs in
        var checksum = CRC32()
        for run in runs { unsafe run.withUnsafeBytes { unsafe checksum.update($0) } }
        return UInt64(checksum.value)
      },
      combine: { UInt64(CRC32.combine(UInt32($0), UInt32($1), lengthOfB: $2)) }),
    CRCUnderTest(
      testDescription: "CRC32C", check: 0xE306_9283, polynomial: 0x82F6_3B78, ones: 0xFFFF_FFFF,
      checksum: { bytes in unsafe UInt64(bytes.withUnsafeBytes { unsafe CRC32C.checksum(of: $0) }) },
      inRuns: { runs in
        var checksum = CRC32C()
        for run in runs { unsafe run.withUnsafeBytes { unsafe checksum.update($0) } }
        return UInt64(checksum.value)
      },
      combine: { UInt64(CRC32C.combine(UInt32($0), UInt32($1), lengthOfB: $2)) }),
    CRCUnderTest(
      testDescription: "CRC64NVME", check: 0xAE8B_1486_0A79_9888, polynomial: 0x9A6C_9329_AC4B_C9B5, ones: .max,
      checksum: { bytes in unsafe bytes.withUnsafeBytes { unsafe CRC64NVME.checksum(of: $0) } },
      inRuns: { runs in
        var checksum = CRC64NVME()
        for run in runs { unsafe run.withUnsafeBytes { unsafe checksum.update($0) } }
        return checksum.value
      },
      combine: { CRC64NVME.combine($0, $1, lengthOfB: $2) }),
  ]

  /// The definition: one bit at a time.
  func naive(_ bytes: [UInt8]) -> UInt64 {
    var register = ones
    for byte in bytes {
      register ^= UInt64(byte)
      for _ in 0..<8 { register = register & 1 == 1 ? register >> 1 ^ polynomial : register >> 1 }
    }
    return register ^ ones
  }
}

@Suite("CRC")
struct CRCTests {
  @Test("The check value of 123456789 is the published one", arguments: CRCUnderTest.all)
  func checkValue(_ crc: CRCUnderTest) {
    #expect(crc.checksum(Array("123456789".utf8)) == crc.check)
    #expect(crc.checksum([]) == 0)
  }

  @Test("RFC 3720's examples of CRC-32C hold")
  func iscsi() {
    let table: [([UInt8], UInt64)] = [
      (Array(repeating: 0, count: 32), 0x8A91_36AA), (Array(repeating: 0xFF, count: 32), 0x62A8_AB43),
      (Array(0..<32), 0x46DD_794E), (Array((0..<32).reversed()), 0x113F_DB5C),
    ]
    for (bytes, expected) in table { #expect(CRCUnderTest.all[1].checksum(bytes) == expected) }
  }

  @Test("Every short length agrees with division bit by bit", arguments: CRCUnderTest.all)
  func shortLengths(_ crc: CRCUnderTest) {
    var generator = Seeded(1)
    for length in 0...64 {
      let bytes = generator.bytes(length)
      #expect(crc.checksum(bytes) == crc.naive(bytes), "length \(length)")
    }
  }

  @Test("Lengths that are folded agree with division bit by bit, unaligned ones too", arguments: CRCUnderTest.all)
  func foldedLengths(_ crc: CRCUnderTest) {
    var generator = Seeded(2)
    let bytes = generator.bytes(64 * 1024)
    // On both sides of each code's threshold, and of a whole number of strips of 16 KiB.
    let reaches = [274, 343, 1206].map { $0 * 32 }
    let lengths = reaches.flatMap { [$0 - 1, $0, $0 + 8, $0 + 16_384, $0 + 16_391] } + [60_001]
    for length in lengths {
      let start = Int.random(in: 0..<min(8, bytes.count - length), using: &generator)
      let slice = Array(bytes[start..<(start + length)])
      #expect(crc.checksum(slice) == crc.naive(slice), "length \(length) from \(start)")
      let unaligned = crc.inRuns([bytes[start..<(start + length)]])
      #expect(unaligned == crc.naive(slice), "length \(length) from \(start), in place")
    }
  }

  @Test("Runs of any length add up", arguments: CRCUnderTest.all)
  func runs(_ crc: CRCUnderTest) {
    var generator = Seeded(3)
    let bytes = generator.bytes(100_000)
    let whole = crc.naive(bytes)
    for _ in 0..<5 {
      var runs: [ArraySlice<UInt8>] = []
      var start = 0
      while start < bytes.count {
        let longest = [7, 300, 50_000].randomElement(using: &generator) ?? 1
        let end = min(bytes.count, start + Int.random(in: 0...longest, using: &generator))
        runs.append(bytes[start..<end])
        start = end
      }
      #expect(crc.inRuns(runs) == whole)
    }
  }

  @Test("The checksum of A and B together follows from theirs", arguments: CRCUnderTest.all)
  func combine(_ crc: CRCUnderTest) {
    var generator = Seeded(4)
    let bytes = generator.bytes(5000)
    let whole = crc.naive(bytes)
    for cut in [0, 1, 7, 8, 2500, 4096, 4999, 5000] {
      let (a, b) = (crc.naive(Array(bytes[..<cut])), crc.naive(Array(bytes[cut...])))
      #expect(crc.combine(a, b, bytes.count - cut) == whole, "cut at \(cut)")
    }
  }

  @Test("Blocks that came in any order make the object's checksum", arguments: CRCUnderTest.all)
  func blocks(_ crc: CRCUnderTest) {
    var generator = Seeded(5)
    let bytes = generator.bytes(10 * 1024 + 77)
    let starts = Array(stride(from: 0, to: bytes.count, by: 1024))
    let sums = starts.map { crc.checksum(Array(bytes[$0..<min($0 + 1024, bytes.count)])) }
    var whole: UInt64 = 0
    for (start, sum) in zip(starts, sums) { whole = crc.combine(whole, sum, min(1024, bytes.count - start)) }
    #expect(whole == crc.naive(bytes))
  }

  @Test("Appending terabytes of zeros is associative", arguments: CRCUnderTest.all)
  func farCombine(_ crc: CRCUnderTest) {
    let far = 5_000_000_000_123
    let once = crc.combine(crc.check, 0, far)
    let twice = crc.combine(crc.combine(crc.check, 0, far - 4_294_967_297), 0, 4_294_967_297)
    #expect(once == twice)
    #expect(once != crc.check)
  }

  @Test("A flipped bit anywhere changes the checksum", arguments: CRCUnderTest.all)
  func flippedBits(_ crc: CRCUnderTest) {
    var generator = Seeded(6)
    var bytes = generator.bytes(40_000)
    let good = crc.checksum(bytes)
    for _ in 0..<20 {
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
      bytes[place] ^= bit
      #expect(crc.checksum(bytes) != good, "byte \(place)")
      bytes[place] ^= bit
    }
  }
}
