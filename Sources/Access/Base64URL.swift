// Base64 for URLs without padding (RFC 4648 section 5), strict: one text for each run of bytes and no other.

/// The encoding of tokens and links.
///
/// Strict where lenient decoders are not: no padding, no white space, no bits left over. Otherwise the last
/// character of a signature could be changed and the token would still be good (RFC 4648 section 3.5).
enum Base64URL {
  /// The bytes that `text` stands for; nil when it is not exactly what ``encode(_:)`` would write.
  static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 3 / 4)
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    for character in text {
      guard let value = value(of: character) else { return nil }
      bits = bits << 6 | value
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
        bits &= 1 << bitCount - 1
      }
    }
    return bits == 0 ? bytes : nil
  }

  /// The text of `bytes`.
  static func encode(_ bytes: some Collection<UInt8>) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count * 4 + 2) / 3)
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      bitCount += 8
      while bitCount >= 6 {
        bitCount -= 6
        text.append(alphabet[Int(bits >> bitCount & 63)])
      }
      bits &= 1 << bitCount - 1
    }
    if bitCount > 0 { text.append(alphabet[Int(bits << (6 - bitCount) & 63)]) }
    return String(decoding: text, as: UTF8.self)
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  private static func value(of character: UInt8) -> UInt32? {
    switch character {
    case 0x41...0x5A: UInt32(character) - 0x41  // A to Z
    case 0x61...0x7A: UInt32(character) - 0x61 + 26  // a to z
    case 0x30...0x39: UInt32(character) - 0x30 + 52  // 0 to 9
    case 0x2D: 62  // -
    case 0x5F: 63  // _
    default: nil
    }
  }
}
