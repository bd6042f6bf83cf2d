// An address to listen on, as the configuration writes it: a number, never a name, so
// that a daemon that starts before the network is up does not wait for a resolver.

import Glibc

/// A numeric IP address and a port to listen on: `0.0.0.0:4000` or `[::]:4000`.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  /// The address in its canonical text form (RFC 5952), without brackets.
  public let host: String
  /// The port; 0 lets the system choose one that is free.
  public let port: UInt16
  /// Whether the address is of IPv6.
  public let isIPv6: Bool

  /// Reads `a.b.c.d:port` or `[v6]:port`.
  ///
  /// - Returns: nil when the text is neither.
  public init?(_ text: String) {
    guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
      let port = Self.port(in: text.utf8[text.utf8.index(after: colon)...])
    else { return nil }
    let host = text[..<colon]
    let isIPv6 = host.hasPrefix("[") && host.hasSuffix("]")
    let bare = isIPv6 ? String(host.dropFirst().dropLast()) : String(host)
    guard let canonical = Self.canonical(bare, family: isIPv6 ? AF_INET6 : AF_INET) else { return nil }
    self.host = canonical
    self.port = port
    self.isIPv6 = isIPv6
  }

  /// The text that ``init(_:)`` reads.
  public var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Reads 1 to 5 digits up to 65535.
  static func port(in digits: Substring.UTF8View) -> UInt16? {
    guard (1...5).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return UInt16(Substring(digits))
  }

  /// One text for each address, or nil when it is none of the family (`inet_pton`, `inet_ntop`).
  static func canonical(_ text: String, family: Int32) -> String? {
    // A zero byte would end the text early for C; 46 is INET6_ADDRSTRLEN.
    guard text.utf8.count < 46, !text.utf8.contains(0) else { return nil }
    var address = in6_addr()
    var buffer = [CChar](repeating: 0, count: 46)
    let length = socklen_t(buffer.count)
    guard unsafe inet_pton(family, text, &address) == 1,
      unsafe inet_ntop(family, &address, &buffer, length) != nil
    else { return nil }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

extension ListenAddress {
  /// Reads an address or says what is wrong with it.
  static func checked(_ text: String) throws(Complaint) -> ListenAddress {
    if let address = ListenAddress(text) { return address }
    let port = text.utf8.reversed().prefix { (0x30...0x39).contains($0) }.reversed()
    let suggestion = text.hasPrefix("localhost") ? "127.0.0.1:" : "0.0.0.0:"
    let number = String(decoding: port, as: UTF8.self)
    throw Complaint(
      .invalidValue, "\(quoted(text)) is no address to listen on",
      advice: "write an IP address and a port from 0 to 65535, as \"\(suggestion)"
        + "\(UInt16(number) == nil ? "4000" : number)\" or \"[::]:4000\"")
  }
}
