// Endpoint: where a bucket lives, from the four settings that say so, and the URL of each of its keys.

/// How the bucket's name gets into a URL: as the path's first segment or as the host's first label.
public enum Addressing: String, Sendable, CaseIterable {
  /// `https://host/bucket/key`: understood by every object store.
  case path
  /// `https://bucket.host/key`: what AWS prefers.
  case virtual
}

/// What is wrong with an endpoint's settings, in words for the administrator.
public struct EndpointError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Says what is wrong and what would be right.
  public let description: String

  init(_ description: String) { self.description = description }
}

/// A bucket at an object store: scheme, host, port, region and how the bucket is addressed.
///
/// A value of this type is sound: its host and bucket can stand in a URL and in a signature as they are.
public struct Endpoint: Sendable, Hashable {
  /// Whether transfers are encrypted: `https`.
  public let isSecure: Bool
  /// The host and, unless it is the scheme's own, the port: what the `Host` header says (RFC 9110 section 7.2).
  public let authority: String
  /// The region that requests are signed for.
  public let region: String
  /// The bucket's name.
  public let bucket: String
  /// How the bucket is addressed.
  public let addressing: Addressing
  /// The host alone, in lower case and without the bucket.
  let host: String
  /// The port that stands in ``authority``; nil for the scheme's own.
  let port: Int?

  /// Takes the settings apart.
  ///
  /// - Parameters:
  ///   - endpoint: `http://` or `https://`, a host name, IPv4 address or `[IPv6]`, and `:port` if need be; no path.
  ///   - region: letters, digits, `-` and `_`.
  ///   - bucket: letters, digits, `.`, `-`, `_`; stricter, a DNS label, when addressed by host.
  ///   - addressing: path or virtual.
  /// - Throws: ``EndpointError`` naming the setting and what it should be.
  public init(_ endpoint: String, region: String, bucket: String, addressing: Addressing) throws(EndpointError) {
    let (isSecure, host, port) = try Self.parse(endpoint)
    guard Self.isRegion(region) else {
      throw EndpointError("region \"\(region)\" is not a region's name, such as us-east-1")
    }
    guard (1...255).contains(bucket.utf8.count), bucket.utf8.allSatisfy(Self.isNameByte), bucket != ".", bucket != ".."
    else { throw EndpointError("bucket \"\(bucket)\" is not a bucket's name: letters, digits, '.', '-' and '_'") }
    if addressing == .virtual { try Self.checkVirtual(bucket: bucket, host: host, isSecure: isSecure) }
    self.init(
      isSecure: isSecure, host: host, port: port, region: region, bucket: bucket, addressing: addressing)
  }

  /// An endpoint of parts that are sound.
  init(isSecure: Bool, host: String, port: Int?, region: String, bucket: String, addressing: Addressing) {
    self.isSecure = isSecure
    self.host = host
    self.port = port == (isSecure ? 443 : 80) ? nil : port
    self.region = region
    self.bucket = bucket
    self.addressing = addressing
    authority = (addressing == .virtual ? bucket + "." : "") + host + (self.port.map { ":\($0)" } ?? "")
  }

  /// The path of a key's URL, percent-encoded strictly: `/` is kept, also at the start and doubled, and so are dots.
  ///
  /// A client must send it as it is, without removing dot segments (`CURLOPT_PATH_AS_IS`).
  public func encodedPath(forKey key: [UInt8]) -> String {
    let encoded = PercentEncoding.encode(key, keepingSlash: true)
    return addressing == .path ? "/\(bucket)/\(encoded)" : "/\(encoded)"
  }

  /// The URL of a key.
  public func url(forKey key: [UInt8]) -> String {
    (isSecure ? "https://" : "http://") + authority + encodedPath(forKey: key)
  }

  /// Whether a text can be a region's name.
  static func isRegion(_ text: some StringProtocol) -> Bool {
    (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isNameByte($0) && $0 != UInt8(ascii: ".") }
  }

  static func parse(_ endpoint: String) throws(EndpointError) -> (isSecure: Bool, host: String, port: Int?) {
    func wrong(_ what: String) -> EndpointError {
      EndpointError("endpoint \"\(endpoint)\" \(what); write it like https://s3.us-east-1.amazonaws.com")
    }
    let text = endpoint.lowercased()
    let isSecure = text.hasPrefix("https://")
    guard isSecure || text.hasPrefix("http://") else { throw wrong("does not start with http:// or https://") }
    var rest = text.dropFirst(isSecure ? 8 : 7)
    if rest.last == "/" { rest.removeLast() }
    if rest.contains("@") {
      // The text itself may hold a password: it is not repeated.
      throw EndpointError("endpoint holds a user name; credentials belong into the credentials file")
    }
    guard !rest.contains(where: { "/?#".contains($0) }) else { throw wrong("has a path or a query after its host") }
    let host: Substring
    let tail: Substring
    if rest.first == "[" {
      guard let close = rest.firstIndex(of: "]") else { throw wrong("opens [ without closing it") }
      host = rest[...close]
      tail = rest[close...].dropFirst()
      guard isIPv6(host.dropFirst().dropLast()) else { throw wrong("has no IPv6 address between [ and ]") }
    } else {
      host = rest.prefix { $0 != ":" }
      tail = rest[host.endIndex...]
      guard isHostName(host) else { throw wrong("has no valid host name (an IPv6 address stands in [ ])") }
    }
    if tail.isEmpty { return (isSecure, String(host), nil) }
    guard tail.first == ":", tail.utf8.count <= 6, let port = decimal(tail.dropFirst()), (1...65535).contains(port)
    else { throw wrong("has no port from 1 to 65535 after its host") }
    return (isSecure, String(host), port)
  }

  private static func checkVirtual(bucket: String, host: String, isSecure: Bool) throws(EndpointError) {
    let ends = [bucket.utf8.first, bucket.utf8.last]
    guard (3...63).contains(bucket.utf8.count),
      bucket.utf8.allSatisfy({ isHostByte($0) && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }),
      ends.allSatisfy({ $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ".") }), !bucket.contains("..")
    else {
      throw EndpointError("bucket \"\(bucket)\" cannot be part of a host name; use addressing = \"path\"")
    }
    if isSecure && bucket.contains(".") {
      throw EndpointError(
        "bucket \"\(bucket)\" has dots, so no certificate matches its host name; use addressing = \"path\"")
    }
    let lastLabel = host.split(separator: ".").last ?? ""
    if host.hasPrefix("[") || decimal(lastLabel) != nil {
      throw EndpointError("addressing \"virtual\" needs a host name, and \(host) is an address; use \"path\"")
    }
  }

  private static func isHostName(_ host: Substring) -> Bool {
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    return (1...253).contains(host.utf8.count) && host.utf8.allSatisfy { isHostByte($0) || $0 == UInt8(ascii: "_") }
      && labels.allSatisfy { (1...63).contains($0.utf8.count) && $0.first != "-" && $0.last != "-" }
  }

  /// Groups of up to four digits, `::` at most once, an IPv4 address at the end if need be; no zone.
  private static func isIPv6(_ text: Substring) -> Bool {
    let halves = text.split(separator: "::", omittingEmptySubsequences: false)
    guard halves.count <= 2, !text.hasPrefix(":::"), !text.contains(":::") else { return false }
    var groups = 0
    for (index, half) in halves.enumerated() where !half.isEmpty || halves.count == 1 {
      let parts = half.split(separator: ":", omittingEmptySubsequences: false)
      for (position, part) in parts.enumerated() {
        if part.contains("."), index == halves.count - 1, position == parts.count - 1 {
          let bytes = part.split(separator: ".", omittingEmptySubsequences: false)
          guard bytes.count == 4, bytes.allSatisfy({ decimal($0).map { $0 <= 255 } ?? false }) else { return false }
          groups += 2
        } else {
          guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ Hexadecimal.value(of: $0) != nil }) else {
            return false
          }
          groups += 1
        }
      }
    }
    return halves.count == 2 ? groups <= 7 : groups == 8
  }

  private static func isHostByte(_ byte: UInt8) -> Bool { isNameByte(byte) && byte != UInt8(ascii: "_") }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
