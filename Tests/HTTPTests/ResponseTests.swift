// What is written: heads, parts of several ranges, media types and problems.

import Testing

@testable import HTTP

@Suite struct ResponseTests {
  @Test func headHasItsLines() {
    let tag = Array("\"v1\"".utf8)
    let evil = Array("a\r\nSet-Cookie: b\u{0}\u{7f}\tc".utf8)
    let text = unsafe written { buffer in
      var head = unsafe ResponseHead(.partialContent, into: buffer)
      head.append("Accept-Ranges", "bytes")
      head.append("Content-Length", 0)
      head.append("Age", -9_223_372_036_854_775_808)
      unsafe tag.withUnsafeBytes { value in unsafe head.append("ETag", verbatim: value) }
      unsafe evil.withUnsafeBytes { value in unsafe head.append("X", bytes: value) }
      head.append("Y", string: "a\nb\u{1}é")
      head.append("Z", "")
      head.append("Date", date: 784_111_777)
      head.appendContentRange(ByteRange(first: 0, last: 499), length: 1234)
      head.appendContentRange(unsatisfiedLength: 47_022)
      head.appendContentType(MultipartBoundary(1, 0xfedc_ba98_7654_3210))
      let count = head.end()
      #expect(count == head.count)
      return count
    }
    #expect(
      text == "HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Length: 0\r\n"
        + "Age: -9223372036854775808\r\nETag: \"v1\"\r\nX: a  Set-Cookie: b  \tc\r\nY: a b é\r\nZ: \r\n"
        + "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Range: bytes 0-499/1234\r\nContent-Range: bytes */47022\r\n"
        + "Content-Type: multipart/byteranges; boundary=0000000000000001fedcba9876543210\r\n\r\n")
  }

  @Test func everyStatusHasItsLine() {
    for status in Status.allCases {
      let text = unsafe written { buffer in
        var head = unsafe ResponseHead(status, into: buffer)
        return head.end()
      }
      #expect(text == "HTTP/1.1 \(status.rawValue) \(status.phrase)\r\n\r\n")
      #expect(!status.phrase.description.isEmpty)
    }
  }

  @Test func numbersHaveAllTheirDigits() {
    var value = 1
    for _ in 0..<18 {
      value *= 10
      for number in [value - 1, value, value + 1, -value] {
        let text = unsafe written { buffer in
          var writer = unsafe ByteWriter(buffer)
          writer.append(decimal: number)
          return writer.count
        }
        #expect(text == String(number))
      }
    }
  }

  @Test func writingPastTheEndTraps() async {
    await #expect(processExitsWith: .failure) {
      var bytes = [UInt8](repeating: 0, count: 18)
      unsafe bytes.withUnsafeMutableBytes { buffer in
        var head = unsafe ResponseHead(.ok, into: buffer)
        _ = head.end()
      }
    }
  }

  @Test(arguments: [
    ("a/b.mp4", "video/mp4"), ("x.M4V", "video/mp4"), ("x.webm", "video/webm"), ("x.mkv", "video/x-matroska"),
    ("x.mov", "video/quicktime"), ("x.mp3", "audio/mpeg"), ("x.m4a", "audio/mp4"), ("x.ts", "video/mp2t"),
    ("x.m3u8", "application/vnd.apple.mpegurl"), ("x.mpd", "application/dash+xml"),
    ("x.vtt", "text/vtt; charset=utf-8"), ("x.srt", "application/x-subrip"), ("x.jpg", "image/jpeg"),
    ("x.jpeg", "image/jpeg"), ("x.png", "image/png"), ("a.b.mp4", "video/mp4"), (".mp4", "video/mp4"),
    ("x.exe", "application/octet-stream"), ("mp4", "application/octet-stream"), ("", "application/octet-stream"),
    ("a.mp4/b", "application/octet-stream"), ("a.mp4/", "application/octet-stream"), ("x.", "application/octet-stream"),
    ("ü.ü", "application/octet-stream"),
  ])
  func mediaTypesGoByExtension(path: String, name: String) {
    #expect(MediaType(path: path).name.description == name)
  }

  @Test func problemsAreJSON() throws {
    let problem = Problem(
      .insufficientStorage, code: "quota_exceeded", detail: "no \"room\"\n",
      extras: [.init("limit_bytes", 10), .init("used_bytes", nil)])
    #expect(
      String(decoding: problem.json, as: UTF8.self)
        == #"{"type":"about:blank","title":"Insufficient Storage","status":507,"detail":"no \"room\"\n","#
        + #""code":"quota_exceeded","limit_bytes":10,"used_bytes":null}"#)
    #expect(try JSONReader.read(Problem(.notFound, code: "x", detail: "", title: "t").json)["title"] == .string("t"))
  }
}

@Suite struct MultipartRangesTests {
  private func set(_ value: String, length: Int, gap: Int = RangeHeader.coalescingGap) -> ByteRangeSet? {
    let bytes = Array(value.utf8)
    return unsafe bytes.withUnsafeBytes { buffer in
      if case .several(let ranges) = unsafe RangeHeader.parse(buffer, length: length, gap: gap) { ranges } else { nil }
    }
  }

  /// The whole body, with every byte of the representation the last digit of its position.
  private func render(_ body: MultipartRanges) -> [UInt8] {
    var steps = body
    var scratch = [UInt8](repeating: 0, count: MultipartRanges.maximumTextCount)
    var result: [UInt8] = []
    while let segment = unsafe scratch.withUnsafeMutableBytes({ buffer in unsafe steps.next(into: buffer) }) {
      switch segment {
      case .text(let count): result += scratch[0..<count]
      case .range(let range): result += (range.first...range.last).map { UInt8($0 % 10) + 0x30 }
      }
    }
    let after = unsafe scratch.withUnsafeMutableBytes { buffer in unsafe steps.next(into: buffer) }
    #expect(after == nil)
    return result
  }

  @Test func partsAreThoseOfTheRFC() throws {
    let ranges = try #require(set("bytes=500-509,7000-7001", length: 8000))
    let body = MultipartRanges(ranges, length: 8000, mediaType: .mp4, boundary: MultipartBoundary(0, 0xa))
    let boundary = "0000000000000000000000000000000a"
    #expect(
      String(decoding: render(body), as: UTF8.self)
        == "--\(boundary)\r\nContent-Type: video/mp4\r\nContent-Range: bytes 500-509/8000\r\n\r\n0123456789\r\n"
        + "--\(boundary)\r\nContent-Type: video/mp4\r\nContent-Range: bytes 7000-7001/8000\r\n\r\n01\r\n"
        + "--\(boundary)--\r\n")
    #expect(body.contentLength == render(body).count)
  }

  @Test(arguments: 0..<4)
  func theLengthIsThatOfTheBytes(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var rendered = 0
    for _ in 0..<200 {
      let length = Int.random(in: 1000...100_000, using: &generator)
      let list = (0..<Int.random(in: 2...20, using: &generator)).map { _ in
        let first = Int.random(in: 0..<length, using: &generator)
        return "\(first)-\(first + Int.random(in: 0...200, using: &generator))"
      }
      guard let ranges = set("bytes=" + list.joined(separator: ","), length: length) else { continue }
      let type = MediaType.allCases.randomElement(using: &generator) ?? .mp4
      let boundary = MultipartBoundary(generator.next(), generator.next())
      let body = MultipartRanges(ranges, length: length, mediaType: type, boundary: boundary)
      #expect(body.contentLength == render(body).count)
      rendered += 1
    }
    #expect(rendered > 50)
  }

  @Test func theLongestTextFits() throws {
    let length = Int.max - 8192
    let ranges = try #require(set("bytes=1000000000000000000-1000000000000000001,9000000000000000000-", length: length))
    for type in MediaType.allCases {
      var body = MultipartRanges(ranges, length: length, mediaType: type, boundary: MultipartBoundary(0, 0))
      var scratch = [UInt8](repeating: 0, count: MultipartRanges.maximumTextCount)
      var texts = 0
      while let segment = unsafe scratch.withUnsafeMutableBytes({ buffer in unsafe body.next(into: buffer) }) {
        if case .text = segment { texts += 1 }
      }
      #expect(texts == 3)
    }
  }
}
