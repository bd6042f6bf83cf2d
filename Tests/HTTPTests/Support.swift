// What the tests of this target share: a generator with a seed, and text as bytes.

import HTTP

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// Everything that a head says, comparable.
struct HeadSummary: Equatable {
  var method: HTTP.Method
  var version: HTTPVersion
  var target: String
  var path: String
  var query: String?
  var host: String?
  var keepsAlive: Bool
  var expectsContinue: Bool
  var framing: BodyFraming
  var fields: [[String]]
}

/// What a parse came to, with the head when it was complete.
struct ParseResult: Equatable {
  var outcome: RequestParser.Outcome
  var head: HeadSummary?

  var refusal: Refusal? { if case .refused(let refusal) = outcome { refusal } else { nil } }
}

/// Parses bytes with a head used for nothing else.
func parse(_ bytes: some Collection<UInt8>) -> ParseResult {
  var head = RequestHead()
  return parse(bytes, into: &head)
}

/// Parses bytes from an allocation of just their size.
func parse(_ bytes: some Collection<UInt8>, into head: inout RequestHead) -> ParseResult {
  let array = Array(bytes)
  return unsafe array.withUnsafeBytes { buffer in
    let outcome = unsafe RequestParser.parse(buffer, into: &head)
    guard case .complete = outcome else { return ParseResult(outcome: outcome, head: nil) }
    var fields: [[String]] = []
    for index in 0..<head.fieldCount {
      let field = head[index]
      unsafe fields.append([field.name.string(in: buffer), field.value.string(in: buffer)])
    }
    let summary = unsafe HeadSummary(
      method: head.method, version: head.version, target: head.target.string(in: buffer),
      path: head.path.string(in: buffer), query: head.query?.string(in: buffer), host: head.host?.string(in: buffer),
      keepsAlive: head.keepsAlive, expectsContinue: head.expectsContinue, framing: head.framing, fields: fields)
    return ParseResult(outcome: outcome, head: summary)
  }
}

func parse(_ text: String) -> ParseResult { parse(Array(text.utf8)) }

/// A GET with a Host and the lines given.
func request(_ lines: String...) -> String {
  (["GET / HTTP/1.1", "Host: a"] + lines).map { $0 + "\r\n" }.joined() + "\r\n"
}

/// The text that `body` writes into a buffer, of which it returns the length.
func written(_ body: (UnsafeMutableRawBufferPointer) -> Int) -> String {
  var bytes = [UInt8](repeating: 0, count: 4096)
  let count = unsafe bytes.withUnsafeMutableBytes { buffer in unsafe body(buffer) }
  return String(decoding: bytes[0..<count], as: UTF8.self)
}
