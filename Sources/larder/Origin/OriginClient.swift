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

/// What the origin says when asked for a title.
enum OriginAnswer: Sendable {
  case found(OriginObject)
  /// A positive answer: there is none.
  case missing
  /// A positive answer: we may not.
  case denied(String)
  /// It will not, whatever the title: settings are wrong.
  case refused(String)
  case unreachable(String)
  /// It is in trouble, asks for patience (milliseconds), or answered what cannot be right.
  case troubled(String, retryAfter: Int64?)
}

/// Asks the origin.
@EventLoop
final class OriginClient {
  let metrics: Metrics
  private let transfers: Transfers
  private var settings: OriginSettings
  private var signer: SignatureV4?
  static let userAgent = "larder/\(Version.current)"

  init(_ settings: OriginSettings, metrics: Metrics) throws(CurlError) {
    self.metrics = metrics
    // Each fill has its own limit; these only bound what could go wrong.
    transfers = try Transfers(maxConnectionsPerHost: 4096, maxTotal: 4096)
    self.settings = settings
    signer = settings.credentials.map(SignatureV4.init)
  }

  func use(_ settings: OriginSettings) {
    self.settings = settings
    signer = settings.credentials.map(SignatureV4.init)
  }

  var bucket: String { settings.endpoint.bucket }

  func shutDown() { transfers.shutDown() }

  /// Asks which version of a key there is.
  func head(_ key: String) async -> OriginAnswer {
    let answer = await answer(for: key)
    if let code = answer.code { metrics.count(.originErrors, code) }
    return answer
  }

  private func answer(for key: String) async -> OriginAnswer {
    do {
      let (head, _) = try await transfers.perform(
        options(for: .head(Array(key.utf8)), quickly: true), bodyLimit: 0)
      switch meaning(of: head) {
      case .found(let found):
        let version = ObjectVersion(bucket: bucket, key: key, etag: found.etag, size: found.size)
        let digest: OfferedDigest?
        switch try await offeredDigest(of: version, found) {
        case .success(let offered): digest = offered
        case .failure(let failure): return OriginAnswer(failure)
        }
        return .found(
          OriginObject(version: version, lastModifiedSeconds: found.lastModified ?? 0, digest: digest))
      // The answer to a HEAD has no body: whether the title is missing or the whole bucket, only a GET can say.
      case .failed(.missing), .failed(.refused): return try await explanation(of: key)
      case .failed(let failure): return OriginAnswer(failure)
      }
    } catch {
      return OriginAnswer(error)
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
    let head = try await self.head(ofPart: 1, of: version)
    // Trouble passes; a store that knows no part numbers says so in some other way, and then nothing can be compared.
    if head.status != 501, case .failed(.troubled(let why, let seconds)) = meaning(of: head) {
      return .failure(.troubled(reason: why, retryAfter: seconds))
    }
    guard
      let partBytes = ObjectResponse.partLength(status: head.status, etag: version.etag, header: head.joined),
      CompositeComputation.fits(size: version.size, parts: parts, partLength: partBytes)
    else { return .success(nil) }
    return .success(OfferedDigest(algorithm: digest.algorithm.number, partBytes: partBytes, bytes: digest.bytes))
  }

  /// Whether every part but the last has `partBytes`, for all that the origin says: asked only when a composite digest does
  /// not fit, since it costs a question for each part. A part that cannot be asked for excuses no mismatch.
  func hasEqualParts(_ version: ObjectVersion, partBytes: Int) async -> Bool {
    let parts = (version.size - 1) / partBytes + 1
    for part in stride(from: 2, to: parts, by: 1) {
      guard let head = try? await head(ofPart: part, of: version),
        let length = ObjectResponse.partLength(status: head.status, etag: version.etag, header: head.joined)
      else { continue }
      if length != partBytes { return false }
    }
    return true
  }

  private func head(ofPart part: Int, of version: ObjectVersion) async throws(CurlError) -> TransferHead {
    let request = ObjectRequest.head(Array(version.key.utf8), part: part)
    return try await transfers.perform(options(for: request, quickly: true), bodyLimit: 0).head
  }

  private func meaning(of head: TransferHead) -> HeadAnswer {
    ObjectResponse.head(
      status: head.status, region: settings.endpoint.region, now: seconds, header: head.joined)
  }

  /// Why the origin has no such object, in its own words.
  private func explanation(of key: String) async throws(CurlError) -> OriginAnswer {
    let request = ObjectRequest.get(Array(key.utf8), range: 0...0)
    let (head, body) = try await transfers.perform(options(for: request, quickly: true), bodyLimit: 64 << 10)
    let error = unsafe body.withUnsafeBytes { bytes in
      unsafe S3ErrorBody(parsing: UnsafeRawBufferPointer(rebasing: bytes.prefix(S3ErrorBody.limit)))
    }
    let answer = ObjectResponse.range(
      RangeAsked(0...0, total: 1, etag: "\"\""), status: head.status, error: error,
      region: settings.endpoint.region, now: seconds, header: head.joined)
    guard case .failed(let failure) = answer else {
      return .troubled("the origin contradicts itself: it has \(key) and has it not", retryAfter: nil)
    }
    return OriginAnswer(failure)
  }

  /// Reads a whole small object, such as the catalogue.
  func read(_ key: String, limit: Int) async -> Result<[UInt8], OriginProblem> {
    do {
      let (head, body) = try await transfers.perform(options(for: .get(Array(key.utf8))), bodyLimit: limit)
      guard head.status == 200, head["etag"] != nil else {
        metrics.count(.originErrors, "origin_error")
        let failure = "\(key): the origin answers with status \(head.status)"
        return .failure(
          OriginProblem(description: head.status == 200 ? "\(key): the answer is not a store's" : failure))
      }
      return .success(body)
    } catch {
      if let code = OriginAnswer(error).code { metrics.count(.originErrors, code) }
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
  func judge(
    _ head: TransferHead, error: [UInt8], of version: ObjectVersion, _ bytes: Range<Int>
  ) -> FetchOutcome? {
    let asked = RangeAsked(
      bytes.lowerBound...(bytes.upperBound - 1), total: version.size, etag: version.etag)
    let scanned = error.isEmpty ? nil : unsafe error.withUnsafeBytes { unsafe S3ErrorBody(parsing: $0) }
    let answer = ObjectResponse.range(
      asked, status: head.status, error: scanned, region: settings.endpoint.region, now: seconds, header: head.joined)
    switch answer {
    case .good: return nil
    case .changed: return .changed
    case .failed(let failure): return OriginAnswer(failure).outcome
    }
  }

  private var seconds: Int64 { Clock.now.milliseconds / 1000 }

  /// - Parameter quickly: somebody waits for this one: an origin that takes connections and says nothing is as good as
  ///   none.
  private func options(for request: ObjectRequest, quickly: Bool = false) -> TransferOptions {
    let signed = request.signed(
      for: settings.endpoint, by: &signer, at: seconds, userAgent: Self.userAgent)
    return TransferOptions(
      method: request.method == "HEAD" ? .head : .get, url: signed.url, headers: signed.headers,
      connectTimeout: settings.connectTimeout, stallTimeout: settings.stallTimeout,
      deadline: quickly ? settings.connectTimeout + min(settings.stallTimeout, .seconds(5)) : nil,
      caFile: settings.caFile)
  }
}

/// Why something could not be read from the origin, in words.
struct OriginProblem: Error, CustomStringConvertible {
  let description: String
}

extension TransferHead {
  /// The values of a header by its lower-case name, joined as RFC 9110, section 5.3, has it.
  func joined(_ name: String) -> String? {
    let values = values(name)
    return values.isEmpty ? nil : values.joined(separator: ", ")
  }
}

extension OriginAnswer {
  init(_ failure: OriginFailure) {
    switch failure {
    case .missing: self = .missing
    case .denied: self = .denied("\(failure)")
    case .unreachable(let reason): self = .unreachable(reason)
    case .troubled(let reason, let seconds):
      // Whatever number came, believed up to a day: it must not be too large to calculate with.
      self = .troubled(reason, retryAfter: seconds.map { Int64(min($0, 86_400)) * 1000 })
    case .skewed, .redirected, .refused: self = .refused("\(failure)")
    }
  }

  init(_ error: CurlError) {
    switch error.kind {
    case .couldNotResolve, .couldNotConnect, .timedOut, .stalled, .tls, .cut: self = .unreachable("\(error)")
    case .tooLarge, .cancelled, .refusedByReceiver, .other: self = .troubled("\(error)", retryAfter: nil)
    }
  }

  /// The code of a failure, as metrics have it; nil when it is none.
  var code: String? {
    switch self {
    case .found: nil
    case .missing: "content_not_found"
    case .denied: "access_denied"
    case .refused: "origin_refused"
    case .unreachable: "origin_unreachable"
    case .troubled: "origin_error"
    }
  }

  /// The same for a fill; wrong settings are waited out, since a reload mends them and nothing is lost until then.
  var outcome: FetchOutcome {
    switch self {
    case .found: .delivered
    case .missing: .missing
    case .denied(let why): .denied(why)
    case .unreachable(let why): .unreachable(why)
    case .troubled(let why, let asked): .troubled(why, retryAfter: asked)
    case .refused(let why): .troubled(why, retryAfter: nil)
    }
  }
}

extension FetchOutcome {
  /// The code of a failure, as metrics have it; nil when the origin failed nobody.
  var code: String? {
    switch self {
    case .delivered, .changed, .abandoned: nil
    case .unreachable: "origin_unreachable"
    case .troubled: "origin_error"
    case .missing: "content_not_found"
    case .denied: "access_denied"
    }
  }

  init(_ error: CurlError) { self = error.kind == .cancelled ? .abandoned : OriginAnswer(error).outcome }
}

// MARK: Digests in the ledger

extension DigestAlgorithm {
  /// The ledger's number for it, never to be changed.
  var number: UInt8 {
    switch self {
    case .sha256: 1
    case .sha1: 2
    case .crc64nvme: 3
    case .crc32c: 4
    case .crc32: 5
    case .md5: 6
    }
  }

  init?(number: UInt8) {
    guard let known = Self.allCases.first(where: { $0.number == number }) else { return nil }
    self = known
  }
}
