// The words of TOML 1.0 (https://toml.io/en/v1.0.0): blanks, comments, keys, strings and bare
// values, read from valid UTF-8. What the words mean together is TOMLParser.swift's.

/// A place in a TOML text that moves forward only.
struct TOMLScanner {
  private let bytes: [UInt8]
  private var position = 0
  /// The line of the place, from 1.
  private(set) var line = 1

  init(_ text: String) {
    bytes = Array(text.utf8)
    // A byte order mark says nothing.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// The byte at the place, or nil at the end.
  var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Steps over the byte when it is the one given.
  mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: byte) else { return false }
    advance()
    return true
  }

  private mutating func take(triple byte: UInt8) -> Bool {
    guard bytes[position...].starts(with: [byte, byte, byte]) else { return false }
    position += 3
    return true
  }

  private mutating func advance() {
    if bytes[position] == UInt8(ascii: "\n") { line += 1 }
    position += 1
  }

  func failure(_ message: String, advice: String) -> SyntaxError {
    SyntaxError(line: line, message: message, advice: advice)
  }

  /// What stands at the place, in words.
  var here: String {
    guard let byte = peek else { return "the end of the file" }
    if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { return "the end of the line" }
    let word = bytes[position...].prefix { $0 > 0x20 && !",]}=".utf8.contains($0) }
    return quoted(String(decoding: word.isEmpty ? bytes[position...position] : word, as: UTF8.self))
  }

  // MARK: - Blanks

  mutating func skipSpaces() {
    while let byte = peek, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { advance() }
  }

  /// Steps over spaces, ends of lines and comments.
  mutating func skipBlanks() throws(SyntaxError) {
    while true {
      skipSpaces()
      guard peek == UInt8(ascii: "#") || isAtLineEnd else { return }
      try endLine()
    }
  }

  /// Steps over a comment and the end of the line, and refuses anything else.
  mutating func endLine() throws(SyntaxError) {
    skipSpaces()
    if peek == UInt8(ascii: "#") {
      while let byte = peek, !isAtLineEnd {
        try refuseControl(byte)
        advance()
      }
    }
    guard peek != nil else { return }
    guard isAtLineEnd else {
      throw failure("\(here) after a value or a section", advice: "put it on a line of its own, or after a #")
    }
    _ = take("\r")
    _ = take("\n")
  }

  private var isAtLineEnd: Bool {
    let carriageReturn = peek == UInt8(ascii: "\r") ? 1 : 0
    return position + carriageReturn < bytes.count && bytes[position + carriageReturn] == UInt8(ascii: "\n")
  }

  private func refuseControl(_ byte: UInt8) throws(SyntaxError) {
    guard byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7F else { return }
    let name = tomlString(String(Unicode.Scalar(byte)))
    throw failure("the control character \(name)", advice: "take it out, or write it as an escape")
  }

  // MARK: - Keys

  /// One part of a key, bare or in quotes.
  mutating func keyPart() throws(SyntaxError) -> String {
    if peek == UInt8(ascii: "\"") || peek == UInt8(ascii: "'") {
      if bytes[position...].starts(with: "\"\"\"".utf8) || bytes[position...].starts(with: "'''".utf8) {
        throw failure("a key in triple quotes", advice: "put it in single ones")
      }
      return try string()
    }
    let start = position
    while let byte = peek, isASCIIAlphanumeric(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") {
      advance()
    }
    guard start < position else {
      throw failure("\(here) where a key belongs", advice: "write lines as key = value, and odd keys in quotes")
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  // MARK: - Strings

  /// A string of any of the four kinds, at its opening quote.
  mutating func string() throws(SyntaxError) -> String {
    guard let quote = peek else { throw failure("the end of the file", advice: "write a text in quotes") }
    let start = line
    let isLong = take(triple: quote)
    if isLong {
      if isAtLineEnd { try endLine() }
    } else {
      advance()
    }
    var content: [UInt8] = []
    while let byte = peek, isLong || !isAtLineEnd {
      if byte == quote {
        if !isLong {
          advance()
          return String(decoding: content, as: UTF8.self)
        }
        if take(triple: quote) {
          // Up to two quotes of the content may stand before the three that end it.
          for _ in 0..<2 where peek == quote {
            content.append(quote)
            advance()
          }
          return String(decoding: content, as: UTF8.self)
        }
      }
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        advance()
        content += try escape(isLong: isLong)
      } else {
        if !isAtLineEnd { try refuseControl(byte) }
        content.append(byte)
        advance()
        // The line feed of a pair is content too.
        if byte == UInt8(ascii: "\r"), take("\n") { content.append(UInt8(ascii: "\n")) }
      }
    }
    throw SyntaxError(line: start, message: "a text without its closing quote", advice: "close it on the same line")
  }

  /// What follows a backslash.
  private mutating func escape(isLong: Bool) throws(SyntaxError) -> [UInt8] {
    let letter = peek ?? 0
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): break
    case UInt8(ascii: "b"):
      advance()
      return [0x08]
    case UInt8(ascii: "t"):
      advance()
      return [0x09]
    case UInt8(ascii: "n"):
      advance()
      return [0x0A]
    case UInt8(ascii: "f"):
      advance()
      return [0x0C]
    case UInt8(ascii: "r"):
      advance()
      return [0x0D]
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      let digits = bytes[(position + 1)...].prefix(letter == UInt8(ascii: "u") ? 4 : 8)
      let hexadecimal = digits.allSatisfy { isASCIIAlphanumeric($0) }
      guard hexadecimal, digits.count == (letter == UInt8(ascii: "u") ? 4 : 8),
        let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), let scalar = Unicode.Scalar(value)
      else { throw failure("an escape that is no character", advice: "write \\u and four hexadecimal digits") }
      position += 1 + digits.count
      return Array(String(scalar).utf8)
    default:
      // A backslash at the end of a line takes the line's end and what blanks follow with it.
      let mark = self
      skipSpaces()
      guard isLong, isAtLineEnd else {
        throw mark.failure(
          "a backslash before \(mark.here)", advice: "write it twice, or put the text in single quotes")
      }
      while let byte = peek, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || isAtLineEnd {
        advance(pair: byte)
      }
      return []
    }
    advance()
    return [letter]
  }

  private mutating func advance(pair byte: UInt8) {
    advance()
    if byte == UInt8(ascii: "\r") { _ = take("\n") }
  }

  // MARK: - Bare values

  /// A number, a date or `true` or `false`: whatever needs no quotes.
  mutating func bareValue() throws(SyntaxError) -> Node {
    func isPart(_ byte: UInt8) -> Bool { byte > 0x20 && byte != 0x7F && !",[]{}#\"'=".utf8.contains(byte) }
    var word = bytes[position...].prefix(while: isPart)
    // A space may stand between date and time.
    if word.count == 10, word.dropFirst(4).first == UInt8(ascii: "-"), bytes[word.endIndex...].first == 0x20 {
      let time = bytes[(word.endIndex + 1)...].prefix(while: isPart)
      if time.dropFirst(2).first == UInt8(ascii: ":") { word = bytes[word.startIndex..<time.endIndex] }
    }
    guard let value = try bareValue(of: String(decoding: word, as: UTF8.self)) else {
      throw failure("\(here) where a value belongs", advice: "put texts in quotes")
    }
    position = word.endIndex
    return value
  }

  /// The value of a word. Types that no key takes are told by their looks alone: they are refused anyway.
  private func bareValue(of word: String) throws(SyntaxError) -> Node? {
    if word == "true" || word == "false" { return .boolean(word == "true") }
    let sign = word.hasPrefix("+") || word.hasPrefix("-") ? word.prefix(1) : ""
    let unsigned = word.dropFirst(sign.count)
    if unsigned == "inf" || unsigned == "nan" { return .other("a number with a fraction") }
    guard let first = unsigned.utf8.first, (0x30...0x39).contains(first) else { return nil }
    let radix = ["0x": 16, "0o": 8, "0b": 2][unsigned.prefix(2)]
    let digits = radix == nil ? unsigned : unsigned.dropFirst(2)
    let parts = digits.split(separator: "_", omittingEmptySubsequences: false)
    let isNumber = parts.allSatisfy { part in
      !part.isEmpty
        && part.utf8.allSatisfy { byte in
          UInt8(ascii: "+") != byte && UInt8(ascii: "-") != byte
            && Int(String(Unicode.Scalar(byte)), radix: radix ?? 10) != nil
        }
    }
    if isNumber, radix == nil ? unsigned.utf8.count == 1 || first != 0x30 : sign.isEmpty {
      guard let number = Int(sign + parts.joined(), radix: radix ?? 10) else {
        throw failure("the number \(abbreviated(word)) is too large", advice: "a number has 64 bits at the most")
      }
      return .integer(number)
    }
    let looks = unsigned.utf8
    if sign.isEmpty, looks.allSatisfy({ (0x30...0x39).contains($0) || ":.TtZz+- ".utf8.contains($0) }),
      looks.dropFirst(2).first == UInt8(ascii: ":") || looks.dropFirst(4).first == UInt8(ascii: "-")
    {
      return .other("a date or a time")
    }
    let isFraction = looks.allSatisfy { (0x30...0x39).contains($0) || "_.eE+-".utf8.contains($0) }
    return isFraction && looks.contains { ".eE".utf8.contains($0) } ? .other("a number with a fraction") : nil
  }
}
