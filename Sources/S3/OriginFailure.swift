// OriginFailure: what an answer means that is not the one asked for, told apart by what mends it.

/// Why an object store's answer is of no use, by what would have to happen for a better one.
public enum OriginFailure: Error, Sendable, Hashable {
  /// There is no such object (404).
  case missing
  /// The credentials are known and do not open it (403); with S3's code if it said one.
  case denied(code: String?)
  /// The credentials are not taken, whatever is asked for: unknown, expired, a wrong secret, none where some are needed.
  case unauthenticated(code: String?)
  /// The signature's time is more than 15 minutes off the store's; with the store's, in seconds since 1970.
  case skewed(serverDate: Int64?)
  /// The bucket is elsewhere. Nothing is followed blindly: ``Endpoint/following(_:forKey:)`` says what may be.
  case redirected(Redirection)
  /// Something else answered in the store's place: a captive portal, a proxy that wants a login.
  case unreachable(reason: String)
  /// The store is in trouble or told a lie; worth another try, after so many seconds when it said how many.
  case troubled(reason: String, retryAfter: Int?)
  /// The store will not, however often it is asked: a wrong bucket or a request that it does not understand.
  case refused(status: Int, text: String)
}

extension OriginFailure: CustomStringConvertible {
  /// What is wrong and, where it is a setting's fault, which one.
  public var description: String {
    switch self {
    case .missing: "the origin has no such object"
    case .denied(let code): "the origin denies access" + (code.map { " (\($0))" } ?? "") + "; check the key's rights"
    case .unauthenticated(let code):
      "the origin does not take the credentials" + (code.map { " (\($0))" } ?? "") + "; renew them and reload"
    case .skewed: "the origin says that this machine's clock is wrong; set the time"
    case .redirected(let redirection):
      if let region = redirection.region {
        "the bucket is in region \(region); configure origin.region = \"\(region)\""
      } else {
        "the origin redirects" + ((redirection.location ?? redirection.endpoint).map { " to \($0)" } ?? "")
          + "; configure its endpoint and region"
      }
    case .unreachable(let reason): reason
    case .troubled(let reason, _): reason
    case .refused(let status, let text): "the origin refuses with status \(status): \(text)"
    }
  }
}

extension OriginFailure {
  /// Codes that pass, whatever status they come with.
  private static let passing: Set<String> = [
    "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "Throttling", "ThrottlingException",
    "RequestLimitExceeded", "TooManyRequests", "OperationAborted", "Busy",
  ]
  /// Codes that speak of the credentials and not of the object, whatever status they come with.
  private static let badCredentials: Set<String> = [
    "ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId",
    "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSecurity", "NotSignedUp",
    "AccountProblem", "AllAccessDisabled", "MissingSecurityHeader", "MissingAuthenticationToken",
  ]
  /// Codes of a signature whose time is wrong.
  private static let badTimes: Set<String> = ["RequestTimeTooSkewed", "RequestExpired"]

  /// Interprets a status that is no success.
  ///
  /// - Parameters:
  ///   - status: of the answer.
  ///   - error: the scanned body; nil for an answer to HEAD, which has none, so that its meaning is a guess.
  ///   - region: the region that the request was signed for.
  ///   - now: the store's time as far as it is known, else the machine's; seconds since 1970.
  ///   - header: looks up a header by its lower-case name.
  public init(status: Int, error: S3ErrorBody?, region: String, now: Int64, header: (String) -> String?) {
    let code = error?.code
    let said = [code, error?.message].compactMap { $0 }.joined(separator: ": ")
    if status == 407 || status == 511 {
      self = .unreachable(reason: "the network wants a login first (status \(status))")
    } else if Self.redirects.contains(status) || status == 400 || code == "AuthorizationHeaderMalformed",
      let bucketRegion = header("x-amz-bucket-region") ?? error?.region, bucketRegion != region
    {
      self = .redirected(
        Redirection(
          region: bucketRegion, location: Self.redirects.contains(status) ? header("location") : nil,
          endpoint: error?.endpoint, isPermanent: ![302, 307].contains(status)))
    } else if Self.redirects.contains(status) {
      self = Self.redirection(status, error, header)
    } else if code.map(Self.passing.contains) ?? false || [408, 409, 425, 429].contains(status)
      || (500..<600).contains(status)
    {
      let reason = "the origin answers with status \(status)" + (said.isEmpty ? "" : ": \(said)")
      self = .troubled(reason: reason, retryAfter: Self.retryAfter(header("retry-after"), now: now))
    } else if Self.isForeignPage(header, error) {
      self = .unreachable(reason: "a web page answered in the origin's place (status \(status)): a captive portal?")
    } else {
      self = Self.judgement(status: status, error: error, said: said, now: now, header: header)
    }
  }

  private static let redirects: Set<Int> = [301, 302, 307, 308]

  /// A page in HTML without any of a store's headers comes from somebody in between.
  static func isForeignPage(_ header: (String) -> String?, _ error: S3ErrorBody? = nil) -> Bool {
    guard let type = header("content-type")?.lowercased(), type.trimmed.hasPrefix("text/html") else { return false }
    return error?.code == nil && !isFromStore(header)
  }

  /// Seconds to wait, from `Retry-After` in either form (RFC 9110 section 10.2.3); the caller caps them.
  static func retryAfter(_ value: String?, now: Int64) -> Int? {
    guard let text = value?.trimmed else { return nil }
    if let seconds = decimal(text) { return seconds }
    guard let date = CalendarTime(httpDate: text)?.unixSeconds else { return nil }
    let (wait, overflow) = date.subtractingReportingOverflow(now)
    return overflow ? nil : Int(max(0, wait))
  }

  /// - Parameter error: nil when the answer has no body that could tell, as one to HEAD; then the answer is a guess.
  private static func judgement(
    status: Int, error: S3ErrorBody?, said: String, now: Int64, header: (String) -> String?
  ) -> OriginFailure {
    let code = error?.code
    let refused = OriginFailure.refused(status: status, text: said.isEmpty ? "no reason given" : said)
    if let code, (400..<500).contains(status) {
      let date = header("date").flatMap { CalendarTime(httpDate: $0)?.unixSeconds }
      if badTimes.contains(code) { return .skewed(serverDate: date) }
      if badCredentials.contains(code) { return .unauthenticated(code: code) }
    }
    // A no that costs a download has to be a store's: in its words, or with its headers.
    if [401, 403, 404].contains(status), error != nil, code == nil, !isFromStore(header) {
      return .unreachable(
        reason: "something answers with status \(status) and without a store's words: not the origin itself?")
    }
    switch status {
    case 404: return code == "NoSuchBucket" ? refused : .missing
    case 401: return .unauthenticated(code: code)
    case 403:
      // An answer to HEAD has no body that would tell; the clocks do.
      if error == nil, let date = header("date").flatMap({ CalendarTime(httpDate: $0)?.unixSeconds }) {
        let (difference, overflow) = now.subtractingReportingOverflow(date)
        if overflow || difference.magnitude > SignatureV4.allowedSkew.magnitude { return .skewed(serverDate: date) }
      }
      return .denied(code: code)
    case 400..<500: return refused
    default:
      return .troubled(reason: "the origin answers with status \(status), which was not asked for", retryAfter: nil)
    }
  }

  /// A store says where a bucket is; whoever else redirects wants a browser to see a page.
  private static func redirection(
    _ status: Int, _ error: S3ErrorBody?, _ header: (String) -> String?
  ) -> OriginFailure {
    let location = header("location")
    if error?.code != nil || isFromStore(header) {
      return .redirected(
        Redirection(location: location, endpoint: error?.endpoint, isPermanent: status == 301 || status == 308))
    }
    let target = location.map { " to \($0.prefix { $0 != "?" })" } ?? ""
    return .unreachable(reason: "something redirects the origin's requests\(target): a captive portal?")
  }

  private static func isFromStore(_ header: (String) -> String?) -> Bool {
    ["x-amz-request-id", "x-amz-id-2", "x-amz-bucket-region"].contains { header($0) != nil }
  }
}
