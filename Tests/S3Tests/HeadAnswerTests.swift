// The meaning of answers to HEAD: one table of statuses and headers, and what each comes to.

import Testing

@testable import S3

/// Headers as a lookup.
func lookup(_ headers: [String: String]) -> (String) -> String? { { headers[$0] } }

@Suite("Answers to HEAD")
struct HeadAnswerTests {
  static let now: Int64 = 1_445_412_480  // Wed, 21 Oct 2015 07:28:00 GMT
  static let good = ["etag": "\"abc\"", "content-length": "1000", "x-amz-request-id": "1"]

  static func answer(_ status: Int, _ headers: [String: String]) -> HeadAnswer {
    ObjectResponse.head(status: status, region: "us-east-1", now: now, header: lookup(headers))
  }

  /// The failure's case without its values.
  static func kind(_ answer: HeadAnswer) -> String {
    switch answer {
    case .found: "found"
    case .failed(let failure): Self.kind(failure)
    }
  }

  static func kind(_ failure: OriginFailure) -> String {
    switch failure {
    case .missing: "missing"
    case .denied: "denied"
    case .unauthenticated: "unauthenticated"
    case .skewed: "skewed"
    case .redirected: "redirected"
    case .unreachable: "unreachable"
    case .troubled: "troubled"
    case .refused: "refused"
    }
  }

  @Test("Everything a store says is read")
  func found() throws {
    let answer = Self.answer(
      200,
      [
        "etag": " \"900150983cd24fb0d6963f7d28e17f72\" ", "content-length": "104857600", "content-type": "video/mp4",
        "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:28:05 GMT",
        "x-amz-mp-parts-count": "4", "x-amz-checksum-crc32c": "4waSgw==", "x-amz-checksum-sha1": "not base64",
        "x-amz-checksum-crc64nvme": "rosUhgp5mIg=", "x-amz-checksum-type": "FULL_OBJECT",
      ])
    let md5 =
      [0x90, 0x01, 0x50, 0x98, 0x3C, 0xD2, 0x4F, 0xB0, 0xD6, 0x96, 0x3F, 0x7D, 0x28, 0xE1, 0x7F, 0x72] as [UInt8]
    let digests = [
      try #require(ObjectDigest(.crc64nvme, [0xAE, 0x8B, 0x14, 0x86, 0x0A, 0x79, 0x98, 0x88])),
      try #require(ObjectDigest(.crc32c, [0xE3, 0x06, 0x92, 0x83])), try #require(ObjectDigest(.md5, md5)),
    ]
    #expect(
      answer
        == .found(
          ObjectHead(
            size: 104_857_600, etag: "\"900150983cd24fb0d6963f7d28e17f72\"", lastModified: Self.now,
            contentType: "video/mp4", digests: digests, partsCount: 4, date: Self.now + 5)))
    guard case .found(let bare) = Self.answer(200, Self.good) else {
      Issue.record("a bare answer is an answer")
      return
    }
    #expect(bare.digests.isEmpty && bare.lastModified == nil && bare.contentType == nil && bare.date == nil)
  }

  @Test("What cannot be told from a captive portal is unreachable")
  func portals() {
    let portals: [(Int, [String: String])] = [
      (200, [:]), (200, ["etag": "\"abc\""]), (200, ["content-length": "1000"]),
      (200, ["etag": "W/\"abc\"", "content-length": "1"]), (200, ["etag": "abc", "content-length": "1"]),
      (200, ["etag": "\"a b\"", "content-length": "1"]), (200, ["etag": "\"", "content-length": "1"]),
      (200, ["etag": "\"a\"b\"", "content-length": "1"]), (200, ["etag": "\"abc\"", "content-length": "-1"]),
      (200, ["etag": "\"abc\"", "content-length": "1, 1"]), (200, ["etag": "\"abc\"", "content-length": "1e3"]),
      (200, ["etag": "\"abc\"", "content-length": "99999999999999999999"]),
      (200, ["etag": "\"abc\"", "content-length": "612", "content-type": "text/html"]),
      (204, Self.good), (206, Self.good), (302, ["location": "http://login.example/"]), (307, [:]), (301, [:]),
      (511, [:]), (407, [:]), (404, ["content-type": "text/html; charset=utf-8"]), (403, ["content-type": "Text/HTML"]),
    ]
    for (status, headers) in portals {
      #expect(Self.kind(Self.answer(status, headers)) == "unreachable", "\(status) \(headers)")
    }
  }

  @Test("Each status comes to what mends it")
  func statuses() {
    let table: [(Int, [String: String], String)] = [
      (200, Self.good, "found"),
      (200, Self.good.merging(["content-type": "text/html"]) { $1 }, "found"),
      (200, Self.good.merging(["content-encoding": "identity"]) { $1 }, "found"),
      (200, Self.good.merging(["content-encoding": "gzip"]) { $1 }, "refused"),
      (404, [:], "missing"), (404, ["content-type": "application/xml"], "missing"),
      (404, ["content-type": "text/html", "x-amz-request-id": "1"], "missing"), (401, [:], "unauthenticated"),
      (403, [:], "denied"), (403, ["date": "Wed, 21 Oct 2015 07:43:00 GMT"], "denied"),
      (403, ["date": "Wed, 21 Oct 2015 07:43:01 GMT"], "skewed"),
      (403, ["date": "Wed, 21 Oct 2015 07:12:59 GMT"], "skewed"), (403, ["date": "yesterday"], "denied"),
      (301, ["x-amz-bucket-region": "eu-west-1"], "redirected"), (301, ["x-amz-request-id": "1"], "redirected"),
      (307, ["x-amz-id-2": "1", "location": "https://b.s3.eu-west-1.amazonaws.com/k"], "redirected"),
      (400, ["x-amz-bucket-region": "eu-west-1"], "redirected"), (400, ["x-amz-bucket-region": "us-east-1"], "refused"),
      (400, [:], "refused"), (405, [:], "refused"), (410, [:], "refused"), (412, [:], "refused"),
      (408, [:], "troubled"), (409, [:], "troubled"), (425, [:], "troubled"), (429, [:], "troubled"),
      (500, [:], "troubled"), (501, [:], "troubled"), (503, ["content-type": "text/html"], "troubled"),
      (599, [:], "troubled"), (304, [:], "troubled"), (100, [:], "troubled"), (0, [:], "troubled"),
      (600, [:], "troubled"), (-1, [:], "troubled"),
    ]
    for (status, headers, kind) in table {
      #expect(Self.kind(Self.answer(status, headers)) == kind, "\(status) \(headers)")
    }
  }

  @Test("Failures carry what mends them")
  func details() {
    #expect(
      Self.answer(301, ["x-amz-bucket-region": "eu-west-1"]) == .failed(.redirected(Redirection(region: "eu-west-1"))))
    #expect(
      Self.answer(307, ["x-amz-request-id": "1", "location": "https://b.example/k"])
        == .failed(.redirected(Redirection(location: "https://b.example/k", isPermanent: false))))
    let redirected = OriginFailure.redirected(Redirection(region: "eu-west-1"))
    #expect(redirected.description.contains("configure origin.region = \"eu-west-1\""))
    #expect(
      Self.answer(403, ["date": "Wed, 21 Oct 2015 08:28:00 GMT"]) == .failed(.skewed(serverDate: Self.now + 3600)))
    #expect(Self.answer(403, [:]) == .failed(.denied(code: nil)))
  }

  @Test("Retry-After is read in both forms")
  func retryAfter() {
    let table: [(String?, Int?)] = [
      (nil, nil), ("120", 120), (" 0 ", 0), ("Wed, 21 Oct 2015 07:29:00 GMT", 60), ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
      ("soon", nil), ("-1", nil), ("1.5", nil), ("", nil), ("99999999999999999999", nil),
    ]
    for (value, seconds) in table {
      guard case .failed(.troubled(_, let wait)) = Self.answer(503, value.map { ["retry-after": $0] } ?? [:]) else {
        Issue.record("a 503 is trouble")
        continue
      }
      #expect(wait == seconds, "\(value ?? "nil")")
    }
  }

  @Test("A part's length counts only for the version asked about")
  func parts() {
    let part = ["etag": "\"abc-4\"", "content-length": "8388608", "x-amz-mp-parts-count": "4"]
    func length(_ status: Int, _ change: [String: String], without: String = "") -> Int? {
      var headers = part
      headers.merge(change) { $1 }
      headers[without] = nil
      return ObjectResponse.partLength(status: status, etag: "\"abc-4\"", header: lookup(headers))
    }
    #expect(length(206, [:]) == 8_388_608)
    #expect(length(200, [:]) == 8_388_608)
    #expect(length(404, [:]) == nil)
    #expect(length(206, ["etag": "\"other\""]) == nil)
    #expect(length(206, [:], without: "etag") == nil)
    #expect(length(206, [:], without: "x-amz-mp-parts-count") == nil)
    #expect(length(206, ["content-length": "0"]) == nil)
    #expect(length(206, [:], without: "content-length") == nil)
  }
}
