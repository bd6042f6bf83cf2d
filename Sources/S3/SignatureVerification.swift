// The other side of SignatureV4: whether a request without a body was signed by who it says, as an object store checks.

/// Why an object store does not take a request, in its own words.
public struct VerifyRefusal: Error, Sendable, Equatable {
  /// The code of S3's error answers, such as `SignatureDoesNotMatch`.
  public let code: String
  /// The status of the answer: 400 or 403.
  public let status: Int
  /// What is wrong, for whoever debugs a client; it repeats no secret and no signature.
  public let message: String
}

extension SignatureV4 {
  /// Seconds that a request's time may be off, either way.
  public static let allowedSkew: Int64 = 15 * 60

  /// Checks the signature of a request without a body.
  ///
  /// The order of the checks and the codes are S3's. Signatures are compared in constant time.
  ///
  /// - Parameters:
  ///   - method: in upper case.
  ///   - encodedPath: the path of the request line as it came.
  ///   - query: the query of the request line as it came, without `?`.
  ///   - headers: looks up a header by its lower-case name; several of one name are joined with commas.
  ///   - now: seconds since 1970.
  ///   - credentials: the only ones there are.
  ///   - region: the bucket's.
  public static func verify(
    method: String, encodedPath: String, query: String = "", headers: (String) -> String?, at now: Int64,
    credentials: Credentials, region: String
  ) -> Result<Void, VerifyRefusal> {
    do throws(VerifyRefusal) {
      try check(
        method: method, encodedPath: encodedPath, query: query, headers: headers, at: now, credentials: credentials,
        region: region)
      return .success(())
    } catch {
      return .failure(error)
    }
  }

  private static func check(
    method: String, encodedPath: String, query: String, headers: (String) -> String?, at now: Int64,
    credentials: Credentials, region: String
  ) throws(VerifyRefusal) {
    guard let value = headers("authorization") else {
      throw VerifyRefusal(code: "AccessDenied", status: 403, message: "The request is not signed.")
    }
    let authorization = try Authorization(value)
    guard let stamp = headers("x-amz-date"), let time = CalendarTime(basic: stamp) else {
      throw VerifyRefusal(
        code: "AccessDenied", status: 403, message: "AWS authentication requires a valid x-amz-date header.")
    }
    guard authorization.accessKeyID == credentials.accessKeyID else {
      throw VerifyRefusal(
        code: "InvalidAccessKeyId", status: 403, message: "The access key ID does not exist in our records.")
    }
    guard authorization.region == region else {
      throw malformed("The region '\(authorization.region)' is wrong; expecting '\(region)'.")
    }
    guard authorization.day == time.basicDay else {
      throw malformed("The day of the credential's scope is not that of x-amz-date.")
    }
    let (difference, overflow) = now.subtractingReportingOverflow(time.unixSeconds)
    guard !overflow, difference.magnitude <= allowedSkew.magnitude else {
      throw VerifyRefusal(
        code: "RequestTimeTooSkewed", status: 403,
        message: "The difference between the request time and the current time is too large.")
    }
    if headers("x-amz-security-token") != credentials.sessionToken {
      throw VerifyRefusal(
        code: "InvalidToken", status: 400, message: "The provided token is malformed or otherwise invalid.")
    }
    let payloadHash = try payloadHash(headers("x-amz-content-sha256"))
    try checkCoverage(authorization.signedHeaders, headers)
    var signed: [(name: String, value: String)] = []
    for name in authorization.signedHeaders {
      guard let value = headers(name) else { throw mismatch }
      signed.append((name: name, value: value))
    }
    let request = CanonicalRequest(
      method: method, path: encodedPath, query: query, headers: signed, payloadHash: payloadHash)
    var signer = SignatureV4(credentials)
    guard isEqual(signer.signature(request, region: region, at: time), authorization.signature) else { throw mismatch }
  }

  /// A request without a body has the hash of no bytes, or says that it leaves the body out of the signature.
  private static func payloadHash(_ value: String?) throws(VerifyRefusal) -> String {
    guard let value else {
      throw VerifyRefusal(
        code: "InvalidRequest", status: 400, message: "Missing required header for this request: x-amz-content-sha256")
    }
    guard value == emptyPayloadHash || value == "UNSIGNED-PAYLOAD" else {
      throw VerifyRefusal(
        code: "XAmzContentSHA256Mismatch", status: 400,
        message: "The provided 'x-amz-content-sha256' header does not match what was computed.")
    }
    return value
  }

  /// `host` and each `x-amz-*` header that this module knows must be signed when it is there.
  private static func checkCoverage(_ names: [String], _ headers: (String) -> String?) throws(VerifyRefusal) {
    let known = ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-checksum-mode"]
    guard names.contains("host"), known.allSatisfy({ names.contains($0) || headers($0) == nil }) else {
      throw VerifyRefusal(
        code: "AccessDenied", status: 403,
        message: "There were headers present in the request which were not signed.")
    }
  }

  /// Compares two texts in a time that depends on their lengths alone.
  private static func isEqual(_ a: String, _ b: String) -> Bool {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    guard a.count == b.count else { return false }
    return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }

  private static var mismatch: VerifyRefusal {
    VerifyRefusal(
      code: "SignatureDoesNotMatch", status: 403,
      message: "The request signature we calculated does not match the signature you provided.")
  }

  fileprivate static func malformed(_ message: String) -> VerifyRefusal {
    VerifyRefusal(code: "AuthorizationHeaderMalformed", status: 400, message: message)
  }
}

/// An `Authorization` header of SigV4, taken apart.
private struct Authorization {
  let accessKeyID: String
  let day: String
  let region: String
  let signedHeaders: [String]
  let signature: String

  init(_ value: String) throws(VerifyRefusal) {
    let words = value.trimmed.split(separator: " ", maxSplits: 1)
    guard words.count == 2, words[0] == SignatureV4.algorithm else {
      throw VerifyRefusal(
        code: "InvalidRequest", status: 400,
        message: "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
    }
    var fields: [Substring: Substring] = [:]
    for field in words[1].split(separator: ",") {
      let halves = field.trimmed.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.count == 2, fields.updateValue(halves[1], forKey: halves[0]) == nil else {
        throw SignatureV4.malformed("The authorization header is malformed.")
      }
    }
    guard let credential = fields["Credential"], let names = fields["SignedHeaders"],
      let signature = fields["Signature"]
    else {
      throw SignatureV4.malformed("The authorization header requires Credential, SignedHeaders and Signature.")
    }
    let scope = credential.split(separator: "/", omittingEmptySubsequences: false)
    guard scope.count == 5, scope[3] == "s3", scope[4] == "aws4_request" else {
      throw SignatureV4.malformed(
        "The credential is malformed; expecting \"<key>/YYYYMMDD/REGION/s3/aws4_request\".")
    }
    (accessKeyID, day, region) = (String(scope[0]), String(scope[1]), String(scope[2]))
    signedHeaders = names.split(separator: ";").map(String.init)
    self.signature = String(signature)
  }
}
