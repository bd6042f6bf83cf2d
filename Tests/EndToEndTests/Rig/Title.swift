// Video titles made of bytes that anyone can make again from a seed, so that what
// comes out of the box can be compared bit for bit with what went into the origin.

import S3
import Synchronization

/// Small, fast and good enough to tell any two places of a title apart (Steele and others, 2014).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A title at the origin: its name and its bytes.
struct Title {
  var contentID: String
  var quality = "720p"
  var bytes: Bytes

  var size: Int { bytes.count }
  var key: String { "\(contentID)/\(quality).mp4" }

  /// The ETag that a store gives it that was sent in one piece: its MD5.
  var md5ETag: String {
    var md5 = DigestComputation(.md5)
    md5.update(bytes.array)
    return "\"" + md5.finish().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\""
  }

  private static let count = Atomic<UInt64>(0)

  /// A title that no other test has, of pseudo-random bytes.
  init(size: Int) {
    let number = Self.count.add(1, ordering: .relaxed).newValue
    contentID = "title-\(number)"
    bytes = Self.bytes(size: size, seed: number)
  }

  /// The same title after the platform has replaced it.
  func replaced(size: Int) -> Title {
    var other = Title(size: size)
    other.contentID = contentID
    return other
  }

  /// The bytes of the generator, eight at a time.
  static func bytes(size: Int, seed: UInt64) -> Bytes {
    var generator = SplitMix64(seed: seed &* 0x1000_0000_01B3)
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      var offset = 0
      while offset + 8 <= size {
        unsafe UnsafeMutableRawPointer(buffer.baseAddress!).storeBytes(
          of: generator.next(), toByteOffset: offset, as: UInt64.self)
        offset += 8
      }
      while offset < size {
        unsafe buffer[offset] = UInt8(truncatingIfNeeded: generator.next())
        offset += 1
      }
      count = size
    }
    return Bytes(bytes)
  }
}
