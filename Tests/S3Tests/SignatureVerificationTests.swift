// Verification: what this module signs it takes, and each change to a request is refused with S3's code for it.

import Testing

@testable import S3

@Suite("Signature verification")
struct SignatureVerificationTests {
  static let time: Int64 = 1_700_000_000

  /// A request as a server sees it.
  struct Received {
    var method: String
    var path: String
    var query: String
    var headers: [String: String]

    init(_ request: SignedRequest) {
      method = request.method
      let target = request.url.dropFirst(request.url.hasPrefix("https") ? 8 : 7).drop { $0 != "/" }
      let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
      path = String(halves[0])
      query = halves.count == 2 ? String(halves[1]) : ""
      headers = ["host": request.host]
      for header in request.headers { headers[header.name.lowercased()] = header.value }
    }
  }

  static func received(
    _ request: ObjectRequest = .get(Array("a/ü b+c.mp4".utf8), range: 0...9, ifMatch: "\"x\"", checksums: true),
    token: String? = nil
  ) throws -> Received {
    let endpoint = try Endpoint("http://127.0.0.1:9000", region: "us-east-1", bucket: "films", addressing: .path)
    return Received(
      request.signed(
        for: endpoint, credentials: try exampleCredentials(token: token), at: time, userAgent: "larder/test"))
  }

  static func code(
    _ received: Received, now: Int64 = time, token: String? = nil, region: String = "us-east-1"
  ) throws -> String? {
    let result = SignatureV4.verify(
      method: received.method, encodedPath: received.path, query: received.query, headers: { received.headers[$0] },
      at: now, credentials: try exampleCredentials(token: token), region: region)
    switch result {
    case .success: return nil
    case .failure(let refusal):
      #expect([400, 403].contains(refusal.status) && !refusal.message.isEmpty)
      return refusal.code
    }
  }

  @Test("What is signed is taken, for any key")
  func roundTrip() throws {
    var generator = Seeded(11)
    for round in 0..<100 {
      let key = generator.bytes(Int.random(in: 1...20, using: &generator))
      let token = round % 2 == 0 ? nil : "token=="
      let request = round % 3 == 0 ? ObjectRequest.head(key, part: round + 1) : .get(key, range: 0...round)
      let received = try Self.received(request, token: token)
      #expect(try Self.code(received, token: token) == nil)
      #expect(try Self.code(received, now: Self.time + 900, token: token) == nil)
      #expect(try Self.code(received, now: Self.time - 900, token: token) == nil)
    }
  }

  @Test("A path in another spelling of the same bytes is the same path")
  func spelling() throws {
    var received = try Self.received()
    received.path = received.path.replacing("%C3%BC", with: "%c3%bc").replacing("%2B", with: "+")
    #expect(try Self.code(received) == nil)
  }

  @Test("A change to anything signed is refused")
  func changes() throws {
    let changes: [(String, (inout Received) -> Void)] = [
      ("method", { $0.method = "HEAD" }), ("path", { $0.path += "x" }), ("slash", { $0.path += "/" }),
      ("query", { $0.query = "partNumber=1" }), ("range", { $0.headers["range"] = "bytes=0-10" }),
      ("host", { $0.headers["host"] = "127.0.0.1:9001" }), ("missing", { $0.headers["if-match"] = nil }),
      ("payload", { $0.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD" }),
      ("time", { $0.headers["x-amz-date"] = "20231114T221321Z" }),
      ("mode", { $0.headers["x-amz-checksum-mode"] = "DISABLED" }),
      ("signature", { $0.headers["authorization"]?.removeLast() }),
      (
        "signature's last digit",
        {
          let last = $0.headers["authorization"]?.removeLast()
          $0.headers["authorization"]?.append(last == "0" ? "1" : "0")
        }
      ),
    ]
    for (name, change) in changes {
      var received = try Self.received()
      change(&received)
      #expect(try Self.code(received) == "SignatureDoesNotMatch", "\(name)")
    }
  }

  @Test("Every other fault has S3's code")
  func codes() throws {
    func edit(_ old: String, _ new: String) -> (inout Received) -> Void {
      { $0.headers["authorization"] = $0.headers["authorization"]?.replacing(old, with: new) }
    }
    let table: [(String, (inout Received) -> Void)] = [
      ("AccessDenied", { $0.headers["authorization"] = nil }), ("AccessDenied", { $0.headers["x-amz-date"] = nil }),
      ("AccessDenied", { $0.headers["x-amz-date"] = "yesterday" }), ("AccessDenied", edit("host;", "")),
      ("AccessDenied", edit(";x-amz-checksum-mode", "")), ("AccessDenied", edit(";x-amz-date", "")),
      ("InvalidAccessKeyId", edit("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLF")),
      ("AuthorizationHeaderMalformed", edit("us-east-1", "eu-west-1")),
      ("AuthorizationHeaderMalformed", edit("/s3/", "/ec2/")),
      ("AuthorizationHeaderMalformed", edit("20231114", "20231113")),
      ("AuthorizationHeaderMalformed", edit("Signature=", "Signature")),
      ("AuthorizationHeaderMalformed", edit("SignedHeaders=", "Signature=")),
      ("AuthorizationHeaderMalformed", edit("/aws4_request", "")),
      ("InvalidRequest", edit("AWS4-HMAC-SHA256", "AWS")), ("InvalidRequest", { $0.headers["authorization"] = "" }),
      ("InvalidRequest", { $0.headers["x-amz-content-sha256"] = nil }),
      ("XAmzContentSHA256Mismatch", { $0.headers["x-amz-content-sha256"] = "0000" }),
      ("InvalidToken", { $0.headers["x-amz-security-token"] = "other" }),
    ]
    for (index, (code, change)) in table.enumerated() {
      var received = try Self.received()
      change(&received)
      #expect(try Self.code(received) == code, "row \(index)")
    }
    let received = try Self.received()
    #expect(try Self.code(received, now: Self.time + 901) == "RequestTimeTooSkewed")
    #expect(try Self.code(received, now: Self.time - 901) == "RequestTimeTooSkewed")
    #expect(try Self.code(received, now: .min) == "RequestTimeTooSkewed")
    #expect(try Self.code(received, token: "wanted") == "InvalidToken")
    #expect(try Self.code(received, region: "eu-west-1") == "AuthorizationHeaderMalformed")
  }

  @Test("Garbage in the header is refused and never crashes")
  func garbage() throws {
    let alphabet = Array("AWS4-HMAC-SHA256 Credential=,/;SignedHeaders=Signature=host %\u{0}é")
    var generator = Seeded(12)
    for _ in 0..<300 {
      var received = try Self.received()
      let text = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
        alphabet.randomElement(using: &generator) ?? " "
      }
      received.headers["authorization"] = "AWS4-HMAC-SHA256 " + String(text)
      #expect(try Self.code(received) != nil)
    }
  }
}
