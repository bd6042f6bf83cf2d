// S3ErrorBody: the code and the message in an object store's error answer.
// The bytes come from anywhere: the scan is bounded, forgives everything and trusts nothing.

/// What an error answer says: the text of `<Code>`, `<Message>`, `<Region>` and `<Endpoint>` in the first 4 KiB of its
/// body.
///
/// It is no XML parser. It finds the first such element of each name, undoes the five named entities and the numeric
/// ones, and shows control characters as spaces. What is not there, or too odd, is nil.
public struct S3ErrorBody: Sendable, Equatable {
  /// The code, such as `NoSuchKey`; at most 128 characters, all of them letters, digits, `.`, `-` or `_`.
  public let code: String?
  /// The message for people; at most 512 bytes.
  public let message: String?
  /// The region that the bucket is in, when the store says that it is another.
  public let region: String?
  /// Where the bucket is to be asked for, when the store says that it is elsewhere: a host and perhaps a port.
  public let endpoint: String?

  /// The bytes of a body that are looked at.
  public static let limit = 4096

  /// Scans the start of a body.
  public init(parsing body: UnsafeRawBufferPointer) {
    self.init(unsafe Array(body.prefix(Self.limit)))
  }

  private init(_ bytes: [UInt8]) {
    func name(_ text: String?) -> String? {
      guard let text, (1...128).contains(text.utf8.count), text.utf8.allSatisfy(Self.isNameByte) else { return nil }
      return text
    }
    code = name(Self.element("Code", in: bytes))
    region = name(Self.element("Region", in: bytes))
    endpoint = Self.element("Endpoint", in: bytes).flatMap { text in
      (1...300).contains(text.utf8.count) && text.utf8.allSatisfy { Self.isNameByte($0) || $0 == UInt8(ascii: ":") }
        ? text : nil
    }
    message = Self.element("Message", in: bytes).flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The decoded text between the first `<name>` and its end; nil when either is missing or another tag is in between.
  private static func element(_ name: String, in bytes: [UInt8]) -> String? {
    let tag = Array("<\(name)>".utf8)
    guard bytes.count > tag.count else { return nil }
    for start in 0...(bytes.count - tag.count) where bytes[start..<(start + tag.count)].elementsEqual(tag) {
      let content = bytes[(start + tag.count)...]
      guard let end = content.firstIndex(of: UInt8(ascii: "<")), content[end...].starts(with: "</\(name)".utf8) else {
        return nil
      }
      return decoded(content[..<end])
    }
    return nil
  }

  private static func decoded(_ content: ArraySlice<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    var length = 0
    var rest = String(decoding: content, as: UTF8.self).unicodeScalars[...]
    while let scalar = rest.first {
      let read = entity(rest) ?? (scalar, 1)
      rest = rest.dropFirst(read.count)
      let shown = read.scalar.properties.generalCategory == .control ? " " : read.scalar
      length += UTF8.width(shown)
      guard length <= 512 else { break }
      text.append(shown)
    }
    return String(String(text).trimmed)
  }

  /// The entity at the start of a text, and its length in scalars.
  private static func entity(_ text: Substring.UnicodeScalarView) -> (scalar: Unicode.Scalar, count: Int)? {
    guard text.first == "&", let end = text.prefix(12).firstIndex(of: ";") else { return nil }
    let name = Substring(text[..<end].dropFirst())
    let count = name.unicodeScalars.count + 2
    switch name {
    case "lt": return ("<", count)
    case "gt": return (">", count)
    case "amp": return ("&", count)
    case "quot": return ("\"", count)
    case "apos": return ("'", count)
    default:
      guard name.hasPrefix("#") else { return nil }
      let digits = name.dropFirst()
      let value = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
      return value.flatMap(Unicode.Scalar.init).map { ($0, count) }
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
