// CRC64NVME: the checksum of NVMe (specification 1.0, 8.3.1), which S3 adds to every object unless told otherwise.
// Imports nothing, allocates nothing that lasts beyond its tables.

/// CRC-64/NVME, incrementally.
///
/// Check value of `123456789`: `ae8b14860a799888`.
public struct CRC64NVME: Sendable, Equatable {
  private var register: UInt64 = .max

  /// The checksum of no bytes yet.
  public init() {}

  /// Takes in the bytes that follow.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    register = unsafe Self.code.register(register, after: bytes)
  }

  /// The checksum of the bytes so far.
  public var value: UInt64 { ~register }

  /// The checksum of `bytes`.
  public static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt64 {
    var checksum = Self()
    unsafe checksum.update(bytes)
    return checksum.value
  }

  /// The checksum of A followed by B, from the checksums of the two and the number of bytes in B.
  ///
  /// So a whole object's checksum follows from its blocks', whatever order they came in; costs about a microsecond.
  public static func combine(_ a: UInt64, _ b: UInt64, lengthOfB: Int) -> UInt64 {
    unsafe code.register(a, afterZeros: lengthOfB) ^ b
  }

  /// The polynomial AD93D23594C93659 (reflected).
  nonisolated(unsafe) private static let code = unsafe CyclicCode(
    polynomial: 0x9A6C_9329_AC4B_C9B5, width: 64, distances: [328, 338, 419, 542, 739, 776, 846, 1011, 1206]
  ) { source, target, count in
    for index in 0..<count {
      let word = unsafe source.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)
      unsafe target[index] =
        UInt64(littleEndian: word) ^ target[index &- 328] ^ target[index &- 338] ^ target[index &- 419]
        ^ target[index &- 542]
        ^ target[index &- 739] ^ target[index &- 776] ^ target[index &- 846] ^ target[index &- 1011]
        ^ target[index &- 1206]
    }
  }
}
