// JSON text, appended piece by piece: RFC 8259.
//
// The writer places commas by itself. It trusts its caller to open, name and close in order: the text is as valid
// as the calls. Strings are escaped so that they are valid whatever is in them.

/// Writes JSON into an array of bytes.
public struct JSONWriter: Sendable {
  /// The text so far.
  public private(set) var bytes: [UInt8] = []
  private var needsComma = false

  /// An empty text with room for `capacity` bytes.
  public init(reserving capacity: Int = 256) {
    bytes.reserveCapacity(capacity)
  }

  // MARK: Structure

  /// Writes an object whose members `body` writes with `field` or with `key` and a value.
  public mutating func object(_ body: (inout JSONWriter) -> Void) {
    open(UInt8(ascii: "{"))
    body(&self)
    close(UInt8(ascii: "}"))
  }

  /// Writes an array whose elements `body` writes.
  public mutating func array(_ body: (inout JSONWriter) -> Void) {
    open(UInt8(ascii: "["))
    body(&self)
    close(UInt8(ascii: "]"))
  }

  /// Writes the name of the next value in an object.
  public mutating func key(_ name: String) {
    string(name)
    bytes.append(.colon)
    needsComma = false
  }

  // MARK: Values

  /// Writes null.
  public mutating func null() { literal("null") }

  /// Writes true or false.
  public mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

  /// Writes an integer of up to 64 bits, in full.
  public mutating func integer(_ value: some FixedWidthInteger) {
    separate()
    append(decimal: UInt64(value.magnitude), isNegative: value < 0)
    needsComma = true
  }

  /// Writes a number of tenths as a decimal with one digit: 425 as `42.5`.
  public mutating func tenths(_ value: Int) {
    separate()
    let magnitude = value.magnitude
    append(decimal: UInt64(magnitude / 10), isNegative: value < 0)
    bytes.append(UInt8(ascii: "."))
    bytes.append(UInt8(truncatingIfNeeded: 0x30 + magnitude % 10))
    needsComma = true
  }

  /// Writes a number in the shortest form that reads back the same; one that is not finite becomes null.
  public mutating func number(_ value: Double) {
    guard value.isFinite else { return null() }
    separate()
    bytes.append(contentsOf: value.description.utf8)
    needsComma = true
  }

  /// Writes a string, escaped as far as JSON demands.
  public mutating func string(_ value: String) {
    separate()
    bytes.append(.quote)
    for byte in value.utf8 { append(escaped: byte) }
    bytes.append(.quote)
    needsComma = true
  }

  /// Writes bytes as a string; what is not UTF-8 becomes U+FFFD.
  public mutating func string(utf8 value: UnsafeRawBufferPointer) {
    string(unsafe String(decoding: value, as: UTF8.self))
  }

  /// Writes a moment as RFC 3339, given in milliseconds since 1970.
  public mutating func timestamp(milliseconds: Int) {
    string(Timestamp.string(milliseconds: milliseconds))
  }

  /// Writes a value that was read.
  public mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let value): bool(value)
    case .integer(let value): integer(value)
    case .number(let value): number(value)
    case .string(let value): string(value)
    case .array(let elements): array { writer in for element in elements { writer.value(element) } }
    case .object(let members): object { writer in for member in members { writer.field(member.name, member.value) } }
    }
  }

  // MARK: Members

  /// Writes a member that is a string, or null.
  public mutating func field(_ name: String, _ value: String?) {
    key(name)
    if let value { string(value) } else { null() }
  }

  /// Writes a member that is an integer, or null.
  public mutating func field(_ name: String, _ value: (some FixedWidthInteger)?) {
    key(name)
    if let value { integer(value) } else { null() }
  }

  /// Writes a member that is true or false.
  public mutating func field(_ name: String, _ value: Bool) {
    key(name)
    bool(value)
  }

  /// Writes a member that was read.
  public mutating func field(_ name: String, _ value: JSONValue) {
    key(name)
    self.value(value)
  }

  /// Writes a member that is a moment in milliseconds since 1970, or null.
  public mutating func field(_ name: String, milliseconds: Int?) {
    key(name)
    if let milliseconds { timestamp(milliseconds: milliseconds) } else { null() }
  }

  /// Writes a member that is an object.
  public mutating func field(_ name: String, object body: (inout JSONWriter) -> Void) {
    key(name)
    object(body)
  }

  /// Writes a member that is an array.
  public mutating func field(_ name: String, array body: (inout JSONWriter) -> Void) {
    key(name)
    array(body)
  }

  // MARK: Bytes

  private mutating func separate() {
    if needsComma { bytes.append(.comma) }
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func literal(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
    needsComma = true
  }

  private mutating func append(decimal magnitude: UInt64, isNegative: Bool) {
    if isNegative { bytes.append(UInt8(ascii: "-")) }
    let start = bytes.count
    var rest = magnitude
    repeat {
      bytes.append(UInt8(truncatingIfNeeded: 0x30 + rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }

  private mutating func append(escaped byte: UInt8) {
    let short: UInt8
    switch byte {
    case .quote, UInt8(ascii: "\\"): short = byte
    case 0x08: short = UInt8(ascii: "b")
    case 0x0c: short = UInt8(ascii: "f")
    case .lineFeed: short = UInt8(ascii: "n")
    case .carriageReturn: short = UInt8(ascii: "r")
    case .tab: short = UInt8(ascii: "t")
    case 0..<0x20:
      bytes.append(contentsOf: "\\u00".utf8)
      bytes.append(.lowercaseHexDigit(byte >> 4))
      bytes.append(.lowercaseHexDigit(byte & 15))
      return
    default:
      bytes.append(byte)
      return
    }
    bytes.append(UInt8(ascii: "\\"))
    bytes.append(short)
  }
}
