// What a value of each type looks like in the file: how it is read and checked, how it
// is written, and in which words the reference and the errors speak of it.

/// One type of value with its range.
struct Codec<Value: Equatable & Sendable>: Sendable {
  /// The type in a few words: `size`.
  let type: String
  /// What the type takes, for the reference: `64KiB to 1GiB`; empty when that is everything.
  let range: String
  /// Checks a value of the file.
  let decode: @Sendable (Node) throws(Complaints) -> Value
  /// Writes a value in the shortest way that is exact.
  let encode: @Sendable (Value) -> Written

  /// A codec whose values are one TOML value each, with one complaint at the most.
  init(
    type: String, range: String = "", encode: @escaping @Sendable (Value) -> String,
    decode: @escaping @Sendable (Node) throws(Complaint) -> Value
  ) {
    self.type = type
    self.range = range
    self.encode = { .value(encode($0)) }
    self.decode = { node throws(Complaints) in
      do throws(Complaint) { return try decode(node) } catch { throw Complaints(all: [error]) }
    }
  }

  init(
    type: String, range: String, encodeAny: @escaping @Sendable (Value) -> Written,
    decodeAny: @escaping @Sendable (Node) throws(Complaints) -> Value
  ) {
    self.type = type
    self.range = range
    self.encode = encodeAny
    self.decode = decodeAny
  }
}

// MARK: - Numbers

extension Codec<Int> {
  /// A whole number.
  static func count(_ range: ClosedRange<Int>) -> Codec {
    let words = rangeInWords(range) { "\($0)" }
    return Codec(
      type: "whole number", range: words, encode: { "\($0)" },
      decode: { node throws(Complaint) in
        guard case .integer(let number) = node else {
          throw wrongType(node, wanted: "a whole number", advice: "write \(words), without quotes")
        }
        return try inRange(number, range, words) { "\($0)" }
      })
  }

  /// A number of bytes, or digits with a unit.
  static func size(_ range: ClosedRange<Int>) -> Codec {
    let words = rangeInWords(range, sizeInWords)
    return Codec(
      type: "size", range: words, encode: sizeInFile,
      decode: { node throws(Complaint) in
        try size(node, range, words)
      })
  }

  static func size(_ node: Node, _ range: ClosedRange<Int>, _ words: String) throws(Complaint) -> Int {
    switch node {
    case .integer(let bytes): return try inRange(bytes, range, words) { "\($0)" }
    case .text(let text):
      switch Quantity(text, units: ByteSize.units) {
      case .value(let bytes): return try inRange(bytes, range, words) { _ in text }
      case .overflow: throw Complaint(.outOfRange, "\(quoted(text)) is too large", advice: "use \(words)")
      case .malformed:
        throw Complaint(
          .invalidValue, "\(quoted(text)) is no size",
          advice: "write digits and one of B KB MB GB TB KiB MiB GiB TiB, as \"8MiB\", or a number of bytes; "
            + "use \(words)")
      }
    default:
      throw wrongType(node, wanted: "a size", advice: "write a number of bytes or a text as \"8MiB\"; use \(words)")
    }
  }

  /// Zero as a number: it always means something other than no bytes, and has no unit.
  static func sizeInFile(_ bytes: Int) -> String { bytes == 0 ? "0" : tomlString(ByteSize.text(for: bytes)) }

  static func sizeInWords(_ bytes: Int) -> String { bytes == 0 ? "0" : ByteSize.text(for: bytes) }
}

extension Codec<Duration> {
  /// Digits with a unit of time.
  static func duration(_ range: ClosedRange<Duration>) -> Codec {
    let words = rangeInWords(range, TimeSpan.text)
    return Codec(
      type: "duration", range: words, encode: { tomlString(TimeSpan.text(for: $0)) },
      decode: { node throws(Complaint) in
        guard case .text(let text) = node else {
          throw wrongType(node, wanted: "a duration", advice: "write a text as \"90s\"; use \(words)")
        }
        switch Quantity(text, units: TimeSpan.units) {
        case .value(let milliseconds): return try inRange(.milliseconds(milliseconds), range, words) { _ in text }
        case .overflow: throw Complaint(.outOfRange, "\(quoted(text)) is too long", advice: "use \(words)")
        case .malformed:
          throw Complaint(
            .invalidValue, "\(quoted(text)) is no duration",
            advice: "write digits and one of ms s m h d, as \"90s\"; use \(words)")
        }
      })
  }
}

extension Codec<Bool> {
  /// Yes or no.
  static let yesOrNo = Codec(
    type: "boolean", range: "true, false", encode: { "\($0)" },
    decode: { node throws(Complaint) in
      guard case .boolean(let isSo) = node else {
        throw wrongType(node, wanted: "true or false", advice: "write true or false, without quotes")
      }
      return isSo
    })
}

// MARK: - Texts

extension Codec<String> {
  /// A text that passes a check.
  static func text(
    _ range: String = "", _ check: @escaping @Sendable (String) throws(Complaint) -> Void
  ) -> Codec {
    Codec(
      type: "text", range: range, encode: tomlString,
      decode: { node throws(Complaint) in
        let text = try textOf(node)
        try check(text)
        return text
      })
  }
}

extension Codec {
  /// A text that is read into a value of its own.
  static func parsed(
    _ type: String, range: String, _ parse: @escaping @Sendable (String) throws(Complaint) -> Value
  ) -> Codec where Value: CustomStringConvertible {
    Codec(
      type: type, range: range, encode: { tomlString($0.description) },
      decode: { node throws(Complaint) in
        try parse(try textOf(node))
      })
  }

  /// One of a few words.
  static func choice() -> Codec
  where Value: CaseIterable & RawRepresentable, Value.RawValue == String, Value.AllCases: Sendable {
    let names = Value.allCases.map(\.rawValue)
    let words = names.map(tomlString).joined(separator: ", ")
    return Codec(
      type: "text", range: words, encode: { tomlString($0.rawValue) },
      decode: { node throws(Complaint) in
        let text = try textOf(node)
        if let value = Value(rawValue: text) { return value }
        let advice = nearest(to: text, among: names).map { "did you mean \(tomlString($0))? use one of \(words)" }
        throw Complaint(.invalidValue, "\(quoted(text)) is no value of it", advice: advice ?? "use one of \(words)")
      })
  }
}

// MARK: - Words

private func inRange<Number: Comparable>(
  _ number: Number, _ range: ClosedRange<Number>, _ words: String, _ text: (Number) -> String
) throws(Complaint) -> Number {
  guard range.contains(number) else {
    throw Complaint(.outOfRange, "\(abbreviated(text(number))) is out of range", advice: "use \(words)")
  }
  return number
}

private func rangeInWords<Bound: Comparable>(_ range: ClosedRange<Bound>, _ text: (Bound) -> String) -> String {
  let isOpen = range.upperBound as? Int == .max
  return isOpen ? "\(text(range.lowerBound)) or more" : "\(text(range.lowerBound)) to \(text(range.upperBound))"
}

func textOf(_ node: Node) throws(Complaint) -> String {
  guard case .text(let text) = node else {
    throw wrongType(node, wanted: "a text", advice: "write a text in quotes")
  }
  return text
}

func wrongType(_ node: Node, wanted: String, advice: String) -> Complaint {
  Complaint(.wrongType, "\(node.kind) where \(wanted) belongs", advice: advice)
}
