// CRC32: the checksum of zip, gzip and PNG, which S3 offers as x-amz-checksum-crc32.
// Imports nothing, allocates nothing that lasts beyond its tables.

/// CRC-32 (IEEE 802.3), incrementally.
///
/// Check value of `123456789`: `cbf43926`.
public struct CRC32: Sendable, Equatable {
  private var register: UInt64 = 0xFFFF_FFFF

  /// The checksum of no bytes yet.
  public init() {}

  /// Takes in the bytes that follow.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    register = unsafe Self.code.register(register, after: bytes)
  }

  /// The checksum of the bytes so far.
  public var value: UInt32 { UInt32(truncatingIfNeeded: ~register) }

  /// The checksum of `bytes`.
  public static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    var checksum = Self()
    unsafe checksum.update(bytes)
    return checksum.value
  }

  /// The checksum of A followed by B, from the checksums of the two and the number of bytes in B.
  ///
  /// So a whole object's checksum follows from its blocks', whatever order they came in; costs about a microsecond.
  public static func combine(_ a: UInt32, _ b: UInt32, lengthOfB: Int) -> UInt32 {
    unsafe UInt32(truncatingIfNeeded: code.register(UInt64(a), afterZeros: lengthOfB)) ^ b
  }

  /// The polynomial 04C11DB7 (reflected).
  nonisolated(unsafe) private static let code = unsafe CyclicCode(
    polynomial: 0xEDB8_8320, width: 32, distances: [181, 199, 255, 263, 274]
  ) { source, target, count in
    for index in 0..<count {
      let word = unsafe source.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)
      unsafe target[index] =
        UInt64(littleEndian: word) ^ target[index &- 181] ^ target[index &- 199] ^ target[index &- 255]
        ^ target[index &- 263] ^ target[index &- 274]
    }
  }
}
