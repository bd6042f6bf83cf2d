// Percent-encoding: RFC 3986, section 2.1.
//
// Decoding is strict: a percent sign without two hexadecimal digits is malformed. Off the path of an ordinary
// request, so the results are Strings and arrays.

/// Encodes and decodes percent-encoded text.
public enum PercentCoding {
  /// Which bytes stay as they are when encoding.
  public enum Kept: Sendable {
    /// `A-Z a-z 0-9 - . _ ~`: for a component of a path, or a name or value of a query.
    case unreserved
    /// The same and `/`: for a whole path.
    case path
  }

  /// Decodes bytes, or returns nil when they are malformed.
  ///
  /// - Parameter plusIsSpace: whether `+` stands for a space, as it does in queries.
  public static func decode(_ bytes: UnsafeRawBufferPointer, plusIsSpace: Bool = false) -> [UInt8]? {
    decode(unsafe ByteView(bytes), plusIsSpace: plusIsSpace)
  }

  /// Decodes bytes to a String, or returns nil when they are malformed or not UTF-8.
  public static func decodeString(_ bytes: UnsafeRawBufferPointer, plusIsSpace: Bool = false) -> String? {
    decodeString(unsafe ByteView(bytes), plusIsSpace: plusIsSpace)
  }

  /// Decodes a String, or returns nil when it is malformed or what it encodes is not UTF-8.
  public static func decode(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    return unsafe bytes.withUnsafeBytes { buffer in unsafe decodeString(buffer) }
  }

  /// Encodes bytes, with digits in upper case.
  public static func encode(_ bytes: some Sequence<UInt8>, keeping kept: Kept = .unreserved) -> String {
    var result: [UInt8] = []
    for byte in bytes {
      let keeps =
        switch kept {
        case .unreserved: ByteSet.unreserved.contains(byte)
        case .path: ByteSet.path.contains(byte)
        }
      if keeps {
        result.append(byte)
      } else {
        result.append(UInt8(ascii: "%"))
        result.append(.uppercaseHexDigit(byte >> 4))
        result.append(.uppercaseHexDigit(byte & 15))
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Encodes a String's UTF-8.
  public static func encode(_ text: String, keeping kept: Kept = .unreserved) -> String {
    encode(text.utf8, keeping: kept)
  }

  static func decode(_ text: ByteView, plusIsSpace: Bool) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var reader = PercentReader(text: text, plusIsSpace: plusIsSpace)
    while let byte = reader.next() { result.append(byte) }
    return reader.isMalformed ? nil : result
  }

  static func decodeString(_ text: ByteView, plusIsSpace: Bool) -> String? {
    guard let bytes = decode(text, plusIsSpace: plusIsSpace) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}

/// Decodes byte by byte.
struct PercentReader {
  private let text: ByteView
  private let plusIsSpace: Bool
  private var position = 0
  /// Set when decoding ended at something malformed.
  private(set) var isMalformed = false

  init(text: ByteView, plusIsSpace: Bool) {
    self.text = text
    self.plusIsSpace = plusIsSpace
  }

  /// The next byte decoded, or nil at the end or at something malformed.
  mutating func next() -> UInt8? {
    guard position < text.count else { return nil }
    let byte = text[position]
    position += 1
    if byte == UInt8(ascii: "+"), plusIsSpace { return .space }
    guard byte == UInt8(ascii: "%") else { return byte }
    guard position + 2 <= text.count, let high = text[position].hexDigit, let low = text[position + 1].hexDigit else {
      isMalformed = true
      return nil
    }
    position += 2
    return high << 4 | low
  }
}
