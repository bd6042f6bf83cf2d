// What the origin's answers mean for the rest of the program: the one place that maps failures of the network and of the
// store to what is retried, what fails a download and what is told.

import Cache
import Curl
import S3

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

/// Why something could not be read from the origin, in words.
struct OriginProblem: Error, CustomStringConvertible {
  let description: String
  /// How long the origin wants not to be asked, in milliseconds; nil when it does not say.
  var retryAfter: Int64?
  /// Whether the question was given up by ourselves: that is no word of the origin's.
  var isOurs = false
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
    // Settings and the clock mend without the download: it waits for that.
    case .unauthenticated, .skewed, .redirected, .refused: self = .refused("\(failure)")
    }
  }

  init(_ error: CurlError) {
    switch error.kind {
    case .couldNotResolve, .couldNotConnect, .timedOut, .stalled, .tls, .cut: self = .unreachable("\(error)")
    case .tooLarge, .cancelled, .refusedByReceiver, .other: self = .troubled("\(error)", retryAfter: nil)
    }
  }

  /// How long it wants to be left alone, in milliseconds, and why; nil when it does not say.
  var patience: (why: String, milliseconds: Int64?) {
    if case .troubled(let why, let milliseconds) = self { (why, milliseconds) } else { ("", nil) }
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

  /// Whether it ends a download for good.
  var isFinal: Bool {
    switch self {
    case .missing, .denied: true
    case .delivered, .unreachable, .troubled, .changed, .abandoned: false
    }
  }
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
