// What may stand in a Host header and before the path of an absolute target.
//
// `uri-host [ ":" port ]` of RFC 9110, section 7.2, with the grammar of RFC 3986, section 3.2. Stricter in three
// ways: the host must not be empty (section 4.2.1 forbids it for http), a port must fit 16 bits, and there is no
// user information.

/// Checks a host with its port.
enum Authority {
  static func isValid(_ text: ByteView) -> Bool {
    guard text.count > 0 else { return false }
    if text[0] == UInt8(ascii: "[") {
      var close = 1
      while close < text.count, text[close] != UInt8(ascii: "]") { close &+= 1 }
      guard close < text.count else { return false }
      let literal = text[1..<close]
      guard isIPv6(literal) || isFutureAddress(literal) else { return false }
      return close &+ 1 == text.count
        || (text[close &+ 1] == .colon && isPort(text[close &+ 2..<text.count]))
    }
    // Digits and dots first: in a local network most hosts are addresses.
    var index = text.firstIndex(where: {
      $0 &- 0x30 >= 10 && $0 != UInt8(ascii: ".") && !ByteSet.registeredName.contains($0)
    })
    while index < text.count {
      switch text[index] {
      case .colon:
        return index > 0 && isPort(text[index &+ 1..<text.count])
      case UInt8(ascii: "%"):
        guard index &+ 2 < text.count, text[index &+ 1].hexDigit != nil, text[index &+ 2].hexDigit != nil
        else { return false }
        index &+= 3
      case let byte:
        guard ByteSet.registeredName.contains(byte) else { return false }
        index &+= 1
      }
    }
    return true
  }

  /// `*DIGIT`, at most 65535; the empty port is the default one.
  private static func isPort(_ text: ByteView) -> Bool {
    var value = 0
    var index = 0
    while index < text.count {
      guard let digit = text[index].decimalDigit else { return false }
      value = value &* 10 &+ Int(digit)
      guard value <= 65_535 else { return false }
      index &+= 1
    }
    return true
  }

  /// `IPv6address`: eight groups, or fewer around one `::`, the last two perhaps written as an IPv4 address.
  private static func isIPv6(_ text: ByteView) -> Bool {
    var groups = 0
    var isElided = false
    var index = 0
    if text.count >= 2, text[0] == .colon, text[1] == .colon {
      isElided = true
      index = 2
    }
    while index < text.count {
      let start = index
      while index < text.count, text[index].hexDigit != nil { index &+= 1 }
      if index < text.count, text[index] == UInt8(ascii: ".") {
        guard isIPv4(text[start..<text.count]) else { return false }
        groups &+= 2
        index = text.count
        break
      }
      guard (1...4).contains(index &- start) else { return false }
      groups &+= 1
      guard index < text.count else { break }
      guard text[index] == .colon else { return false }
      index &+= 1
      guard index < text.count else { return false }
      if text[index] == .colon {
        guard !isElided else { return false }
        isElided = true
        index &+= 1
      }
    }
    return isElided ? groups <= 7 : groups == 8
  }

  private static func isIPv4(_ text: ByteView) -> Bool {
    var index = 0
    for octet in 0..<4 {
      if octet > 0 {
        guard index < text.count, text[index] == UInt8(ascii: ".") else { return false }
        index &+= 1
      }
      let start = index
      var value = 0
      while index < text.count, index &- start < 3, let digit = text[index].decimalDigit {
        value = value &* 10 &+ Int(digit)
        index &+= 1
      }
      guard index > start, value <= 255, index &- start == 1 || text[start] != UInt8(ascii: "0") else { return false }
    }
    return index == text.count
  }

  /// `IPvFuture`: `v`, a version in hexadecimal, a dot and an address.
  private static func isFutureAddress(_ text: ByteView) -> Bool {
    guard text.count > 0, text[0].lowercased == UInt8(ascii: "v") else { return false }
    var index = 1
    while index < text.count, text[index].hexDigit != nil { index &+= 1 }
    guard index > 1, index &+ 1 < text.count, text[index] == UInt8(ascii: ".") else { return false }
    index &+= 1
    while index < text.count {
      guard ByteSet.registeredName.contains(text[index]) || text[index] == .colon else { return false }
      index &+= 1
    }
    return true
  }
}
