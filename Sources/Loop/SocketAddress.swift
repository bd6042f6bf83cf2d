// Where a socket is bound or connected: an IP address with a port, or a path.

import Glibc

/// The address of a socket, as configurations and logs write it: `0.0.0.0:4000`, `[::1]:4000`, `/run/larder.sock`.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
  private enum Place: Hashable, Sendable {
    /// The bytes of the address in network order.
    case v4(UInt32, port: UInt16)
    case v6(UInt64, UInt64, scope: UInt32, port: UInt16)
    case path(String)
  }

  private let place: Place

  /// Reads `ADDRESS:PORT`, `[ADDRESS]:PORT` for IPv6, or an absolute path; throws `EINVAL`. Port 0 has the kernel choose.
  ///
  /// Names are not looked up: a server binds to what is written.
  public init(parsing text: String) throws(LoopError) {
    guard let place = Self.parse(text) else {
      throw LoopError(code: EINVAL, operation: "read the address \(text)")
    }
    self.place = place
  }

  /// 0 for a path.
  public var port: UInt16 {
    switch place {
    case .v4(_, let port), .v6(_, _, _, let port): port
    case .path: 0
    }
  }

  public var isIPv6: Bool { if case .v6 = place { true } else { false } }

  /// The path of a Unix socket, nil for an IP address.
  public var path: String? { if case .path(let path) = place { path } else { nil } }

  /// The address without its port and without brackets, or the path.
  public var host: String {
    switch place {
    case .v4(let bytes, _):
      var address = in_addr(s_addr: bytes)
      return unsafe Self.text(AF_INET, &address)
    case .v6(let high, let low, _, _):
      var address = (high, low)
      return unsafe Self.text(AF_INET6, &address)
    case .path(let path): return path
    }
  }

  /// A number for the network that one host has to itself: the address itself for IPv4, also as IPv6 writes it, the first
  /// 64 bits for IPv6, since a host changes the others as it likes (RFC 8981). 0 for a path.
  public var network: UInt64 {
    switch place {
    case .v4(let bytes, _): return UInt64(bytes)
    case .v6(0, let low, _, _) where UInt64(bigEndian: low) >> 32 == 0xFFFF:
      return UInt64(UInt32(truncatingIfNeeded: UInt64(bigEndian: low)).bigEndian)
    case .v6(let high, _, _, _): return high
    case .path: return 0
    }
  }

  public var description: String {
    switch place {
    case .v4(_, let port): "\(host):\(port)"
    case .v6(_, _, _, let port): "[\(host)]:\(port)"
    case .path(let path): path
    }
  }

  private static func parse(_ text: String) -> Place? {
    guard !text.utf8.contains(0) else { return nil }
    if text.hasPrefix("/") {
      return text.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) ? .path(text) : nil
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard digits.utf8.allSatisfy({ 48...57 ~= $0 }), let port = UInt16(digits) else { return nil }
    let host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      var address: (UInt64, UInt64) = (0, 0)
      guard unsafe inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &address) == 1 else { return nil }
      return .v6(address.0, address.1, scope: 0, port: port)
    }
    var address = in_addr()
    guard unsafe inet_pton(AF_INET, String(host), &address) == 1 else { return nil }
    return .v4(address.s_addr, port: port)
  }

  private static func text(_ family: Int32, _ address: UnsafeRawPointer) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
      guard let start = buffer.baseAddress,
        let end = unsafe inet_ntop(family, address, start, socklen_t(buffer.count))
      else { return "" }
      return unsafe String(cString: end)
    }
  }
}

// MARK: As the kernel has it

extension SocketAddress {
  /// The family for `socket(2)`.
  var family: Int32 {
    switch place {
    case .v4: AF_INET
    case .v6: AF_INET6
    case .path: AF_UNIX
    }
  }

  /// Reads the address that `fill` writes, as `getsockname(2)` and its like do.
  init?(_ fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe fill($0, &length) }
    }
    guard status == 0 else { return nil }
    let place: Place? = unsafe withUnsafeBytes(of: storage) { bytes in
      switch Int32(storage.ss_family) {
      case AF_INET:
        let address = unsafe bytes.load(as: sockaddr_in.self)
        return .v4(address.sin_addr.s_addr, port: UInt16(bigEndian: address.sin_port))
      case AF_INET6:
        let address = unsafe bytes.load(as: sockaddr_in6.self)
        let (high, low) = unsafe unsafeBitCast(address.sin6_addr, to: (UInt64, UInt64).self)
        return .v6(high, low, scope: address.sin6_scope_id, port: UInt16(bigEndian: address.sin6_port))
      case AF_UNIX:
        // A socket that was never bound has no path, and an abstract one begins with 0: both read as empty.
        let path = unsafe bytes[..<Int(length)].dropFirst(MemoryLayout<sa_family_t>.size).prefix { $0 != 0 }
        return .path(unsafe String(decoding: path, as: UTF8.self))
      default: return nil
      }
    }
    guard let place else { return nil }
    self.place = place
  }

  /// Calls `body` with the address as `bind(2)` and its like take it.
  func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    var storage = sockaddr_storage()
    let length: Int
    switch place {
    case .v4(let bytes, let port):
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = bytes
      address.sin_port = port.bigEndian
      length = Self.store(address, &storage)
    case .v6(let high, let low, let scope, let port):
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_addr = unsafe unsafeBitCast((high, low), to: in6_addr.self)
      address.sin6_port = port.bigEndian
      address.sin6_scope_id = scope
      length = Self.store(address, &storage)
    case .path(let path):
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      // `parse` has seen to the length; the rest stays 0.
      unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
      length = Self.store(address, &storage)
    }
    return unsafe withUnsafePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(length)) }
    }
  }

  private static func store<Address>(_ address: Address, _ storage: inout sockaddr_storage) -> Int {
    unsafe withUnsafeMutableBytes(of: &storage) {
      unsafe $0.withMemoryRebound(to: Address.self) { unsafe $0[0] = address }
    }
    return MemoryLayout<Address>.size
  }
}
