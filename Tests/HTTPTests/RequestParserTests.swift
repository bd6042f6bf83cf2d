// Requests that are taken, in every form and at every split.

import Testing

@testable import HTTP

@Suite struct RequestParserTests {
  static let valid: [String] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /api/downloads/01J9/play?token=a.b&x=?%20 HTTP/1.1\r\nHost: 192.168.1.20:4000\r\nUser-Agent: Mozilla/5.0\r\n"
      + "Range: bytes=0-1023\r\nIf-Range: \"abc\"\r\nConnection: keep-alive\r\n\r\n",
    "\r\n\r\nHEAD /a HTTP/1.0\r\n\r\n",
    "POST /x HTTP/1.1\r\nhOsT:a\r\ncontent-LENGTH:\t12 \t\r\nExpect: 100-continue\r\nX:\r\nY: \t \r\n\r\n",
    "PUT /x HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: Chunked\r\nConnection: x, Close ,\r\n\r\n",
    "GET http://Example.COM:8080/p?q HTTP/1.1\r\nHost: other\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /\(String(repeating: "b", count: 100)) HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: x\r\nIf-Unmodified-Since: y\r\n"
      + "If-None-Match: *\r\nIf-Match: \"é\ttab\"\r\nAuthorization: Bearer abc\r\nCookie: a=b\r\nReferer: r\r\nOrigin: o\r\n"
      + "Accept: */*\r\nAccept-Encoding: gzip\r\nAccept-Language: de\r\nContent-Type: application/json\r\n\r\n",
  ]

  @Test func readsAnOrdinaryRequest() throws {
    let text = Self.valid[1]
    let result = parse(text)
    #expect(result.outcome == .complete(headLength: text.utf8.count))
    let head = try #require(result.head)
    #expect(
      head
        == HeadSummary(
          method: .get, version: .http11, target: "/api/downloads/01J9/play?token=a.b&x=?%20",
          path: "/api/downloads/01J9/play", query: "token=a.b&x=?%20", host: "192.168.1.20:4000", keepsAlive: true,
          expectsContinue: false, framing: .none,
          fields: [
            ["Host", "192.168.1.20:4000"], ["User-Agent", "Mozilla/5.0"], ["Range", "bytes=0-1023"],
            ["If-Range", "\"abc\""], ["Connection", "keep-alive"],
          ]))
  }

  @Test func everySplitIsIncompleteAndThenTheSame() {
    // One head for all: what a shorter request left behind must not show.
    var head = RequestHead()
    for text in Self.valid {
      let bytes = Array(text.utf8)
      let whole = parse(bytes, into: &head)
      #expect(whole.outcome == .complete(headLength: bytes.count))
      for end in 0..<bytes.count {
        let prefix = parse(bytes[0..<end], into: &head)
        if prefix.outcome != .incomplete { Issue.record("\(end) bytes of \(text): \(prefix.outcome)") }
      }
      #expect(parse(bytes, into: &head) == whole)
      #expect(parse(bytes + Array("GET / HT".utf8), into: &head) == whole)
    }
  }

  @Test func pipelinedRequestsFollowEachOther() {
    let bytes = Self.valid.flatMap { Array($0.utf8) }
    var head = RequestHead()
    var rest = bytes[...]
    var results: [ParseResult] = []
    while !rest.isEmpty {
      let result = parse(rest, into: &head)
      guard case .complete(let length) = result.outcome else { break }
      results.append(result)
      rest = rest.dropFirst(length)
    }
    #expect(rest.isEmpty)
    #expect(results == Self.valid.map { parse($0) })
  }

  @Test func everyKnownHeaderHasItsSlotInAnyCase() throws {
    for name in HeaderName.allCases where name != .other {
      let lower = name.lowercaseName.description
      for spelling in [lower, lower.uppercased(), lower.capitalized] {
        let bytes = Array("GET / HTTP/1.1\r\n\(spelling):a\r\n\(name == .host ? "" : "Host: b\r\n")\r\n".utf8)
        var head = RequestHead()
        unsafe bytes.withUnsafeBytes { buffer in
          _ = unsafe RequestParser.parse(buffer, into: &head)
          #expect(head[0].known == name, "\(spelling)")
          #expect(unsafe head[name]?.string(in: buffer) == "a", "\(spelling)")
        }
        let flags = [head.contains(name), head.isRepeated(name), head.contains(name == .accept ? .range : .accept)]
        #expect(flags == [true, false, false])
      }
      // One byte away from it is another header, where whole words can be read and at the end of the bytes.
      for offset in 0..<lower.utf8.count {
        for byte in UInt8.min...UInt8.max where byte.lowercased != Array(lower.utf8)[offset] {
          var bytes = Array(lower.utf8)
          bytes[offset] = byte
          for padding in ["", "::::::::"] {
            let text = bytes + Array(padding.utf8)
            let recognized = unsafe text.withUnsafeBytes { buffer in
              HeaderName.recognize(unsafe ByteView(buffer), at: 0, count: bytes.count)
            }
            if recognized != .other { Issue.record("\(byte) at \(offset) of \(lower)") }
          }
        }
      }
    }
  }

  @Test func repeatedHeadersAreKnownAsSuch() {
    var head = RequestHead()
    _ = parse(Array(request("Range: bytes=0-1", "range: bytes=2-3", "Accept: a").utf8), into: &head)
    let flags = [head.isRepeated(.range), head.isRepeated(.accept)]
    #expect(flags == [true, false])
    #expect(head.fieldCount == 4)
  }

  @Test(arguments: [
    ("HTTP/1.1", "", true), ("HTTP/1.1", "close", false), ("HTTP/1.1", "CLOSE", false),
    ("HTTP/1.1", "keep-alive, close", false), ("HTTP/1.1", "x,,\tclose", false), ("HTTP/1.1", "closed", true),
    ("HTTP/1.1", "Keep-Alive", true), ("HTTP/1.0", "", false), ("HTTP/1.0", "keep-alive", true),
    ("HTTP/1.0", "Keep-Alive , x", true), ("HTTP/1.0", "keep-alive, close", false), ("HTTP/1.9", "x", true),
  ])
  func connectionDecidesPersistence(version: String, value: String, keeps: Bool) {
    let line = value.isEmpty ? "" : "Connection: \(value)\r\n"
    #expect(parse("GET / \(version)\r\nHost: a\r\n\(line)\r\n").head?.keepsAlive == keeps)
    let halves = value.split(separator: ",").map { "Connection: \($0)\r\n" }.joined()
    #expect(parse("GET / \(version)\r\nHost: a\r\n\(halves)\r\n").head?.keepsAlive == keeps)
  }

  @Test func expectationCountsOnlyWithABody() {
    #expect(parse(request("Expect: 100-Continue", "Content-Length: 1")).head?.expectsContinue == true)
    #expect(parse(request("Expect: 100-continue")).head?.expectsContinue == false)
    let old = "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    #expect(parse(old).head?.expectsContinue == false)
  }

  @Test func framingIsWhatTheHeadersSay() {
    #expect(parse(request()).head?.framing == BodyFraming.none)
    #expect(parse(request("Content-Length: 0")).head?.framing == .length(0))
    #expect(parse(request("Content-Length: 9223372036854775807")).head?.framing == .length(.max))
    #expect(parse(request("Transfer-Encoding: CHUNKED")).head?.framing == .chunked)
  }

  @Test(arguments: [
    ("http://h/a?b", "/a", "b", "h"), ("http://h:1?b", "/", "b", "h:1"), ("HTTPS://[::1]", "/", nil, "[::1]"),
    ("http://h/?", "/", "", "h"), ("/a?", "/a", "", "a"), ("//x/y", "//x/y", nil, "a"), ("/?a/b?c", "/", "a/b?c", "a"),
    ("/%41%zz", "/%41%zz", nil, "a"), ("/a'()[]{}|\\^`\"<>~", "/a'()[]{}|\\^`\"<>~", nil, "a"),
  ])
  func targetsComeApart(target: String, path: String, query: String?, host: String) throws {
    let head = try #require(parse("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n").head)
    #expect(head.target == target)
    #expect(head.path == path)
    #expect(head.query == query)
    #expect(head.host == host)
  }

  @Test func everyMethodIsKnown() {
    for method in HTTP.Method.allCases where method != .connect {
      #expect(parse("\(method.name) / HTTP/1.1\r\nHost: a\r\n\r\n").head?.method == method)
    }
  }

  @Test func limitsAreExact() {
    let target = "/" + String(repeating: "a", count: RequestParser.maximumTargetCount - 1)
    #expect(parse("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n").head?.path == target)
    #expect(parse("GET \(target)b HTTP/1.1\r\nHost: a\r\n\r\n").refusal == .targetTooLong)
    #expect(parse("GET \(target)b").refusal == .targetTooLong)

    let fields = (0..<99).map { "X\($0): y\r\n" }.joined()
    #expect(parse("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n").head?.fields.count == 100)
    #expect(parse("GET / HTTP/1.1\r\nHost: a\r\n\(fields)Y: z\r\n\r\n").refusal == .tooManyFields)

    let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
    let filling = String(repeating: "x", count: RequestParser.maximumHeadCount - start.utf8.count - 4)
    #expect(parse(start + filling + "\r\n\r\n").outcome == .complete(headLength: RequestParser.maximumHeadCount))
    #expect(parse(start + filling + "\r\n\r").outcome == .incomplete)
    #expect(parse(start + filling + "x\r\n\r").refusal == .headTooLarge)
    #expect(parse(start + filling + "x\r\n\r\n").refusal == .headTooLarge)
    #expect(parse(start + filling + filling).refusal == .headTooLarge)
  }
}

extension String {
  fileprivate var capitalized: String {
    split(separator: "-", omittingEmptySubsequences: false)
      .map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: "-")
  }
}
