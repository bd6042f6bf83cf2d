// What `larder check --origin` says: a line for each thing that it tries, in the order in which one rests on another. The
// words are made here, out of what the client found; asking is in the file beside this one.

import Cache
import Configuration
import Curl
import S3

/// One thing that was tried of the origin, and what came of it.
struct OriginFinding: Sendable, Equatable {
  enum Subject: String, Sendable, CaseIterable {
    case connection, tls, credentials, bucket, clock, catalogue, title, range
    case ifMatch = "if-match"
    case checksum
  }

  enum Verdict: String, Sendable {
    case ok, failed
    case notTried = "not tried"
  }

  let subject: Subject
  let verdict: Verdict
  /// What was seen or, when it is wrong, what is wrong and what to do.
  let sentence: String

  init(_ subject: Subject, _ verdict: Verdict, _ sentence: String) {
    self.subject = subject
    self.verdict = verdict
    self.sentence = sentence
  }

  /// Verdict, subject and sentence, one under the other with those of other lines.
  var line: String {
    func column(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(1, width - text.count))
    }
    return column(verdict.rawValue, 11) + column(subject.rawValue, 13) + sentence
  }

  /// The subjects that rest on what was not found to be well.
  static func notTried(_ subjects: [Subject], _ why: String) -> [OriginFinding] {
    subjects.map { OriginFinding($0, .notTried, why) }
  }
}

// MARK: The way there

extension OriginFinding {
  /// How the first question went that got no answer.
  static func unreached(_ error: CurlError, by settings: OriginSettings) -> [OriginFinding] {
    let place = settings.endpoint.authority
    let why = error.text
    func connection(_ what: String) -> [OriginFinding] { [OriginFinding(.connection, .failed, what)] }
    let isVirtual = settings.endpoint.addressing == .virtual
    switch error.kind {
    case .couldNotResolve:
      let rest = isVirtual ? ", of which origin.bucket is a part (origin.addressing = \"virtual\")" : ""
      return connection("the name has no address (\(why)); check origin.endpoint\(rest) and this machine's DNS")
    case .couldNotConnect:
      return connection(
        "nothing takes connections at \(place) (\(why)); check origin.endpoint, the network and firewalls")
    case .timedOut, .stalled:
      return connection("\(place) does not answer in time (\(why)); check the network, or raise origin.connect_timeout")
    case .tls:
      return [
        OriginFinding(.connection, .ok, "\(place) takes connections"),
        OriginFinding(
          .tls, .failed,
          "no trust in who answers (\(why)); check origin.endpoint, or name the authority in origin.ca_file"),
      ]
    case .cut:
      return connection(
        "\(place) ends the connection without an answer (\(why)); check the port, and http:// against https://")
    case .tooLarge, .cancelled, .refusedByReceiver, .other:
      return connection("\(place) does not answer as an object store does (\(why)); check origin.endpoint")
    }
  }

  /// What a connection that came about says of TLS.
  static func tls(_ settings: OriginSettings) -> OriginFinding {
    guard settings.endpoint.isSecure else {
      return OriginFinding(
        .tls, .notTried, "origin.endpoint is http://: nothing is encrypted, and nobody proves who they are")
    }
    return OriginFinding(.tls, .ok, "the certificate is trusted by \(settings.caFile ?? "the system's authorities")")
  }
}

// MARK: Who may

extension OriginFinding {
  /// What the origin says to a question for an object that it has not.
  static func doors(_ failure: OriginFailure, by settings: OriginSettings) -> [OriginFinding] {
    let bucket = settings.endpoint.bucket
    let key = settings.credentials.map { Configuration.mask($0.accessKeyID) }
    let known =
      key.map { OriginFinding(.credentials, .ok, "the access key \($0) is known, and its signature fits") }
      ?? OriginFinding(.credentials, .notTried, "none are configured for this command: requests are not signed")
    func wrongBucket(_ what: String) -> [OriginFinding] { [known, OriginFinding(.bucket, .failed, what)] }
    func unproved(_ what: String) -> [OriginFinding] {
      [
        OriginFinding(.credentials, .notTried, "the origin did not look at them"),
        OriginFinding(.bucket, .failed, what),
      ]
    }
    switch failure {
    case .missing: return [known, OriginFinding(.bucket, .ok, "\(bucket) answers for what it has not, too")]
    case .denied where key == nil:
      return [
        OriginFinding(
          .credentials, .failed, "none are configured for this command, and the bucket is not public; \(whereKeysAre)")
      ] + notTried([.bucket], "it is not shown to strangers")
    case .denied(let code):
      return wrongBucket(
        "access is denied (\(code ?? "no reason given")); allow s3:GetObject on arn:aws:s3:::\(bucket)/* and s3:ListBucket on "
          + "arn:aws:s3:::\(bucket), without which a title that is not there cannot be told")
    case .unauthenticated(let code):
      return [OriginFinding(.credentials, .failed, refusal(code, key))] + notTried([.bucket], "credentials come first")
    case .skewed: return notTried([.credentials, .bucket], "the clock comes first")
    case .redirected: return unproved("\(failure)")
    case .unreachable(let why): return unproved("\(why); check origin.endpoint and the network")
    case .troubled(let why, _): return unproved("\(why); try again later")
    case .refused(404, let text):
      return wrongBucket("there is no bucket \(bucket) (\(text)); check origin.bucket and origin.region")
    case .refused: return unproved("\(failure); check origin.endpoint, origin.region and origin.bucket")
    }
  }

  private static let whereKeysAre =
    "set origin.credentials_file, or say where systemd has them: CREDENTIALS_DIRECTORY=/etc/larder/credentials"

  private static func refusal(_ code: String?, _ key: String?) -> String {
    guard let key else {
      return "the origin wants credentials, and none are configured for this command; \(whereKeysAre)"
    }
    return switch code {
    case "InvalidAccessKeyId":
      "the origin does not know the access key \(key) (InvalidAccessKeyId); check the credentials"
    case "SignatureDoesNotMatch":
      "the secret is not that of the access key \(key) (SignatureDoesNotMatch); check it, and origin.region"
    default: "the origin does not take the access key \(key) (\(code ?? "no reason given")); renew the credentials"
    }
  }

  /// How far this machine's clock is from the origin's; both in seconds since 1970.
  static func clock(_ origin: Int?, at now: Int) -> OriginFinding {
    guard let origin else { return OriginFinding(.clock, .notTried, "the origin does not tell its time") }
    let (difference, overflow) = origin.subtractingReportingOverflow(now)
    guard overflow || difference.magnitude >= 60 else {
      return OriginFinding(.clock, .ok, "within a minute of the origin's")
    }
    let side = difference > 0 ? "behind" : "ahead of"
    return OriginFinding(
      .clock, .failed,
      "this machine's clock is \(difference.magnitude) s \(side) the origin's; set it, and keep it set by NTP")
  }
}

// MARK: A title

extension OriginFinding {
  /// What a question for a title comes to.
  static func title(_ answer: OriginAnswer, key: String) -> OriginFinding {
    switch answer {
    case .found(let object):
      OriginFinding(.title, .ok, "\(key) has \(object.version.size) bytes and the ETag \(object.version.etag)")
    case .missing:
      OriginFinding(.title, .failed, "there is no \(key); check the title's names and origin.key_template")
    case .denied(let why): OriginFinding(.title, .failed, "\(key): \(why)")
    case .refused(let why): OriginFinding(.title, .failed, "\(key): \(why)")
    case .unreachable(let why): OriginFinding(.title, .failed, "\(key): \(why)")
    case .troubled(let why, _): OriginFinding(.title, .failed, "\(key): \(why)")
    }
  }

  /// Whether a range came as it was asked for.
  static func range(_ outcome: FetchOutcome?) -> OriginFinding {
    let need = "Larder needs ranges (206, with Content-Range and ETag)"
    return switch outcome {
    case nil: OriginFinding(.range, .ok, "a range comes exactly as it is asked for")
    case .changed: OriginFinding(.range, .failed, "the ETag of a range is not the title's; \(need) of one version")
    case .missing: OriginFinding(.range, .failed, "the title went away meanwhile; try again")
    case .denied(let why): OriginFinding(.range, .failed, "\(why); allow s3:GetObject")
    case .unreachable(let why): OriginFinding(.range, .failed, "\(why); \(need)")
    case .troubled(let why, _): OriginFinding(.range, .failed, "\(why); \(need)")
    case .delivered, .abandoned: OriginFinding(.range, .failed, "the settings changed meanwhile; try again")
    }
  }

  /// The status that a range of another version is answered with; nil when more came than a range.
  static func ifMatch(_ status: Int?) -> OriginFinding {
    switch status {
    case 412: OriginFinding(.ifMatch, .ok, "another version is refused (412)")
    case 200, 206, nil:
      OriginFinding(
        .ifMatch, .failed,
        "If-Match is ignored: a title that is replaced while it is fetched costs what came before; put no cache in between, or ask the store's maker"
      )
    case let status?:
      OriginFinding(
        .ifMatch, .failed, "another version is answered with status \(status) in place of 412; ask the store's maker")
    }
  }

  /// What the whole of a title can be compared with.
  static func checksum(_ digest: OfferedDigest?) -> OriginFinding {
    guard let digest, let algorithm = DigestAlgorithm(number: digest.algorithm) else {
      return OriginFinding(
        .checksum, .ok,
        "none is offered: titles are verified by framing and ETag alone; upload with a checksum to have more")
    }
    let what =
      digest.partBytes > 0
      ? "the \(algorithm.rawValue) of its parts' \(algorithm.rawValue)s" : "its \(algorithm.rawValue)"
    return OriginFinding(.checksum, .ok, "the whole is compared with \(what)")
  }
}
