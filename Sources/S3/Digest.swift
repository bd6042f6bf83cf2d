// ObjectDigest: what an object store says that an object's bytes add up to, and which of several to trust most.

/// An algorithm that an object store offers digests of; the cases stand in the order in which they are trusted.
public enum DigestAlgorithm: String, Sendable, CaseIterable {
  case sha256, sha1, crc64nvme, crc32c, crc32, md5

  /// The header that carries it, in lower case; nil for MD5, which hides in the ETag.
  public var headerName: String? { self == .md5 ? nil : "x-amz-checksum-" + rawValue }

  /// The digest's length in bytes.
  public var byteCount: Int {
    switch self {
    case .sha256: 32
    case .sha1: 20
    case .md5: 16
    case .crc64nvme: 8
    case .crc32c, .crc32: 4
    }
  }
}

/// A digest of an object, of its bytes or of its parts' digests.
///
/// Not called Digest, because swift-crypto's protocol is.
public struct ObjectDigest: Sendable, Hashable {
  /// What was digested.
  public enum Kind: Sendable, Hashable {
    /// All bytes of the object.
    case fullObject
    /// The digests of the parts it was uploaded in, one after the other.
    case composite(parts: Int)
  }

  /// The algorithm.
  public let algorithm: DigestAlgorithm
  /// The digest itself, as many bytes as the algorithm says; a CRC's highest byte first.
  public let bytes: [UInt8]
  /// What was digested.
  public let kind: Kind

  /// A digest of known bytes; nil when their number is not the algorithm's.
  public init?(_ algorithm: DigestAlgorithm, _ bytes: [UInt8], kind: Kind = .fullObject) {
    guard bytes.count == algorithm.byteCount else { return nil }
    self.algorithm = algorithm
    self.bytes = bytes
    self.kind = kind
  }

  /// A digest from the value of an `x-amz-checksum-*` header: base64, and `-N` behind it when it is of N parts.
  ///
  /// - Parameters:
  ///   - value: the header's value.
  ///   - type: the value of `x-amz-checksum-type`; it must not contradict the `-N`. `COMPOSITE` without a number
  ///     of parts cannot be checked, so it is no digest either.
  public init?(_ algorithm: DigestAlgorithm, headerValue value: String, type: String? = nil) {
    let halves = value.trimmed.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = halves.first, let bytes = Base64.decode(first) else { return nil }
    var kind = Kind.fullObject
    if halves.count == 2 {
      guard let parts = decimal(halves[1]), (1...10_000).contains(parts) else { return nil }
      kind = .composite(parts: parts)
    }
    switch type.map({ $0.trimmed.uppercased() }) {
    case "COMPOSITE": if kind == .fullObject { return nil }
    case "FULL_OBJECT": if kind != .fullObject { return nil }
    default: break
    }
    self.init(algorithm, bytes, kind: kind)
  }

  /// The MD5 in an ETag: `"32 digits"` of the object, `"32 digits-N"` of its parts; nil for any other ETag.
  ///
  /// Whether the ETag is an MD5 at all depends on the encryption: ``all(header:)`` looks.
  public init?(etag: String) {
    guard etag.utf8.count >= 34, etag.first == "\"", etag.last == "\"" else { return nil }
    let text = etag.dropFirst().dropLast()
    guard let bytes = Hexadecimal.decode(text.utf8.prefix(32)) else { return nil }
    let tail = text.utf8.dropFirst(32)
    if tail.isEmpty {
      self.init(.md5, bytes)
    } else {
      guard tail.first == UInt8(ascii: "-"), let parts = decimal(Substring(tail.dropFirst())),
        (1...10_000).contains(parts)
      else { return nil }
      self.init(.md5, bytes, kind: .composite(parts: parts))
    }
  }

  /// Every digest that an answer offers, the strongest first.
  ///
  /// The ETag counts as an MD5 unless the object is encrypted with a key of KMS or of the customer.
  ///
  /// - Parameter header: looks up a header by its lower-case name.
  public static func all(header: (String) -> String?) -> [ObjectDigest] {
    let type = header("x-amz-checksum-type")
    var digests = DigestAlgorithm.allCases.compactMap { algorithm -> ObjectDigest? in
      guard let name = algorithm.headerName, let value = header(name) else { return nil }
      return ObjectDigest(algorithm, headerValue: value, type: type)
    }
    let encryption = header("x-amz-server-side-encryption")?.lowercased() ?? ""
    let hasOwnKey = header("x-amz-server-side-encryption-customer-algorithm") != nil
    if !encryption.hasPrefix("aws:"), !hasOwnKey, let etag = header("etag"),
      let digest = ObjectDigest(etag: String(etag.trimmed))
    {
      digests.append(digest)
    }
    return digests.filter { $0.kind == .fullObject } + digests.filter { $0.kind != .fullObject }
  }

  /// The digest to check an object against: of the whole object before of its parts, then by algorithm.
  ///
  /// The order is SHA-256, SHA-1, CRC-64/NVME, CRC-32C, CRC-32, MD5. The SHAs come first because nothing but the same
  /// bytes matches them. Against accidents, the CRCs fail by length, 2⁻⁶⁴ before 2⁻³². MD5 is last although it is
  /// longer: an ETag only looks like one, while a checksum header is a promise.
  ///
  /// - Parameters:
  ///   - digests: in any order.
  ///   - composites: whether a digest of parts will do; it needs the length of the parts.
  public static func strongest(of digests: [ObjectDigest], composites: Bool = true) -> ObjectDigest? {
    let usable = digests.filter { composites || $0.kind == .fullObject }
    return usable.min { first, second in first.rank < second.rank }
  }

  /// The digest as its header carries it: base64, with `-N` for N parts.
  public var headerValue: String {
    switch kind {
    case .fullObject: Base64.encode(bytes)
    case .composite(let parts): Base64.encode(bytes) + "-\(parts)"
    }
  }

  private var rank: Int {
    let position = DigestAlgorithm.allCases.firstIndex(of: algorithm) ?? 0
    return kind == .fullObject ? position : position + DigestAlgorithm.allCases.count
  }
}

extension ObjectDigest: CustomStringConvertible {
  /// `crc32c ajb4tQ==`, for logs.
  public var description: String { "\(algorithm.rawValue) \(headerValue)" }
}
