// Answers that are wrong in one thing each. A row says what the origin does to every request for bytes and what the user
// sees meanwhile; the rest is the same for all: nothing of it is stored, nothing fails, and it goes on when the origin is
// honest again.

import Foundation
import Glibc
import Testing

/// One way in which an answer can be wrong.
struct Lie: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// `error.code` of the download meanwhile.
  let code: String
  let tell: FakeOrigin.Script

  init(_ description: String, _ code: String, _ tell: @escaping FakeOrigin.Script) {
    testDescription = description
    self.code = code
    self.tell = tell
  }

  /// An honest answer but for this.
  static func but(
    _ description: String, _ code: String, _ change: @escaping @Sendable (inout FakeAnswer) -> Void
  ) -> Lie {
    Lie(description, code) { _, honest in
      var answer = honest
      change(&answer)
      return answer
    }
  }

  /// Another answer altogether.
  static func instead(_ description: String, _ code: String, _ answer: FakeAnswer) -> Lie {
    Lie(description, code) { _, _ in answer }
  }
}

@LaneD @Suite("A lying origin") struct OriginLieTests {
  private static let scripted = Result { try Scripted(["origin": ["stall_timeout": "\"1s\""]]) }

  private nonisolated static let long = Array(String(repeating: "x", count: 1 << 20).utf8)

  /// What arrives of an answer that is cut off. It is kept as the beginning of a block, so it has to be too little for any
  /// number of tries to make a whole one of it while the test looks.
  private nonisolated static let morsel = 100

  private nonisolated static let framing: [Lie] = [
    Lie("200 and the whole object instead of 206", "origin_error") { request, honest in
      var answer = FakeAnswer(200, honest.fields, body: Array(repeating: 7, count: 1 << 20))
      answer["Content-Range"] = nil
      return answer
    },
    .but("no Content-Range", "origin_error") { $0["Content-Range"] = nil },
    .but("a Content-Range of other bytes", "origin_error") { $0["Content-Range"] = "bytes 1-262144/1048576" },
    .but("a Content-Range of another total", "origin_error") {
      $0["Content-Range"] = $0["Content-Range"]?.replacingOccurrences(of: "/1048576", with: "/1048577")
    },
    .but("a Content-Range of no total", "origin_error") {
      $0["Content-Range"] = $0["Content-Range"]?.replacingOccurrences(of: "/1048576", with: "/*")
    },
    .but("a Content-Range in another unit", "origin_error") {
      $0["Content-Range"] = $0["Content-Range"]?.replacingOccurrences(of: "bytes", with: "pages")
    },
    .but("two ranges in one answer", "origin_error") {
      $0["Content-Type"] = "multipart/byteranges; boundary=x"
      $0["Content-Range"] = nil
    },
    .but("a shorter body, said so", "origin_error") { $0.body.removeLast() },
    .but("a longer body, said so", "origin_error") { $0.body.append(7) },
    .but("a shorter body, closed", "origin_unreachable") {
      $0.cut = morsel
      $0.ending = .close
    },
    .but("a shorter body, reset", "origin_unreachable") {
      $0.cut = morsel
      $0.ending = .reset
    },
    .but("a shorter body, and silence", "origin_unreachable") {
      $0.cut = morsel
      $0.ending = .hang
    },
    .but("a shorter body in chunks, ended well", "origin_unreachable") {
      $0.framing = .chunked
      $0.body.removeLast()
    },
    .but("a longer body in chunks", "origin_error") {
      $0.framing = .chunked
      $0.body += Array(repeating: 7, count: 70_000)
    },
    .but("chunks that are cut off", "origin_unreachable") {
      $0.framing = .chunked
      $0.cut = morsel
      $0.ending = .close
    },
    .but("chunks and a length", "origin_error") {
      $0["Content-Length"] = "262144"
      $0.framing = .chunked
    },
    .but("a shorter body until the connection ends", "origin_unreachable") {
      $0.framing = .untilClose
      $0.body.removeLast()
    },
    .but("a Content-Encoding", "origin_error") { $0["Content-Encoding"] = "gzip" },
    .but("a Transfer-Encoding other than chunked", "origin_error") { $0["Transfer-Encoding"] = "gzip" },
  ]

  private nonisolated static let versions: [Lie] = [
    .but("another strong ETag, while HEAD keeps the old one", "origin_error") { $0["ETag"] = "\"another\"" },
    .but("a weak ETag", "origin_error") { $0["ETag"] = "W/" + ($0["ETag"] ?? "") },
    .but("no ETag", "origin_error") { $0["ETag"] = nil },
    .but("an ETag that is none", "origin_error") { $0["ETag"] = "opaque" },
    .instead("412 for the version that HEAD names", "origin_error", .s3(412, "PreconditionFailed")),
    .instead("416 for a range that is there", "origin_error", .s3(416, "InvalidRange")),
  ]

  private nonisolated static let strangers: [Lie] = [
    .instead("a captive portal's page with status 200", "origin_unreachable", .page(200)),
    .instead(
      "a captive portal's page with an ETag", "origin_unreachable", .page(200, [(name: "ETag", value: "\"5f-1\"")])),
    .instead("a proxy's page with status 403", "origin_unreachable", .page(403)),
    .instead("a proxy's page with status 404", "origin_unreachable", .page(404)),
    .instead("403 and a few words", "origin_unreachable", FakeAnswer(403, body: Array("blocked".utf8))),
    .instead("404 and nothing", "origin_unreachable", FakeAnswer(404)),
    .instead("a redirect to a page to log in", "origin_unreachable", .page(302, [("Location", "http://login.lan/")])),
    .instead("a network that wants a login", "origin_unreachable", .page(511)),
    .instead("a proxy that wants a login", "origin_unreachable", .page(407)),
    .but("no HTTP at all", "origin_error") {
      $0.raw = Array("220 mail.example ESMTP\r\n".utf8)
      $0.ending = .close
    },
    .but("nothing, and the end", "origin_unreachable") {
      $0.raw = []
      $0.ending = .close
    },
    .instead("204", "origin_error", FakeAnswer(204)),
    .instead("304", "origin_error", FakeAnswer(304)),
  ]

  private nonisolated static let words: [Lie] = [
    Lie("a no that is cut off", "origin_unreachable") { _, _ in
      var answer = FakeAnswer.s3(403, "AccessDenied")
      answer.cut = 30
      answer.ending = .close
      return answer
    },
    Lie("a missing key that is cut off", "origin_unreachable") { _, _ in
      var answer = FakeAnswer.s3(404, "NoSuchKey")
      answer.cut = 60
      answer.ending = .close
      return answer
    },
    .instead(
      "an error of noise", "origin_error", FakeAnswer(400, body: (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 97) })
    ),
    .instead(
      "an error without end", "origin_error",
      FakeAnswer(
        400, [(name: "x-amz-request-id", value: "1")], body: Array(repeating: UInt8(ascii: "<"), count: 1 << 20))
    ),
    .but("a head of many fields", "origin_error") {
      $0.fields += (0..<3000).map { (name: "X-Field-\($0)", value: String(repeating: "y", count: 50)) }
    },
    .but("a field as long as a film's title is not", "origin_error") {
      $0.fields.append((name: "X-Long", value: String(repeating: "y", count: 90_000)))
    },
    .but("a head without end", "origin_error") {
      $0.raw =
        Array("HTTP/1.1 206 Partial Content\r\n".utf8) + Array(String(repeating: "X: y\r\n", count: 100_000).utf8)
      $0.ending = .hang
    },
    .but("a line without end, slowly", "origin_unreachable") {
      $0.raw = Array("HTTP/1.1 206 Partial Content\r\nX: ".utf8) + Array(repeating: UInt8(ascii: "y"), count: 90_000)
      $0.pace = (500, 20_000)
      $0.ending = .hang
    },
    .but("interim answers without end", "origin_error") {
      $0.raw = Array(String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: 100_000).utf8)
      $0.ending = .hang
    },
  ]

  @Test(
    "nothing of a wrong answer is stored, and a right one is taken when it comes",
    arguments: framing + versions + strangers + words)
  func lies(lie: Lie) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(1 << 20)
    let key = title.key
    scripted.origin.script { request, honest in
      request.isForBytes && request.key == key ? lie.tell(request, honest) : honest
    }
    let id = try ann.start(title)
    let told = try ann.wait(id, forError: lie.code)
    #expect(told.status?.text == "downloading")
    #expect(told.downloaded_bytes?.int == 0)
    #expect(told.total_bytes?.int == title.size)
    #expect(told.error?.retryable?.bool == true)
    #expect(told.error?.message?.text?.isEmpty == false)
    scripted.origin.script(nil)
    let done = try ann.wait(id, for: "completed")
    #expect(done.error == .null)
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test(
    "an exact body is taken in each way that HTTP has to frame it",
    arguments: [FakeAnswer.Framing.length, .chunked, .untilClose])
  func framings(framing: FakeAnswer.Framing) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.title((1 << 20) + 1)
    scripted.origin.script { request, honest in
      var answer = honest
      if request.isForBytes { answer.framing = framing }
      return answer
    }
    defer { scripted.origin.script(nil) }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a 200 is taken for the whole when the whole was asked for")
  func wholeInOne() throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000)
    scripted.origin.script { request, honest in
      var answer = honest
      if request.isForBytes {
        answer.status = 200
        answer["Content-Range"] = nil
      }
      return answer
    }
    defer { scripted.origin.script(nil) }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
  }

  private nonisolated static let heads: [Lie] = [
    .instead("a captive portal's page", "origin_unreachable", .page(200, [(name: "ETag", value: "\"5f-1\"")])),
    .but("no ETag", "origin_unreachable") { $0["ETag"] = nil },
    .but("a weak ETag", "origin_unreachable") { $0["ETag"] = "W/" + ($0["ETag"] ?? "") },
    .but("no length", "origin_unreachable") {
      $0["Content-Length"] = nil
      $0.framing = .untilClose
    },
    .but("chunks instead of a length", "origin_unreachable") {
      $0["Content-Length"] = nil
      $0.framing = .chunked
    },
    .but("a length that is none", "origin_unreachable") {
      $0.raw = Array("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 1, 2\r\n\r\n".utf8)
      $0.ending = .close
    },
    .but("206", "origin_unreachable") { $0.status = 206 },
    .instead("a page with status 404", "origin_unreachable", .page(404)),
    .instead("nothing with status 404, twice", "origin_unreachable", FakeAnswer(404)),
    .instead("a redirect to a page to log in", "origin_unreachable", .page(302, [("Location", "http://login.lan/")])),
    .instead("503", "origin_error", .s3(503, "ServiceUnavailable")),
  ]

  @Test("an answer to HEAD that is no store's is no title: the start waits", arguments: heads)
  func lyingHeads(lie: Lie) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000)
    let key = title.key
    scripted.origin.script { request, honest in request.key == key ? lie.tell(request, honest) : honest }
    let answer = try ann.tryStart(title)
    #expect(answer.status == 201, "\(answer)")
    #expect(answer.json?.total_bytes == .null)
    let id = try #require(answer.json?.id?.text)
    let told = try ann.wait(id, forError: lie.code)
    #expect(told.status?.text == "pending")
    #expect(!scripted.origin.requests.contains { $0.key == key && $0.isForBytes })
    scripted.origin.script(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("an object that is stored compressed is refused and never decoded")
  func compressed() throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000) { object in
      var object = object
      object.fields.append((name: "Content-Encoding", value: "gzip"))
      return object
    }
    let answer = try ann.tryStart(title)
    #expect(answer.status == 502)
    #expect(answer.code == "origin_refused")
    #expect(answer.json?.detail?.text?.contains("Content-Encoding gzip") == true)
    scripted.origin.put(FakeObject(title), key: title.key)
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
  }
}
