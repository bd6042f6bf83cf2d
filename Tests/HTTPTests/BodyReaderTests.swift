// Bodies in every framing, at every split.

import Testing

@testable import HTTP

@Suite struct BodyReaderTests {
  struct Result: Equatable {
    var content: [UInt8] = []
    var consumed = 0
    var outcome = BodyReader.Outcome.more
  }

  /// Feeds the portions and checks what every step promises.
  private func read(
    _ framing: BodyFraming, limit: Int = BodyReader.maximumContentCount, _ portions: [ArraySlice<UInt8>]
  ) -> Result {
    var reader = BodyReader(framing, limit: limit)
    var result = Result(outcome: reader.outcome)
    for portion in portions {
      var rest = Array(portion)[...]
      while result.outcome == .more, !rest.isEmpty {
        let bytes = Array(rest)
        let step = unsafe bytes.withUnsafeBytes { buffer in unsafe reader.read(buffer) }
        #expect(step.consumed > 0 && step.consumed <= bytes.count)
        #expect(step.produced.upperBound <= step.consumed)
        result.content += bytes[step.produced]
        result.consumed += step.consumed
        result.outcome = step.outcome
        rest = rest.dropFirst(step.consumed)
      }
    }
    #expect(reader.contentCount == result.content.count)
    return result
  }

  private func chunked(_ text: String, limit: Int = BodyReader.maximumContentCount) -> Result {
    read(.chunked, limit: limit, [Array(text.utf8)[...]])
  }

  static let valid: [(String, String)] = [
    ("0\r\n\r\n", ""),
    ("5\r\nhello\r\n0\r\n\r\n", "hello"),
    ("1;a=b\r\nx\r\n00A ; q=\"z\" \r\n0123456789\r\n000;last\r\nTrailer: x\r\nY:\r\n\r\n", "x0123456789"),
    ("a\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n\r\n\r\n\r\n"),
    ("0000000000000001\r\nx\r\n0\r\n\r\n", "x"),
    ("1 \t;\r\nx\r\n0\r\n\r\n", "x"),
  ]

  @Test(arguments: valid)
  func chunksComeTogether(text: String, content: String) {
    let bytes = Array((text + "GET").utf8)
    let expected = Result(content: Array(content.utf8), consumed: text.utf8.count, outcome: .done)
    #expect(read(.chunked, [bytes[...]]) == expected)
    for first in 0..<bytes.count {
      for second in first..<bytes.count {
        #expect(read(.chunked, [bytes[..<first], bytes[first..<second], bytes[second...]]) == expected)
      }
    }
    #expect(read(.chunked, bytes.indices.map { bytes[$0...$0] }) == expected)
  }

  @Test func prefixesAreNotDone() {
    for (text, _) in Self.valid {
      for count in 0..<text.utf8.count {
        #expect(read(.chunked, [Array(text.utf8)[..<count]]).outcome == .more)
      }
    }
  }

  @Test(arguments: [
    ("\r\n", Refusal.chunk), ("g\r\n", .chunk), (" 1\r\n", .chunk), ("-1\r\n", .chunk), ("0x1\r\n", .chunk),
    ("1\nx", .chunk), ("1\rx", .chunk), ("1 x", .chunk), ("1 \r\n", .chunk), ("1;a\nb", .chunk), ("1;\u{0}", .chunk),
    ("1\r\nxy", .chunk), ("1\r\nx\n", .chunk), ("1\r\nx\rx", .chunk), ("1\r\nx\r\n\r\n", .chunk),
    ("00000000000000001\r\n", .chunk), ("8000000000000000\r\n", .chunk), ("ffffffffffffffff\r\n", .chunk),
    ("10000000000000000\r\n", .chunk), ("7fffffffffffffff\r\n", .contentTooLarge), ("10001\r\n", .contentTooLarge),
    ("1;\(String(repeating: "a", count: 8192))\r\n", .chunk),
    ("0\r\n\n", .trailer), ("0\r\n\rx", .trailer), ("0\r\nA: b\n", .trailer), ("0\r\nA: b\r\n c\r\n", .trailer),
    ("0\r\n: b\r\n", .trailer), ("0\r\nA: \u{1}\r\n", .trailer),
    ("0\r\nA: \(String(repeating: "a", count: 8192))\r\n\r\n", .trailer),
    ("0\r\n\(String(repeating: "A: b\r\n", count: 2000))\r\n", .trailer),
  ])
  func malformedChunksAreRefused(text: String, refusal: Refusal) {
    #expect(chunked(text).outcome == .refused(refusal))
    #expect(read(.chunked, Array(text.utf8).map { [$0] }).outcome == .refused(refusal))
  }

  @Test func extensionsOfManyChunksAreBoundedTogether() {
    let chunk = "1;\(String(repeating: "a", count: 100))\r\nx\r\n"
    #expect(chunked(String(repeating: chunk, count: 70) + "0\r\n\r\n").outcome == .done)
    #expect(chunked(String(repeating: chunk, count: 90) + "0\r\n\r\n").outcome == .refused(.chunk))
  }

  @Test func theLimitIsExact() {
    #expect(chunked("4\r\nabcd\r\n6\r\n012345\r\n0\r\n\r\n", limit: 10).outcome == .done)
    #expect(chunked("4\r\nabcd\r\n7\r\n0123456\r\n0\r\n\r\n", limit: 10).outcome == .refused(.contentTooLarge))
    #expect(BodyReader(.length(10), limit: 10).outcome == .more)
    #expect(BodyReader(.length(11), limit: 10).outcome == .refused(.contentTooLarge))
    #expect(BodyReader(.length(65_537)).outcome == .refused(.contentTooLarge))
  }

  @Test func statedLengthsAreReadToTheByte() {
    #expect(BodyReader(.none).outcome == .done)
    #expect(BodyReader(.length(0)).outcome == .done)
    let bytes = Array("0123456789rest".utf8)
    let expected = Result(content: Array(bytes[..<10]), consumed: 10, outcome: .done)
    for split in 0...bytes.count {
      #expect(read(.length(10), [bytes[..<split], bytes[split...]]) == expected)
    }
    #expect(read(.length(10), [bytes[..<9]]) == Result(content: Array(bytes[..<9]), consumed: 9, outcome: .more))
  }
}
