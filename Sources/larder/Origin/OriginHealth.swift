// How the origin does, by the last thing that was heard of it: nobody asks it only to know.

import Cache

/// What was last heard of the origin.
struct OriginHealth: Sendable, Equatable {
  /// Nil before anything was asked.
  private(set) var isReachable: Bool?
  /// What is wrong, by its code in metrics; nil when nothing is.
  private(set) var code: String?
  /// The same in words.
  private(set) var message = ""
  /// Since when it is so.
  private(set) var since: Timestamp?
  /// The trouble that was last said in the log, and when; nil once it was said to be over.
  private var told: String?
  private var toldAt: Timestamp?

  /// Trouble that comes and goes is said again after this time, in milliseconds.
  private static let silence: Int64 = 60_000

  /// What is to be said in the log.
  enum News: Equatable {
    case trouble, over
  }

  /// It answered, or did not.
  ///
  /// - Parameter code: of the failure; nil for an answer as it should be. That a title is not there is one.
  mutating func heard(_ code: String?, _ message: String, at now: Timestamp) {
    let code = code == "content_not_found" ? nil : code
    let isReachable = code != "origin_unreachable"
    if self.isReachable != isReachable || self.code != code { since = now }
    self.isReachable = isReachable
    self.code = code
    self.message = code == nil ? "" : message
  }

  /// What is to be said of what was heard last: trouble once, that it is over at once, and nothing twice in a minute.
  mutating func news(at now: Timestamp) -> News? {
    guard let code else {
      defer { told = nil }
      return told == nil ? nil : .over
    }
    let isSilent = toldAt.map { $0 <= now && now < $0.adding(milliseconds: Self.silence) } ?? false
    guard code != told, !isSilent else { return nil }
    (told, toldAt) = (code, now)
    return .trouble
  }
}

extension OriginAnswer {
  /// Why it failed, in words.
  var reason: String {
    switch self {
    case .found, .missing: ""
    case .denied(let why), .refused(let why), .unreachable(let why), .troubled(let why, _): why
    }
  }
}

extension FetchOutcome {
  /// Why it failed, in words.
  var reason: String {
    switch self {
    case .delivered, .changed, .missing, .abandoned: ""
    case .denied(let why), .unreachable(let why), .troubled(let why, _): why
    }
  }
}
