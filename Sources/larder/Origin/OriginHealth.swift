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
