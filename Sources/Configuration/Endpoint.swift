// The server of the object store, as a URL of which only scheme, host and port are left to say.

import Glibc

/// `http://` or `https://`, a host and perhaps a port: where the object store answers.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
  /// Whether the connection is encrypted (`https`).
  public let isSecure: Bool
  /// The host's name or address in small letters, without the brackets of IPv6.
  public let host: String
  /// The port when the URL names one.
  public let port: UInt16?

  init(isSecure: Bool, host: String, port: UInt16?) {
    self.isSecure = isSecure
    self.host = host
    self.port = port
  }

  /// Reads `http(s)://host[:port]` and nothing after it.
  ///
  /// - Returns: nil when the text is something else.
  public init?(_ text: String) {
    guard let endpoint = try? Endpoint.checked(text) else { return nil }
    self = endpoint
  }

  /// `http` or `https`.
  public var scheme: String { isSecure ? "https" : "http" }

  /// The port to connect to, 80 or 443 when the URL names none.
  public var effectivePort: UInt16 { port ?? (isSecure ? 443 : 80) }

  /// Whether the host is an address of IPv6.
  public var isIPv6: Bool { host.utf8.contains(UInt8(ascii: ":")) }

  /// Whether the host is an address rather than a name.
  public var isAddress: Bool { isIPv6 || ListenAddress.canonical(host, family: AF_INET) != nil }

  /// Host and port as the `Host` field of a request has them (RFC 9110, 7.2).
  public var authority: String {
    let name = isIPv6 ? "[\(host)]" : host
    return port.map { "\(name):\($0)" } ?? name
  }

  /// The URL that ``init(_:)`` reads.
  public var description: String { "\(scheme)://\(authority)" }
}

extension Endpoint {
  /// Reads an endpoint or says what is wrong with it, without repeating a password.
  static func checked(_ text: String) throws(Complaint) -> Endpoint {
    let example = "write it as \"https://s3.us-east-1.amazonaws.com\" or \"http://10.0.0.5:9000\""
    let lowercased = text.lowercased()
    guard let scheme = ["https://", "http://"].first(where: { lowercased.hasPrefix($0) }) else {
      throw Complaint(.invalidValue, "the endpoint does not begin with http:// or https://", advice: example)
    }
    let rest = lowercased.dropFirst(scheme.count)
    if rest.utf8.contains(UInt8(ascii: "@")) {
      throw Complaint(
        .invalidValue, "the endpoint holds a user or a password",
        advice: "take it out and put the credentials into origin.credentials_file")
    }
    if rest.utf8.contains(where: { "/?#".utf8.contains($0) }) {
      throw Complaint(
        .invalidValue, "the endpoint goes on after its host",
        advice: "end it after the host and port, without a slash, and name the bucket in origin.bucket")
    }
    var host = String(rest)
    var port: UInt16?
    let bracket = rest.utf8.lastIndex(of: UInt8(ascii: "]")) ?? rest.startIndex
    if let colon = rest.utf8[bracket...].firstIndex(of: UInt8(ascii: ":")) {
      host = String(rest[..<colon])
      port = ListenAddress.port(in: rest.utf8[rest.utf8.index(after: colon)...])
      guard let port, port > 0 else {
        throw Complaint(.invalidValue, "the endpoint's port is no number from 1 to 65535", advice: example)
      }
    }
    if host.hasPrefix("["), host.hasSuffix("]"),
      let address = ListenAddress.canonical(String(host.dropFirst().dropLast()), family: AF_INET6)
    {
      return Endpoint(isSecure: scheme == "https://", host: address, port: port)
    }
    guard isHostName(host) else {
      throw Complaint(.invalidValue, "the endpoint's host \(quoted(host)) is no name and no address", advice: example)
    }
    return Endpoint(isSecure: scheme == "https://", host: host, port: port)
  }

  /// Labels of letters, digits, `-` and `_` (as container networks have them) between dots.
  private static func isHostName(_ text: String) -> Bool {
    text.utf8.count <= 253
      && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
        (1...63).contains(label.utf8.count) && label.utf8.first != UInt8(ascii: "-")
          && label.utf8.allSatisfy { isASCIIAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
      }
  }
}

/// Whether a byte is one of `A-Z a-z 0-9`.
func isASCIIAlphanumeric(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}
