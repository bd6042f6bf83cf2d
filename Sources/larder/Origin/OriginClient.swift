// The origin as the rest of the program sees it: questions about objects, signed and sent, and what the answers mean.

import Cache
import Curl
import Loop
import S3

/// Where and how to ask; replaced as a whole by a reload.
struct OriginSettings: Sendable {
  var endpoint: S3.Endpoint
  /// Nil for a public bucket: requests are not signed.
  var credentials: Credentials?
  var connectTimeout: Duration
  var stallTimeout: Duration
  /// A file of trusted certificates; nil for the system's.
  var caFile: String?
}

/// Asks the origin.
@EventLoop
final class OriginClient {
  let metrics: Metrics
  private let transfers: Transfers
  private let log: EventLog
  private(set) var settings: OriginSettings
  private var signer: SignatureV4?
  /// Where and by which clock to ask, as the answers have taught.
  private var route: Route
  private var postponed = Postponements()
  /// Which of the places is asked that were configured one after the other: another number after each reload that names
  /// another bucket or endpoint. An answer counts as long as the place is still the one that was asked.
  private(set) var place = 0
  /// The same of the credentials: a no to the ones before is none to those that were taken up since.
  private var keys = 0

  /// Where, by which clock and with which keys a request was asked: what its answer means goes by that, and not by what
  /// others were answered since.
  struct Asked: Equatable {
    fileprivate let place: Int
    fileprivate let keys: Int
    fileprivate let mark: Route.Mark
    fileprivate let isSigned: Bool
  }

  typealias Reply = (head: TransferHead, body: [UInt8], asked: Asked)
  /// What was last heard of the configured one.
  private(set) var health = OriginHealth()
  /// When it last gave anybody an answer of its own, good or bad; nil for never.
  private(set) var heardAt: Timestamp?
  static let userAgent = "larder/\(Version.current)"
  /// How often one question is asked when each answer names another place or time.
  private static let tries = 4

  init(_ settings: OriginSettings, metrics: Metrics, log: EventLog) throws(CurlError) {
    self.metrics = metrics
    // Each fill has its own limit; these only bound what could go wrong.
    transfers = try Transfers(maxConnectionsPerHost: 4096, maxTotal: 4096)
    self.log = log
    self.settings = settings
    signer = settings.credentials.map(SignatureV4.init)
    route = Route(settings.endpoint)
  }

  /// - Returns: whether another bucket or endpoint is asked from now on.
  func use(_ settings: OriginSettings) -> Bool {
    let isElsewhere = settings.endpoint != self.settings.endpoint
    if isElsewhere {
      place += 1
      health = OriginHealth()
      heardAt = nil
    }
    if settings.credentials != self.settings.credentials { keys += 1 }
    self.settings = settings
    signer = settings.credentials.map(SignatureV4.init)
    route = route.reset(to: settings.endpoint)
    postponed = Postponements()
    return isElsewhere
  }

  var bucket: String { settings.endpoint.bucket }

  /// The configured endpoint, as the configuration writes it.
  var endpoint: String { "\(settings.endpoint.isSecure ? "https" : "http")://\(settings.endpoint.authority)" }

  /// The end of a transfer from it.
  ///
  /// - Parameter isAnswered: whether bytes of it came.
  func heard(_ outcome: FetchOutcome, isAnswered: Bool) {
    guard outcome != .abandoned else { return }
    // An answer that was cut came from where we were sent to: it is there.
    if case .unreachable = outcome, !isAnswered { route.forgetPlace() }
    heard(outcome.code, outcome.reason)
  }

  private func heard(_ code: String?, _ reason: String) {
    let now = Clock.now
    health.heard(code, reason, at: now)
    if health.isReachable ?? false { heardAt = Clock.steady }
    switch health.news(at: now) {
    case .trouble:
      log.warning("origin.trouble", "trouble with the origin: \(health.message)", [.code: health.code ?? ""])
    case .over: log.notice("origin.well", "the origin answers again as it should")
    case nil: break
    }
  }

  /// Whether the configured bucket is a version's: another bucket's answers say nothing of it.
  func isBucket(of version: ObjectVersion) -> Bool { version.bucket == bucket }

  func shutDown() { transfers.shutDown() }

  /// Asks which version of a key there is. The answer is the place's that is configured when it comes: after a reload in
  /// the middle that one is asked.
  func head(_ key: String) async -> OriginAnswer {
    var answer: OriginAnswer
    var asked: Int
    repeat {
      asked = place
      do throws(CurlError) { answer = try await self.answer(for: key) } catch {
        answer = OriginAnswer(error)
        // Given up by ourselves: nobody waits for it, and it is no word of the origin's.
        guard error.kind != .cancelled else { return answer }
      }
    } while place != asked
    if let code = answer.code { metrics.count(.originErrors, code) }
    heard(answer.code, answer.reason)
    let (why, patience) = answer.patience
    postponed.note(key, why, asked: patience, at: Clock.steady)
    return answer
  }

  /// How long the origin wants not to be asked for a key, in milliseconds, and why; nil when it may be asked. A user who
  /// starts a title asks all the same: that is one question for one wish.
  func rest(of key: String) -> (milliseconds: Int64, why: String)? { postponed.rest(of: key, at: Clock.steady) }

  /// What there is now under a version's key; nil when the configured bucket is another one, before or after the question.
  func successor(of version: ObjectVersion) async -> OriginAnswer? {
    guard isBucket(of: version) else { return nil }
    let answer = await head(version.key)
    return isBucket(of: version) ? answer : nil
  }

  private func answer(for key: String) async throws(CurlError) -> OriginAnswer {
    var answer = OriginAnswer.troubled("the origin contradicts itself", retryAfter: nil)
    for _ in 0..<2 {
      let request = ObjectRequest.head(Array(key.utf8))
      let (begun, bucket) = (asking, bucket)
      let (head, _, asked) = try await ask(request, bodyLimit: 0)
      switch meaning(of: head, asked) {
      case .found(let found): return try await described(found, key, in: bucket)
      case .failed(.troubled(let why, let seconds)): return OriginAnswer(.troubled(reason: why, retryAfter: seconds))
      case .failed(.unreachable(let why)): return .unreachable(why)
      // The object is there, and it is none for us.
      case .failed(let failure) where (200..<300).contains(head.status): return OriginAnswer(failure)
      // The answer to a HEAD has no body: what is wrong, and with the title or with the settings, only a GET can say.
      case .failed: answer = try await explanation(of: key)
      }
      // It may be that it was only asked in the wrong place, at the wrong time or with the wrong keys.
      guard asking != begun else { break }
    }
    return answer
  }

  /// The version that an answer is about, with the digest to compare it with.
  private func described(
    _ found: ObjectHead, _ key: String, in bucket: String
  ) async throws(CurlError) -> OriginAnswer {
    let version = ObjectVersion(bucket: bucket, key: key, etag: found.etag, size: found.size)
    switch try await offeredDigest(of: version, found) {
    case .success(let digest):
      return .found(
        OriginObject(version: version, lastModifiedSeconds: found.lastModified ?? 0, digest: digest))
    case .failure(let failure): return OriginAnswer(failure)
    }
  }

  /// The strongest digest that can be checked: of the whole object, else one of its parts when those are of one size.
  private func offeredDigest(
    of version: ObjectVersion, _ found: ObjectHead
  ) async throws(CurlError) -> Result<OfferedDigest?, OriginFailure> {
    guard let digest = ObjectDigest.strongest(of: found.digests) else { return .success(nil) }
    guard case .composite(let parts) = digest.kind else {
      return .success(OfferedDigest(algorithm: digest.algorithm.number, partBytes: 0, bytes: digest.bytes))
    }
    switch try await size(ofPart: 1, of: version) {
    case .told(let partBytes) where CompositeComputation.fits(size: version.size, parts: parts, partLength: partBytes):
      return .success(OfferedDigest(algorithm: digest.algorithm.number, partBytes: partBytes, bytes: digest.bytes))
    case .told, .untold: return .success(nil)
    case .another:
      return .failure(.troubled(reason: "the origin contradicts itself about its version", retryAfter: nil))
    case .failed(let failure): return .failure(failure)
    }
  }

  /// What all parts but the last are, for all that the origin says.
  enum PartSizes {
    case equal, different
    /// The place that could tell is not the configured one, or not any more.
    case elsewhere
    /// It cannot be asked now.
    case failed(OriginAnswer)
  }

  /// Whether every part but the last has `partBytes`: asked only when a composite digest does not fit, since it costs a
  /// question for each part. A part that the origin does not tell of excuses no mismatch.
  func sizes(ofParts version: ObjectVersion, partBytes: Int) async -> PartSizes {
    let asked = place
    guard isBucket(of: version) else { return .elsewhere }
    let parts = (version.size - 1) / partBytes + 1
    for part in stride(from: 2, to: parts, by: 1) {
      let answer: OriginAnswer
      do throws(CurlError) {
        switch try await size(ofPart: part, of: version) {
        case .told(let length) where length != partBytes && place == asked: return .different
        case .told, .untold, .another:
          guard place == asked else { return .elsewhere }
          continue
        case .failed(let failure): answer = OriginAnswer(failure)
        }
      } catch { answer = OriginAnswer(error) }
      return place == asked ? .failed(answer) : .elsewhere
    }
    return .equal
  }

  private enum PartSize {
    case told(Int)
    /// The store knows no part numbers.
    case untold
    /// It speaks of another version, which it has by now or has still: that says nothing of this one.
    case another
    case failed(OriginFailure)
  }

  private func size(ofPart part: Int, of version: ObjectVersion) async throws(CurlError) -> PartSize {
    var isRefused = false
    for _ in 0..<3 {
      let (head, _, asked) = try await ask(.head(Array(version.key.utf8), part: part), bodyLimit: 0)
      if let length = ObjectResponse.partLength(status: head.status, etag: version.etag, header: head.joined) {
        return .told(length)
      }
      // A store that knows no part numbers answers as if none was asked for, or says so in some other way. What it would
      // say of the whole as well passes, and then it can be asked.
      if head.status == 501 { return .untold }
      if head.status == 206, let etag = head["etag"] { return etag == version.etag ? .untold : .another }
      switch meaning(of: head, asked) {
      case .failed(let failure):
        switch failure {
        case .troubled, .unreachable: return .failed(failure)
        // Nor is this what a store says that knows no parts.
        case .redirected, .unauthenticated: return .failed(.troubled(reason: "\(failure)", retryAfter: nil))
        case .skewed, .missing, .denied, .refused: break
        }
      case .found(let found): return found.etag == version.etag ? .untold : .another
      }
      let whole = try await ask(.head(Array(version.key.utf8)), bodyLimit: 0)
      if case .found = meaning(of: whole.head, whole.asked) {
        // Once it may have been anybody's no: who knows no parts says so again.
        if asking == asked {
          guard !isRefused else { return .untold }
          isRefused = true
        }
      } else {
        let why = try await explanation(of: version.key).reason
        guard asking != asked else {
          let reason = why.isEmpty ? "the origin has the title, and then has it not" : why
          return .failed(.troubled(reason: reason, retryAfter: nil))
        }
      }
      // Else it was asked in the wrong place, at the wrong time or with the wrong keys: of its parts that says nothing.
    }
    return .failed(.troubled(reason: "the origin contradicts itself", retryAfter: nil))
  }

  private func meaning(of head: TransferHead, _ asked: Asked) -> HeadAnswer {
    ObjectResponse.head(
      status: head.status, region: asked.mark.endpoint.region, now: seconds(by: asked), header: head.joined)
  }

  /// Why the origin has no such object, in its own words.
  private func explanation(of key: String) async throws(CurlError) -> OriginAnswer {
    let request = ObjectRequest.get(Array(key.utf8), range: 0...0)
    let (head, body, asked) = try await ask(request, bodyLimit: 64 << 10)
    if (200..<300).contains(head.status) || head.status == 416 {
      return .troubled("the origin contradicts itself: it has \(key) and has it not", retryAfter: nil)
    }
    return answer(to: failure(head, body, asked), key: request.key, from: asked)
  }

  /// Reads a whole small object, such as the catalogue.
  func read(_ key: String, limit: Int) async -> Result<[UInt8], OriginProblem> {
    do {
      let (head, body, asked) = try await ask(.get(Array(key.utf8)), bodyLimit: limit, quickly: false)
      guard head.status == 200, head["etag"] != nil else {
        metrics.count(.originErrors, "origin_error")
        let failure = failure(head, body, asked)
        let why = head.status == 200 ? "the answer is not a store's" : "\(failure)"
        heard("origin_error", why)
        let patience = OriginAnswer(failure).patience.milliseconds
        return .failure(OriginProblem(description: "\(key): \(why)", retryAfter: patience))
      }
      heard(nil, "")
      return .success(body)
    } catch {
      guard error.kind != .cancelled else { return .failure(OriginProblem(description: "\(error)", isOurs: true)) }
      let answer = OriginAnswer(error)
      if let code = answer.code { metrics.count(.originErrors, code) }
      heard(answer.code, answer.reason)
      return .failure(OriginProblem(description: "\(error)"))
    }
  }

  /// Starts a ranged request, pinned to the version.
  func get(
    _ version: ObjectVersion, _ bytes: Range<Int>, _ receiver: any TransferReceiver
  ) throws(CurlError) -> Transfer {
    let request = ObjectRequest.get(
      Array(version.key.utf8), range: bytes.lowerBound...(bytes.upperBound - 1), ifMatch: version.etag)
    return try transfers.start(options(for: request), receiver)
  }

  /// What is wrong with the answer to a ranged request; nil when it is exactly what was asked for.
  ///
  /// - Parameter asked: as ``asking`` was then. When another place is configured by now, the answer is nobody's word on the
  ///   version; when it is other keys, a refusal is none.
  func judge(
    _ head: TransferHead, error: [UInt8], of version: ObjectVersion, _ bytes: Range<Int>, from asked: Asked
  ) -> FetchOutcome? {
    guard place == asked.place, isBucket(of: version) else { return .abandoned }
    let wanted = RangeAsked(
      bytes.lowerBound...(bytes.upperBound - 1), total: version.size, etag: version.etag)
    let isSuccess = (200..<300).contains(head.status)
    let answer = ObjectResponse.range(
      wanted, status: head.status, error: isSuccess ? nil : Self.scan(error),
      region: asked.mark.endpoint.region, now: seconds(by: asked), header: head.joined)
    switch answer {
    case .good: return nil
    case .changed: return .changed
    case .failed where asked.keys != keys: return .abandoned
    case .failed(let failure): return self.answer(to: failure, key: Array(version.key.utf8), from: asked).outcome
    }
  }

  // MARK: Asking

  /// Asks, and asks again where and when the answer says so, as far as that is allowed, and with the keys that a reload
  /// brought meanwhile.
  func ask(
    _ request: ObjectRequest, bodyLimit: Int, quickly: Bool = true
  ) async throws(CurlError) -> Reply {
    for _ in 1..<Self.tries {
      let asked = asking
      let (head, body) = try await askOnce(request, bodyLimit: bodyLimit, quickly: quickly)
      if (200..<300).contains(head.status) { return (head, body, asked) }
      let failure = failure(head, request.method == "HEAD" ? nil : body, asked)
      // What an answer to HEAD says of the clock is a guess.
      if case .skewed = failure, request.method == "HEAD" { return (head, body, asked) }
      learn(from: failure, key: request.key, at: asked)
      guard asking != asked else { return (head, body, asked) }
    }
    let asked = asking
    let (head, body) = try await askOnce(request, bodyLimit: bodyLimit, quickly: quickly)
    return (head, body, asked)
  }

  private func askOnce(
    _ request: ObjectRequest, bodyLimit: Int, quickly: Bool
  ) async throws(CurlError) -> (head: TransferHead, body: [UInt8]) {
    do throws(CurlError) {
      return try await transfers.perform(options(for: request, quickly: quickly), bodyLimit: bodyLimit)
    } catch {
      if case .unreachable = OriginAnswer(error) { route.forgetPlace() }
      throw error
    }
  }

  /// - Parameter body: nil for an answer to HEAD.
  func failure(_ head: TransferHead, _ body: [UInt8]?, _ asked: Asked) -> OriginFailure {
    OriginFailure(
      status: head.status, error: body.map(Self.scan), region: asked.mark.endpoint.region, now: seconds(by: asked),
      header: head.joined)
  }

  private static func scan(_ body: [UInt8]) -> S3ErrorBody {
    unsafe body.withUnsafeBytes { bytes in
      unsafe S3ErrorBody(parsing: UnsafeRawBufferPointer(rebasing: bytes.prefix(S3ErrorBody.limit)))
    }
  }

  /// What a failure means, once what it teaches is learnt.
  private func answer(to failure: OriginFailure, key: [UInt8], from asked: Asked) -> OriginAnswer {
    switch learn(from: failure, key: key, at: asked) {
    case .nothing where failure.isLearnt && mark != asked.mark:
      .troubled("the origin has said meanwhile where and by which clock it is asked", retryAfter: nil)
    case .nothing: Self.answer(to: failure, isSigned: asked.isSigned)
    case .moved(let place): .troubled("the origin's bucket is at \(place.authority) now", retryAfter: nil)
    case .clock: .troubled("the origin's clock differs from this machine's; it is gone by from now on", retryAfter: nil)
    case .refused(let why): .refused(why)
    }
  }

  /// A no to a stranger says nothing of a title: where credentials went missing, they are waited for, as bad ones are.
  private static func answer(to failure: OriginFailure, isSigned: Bool) -> OriginAnswer {
    if case .denied(let code) = failure, !isSigned {
      return .refused(
        "the origin denies access (\(code ?? "no reason given")), and there are no credentials to sign with: set "
          + "origin.credentials_file and reload")
    }
    return OriginAnswer(failure)
  }

  @discardableResult
  private func learn(from failure: OriginFailure, key: [UInt8], at asked: Asked) -> Route.Lesson {
    // Where the place before sends us, the configured one did not.
    guard place == asked.place else { return .nothing }
    let lesson = route.learn(from: failure, forKey: key, at: seconds, steady: steadySeconds)
    switch lesson {
    case .nothing, .refused: break
    case .moved(let place):
      log.notice("origin.moved", "the origin sends us to \(place.authority), region \(place.region)")
    case .clock(let seconds):
      let side = seconds > 0 ? "behind" : "before"
      log.warning(
        "origin.clock",
        seconds == 0
          ? "this machine's clock is right again by the origin's"
          : "this machine's clock is \(seconds.magnitude) s \(side) the origin's, by which requests are signed; set the time"
      )
    }
    return lesson
  }

  /// Where, by which clock and with which keys a request that begins now is asked.
  var asking: Asked { Asked(place: place, keys: keys, mark: mark, isSigned: signer != nil) }

  private var mark: Route.Mark { route.mark(at: steadySeconds) }

  /// The time of day, as this machine has it.
  private var seconds: Int64 { Clock.now.milliseconds / 1000 }

  /// The same by the origin's clock, as far as that was known when it was asked: dates in its answers are by that.
  private func seconds(by asked: Asked) -> Int64 { seconds + asked.mark.clockSeconds }

  private var steadySeconds: Int64 { Clock.steady.milliseconds / 1000 }

  /// - Parameter quickly: somebody waits for this one: an origin that takes connections and says nothing is as good as
  ///   none.
  private func options(for request: ObjectRequest, quickly: Bool = false) -> TransferOptions {
    let mark = mark
    let signed = request.signed(
      for: mark.endpoint, by: &signer, at: seconds + mark.clockSeconds, userAgent: Self.userAgent)
    return TransferOptions(
      method: request.method == "HEAD" ? .head : .get, url: signed.url, headers: signed.headers,
      connectTimeout: settings.connectTimeout, stallTimeout: settings.stallTimeout,
      deadline: quickly ? settings.connectTimeout + min(settings.stallTimeout, .seconds(5)) : nil,
      caFile: settings.caFile)
  }
}

extension OriginFailure {
  /// Whether it may have told where or by which clock to ask.
  fileprivate var isLearnt: Bool {
    switch self {
    case .redirected, .skewed: true
    case .missing, .denied, .unauthenticated, .unreachable, .troubled, .refused: false
    }
  }
}
