// Requests that are refused, each for its reason.

import Testing

@testable import HTTP

@Suite struct RequestRefusalTests {
  static let refused: [(String, Refusal)] = [
    // Lines
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", .lineEnd),
    ("GET / HTTP/1.1\rHost: a\r\n\r\n", .lineEnd),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", .lineEnd),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", .lineEnd),
    ("GET / HTTP/1.1\r\nHost: a\r\n\rX", .lineEnd),
    ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", .lineEnd),
    ("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", .lineEnd),
    ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .lineEnd),
    ("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .emptyLines),
    (request("X: a", " folded"), .foldedLine),
    (request("X: a", "\tfolded"), .foldedLine),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .foldedLine),
    // Names and values
    (request("X : a"), .fieldName),
    (request(": a"), .fieldName),
    (request("X"), .fieldName),
    (request("X y: a"), .fieldName),
    (request("X\u{0}: a"), .fieldName),
    (request("\u{0}X: a"), .fieldName),
    (request("X\u{7f}: a"), .fieldName),
    (request("Ünicode: a"), .fieldName),
    (request("X(y): a"), .fieldName),
    (request("Content\rLength: 3"), .fieldName),
    (request("IF\rRANGE: x"), .fieldName),
    (request("X: a\u{0}b"), .fieldValue),
    (request("X: a\u{1}"), .fieldValue),
    (request("X: \u{1f}"), .fieldValue),
    (request("X: long enough to be read by words \u{7f} and more of it"), .fieldValue),
    (request("X: long enough to be read by words \u{b} and more of it"), .fieldValue),
    // Method
    ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", .method),
    (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", .method),
    ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", .method),
    ("\u{16}\u{3}\u{1}", .method),
    ("get / HTTP/1.1\r\nHost: a\r\n\r\n", .unknownMethod),
    ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", .unknownMethod),
    ("GETS / HTTP/1.1\r\nHost: a\r\n\r\n", .unknownMethod),
    ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", .tunnel),
    // Target
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET /ä HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET /a\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET /long-enough-for-words-\u{7f}-and-more HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET /a\r\n\r\n", .target),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", .target),
    ("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", .host),
    ("GET http://u@h/ HTTP/1.1\r\nHost: a\r\n\r\n", .host),
    ("GET http://a:x/ HTTP/1.1\r\nHost: a\r\n\r\n", .host),
    // Version
    ("GET / \r\n", .version),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .version),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", .version),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", .version),
    ("GET / HTTP/1\r\nHost: a\r\n\r\n", .version),
    ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", .version),
    ("GET / HTTP/11.1\r\nHost: a\r\n\r\n", .version),
    ("GET / HTTP/x.1\r\nHost: a\r\n\r\n", .version),
    ("GET / HTTP/2\r\nHost: a\r\n\r\n", .version),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
    ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
    ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", .unsupportedVersion),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion),
    // Host
    ("GET / HTTP/1.1\r\n\r\n", .missingHost),
    ("GET http://a/ HTTP/1.1\r\n\r\n", .missingHost),
    (request("Host: a"), .repeatedHost),
    ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", .repeatedHost),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .host),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .host),
    ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .host),
    ("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", .host),
    ("GET http://b/ HTTP/1.1\r\nHost: a/\r\n\r\n", .host),
    // Length
    (request("Content-Length: -1"), .contentLength),
    (request("Content-Length: +1"), .contentLength),
    (request("Content-Length: 0x10"), .contentLength),
    (request("Content-Length: 1 2"), .contentLength),
    (request("Content-Length:"), .contentLength),
    (request("Content-Length: 9223372036854775808"), .contentLength),
    (request("Content-Length: 18446744073709551617"), .contentLength),
    (request("Content-Length: 99999999999999999999999999"), .contentLength),
    (request("Content-Length: 1, 1"), .repeatedContentLength),
    (request("Content-Length: 1", "Content-Length: 1"), .repeatedContentLength),
    (request("Content-Length: 1", "Content-Length: 2"), .repeatedContentLength),
    (request("Content-Length: 1", "Transfer-Encoding: chunked"), .contentLengthWithTransferEncoding),
    (request("Transfer-Encoding: gzip", "Content-Length: 1"), .contentLengthWithTransferEncoding),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
    (request("Transfer-Encoding: gzip"), .transferEncoding),
    (request("Transfer-Encoding: gzip, chunked"), .transferEncoding),
    (request("Transfer-Encoding: chunked, chunked"), .transferEncoding),
    (request("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), .transferEncoding),
    (request("Transfer-Encoding: chunked;a=b"), .transferEncoding),
    (request("Transfer-Encoding: xchunked"), .transferEncoding),
    (request("Transfer-Encoding:"), .transferEncoding),
    // Expectations
    (request("Expect: 200-ok"), .expectation),
    (request("Expect:"), .expectation),
    (request("Expect: 100-continue", "Expect: x", "Content-Length: 1"), .expectation),
    (request("Expect: 100-continue, 100-continue"), .expectation),
  ]

  @Test(arguments: refused)
  func isRefused(text: String, refusal: Refusal) {
    #expect(parse(text).refusal == refusal)
  }

  @Test func onceRefusedStaysRefused() {
    for (text, _) in Self.refused {
      let bytes = Array(text.utf8)
      var isRefused = false
      for end in 0...bytes.count {
        let result = parse(bytes[0..<end])
        if case .complete = result.outcome { Issue.record("\(end) bytes of \(text) are complete") }
        if isRefused, result.refusal == nil { Issue.record("\(end) bytes of \(text) are taken again") }
        isRefused = isRefused || result.refusal != nil
      }
      #expect(isRefused)
    }
  }

  @Test func everyRefusalHasItsStatus() {
    let expected: [(Int, Set<Refusal>)] = [
      (413, [.contentTooLarge]), (414, [.targetTooLong]), (417, [.expectation]),
      (431, [.headTooLarge, .tooManyFields]), (501, [.unknownMethod, .tunnel, .transferEncoding]),
      (505, [.unsupportedVersion]),
    ]
    for refusal in Refusal.allCases {
      let status = expected.first { $0.1.contains(refusal) }?.0 ?? 400
      #expect(refusal.status.rawValue == status, "\(refusal)")
      #expect(!refusal.reason.description.isEmpty)
    }
  }

  @Test func everyByteOfAValueIsJudged() {
    for padding in ["", "12345678901234567890"] {
      for byte in UInt8.min...UInt8.max {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX: a".utf8) + [byte] + Array("\(padding)b\r\n\r\n".utf8)
        let result = parse(bytes)
        switch byte {
        case 9, 0x20...0x7e, 0x80...0xff: #expect(result.refusal == nil, "\(byte)")
        case 10, 13: #expect(result.refusal == .lineEnd, "\(byte)")
        default: #expect(result.refusal == .fieldValue, "\(byte)")
        }
      }
    }
  }

  @Test func everyByteOfATargetIsJudged() {
    for padding in ["", "12345678901234567890"] {
      for byte in UInt8.min...UInt8.max {
        let bytes = Array("GET /a".utf8) + [byte] + Array("\(padding) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let result = parse(bytes)
        switch byte {
        case 0x21...0x22, 0x24...0x7e: #expect(result.refusal == nil, "\(byte)")
        case 0x20: #expect(result.refusal == .version)
        default: #expect(result.refusal == .target, "\(byte)")
        }
      }
    }
  }

  @Test func everyByteOfANameIsJudged() {
    let token = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    for padding in ["", "12345678901234567890"] {
      for byte in UInt8.min...UInt8.max {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX".utf8) + [byte] + Array("\(padding): b\r\n\r\n".utf8)
        let isTaken = parse(bytes).refusal == nil
        // A colon ends the name early, and the rest is the value.
        #expect(isTaken == (token.contains(byte) || byte == UInt8(ascii: ":")), "\(byte)")
      }
    }
  }

  /// Whatever is done to a request: no trap, every offset within the head, and the same again in two steps.
  @Test(arguments: 0..<8)
  func mutationsStayWithinBounds(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let sources = RequestParserTests.valid + Self.refused.map(\.0)
    let interesting = Array("\r\n\0 \t:?#/\u{7f}0".utf8) + [0x80, 0xff]
    var head = RequestHead()
    for _ in 0..<3000 {
      var bytes = Array(sources.randomElement(using: &generator).map(\.utf8) ?? "".utf8)
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        let offset = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[offset] = interesting.randomElement(using: &generator) ?? 0
        case 1: bytes.insert(interesting.randomElement(using: &generator) ?? 0, at: offset)
        case 2: bytes.remove(at: offset)
        default: bytes.insert(contentsOf: bytes[offset...].prefix(20), at: offset)
        }
      }
      let result = parse(bytes, into: &head)
      guard case .complete(let length) = result.outcome else { continue }
      #expect(length <= bytes.count)
      for index in 0..<head.fieldCount {
        #expect(head[index].value.range.upperBound <= length - 4)
        #expect(head[index].name.range.upperBound < head[index].value.range.lowerBound + 1)
      }
      #expect(bytes[0..<length].suffix(4) == Array("\r\n\r\n".utf8)[...])
      #expect(parse(bytes[0..<length]) == result)
    }
  }
}
