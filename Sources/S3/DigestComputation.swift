// DigestComputation: any of the six algorithms over bytes that come in order, and the digest of digests of parts.

internal import Crypto

/// A digest being computed over bytes that come in order, in runs of any length.
public struct DigestComputation: Sendable {
  private enum State {
    case sha256(SHA256)
    case sha1(Insecure.SHA1)
    case md5(Insecure.MD5)
    case crc64nvme(CRC64NVME)
    case crc32c(CRC32C)
    case crc32(CRC32)
  }

  private var state: State

  /// The digest of no bytes yet.
  public init(_ algorithm: DigestAlgorithm) {
    state =
      switch algorithm {
      case .sha256: .sha256(SHA256())
      case .sha1: .sha1(Insecure.SHA1())
      case .md5: .md5(Insecure.MD5())
      case .crc64nvme: .crc64nvme(CRC64NVME())
      case .crc32c: .crc32c(CRC32C())
      case .crc32: .crc32(CRC32())
      }
  }

  /// Takes in the bytes that follow.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    switch state {
    case .sha256(var hash):
      unsafe hash.update(bufferPointer: bytes)
      state = .sha256(hash)
    case .sha1(var hash):
      unsafe hash.update(bufferPointer: bytes)
      state = .sha1(hash)
    case .md5(var hash):
      unsafe hash.update(bufferPointer: bytes)
      state = .md5(hash)
    case .crc64nvme(var checksum):
      unsafe checksum.update(bytes)
      state = .crc64nvme(checksum)
    case .crc32c(var checksum):
      unsafe checksum.update(bytes)
      state = .crc32c(checksum)
    case .crc32(var checksum):
      unsafe checksum.update(bytes)
      state = .crc32(checksum)
    }
  }

  /// Takes in the bytes that follow.
  public mutating func update(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe update($0) }
  }

  /// The digest of the bytes so far; a CRC's highest byte first, as S3 writes it.
  public func finish() -> [UInt8] {
    switch state {
    case .sha256(let hash): Array(hash.finalize())
    case .sha1(let hash): Array(hash.finalize())
    case .md5(let hash): Array(hash.finalize())
    case .crc64nvme(let checksum): Self.bytes(of: checksum.value)
    case .crc32c(let checksum): Self.bytes(of: checksum.value)
    case .crc32(let checksum): Self.bytes(of: checksum.value)
    }
  }

  private static func bytes(of value: some FixedWidthInteger) -> [UInt8] {
    stride(from: value.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}

/// A composite digest being computed: the digest of the parts' digests, for parts of equal length but the last.
///
/// That is how S3 digests an object that was uploaded in parts, unless the checksum is of the full object.
public struct CompositeComputation: Sendable {
  private let algorithm: DigestAlgorithm
  private let partLength: Int
  private var part: DigestComputation
  private var whole: DigestComputation
  /// Bytes of the current part so far.
  private var filled = 0

  /// The number of parts finished, and after ``finish()`` of all.
  public private(set) var parts = 0

  /// The digest of no bytes yet.
  ///
  /// - Parameters:
  ///   - algorithm: of the parts and of the whole.
  ///   - partLength: bytes in each part but the last; at least 1.
  public init(_ algorithm: DigestAlgorithm, partLength: Int) {
    precondition(partLength > 0, "a part has at least one byte")
    self.algorithm = algorithm
    self.partLength = partLength
    part = DigestComputation(algorithm)
    whole = DigestComputation(algorithm)
  }

  /// Takes in the bytes that follow.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var start = 0
    while start < bytes.count {
      let count = min(partLength - filled, bytes.count - start)
      unsafe part.update(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]))
      start += count
      filled += count
      if filled == partLength { closePart() }
    }
  }

  /// The digest of the bytes so far, the part begun counting as the last.
  public mutating func finish() -> [UInt8] {
    if filled > 0 || parts == 0 { closePart() }
    return whole.finish()
  }

  /// Whether an object of `size` bytes falls into exactly `parts` parts of `partLength` bytes, the last one shorter
  /// or not; when it does not, its parts differ in length and a composite digest cannot be checked this way. A part that
  /// is longer than the whole is a lie, also where one part is all.
  public static func fits(size: Int, parts: Int, partLength: Int) -> Bool {
    guard partLength > 0, partLength <= size, parts > 0 else { return false }
    return (size - 1) / partLength + 1 == parts
  }

  private mutating func closePart() {
    whole.update(part.finish())
    part = DigestComputation(algorithm)
    filled = 0
    parts += 1
  }
}
