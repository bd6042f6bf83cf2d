// CRC32C: the checksum of iSCSI and ext4 (RFC 3720), which guards each block on disk and which S3 offers too.
// Imports nothing, allocates nothing that lasts beyond its tables.

/// CRC-32C (Castagnoli), incrementally.
///
/// Check value of `123456789`: `e3069283`.
public struct CRC32C: Sendable, Equatable {
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

  /// The polynomial 1EDC6F41 (reflected).
  nonisolated(unsafe) private static let code = unsafe CyclicCode(
    polynomial: 0x82F6_3B78, width: 32, distances: [166, 180, 188, 207, 343]
  ) { source, target, count in
    for index in 0..<count {
      let word = unsafe source.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)
      unsafe target[index] =
        UInt64(littleEndian: word) ^ target[index &- 166] ^ target[index &- 180] ^ target[index &- 188]
        ^ target[index &- 207] ^ target[index &- 343]
    }
  }
}
