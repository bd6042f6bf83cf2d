// SignatureV4: signs requests as an object store wants them signed (AWS Signature Version 4, service s3).
// Knows no clock and sends nothing: the caller says when it is and gets headers back.

internal import Crypto

/// Signs requests with one pair of credentials; remembers the key it derived for a day and region.
///
/// The derived key costs four HMACs and holds for a day, so it is kept while day, region and secret stay the same.
public struct SignatureV4: Sendable {
  /// The SHA-256 of no bytes: the payload hash of every request without a body.
  public static let emptyPayloadHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

  static let algorithm = "AWS4-HMAC-SHA256"

  /// Who signs.
  public let credentials: Credentials

  /// The service in the scope: `s3`, but for the vectors that AWS publishes for a made-up one.
  let service: String

  private struct DerivedKey {
    let day: String
    let region: String
    let key: SymmetricKey
  }

  private var derived: DerivedKey?

  /// Signs with these credentials.
  public init(_ credentials: Credentials) {
    self.init(credentials, service: "s3")
  }

  init(_ credentials: Credentials, service: String) {
    self.credentials = credentials
    self.service = service
  }

  /// The headers that sign a request without a body; they are to be sent beside those given, and all of them unchanged.
  ///
  /// - Parameters:
  ///   - method: in upper case.
  ///   - encodedPath: the path of the request line, percent-encoded.
  ///   - query: the query of the request line, without `?`.
  ///   - headers: what else is to be signed, `host` always among them; every `x-amz-*` header has to be.
  ///   - region: of the bucket.
  ///   - time: seconds since 1970; the store allows 15 minutes either way.
  /// - Returns: `x-amz-content-sha256`, `x-amz-date`, `x-amz-security-token` when there is one, and `Authorization`.
  public mutating func sign(
    method: String, encodedPath: String, query: String = "", headers: [(name: String, value: String)],
    region: String, at time: Int64
  ) -> [(name: String, value: String)] {
    let now = CalendarTime(unixSeconds: time)
    var added = [(name: "x-amz-content-sha256", value: Self.emptyPayloadHash), (name: "x-amz-date", value: now.basic)]
    if let token = credentials.sessionToken { added.append((name: "x-amz-security-token", value: token)) }
    let request = CanonicalRequest(
      method: method, path: encodedPath, query: query, headers: headers + added, payloadHash: Self.emptyPayloadHash)
    added.append((name: "Authorization", value: authorization(request, region: region, at: now)))
    return added
  }

  /// The value of `Authorization` for a canonical request.
  mutating func authorization(_ request: CanonicalRequest, region: String, at time: CalendarTime) -> String {
    let scope = Self.scope(day: time.basicDay, region: region, service: service)
    let signature = signature(request, region: region, at: time)
    return "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope), "
      + "SignedHeaders=\(request.signedHeaders), Signature=\(signature)"
  }

  /// The signature of a canonical request, in hexadecimal.
  mutating func signature(_ request: CanonicalRequest, region: String, at time: CalendarTime) -> String {
    let scope = Self.scope(day: time.basicDay, region: region, service: service)
    let hash = Hexadecimal.encode(SHA256.hash(data: Array(request.text.utf8)))
    let text = "\(Self.algorithm)\n\(time.basic)\n\(scope)\n\(hash)"
    let key = signingKey(day: time.basicDay, region: region)
    return Hexadecimal.encode(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
  }

  static func scope(day: String, region: String, service: String) -> String {
    "\(day)/\(region)/\(service)/aws4_request"
  }

  private mutating func signingKey(day: String, region: String) -> SymmetricKey {
    if let derived, derived.day == day, derived.region == region { return derived.key }
    var key = SymmetricKey(data: Array("AWS4\(credentials.secretAccessKey)".utf8))
    for step in [day, region, service, "aws4_request"] {
      key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(step.utf8), using: key))
    }
    derived = DerivedKey(day: day, region: region, key: key)
    return key
  }
}

extension SignatureV4: CustomStringConvertible, CustomReflectable {
  /// Who signs, and no key.
  public var description: String { "SignatureV4(\(credentials))" }

  /// Shows the credentials as they show themselves, and no key.
  public var customMirror: Mirror { Mirror(self, children: ["credentials": credentials]) }
}
