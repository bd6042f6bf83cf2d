// Requests: which headers go out, which of them are signed, and what an anonymous request leaves out.

import Testing

@testable import S3

@Suite("Object requests")
struct ObjectRequestTests {
  static let key = Array("content_abc/720p.mp4".utf8)

  static func endpoint() throws -> Endpoint {
    try Endpoint("http://127.0.0.1:9000", region: "us-east-1", bucket: "films", addressing: .path)
  }

  static func headers(_ request: SignedRequest) -> [String: String] {
    Dictionary(request.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { "\($0), \($1)" })
  }

  @Test("A head asks for checksums; nothing is sent twice")
  func head() throws {
    let request = ObjectRequest.head(Self.key).signed(
      for: try Self.endpoint(), credentials: try exampleCredentials(), at: 0, userAgent: "larder/1.0")
    #expect(request.method == "HEAD")
    #expect(request.url == "http://127.0.0.1:9000/films/content_abc/720p.mp4")
    #expect(request.host == "127.0.0.1:9000")
    let headers = Self.headers(request)
    #expect(headers.count == request.headers.count)
    #expect(
      headers.keys.sorted() == [
        "accept-encoding", "authorization", "user-agent", "x-amz-checksum-mode", "x-amz-content-sha256", "x-amz-date",
      ])
    #expect(headers["accept-encoding"] == "identity" && headers["user-agent"] == "larder/1.0")
    #expect(headers["x-amz-checksum-mode"] == "ENABLED")
    #expect(headers["x-amz-content-sha256"] == SignatureV4.emptyPayloadHash)
    #expect(headers["x-amz-date"] == "19700101T000000Z")
  }

  @Test("A range is asked for with its version, and all that matters is signed")
  func range() throws {
    let request = ObjectRequest.get(Self.key, range: 8_388_608...16_777_215, ifMatch: "\"abc\"").signed(
      for: try Self.endpoint(), credentials: try exampleCredentials(token: "token=="), at: 1_700_000_000,
      userAgent: "larder/1.0")
    let headers = Self.headers(request)
    #expect(request.method == "GET")
    #expect(headers["range"] == "bytes=8388608-16777215" && headers["if-match"] == "\"abc\"")
    #expect(headers["x-amz-security-token"] == "token==")
    #expect(headers["x-amz-checksum-mode"] == nil)
    let signed = "SignedHeaders=host;if-match;range;x-amz-content-sha256;x-amz-date;x-amz-security-token,"
    #expect(headers["authorization"]?.contains(signed) ?? false)
  }

  @Test("A whole object is asked for without a range; a part by its number")
  func wholeAndPart() throws {
    let whole = ObjectRequest.get(Self.key).signed(
      for: try Self.endpoint(), credentials: nil, at: 0, userAgent: "larder/1.0")
    #expect(Self.headers(whole).keys.sorted() == ["accept-encoding", "user-agent"])
    let part = ObjectRequest.head(Self.key, part: 7).signed(
      for: try Self.endpoint(), credentials: nil, at: 0, userAgent: "larder/1.0")
    #expect(part.url.hasSuffix("/720p.mp4?partNumber=7"))
  }

  @Test("Anonymous requests carry nothing of a signature")
  func anonymous() throws {
    let request = ObjectRequest.get(Self.key, range: 0...0, ifMatch: "\"abc\"", checksums: true).signed(
      for: try Self.endpoint(), credentials: nil, at: 0, userAgent: "larder/1.0")
    #expect(
      Self.headers(request).keys.sorted() == [
        "accept-encoding", "if-match", "range", "user-agent", "x-amz-checksum-mode",
      ])
  }

  @Test("A signer that remembers makes the same request as credentials do")
  func signer() throws {
    var signer: SignatureV4? = SignatureV4(try exampleCredentials())
    for time in [0, 1, 86_400, 86_401, 0] as [Int64] {
      let request = ObjectRequest.get(Self.key, range: 0...9)
      let one = request.signed(for: try Self.endpoint(), by: &signer, at: time, userAgent: "u")
      let other = request.signed(
        for: try Self.endpoint(), credentials: try exampleCredentials(), at: time, userAgent: "u")
      #expect(Self.headers(one) == Self.headers(other))
    }
  }
}
