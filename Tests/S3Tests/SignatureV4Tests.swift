// SignatureV4 against what AWS publishes (the aws-sig-v4-test-suite and the examples in S3's documentation) and against
// botocore for keys of odd bytes.

import Testing

@testable import S3

/// AWS's example credentials, with the secret that the test suite or the one that S3's documentation uses.
func exampleCredentials(suite: Bool = false, token: String? = nil) throws -> Credentials {
  try Credentials(
    accessKeyID: suite ? "AKIDEXAMPLE" : "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: suite ? "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" : "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    sessionToken: token)
}

/// One case of the aws-sig-v4-test-suite: service `service`, us-east-1, 2015-08-30 12:36:00, no payload-hash header.
struct SuiteCase: Sendable, CustomTestStringConvertible {
  let name: String
  let path: String
  let query: String
  let headers: [(name: String, value: String)]
  let method: String
  let payloadHash: String
  let signature: String

  var testDescription: String { name }

  init(
    _ name: String, path: String = "/", query: String = "", headers: [(name: String, value: String)] = [],
    method: String = "GET", payloadHash: String = SignatureV4.emptyPayloadHash, signature: String
  ) {
    self.name = name
    self.path = path
    self.query = query
    self.headers = headers
    self.method = method
    self.payloadHash = payloadHash
    self.signature = signature
  }

  static let all = [
    SuiteCase("get-vanilla", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    SuiteCase(
      "get-unreserved", path: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
      signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
    SuiteCase(
      "get-utf8", path: "/\u{1234}", signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    SuiteCase(
      "get-vanilla-query-order-key-case", query: "Param2=value2&Param1=value1",
      signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    SuiteCase(
      "get-vanilla-query-order-value", query: "Param1=value2&Param1=value1",
      signature: "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"),
    SuiteCase(
      "get-vanilla-utf8-query", query: "\u{1234}=bar",
      signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    SuiteCase(
      "get-header-value-order",
      headers: ["value4", "value1", "value3", "value2"].map { (name: "My-Header1", value: $0) },
      signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"),
    SuiteCase(
      "get-header-key-duplicate", headers: ["value2", "value2", "value1"].map { (name: "My-Header1", value: $0) },
      signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
    SuiteCase(
      "get-header-value-trim",
      headers: [(name: "My-Header1", value: " value1"), (name: "My-Header2", value: "\"a   b   c\"")],
      signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    SuiteCase(
      "post-x-www-form-urlencoded",
      headers: [(name: "Content-Type", value: "application/x-www-form-urlencoded")], method: "POST",
      payloadHash: "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
      signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    SuiteCase(
      "post-sts-header-before",
      headers: [
        (
          name: "X-Amz-Security-Token",
          value:
            "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTfl"
            + "fKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HF"
            + "vlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4"
            + "rvx3iSIlTJabIQwj2ICCR/oLxBA=="
        )
      ], method: "POST", signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
  ]
}

@Suite("SignatureV4")
struct SignatureV4Tests {
  @Test("Signs the published test suite", arguments: SuiteCase.all)
  func publishedSuite(_ sample: SuiteCase) throws {
    let time = try #require(CalendarTime(basic: "20150830T123600Z"))
    let request = CanonicalRequest(
      method: sample.method, path: sample.path, query: sample.query,
      headers: [(name: "Host", value: "example.amazonaws.com"), (name: "X-Amz-Date", value: time.basic)]
        + sample.headers, payloadHash: sample.payloadHash)
    var signer = SignatureV4(try exampleCredentials(suite: true), service: "service")
    #expect(signer.signature(request, region: "us-east-1", at: time) == sample.signature)
  }

  @Test(
    "Signs the examples of S3's documentation",
    arguments: [
      (
        "/test.txt", "", [(name: "Range", value: "bytes=0-9")], "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
      ),
      (
        "/", "lifecycle", [], "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
      ),
      (
        "/", "max-keys=2&prefix=J", [], "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
      ),
    ] as [(String, String, [(name: String, value: String)], String, String)])
  func documentation(
    path: String, query: String, headers: [(name: String, value: String)], signed: String, signature: String
  ) throws {
    var signer = SignatureV4(try exampleCredentials())
    let added = signer.sign(
      method: "GET", encodedPath: path, query: query,
      headers: [(name: "Host", value: "examplebucket.s3.amazonaws.com")] + headers, region: "us-east-1",
      at: 1_369_353_600)
    let authorization = added.first { $0.name == "Authorization" }?.value
    #expect(
      authorization == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        + "SignedHeaders=\(signed), Signature=\(signature)")
    #expect(added.map(\.name) == ["x-amz-content-sha256", "x-amz-date", "Authorization"])
    #expect(added[1].value == "20130524T000000Z")
  }

  @Test("Signs as botocore does, whatever the key's bytes")
  func botocore() throws {
    let lines = signatureVectors.split(separator: "\n")
    #expect(lines.count == 95)
    for line in lines {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      try #require(fields.count == 15)
      func given(_ index: Int) -> String? { fields[index] == "-" ? nil : fields[index] }
      let key = try #require(Hexadecimal.decode(fields[5].utf8))
      let ends = given(6)?.split(separator: "-").compactMap { Int($0) }
      let range = ends.map { $0[0]...$0[1] }
      let request =
        fields[0] == "HEAD"
        ? ObjectRequest.head(key, part: given(8).flatMap { Int($0) }, checksums: given(9) != nil)
        : ObjectRequest.get(key, range: range, ifMatch: given(7), checksums: given(9) != nil)
      let endpoint = try Endpoint(
        fields[1], region: fields[2], bucket: fields[3], addressing: try #require(Addressing(rawValue: fields[4])))
      let signed = request.signed(
        for: endpoint, credentials: try exampleCredentials(token: given(10)), at: try #require(Int64(fields[11])),
        userAgent: "larder/test")
      #expect(signed.url == fields[12])
      let authorization = signed.headers.first { $0.name == "Authorization" }?.value ?? ""
      #expect(authorization.hasSuffix(", SignedHeaders=\(fields[13]), Signature=\(fields[14])"), "\(line)")
    }
  }

  @Test("The remembered key serves its day and region only")
  func rememberedKey() throws {
    let credentials = try exampleCredentials()
    var remembering = SignatureV4(credentials)
    var generator = Seeded(10)
    for _ in 0..<50 {
      let time = Int64.random(in: 0...(4 * 86_400), using: &generator)
      let region = ["us-east-1", "eu-west-3"].randomElement(using: &generator) ?? ""
      var fresh = SignatureV4(credentials)
      let arguments = ("/k", [(name: "host", value: "h")])
      let one = remembering.sign(
        method: "GET", encodedPath: arguments.0, headers: arguments.1, region: region, at: time)
      let other = fresh.sign(method: "GET", encodedPath: arguments.0, headers: arguments.1, region: region, at: time)
      #expect(one.map(\.value) == other.map(\.value))
    }
  }

  @Test("No description shows a secret")
  func masked() throws {
    let credentials = try Credentials(
      accessKeyID: "AKPUBLIC", secretAccessKey: "topsecretkey", sessionToken: "topsecrettoken")
    var signer = SignatureV4(credentials)
    _ = signer.sign(method: "GET", encodedPath: "/", headers: [(name: "host", value: "h")], region: "r", at: 0)
    var dumped = ""
    dump(credentials, to: &dumped)
    dump(signer, to: &dumped)
    let optional: Credentials? = credentials
    let shown = [
      "\(credentials)", String(reflecting: credentials), "\(signer)", String(reflecting: signer), dumped,
      "\(optional as Any)", "\([credentials])", String(reflecting: ["key": credentials]),
    ]
    for text in shown {
      #expect(!text.contains("topsecret"), "\(text)")
      #expect(text.contains("AKPUBLIC"))
    }
  }
}
