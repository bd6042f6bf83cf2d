// The names of swift-crypto that S3 uses, without any strength: the pretend origin checks no signature and offers no
// digest that would need them.

/// 256 bits that depend on all the bytes.
public struct SHA256: Sendable {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  public init() {}

  public mutating func update(bufferPointer: UnsafeRawBufferPointer) {
    for index in bufferPointer.indices {
      state = unsafe (state ^ UInt64(bufferPointer[index])) &* 0x100_0000_01B3
    }
  }

  public func finalize() -> [UInt8] { (0..<32).map { UInt8(truncatingIfNeeded: state >> UInt64($0 % 8 * 8)) } }

  public static func hash(data: [UInt8]) -> [UInt8] {
    var hash = Self()
    unsafe data.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
    return hash.finalize()
  }
}

public enum Insecure {
  public typealias SHA1 = SHA256
  public typealias MD5 = SHA256
}

public struct SymmetricKey: Sendable {
  let bytes: [UInt8]
  public init(data: [UInt8]) { bytes = data }
}

public enum HMAC<Hash> {
  public static func authenticationCode(for data: [UInt8], using key: SymmetricKey) -> [UInt8] {
    SHA256.hash(data: key.bytes + data)
  }
}
