// The meaning of answers to a ranged GET: a good one, and every way in which one can be a little wrong.

import Testing

@testable import S3

@Suite("Answers to a ranged GET")
struct RangeAnswerTests {
  static let asked = RangeAsked(100...199, total: 1000, etag: "\"abc\"")
  static let good = ["etag": "\"abc\"", "content-range": "bytes 100-199/1000", "content-length": "100"]

  static func answer(
    _ status: Int, _ headers: [String: String], _ body: String? = nil, asked: RangeAsked = asked
  ) -> RangeAnswer {
    let error = body.map { text in
      let bytes = Array(text.utf8)
      return unsafe bytes.withUnsafeBytes { unsafe S3ErrorBody(parsing: $0) }
    }
    return ObjectResponse.range(
      asked, status: status, error: error, region: "us-east-1", now: HeadAnswerTests.now, header: lookup(headers))
  }

  static func kind(_ answer: RangeAnswer) -> String {
    switch answer {
    case .good: "good"
    case .changed: "changed"
    case .failed(let failure): HeadAnswerTests.kind(failure)
    }
  }

  static func changing(_ name: String, _ value: String?) -> [String: String] {
    var headers = good
    headers[name] = value
    return headers
  }

  @Test("An ETag is compared byte by byte", arguments: [("K", "\u{212A}"), (";", "\u{37E}"), ("\u{E9}", "e\u{301}")])
  func lookalikes(etag: String, lookalike: String) {
    let asked = RangeAsked(100...199, total: 1000, etag: "\"\(etag)\"")
    #expect(Self.answer(206, Self.changing("etag", asked.etag), asked: asked) == .good(length: 100))
    #expect(Self.kind(Self.answer(206, Self.changing("etag", "\"\(lookalike)\""), asked: asked)) == "changed")
    let part = { (sent: String) in
      ObjectResponse.partLength(
        status: 206, etag: asked.etag,
        header: lookup(["etag": "\"\(sent)\"", "content-length": "5", "x-amz-mp-parts-count": "2"]))
    }
    #expect(part(etag) == 5 && part(lookalike) == nil)
  }

  @Test("Only exact framing is good")
  func framing() {
    #expect(Self.answer(206, Self.good) == .good(length: 100))
    let table: [(String, String?, String)] = [
      ("content-length", nil, "good"), ("etag", nil, "troubled"), ("content-encoding", "identity", "good"),
      ("content-range", "Bytes 100-199/1000", "good"), ("content-length", "99", "troubled"),
      ("content-length", "1000", "troubled"), ("content-length", "100, 100", "troubled"),
      ("content-length", "", "troubled"), ("content-range", nil, "troubled"),
      ("content-range", "bytes 100-199/*", "troubled"), ("content-range", "bytes */1000", "troubled"),
      ("content-range", "bytes 100-198/1000", "troubled"), ("content-range", "bytes 101-199/1000", "troubled"),
      ("content-range", "bytes 0-99/1000", "troubled"), ("content-range", "bytes 100-199/1001", "troubled"),
      ("content-range", "bytes 100-199/999", "troubled"),
      ("content-range", "bytes 100-199", "troubled"), ("content-range", "bytes=100-199/1000", "troubled"),
      ("content-range", "chunks 100-199/1000", "troubled"), ("content-range", "bytes  100-199/1000", "troubled"),
      ("content-range", "bytes 100-199/1000, bytes 100-199/1000", "troubled"),
      ("content-range", "bytes +100-199/1000", "troubled"),
      ("content-range", "bytes 100-199/18446744073709552616", "troubled"), ("content-encoding", "gzip", "troubled"),
      ("content-encoding", "aws-chunked", "troubled"), ("transfer-encoding", "chunked", "troubled"),
      ("transfer-encoding", "gzip", "troubled"), ("etag", "\"abd\"", "changed"), ("etag", "W/\"abc\"", "troubled"),
      ("etag", "abc", "troubled"), ("etag", "", "troubled"),
    ]
    for (name, value, kind) in table {
      #expect(Self.kind(Self.answer(206, Self.changing(name, value))) == kind, "\(name): \(value ?? "nil")")
    }
  }

  @Test("Chunked is good without a Content-Length only")
  func chunked() {
    var headers = Self.changing("content-length", nil)
    headers["transfer-encoding"] = "Chunked"
    #expect(Self.answer(206, headers) == .good(length: 100))
    headers["transfer-encoding"] = "gzip, chunked"
    #expect(Self.kind(Self.answer(206, headers)) == "troubled")
  }

  @Test("A 200 is good for the whole object of the right ETag and length only")
  func whole() {
    let whole = RangeAsked(0...999, total: 1000, etag: "\"abc\"")
    let headers = ["etag": "\"abc\"", "content-length": "1000"]
    #expect(Self.answer(200, headers, asked: whole) == .good(length: 1000))
    #expect(Self.kind(Self.answer(200, headers)) == "troubled")
    let table: [([String: String], String)] = [
      (["content-length": "1000"], "unreachable"), (["etag": "\"abc\""], "troubled"),
      (["etag": "\"abc\"", "content-length": "999"], "troubled"),
      (["etag": "\"x\"", "content-length": "1000"], "changed"),
      (["etag": "\"x\"", "content-length": "9", "content-type": "text/html"], "unreachable"),
      (["content-type": "text/html"], "unreachable"),
    ]
    for (headers, kind) in table { #expect(Self.kind(Self.answer(200, headers, asked: whole)) == kind, "\(headers)") }
    #expect(Self.kind(Self.answer(204, headers, asked: whole)) == "troubled")
  }

  @Test("Each status and error body comes to what mends it")
  func statuses() {
    func xml(_ code: String, _ more: String = "") -> String {
      "<?xml version=\"1.0\"?>\n<Error><Code>\(code)</Code>\(more)</Error>"
    }
    let table: [(Int, [String: String], String?, String)] = [
      (412, [:], nil, "changed"), (416, ["content-range": "bytes */99"], nil, "changed"), (404, [:], nil, "missing"),
      (404, [:], "", "unreachable"),
      (403, [:], "<Error><Code>AccessDe", "unreachable"), (404, ["x-amz-request-id": "1"], "", "missing"),
      (403, ["x-amz-request-id": "1"], "<Error><Co", "denied"), (401, [:], "who?", "unreachable"),
      (404, [:], xml("NoSuchKey"), "missing"), (404, [:], xml("NoSuchBucket"), "refused"),
      (404, ["content-type": "text/html"], xml("NoSuchKey"), "missing"),
      (404, ["content-type": "text/html"], "<html>", "unreachable"), (403, [:], xml("AccessDenied"), "denied"),
      (403, ["date": "Wed, 21 Oct 2015 09:00:00 GMT"], xml("AccessDenied"), "denied"),
      (403, [:], xml("RequestTimeTooSkewed"), "skewed"), (403, [:], xml("SlowDown"), "troubled"),
      (400, [:], xml("ExpiredToken"), "unauthenticated"),
      (403, [:], xml("ExpiredToken"), "unauthenticated"), (403, [:], xml("SignatureDoesNotMatch"), "unauthenticated"),
      (403, ["date": "Wed, 21 Oct 2015 09:00:00 GMT"], xml("InvalidAccessKeyId"), "unauthenticated"),
      (403, [:], xml("RequestExpired"), "skewed"),
      (403, ["date": "Wed, 21 Oct 2015 09:00:00 GMT"], xml("Odd"), "denied"),
      (400, [:], xml("RequestTimeout"), "troubled"),
      (400, [:], xml("InvalidArgument"), "refused"),
      (400, [:], xml("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), "redirected"),
      (400, [:], xml("AuthorizationHeaderMalformed", "<Region>us-east-1</Region>"), "refused"),
      (403, [:], xml("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), "redirected"),
      (301, [:], xml("PermanentRedirect"), "redirected"), (302, [:], "<html>", "unreachable"),
      (503, [:], xml("SlowDown"), "troubled"), (500, [:], nil, "troubled"), (304, [:], nil, "troubled"),
    ]
    for (status, headers, body, kind) in table {
      #expect(Self.kind(Self.answer(status, headers, body)) == kind, "\(status) \(headers) \(body ?? "")")
    }
    #expect(
      Self.answer(403, [:], xml("InvalidAccessKeyId")) == .failed(.unauthenticated(code: "InvalidAccessKeyId")))
    let slow = Self.answer(503, ["retry-after": "7"], xml("SlowDown", "<Message>Reduce &amp; wait</Message>"))
    #expect(
      slow
        == .failed(
          .troubled(reason: "the origin answers with status 503: SlowDown: Reduce & wait", retryAfter: 7)))
  }

  @Test("A random answer is good only when it is the exact one")
  func random() {
    var generator = Seeded(13)
    let values: [String: [String?]] = [
      "etag": ["\"abc\"", "\"abd\"", "W/\"abc\"", nil],
      "content-range": ["bytes 100-199/1000", "bytes 100-198/1000", "bytes 100-199/999", nil],
      "content-length": ["100", "99", nil], "content-encoding": [nil, "identity", "gzip"],
      "transfer-encoding": [nil, "chunked"],
    ]
    for _ in 0..<2000 {
      var headers: [String: String] = [:]
      for (name, choices) in values.sorted(by: { $0.key < $1.key }) {
        headers[name] = choices.randomElement(using: &generator) ?? nil
      }
      let status = [200, 206].randomElement(using: &generator) ?? 206
      let isExact =
        status == 206 && headers["content-range"] == "bytes 100-199/1000"
        && headers["etag"] == "\"abc\"" && headers["content-encoding"] != "gzip"
        && (headers["transfer-encoding"] == nil
          ? headers["content-length"] != "99" : headers["content-length"] == nil)
      #expect((Self.answer(status, headers) == .good(length: 100)) == isExact, "\(status) \(headers)")
    }
  }
}
