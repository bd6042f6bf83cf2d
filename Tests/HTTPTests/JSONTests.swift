// JSON: what is taken, what is refused, and random values there and back.

import Testing

@testable import HTTP

@Suite struct JSONTests {
  private func read(_ text: String) throws(JSONError) -> JSONValue { try JSONReader.read(Array(text.utf8)) }

  private func reason(_ bytes: [UInt8]) -> JSONError.Reason? {
    do throws(JSONError) {
      _ = try JSONReader.read(bytes)
      return nil
    } catch {
      #expect(error.offset >= 0 && error.offset <= bytes.count)
      return error.reason
    }
  }

  private func text(_ value: JSONValue) -> String {
    var writer = JSONWriter()
    writer.value(value)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  static let values: [(String, JSONValue)] = [
    ("null", .null), (" true ", .bool(true)), ("\r\n\tfalse\n", .bool(false)), ("0", .integer(0)), ("-1", .integer(-1)),
    ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
    ("9223372036854775808", .number(9_223_372_036_854_775_808)),
    ("-9223372036854775809", .number(-9.223372036854776e18)),
    ("1.5", .number(1.5)), ("1.0", .number(1)), ("1e2", .number(100)), ("1E+2", .number(100)),
    ("-2.5e-1", .number(-0.25)),
    ("0e0", .number(0)), ("1e-400", .number(0)), ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
    ("\"\"", .string("")), ("\"a b\"", .string("a b")), ("\"é😀\"", .string("é😀")),
    (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")), (#""\u0041\u00e9\u20AC""#, .string("Aé€")),
    (#""x\ud83d\uDE00y""#, .string("x😀y")), (#""\u0000""#, .string("\0")), ("\"\u{7f}\"", .string("\u{7f}")),
    ("[]", .array([])), ("[ ]", .array([])), ("{}", .object([])), ("{ }", .object([])),
    ("[1,\n2 , [3]]", .array([.integer(1), .integer(2), .array([.integer(3)])])),
    (
      #"{"a":1, "b" : {"a":[]} ,"":null}"#,
      .object([.init("a", .integer(1)), .init("b", .object([.init("a", .array([]))])), .init("", .null)])
    ),
    // Names that look alike are not the same bytes.
    ("{\"é\":1,\"e\u{301}\":2}", .object([.init("é", .integer(1)), .init("e\u{301}", .integer(2))])),
  ]

  @Test(arguments: values)
  func isTaken(text: String, value: JSONValue) throws {
    #expect(try read(text) == value)
    #expect(try read(self.text(value)) == value)
  }

  @Test func minusZeroKeepsItsSign() throws {
    guard case .number(let zero) = try read("-0") else {
      Issue.record("not a number")
      return
    }
    #expect(zero == 0 && zero.sign == .minus)
  }

  @Test(arguments: [
    ("", JSONError.Reason.unexpectedEnd), (" ", .unexpectedEnd), ("nul", .unexpectedEnd), ("[", .unexpectedEnd),
    ("[1", .unexpectedEnd), ("[1,", .unexpectedEnd), ("{", .unexpectedEnd), ("{\"a\"", .unexpectedEnd),
    ("{\"a\":", .unexpectedEnd), ("{\"a\":1", .unexpectedEnd), ("\"", .unexpectedEnd), ("\"a", .unexpectedEnd),
    ("\"\\", .unexpectedEnd), ("\"\\u12", .unexpectedEnd), ("-", .unexpectedEnd), ("1.", .unexpectedEnd),
    ("1e", .unexpectedEnd), ("1e+", .unexpectedEnd),
    ("x", .unexpectedByte), ("nulL", .unexpectedByte), ("True", .unexpectedByte), ("[1 2]", .unexpectedByte),
    ("[,1]", .unexpectedByte), ("[1,]", .unexpectedByte), ("{,}", .unexpectedByte), ("{\"a\":1,}", .unexpectedByte),
    ("{\"a\" 1}", .unexpectedByte), ("{a:1}", .unexpectedByte), ("{1:1}", .unexpectedByte), ("[1}", .unexpectedByte),
    ("{\"a\":1]", .unexpectedByte), ("+1", .unexpectedByte), (".5", .unexpectedByte), ("-a", .unexpectedByte),
    ("1.e1", .unexpectedByte), ("1ex", .unexpectedByte), ("\"a\nb\"", .unexpectedByte),
    ("\"\\\"\u{1f}\"", .unexpectedByte),
    ("'a'", .unexpectedByte), ("NaN", .unexpectedByte), ("Infinity", .unexpectedByte), ("-Infinity", .unexpectedByte),
    ("/**/1", .unexpectedByte), ("\u{feff}1", .unexpectedByte), ("\u{b}1", .unexpectedByte),
    ("\"\\ud800x\"", .unexpectedByte),
    ("01", .trailingBytes), ("1 2", .trailingBytes), ("{}x", .trailingBytes), ("nullx", .trailingBytes),
    ("[]]", .trailingBytes), ("1\u{0}", .trailingBytes), ("0x10", .trailingBytes),
    ("1e999", .numberOutOfRange), ("-1e309", .numberOutOfRange), ("[1e400]", .numberOutOfRange),
    ("{\"a\":1,\"a\":2}", .repeatedName), (#"{"a":1,"\u0061":2}"#, .repeatedName), ("[{\"\":1,\"\":1}]", .repeatedName),
    (#""\x""#, .invalidString), (#""\u12g4""#, .invalidString), (#""\udc00""#, .invalidString),
    (#""\ud800\u0041""#, .invalidString), (#""\ud800\ud800""#, .invalidString), (#""\'""#, .invalidString),
  ])
  func isRefused(text: String, expected: JSONError.Reason) {
    #expect(reason(Array(text.utf8)) == expected)
  }

  @Test(
    arguments: [
      [0xff], [0xc0, 0x80], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xe2, 0x82],
      [0xf8, 0x88, 0x80, 0x80],
    ] as [[UInt8]])
  func invalidUTF8IsRefused(bytes: [UInt8]) {
    #expect(reason([UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]) == .invalidString)
    #expect(reason(Array("\"\\n".utf8) + bytes + [UInt8(ascii: "\"")]) == .invalidString)
    #expect(reason(Array("{\"".utf8) + bytes + Array("\":1}".utf8)) == .invalidString)
  }

  @Test func errorsAreInWords() {
    let error = #expect(throws: JSONError.self) { try read("{x") }
    #expect(error.map { "\($0)" } == "what stands there does not belong there, at byte 1")
  }

  @Test func depthIsLimited() {
    func nested(_ depth: Int, _ open: String, _ close: String) -> [UInt8] {
      Array((String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)).utf8)
    }
    #expect(reason(nested(32, "[", "]")) == nil)
    #expect(reason(nested(33, "[", "]")) == .tooDeep)
    #expect(reason(nested(32, "{\"a\":", "}")) == nil)
    #expect(reason(nested(33, "{\"a\":", "}")) == .tooDeep)
    #expect(reason(nested(100_000, "[", "]")) == .tooDeep)
    #expect(reason(Array("[\(Array(repeating: "[[]]", count: 50).joined(separator: ","))]".utf8)) == nil)
  }

  @Test func manyNamesAreStillCompared() {
    let names = (0..<1000).map { "\"name\($0)\":0" }
    #expect(reason(Array("{\(names.joined(separator: ","))}".utf8)) == nil)
    for repeated in [0, 15, 16, 17, 999] {
      #expect(reason(Array("{\(names.joined(separator: ",")),\"name\(repeated)\":1}".utf8)) == .repeatedName)
    }
  }

  @Test func membersAreFoundByName() throws {
    let value = try read(#"{"s":"x","i":7,"b":true,"a":[1],"o":{},"n":null}"#)
    #expect(value["s"]?.string == "x")
    #expect(value["i"]?.integer == 7)
    #expect(value["b"]?.bool == true)
    #expect(value["a"]?.array == [.integer(1)])
    #expect(value["o"]?.object == [])
    #expect(value["n"]?.isNull == true)
    #expect(value["x"] == nil)
    #expect(value["s"]?["s"] == nil)
    #expect(value["s"]?.integer == nil && value["i"]?.string == nil)
  }

  @Test(
    "a number is whole however it is written, as far as that can be told",
    arguments: [
      ("60", 60), ("60.0", 60), ("6e1", 60), ("600e-1", 60), ("-1.0", -1), ("-0.0", 0), ("1.5", nil), ("1e-1", nil),
      ("9007199254740992.0", 9_007_199_254_740_992), ("9007199254740994.0", nil), ("1e300", nil),
      ("9223372036854775807", .max), ("\"60\"", nil), ("true", nil),
    ] as [(String, Int64?)])
  func wholeNumbers(text: String, whole: Int64?) throws {
    #expect(try read(text).integer == whole)
  }

  @Test func writerPlacesCommasAndEscapes() {
    var writer = JSONWriter()
    writer.object { writer in
      writer.field("a", "x\"\\\u{1}\n/é")
      writer.field("b", nil as String?)
      writer.field(
        "c",
        array: { writer in
          writer.integer(UInt64.max)
          writer.integer(Int8(-5))
          writer.array { _ in }
          writer.object { _ in }
          writer.null()
        })
      writer.field("d", nil as Int?)
      writer.field("e", false)
      writer.key("f")
      writer.tenths(425)
      writer.key("g")
      writer.tenths(-5)
      writer.key("h")
      writer.tenths(1000)
      writer.key("i")
      writer.number(.infinity)
      writer.field("j", milliseconds: 0)
      writer.field("k", milliseconds: nil)
      writer.field("l", object: { $0.field("m", 1) })
    }
    let expected =
      #"{"a":"x\"\\\u0001\n/é","b":null,"c":[18446744073709551615,-5,[],{},null],"d":null,"e":false,"#
      + #""f":42.5,"g":-0.5,"h":100.0,"i":null,"j":"1970-01-01T00:00:00.000Z","k":null,"l":{"m":1}}"#
    #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
  }

  @Test func everyByteBecomesAValidString() throws {
    for byte in UInt8.min...UInt8.max {
      let bytes = [0x61, byte, 0x62]
      var writer = JSONWriter()
      unsafe bytes.withUnsafeBytes { buffer in unsafe writer.string(utf8: buffer) }
      #expect(try JSONReader.read(writer.bytes) == .string(String(decoding: bytes, as: UTF8.self)))
    }
  }

  @Test(arguments: 0..<8)
  func randomValuesGoThereAndBack(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      let value = randomValue(depth: 0, using: &generator)
      #expect(try read(text(value)) == value)
    }
  }

  @Test(arguments: 0..<4)
  func mutationsNeverTrap(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<1000 {
      var bytes = Array(text(randomValue(depth: 0, using: &generator)).utf8)
      for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
        let offset = bytes.indices.randomElement(using: &generator) ?? 0
        if Bool.random(using: &generator) {
          bytes.remove(at: offset)
        } else {
          bytes[offset] = .random(in: 0...255, using: &generator)
        }
      }
      // What is still taken must be the same again when written.
      guard let value = try? JSONReader.read(bytes) else { continue }
      #expect(try read(text(value)) == value)
    }
  }

  private func randomValue(depth: Int, using generator: inout SeededGenerator) -> JSONValue {
    switch Int.random(in: 0..<(depth < 4 ? 8 : 6), using: &generator) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &generator))
    case 2: return .integer(Int64(bitPattern: generator.next() >> UInt64.random(in: 0..<64, using: &generator)))
    case 3:
      let number = Double(bitPattern: generator.next())
      return number.isFinite ? .number(number) : .number(0.1)
    case 4, 5:
      var scalars = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0..<12, using: &generator) {
        let limit: UInt32 = [0x20, 0x80, 0x3000, 0x11_0000].randomElement(using: &generator) ?? 0x80
        if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &generator)) { scalars.append(scalar) }
      }
      return .string(String(scalars))
    case 6:
      return .array(
        (0..<Int.random(in: 0..<5, using: &generator)).map { _ in randomValue(depth: depth + 1, using: &generator) })
    default:
      return .object(
        (0..<Int.random(in: 0..<20, using: &generator)).map {
          JSONValue.Member("n\($0)", randomValue(depth: depth + 1, using: &generator))
        })
    }
  }
}
