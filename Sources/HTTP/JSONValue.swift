// What JSON text can say: RFC 8259.
//
// Objects keep the order of their members, which are few, in an array. Names are compared exactly, as code
// points, and never twice in one object.

/// A JSON value.
public enum JSONValue: Equatable, Sendable {
  /// A name with its value in an object.
  public struct Member: Equatable, Sendable {
    /// The name, with its escapes undone.
    public let name: String
    /// The value.
    public let value: JSONValue

    /// A member of an object to be written.
    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  case null
  case bool(Bool)
  /// A number without fraction and exponent that fits 64 bits.
  case integer(Int64)
  /// Any other number, finite.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// The value of a member, nil when this is no object or has none of that name.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }

  /// The text, when this is a string.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The number, when it is whole, however it is written: to JSON, 60, 60.0 and 6e1 are one number. Beyond 2⁵³ only what
  /// is written without fraction and exponent is known to be whole.
  public var integer: Int64? {
    switch self {
    case .integer(let value): value
    case .number(let value) where value.magnitude <= 0x1p53: Int64(exactly: value)
    default: nil
    }
  }

  /// The truth, when this is true or false.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// The elements, when this is an array.
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

  /// The members, when this is an object.
  public var object: [Member]? { if case .object(let value) = self { value } else { nil } }

  /// Whether this is null.
  public var isNull: Bool { self == .null }
}

/// Why a text is not JSON, and where.
public struct JSONError: Error, Equatable, Sendable {
  /// What was wrong.
  public enum Reason: Sendable {
    /// The text ended inside a value.
    case unexpectedEnd
    /// A byte that cannot stand there.
    case unexpectedByte
    /// A value is followed by more than blanks.
    case trailingBytes
    /// More than 32 arrays and objects inside each other.
    case tooDeep
    /// An object has a name twice.
    case repeatedName
    /// A number is too large for a Double.
    case numberOutOfRange
    /// A string is not UTF-8, or an escape in it is none or half a surrogate pair.
    case invalidString
  }

  /// What was wrong.
  public let reason: Reason
  /// Bytes from the start of the text.
  public let offset: Int
}

extension JSONError: CustomStringConvertible {
  /// In words that may go back to whoever sent the text.
  public var description: String {
    let what =
      switch reason {
      case .unexpectedEnd: "the text ends inside a value"
      case .unexpectedByte: "what stands there does not belong there"
      case .trailingBytes: "something follows the value"
      case .tooDeep: "more than \(JSONReader.maximumDepth) arrays and objects are inside each other"
      case .repeatedName: "a name stands twice in one object"
      case .numberOutOfRange: "a number is too large"
      case .invalidString: "a text is not UTF-8 or has a wrong escape"
      }
    return "\(what), at byte \(offset)"
  }
}
