// JSON text to a value, strictly: RFC 8259.
//
// For request bodies and catalogues. Stricter than the RFC where readers differ: a name may stand only once in an
// object, half a surrogate pair is refused, nothing is nested deeper than 32 levels. It never reads outside the text
// and its recursion is bounded.

/// Reads JSON.
public struct JSONReader {
  /// How many arrays and objects may be inside each other.
  public static let maximumDepth = 32

  private var position = 0
  private var depth = 0

  /// Reads one value that is the whole text.
  public static func read(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
    try read(bytes.span)
  }

  /// Reads one value that is the whole text.
  public static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSONValue {
    try unsafe read(bytes.assumingMemoryBound(to: UInt8.self).span)
  }

  /// Reads one value that is the whole text.
  public static func read(_ text: Span<UInt8>) throws(JSONError) -> JSONValue {
    var reader = JSONReader()
    reader.skipBlanks(text)
    let value = try reader.value(text)
    reader.skipBlanks(text)
    guard reader.position == text.count else { throw reader.error(.trailingBytes) }
    return value
  }

  private init() {}

  private func error(_ reason: JSONError.Reason) -> JSONError { JSONError(reason: reason, offset: position) }

  private mutating func skipBlanks(_ text: Span<UInt8>) {
    while position < text.count {
      switch text[position] {
      case .space, .tab, .lineFeed, .carriageReturn: position += 1
      default: return
      }
    }
  }

  /// The byte at the position.
  private func peek(_ text: Span<UInt8>) throws(JSONError) -> UInt8 {
    guard position < text.count else { throw error(.unexpectedEnd) }
    return text[position]
  }

  private mutating func expect(_ byte: UInt8, _ text: Span<UInt8>) throws(JSONError) {
    guard try peek(text) == byte else { throw error(.unexpectedByte) }
    position += 1
  }

  private mutating func value(_ text: Span<UInt8>) throws(JSONError) -> JSONValue {
    switch try peek(text) {
    case UInt8(ascii: "{"): return .object(try object(text))
    case UInt8(ascii: "["): return .array(try array(text))
    case .quote: return .string(try string(text))
    case UInt8(ascii: "t"): return try literal("true", .bool(true), text)
    case UInt8(ascii: "f"): return try literal("false", .bool(false), text)
    case UInt8(ascii: "n"): return try literal("null", .null, text)
    default: return try number(text)
    }
  }

  private mutating func literal(
    _ name: StaticString, _ value: JSONValue, _ text: Span<UInt8>
  ) throws(JSONError) -> JSONValue {
    let expected = name.view
    for index in 0..<expected.count { try expect(expected[index], text) }
    return value
  }

  private mutating func enter() throws(JSONError) {
    guard depth < Self.maximumDepth else { throw error(.tooDeep) }
    depth += 1
    position += 1
  }

  private mutating func array(_ text: Span<UInt8>) throws(JSONError) -> [JSONValue] {
    try enter()
    var elements: [JSONValue] = []
    while try hasElement(before: UInt8(ascii: "]"), isFirst: elements.isEmpty, text) {
      elements.append(try value(text))
    }
    return elements
  }

  private mutating func object(_ text: Span<UInt8>) throws(JSONError) -> [JSONValue.Member] {
    try enter()
    var members: [JSONValue.Member] = []
    var names = NameSet()
    while try hasElement(before: UInt8(ascii: "}"), isFirst: members.isEmpty, text) {
      guard try peek(text) == .quote else { throw error(.unexpectedByte) }
      let start = position
      let name = try string(text)
      guard names.insert(name, beside: members) else { throw JSONError(reason: .repeatedName, offset: start) }
      skipBlanks(text)
      try expect(.colon, text)
      skipBlanks(text)
      members.append(JSONValue.Member(name, try value(text)))
    }
    return members
  }

  /// Reads what is between elements; false when it was the closing bracket.
  private mutating func hasElement(
    before close: UInt8, isFirst: Bool, _ text: Span<UInt8>
  ) throws(JSONError) -> Bool {
    skipBlanks(text)
    if try peek(text) == close {
      position += 1
      depth -= 1
      return false
    }
    if !isFirst {
      try expect(.comma, text)
      skipBlanks(text)
      // A bracket after a comma is not taken for the end: no value begins with it.
    }
    return true
  }

  // MARK: Numbers

  private mutating func number(_ text: Span<UInt8>) throws(JSONError) -> JSONValue {
    let start = position
    let isNegative = try peek(text) == UInt8(ascii: "-")
    if isNegative { position += 1 }
    var integer: Int64? = 0
    if try peek(text) == UInt8(ascii: "0") {
      position += 1
    } else {
      integer = try digits(text, isNegative: isNegative)
    }
    var isInteger = true
    if position < text.count, text[position] == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      _ = try digits(text, isNegative: false)
    }
    if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      let sign = try peek(text)
      if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
      _ = try digits(text, isNegative: false)
    }
    // Minus zero is a number of its own, which no integer is.
    if isInteger, let integer, !(isNegative && integer == 0) { return .integer(integer) }
    var digits: [UInt8] = []
    for index in start..<position { digits.append(text[index]) }
    guard let number = Double(String(decoding: digits, as: UTF8.self)), number.isFinite else {
      throw JSONError(reason: .numberOutOfRange, offset: start)
    }
    return .number(number)
  }

  /// Reads digits, at least one; nil when their value does not fit.
  private mutating func digits(_ text: Span<UInt8>, isNegative: Bool) throws(JSONError) -> Int64? {
    var value: Int64? = 0
    let start = position
    while position < text.count, let digit = text[position].decimalDigit {
      if let known = value {
        let (tens, tensOverflow) = known.multipliedReportingOverflow(by: 10)
        let signed = isNegative ? -Int64(digit) : Int64(digit)
        let (sum, sumOverflow) = tens.addingReportingOverflow(signed)
        value = tensOverflow || sumOverflow ? nil : sum
      }
      position += 1
    }
    guard position > start else { throw error(position < text.count ? .unexpectedByte : .unexpectedEnd) }
    return value
  }

  // MARK: Strings

  private mutating func string(_ text: Span<UInt8>) throws(JSONError) -> String {
    let start = position
    position += 1
    let first = position
    while position < text.count, Self.isPlain(text[position]) { position += 1 }
    if try peek(text) == .quote {
      position += 1
      return try Self.validated(text.extracting(first..<position - 1), offset: start)
    }
    var content: [UInt8] = []
    for index in first..<position { content.append(text[index]) }
    while true {
      let byte = try peek(text)
      if byte == .quote {
        position += 1
        return try Self.validated(content.span, offset: start)
      }
      guard byte >= 0x20 else { throw error(.unexpectedByte) }
      position += 1
      if byte == UInt8(ascii: "\\") {
        try escape(text, into: &content)
      } else {
        content.append(byte)
      }
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != .quote && byte != UInt8(ascii: "\\")
  }

  private static func validated(_ bytes: Span<UInt8>, offset: Int) throws(JSONError) -> String {
    do {
      return String(copying: try UTF8Span(validating: bytes))
    } catch {
      throw JSONError(reason: .invalidString, offset: offset)
    }
  }

  /// Reads what follows a backslash.
  private mutating func escape(_ text: Span<UInt8>, into content: inout [UInt8]) throws(JSONError) {
    let byte = try peek(text)
    position += 1
    switch byte {
    case .quote, UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0c)
    case UInt8(ascii: "n"): content.append(.lineFeed)
    case UInt8(ascii: "r"): content.append(.carriageReturn)
    case UInt8(ascii: "t"): content.append(.tab)
    case UInt8(ascii: "u"):
      let unit = try codeUnit(text)
      var code = unit
      if unit & 0xfc00 == 0xd800 {
        try expect(UInt8(ascii: "\\"), text)
        try expect(UInt8(ascii: "u"), text)
        let low = try codeUnit(text)
        guard low & 0xfc00 == 0xdc00 else { throw error(.invalidString) }
        code = 0x1_0000 + (unit & 0x3ff) << 10 + low & 0x3ff
      }
      guard let scalar = Unicode.Scalar(code) else { throw error(.invalidString) }
      content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default: throw error(.invalidString)
    }
  }

  private mutating func codeUnit(_ text: Span<UInt8>) throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = try peek(text).hexDigit else { throw error(.invalidString) }
      position += 1
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}

/// The names of one object: compared one by one while they are few, in a set from then on.
private struct NameSet {
  private var names: Set<[UInt8]>?

  /// Adds a name; false when it is there already.
  mutating func insert(_ name: String, beside members: [JSONValue.Member]) -> Bool {
    if members.count < 16 { return !members.contains { $0.name.utf8.elementsEqual(name.utf8) } }
    var all = names.take() ?? Set(members.map { Array($0.name.utf8) })
    let isNew = all.insert(Array(name.utf8)).inserted
    names = all
    return isNew
  }
}
