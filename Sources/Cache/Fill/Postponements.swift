// What the origin asked not to be asked for (`Retry-After`), and until when: that holds for whoever asks next by itself, and
// not only for who was told.

/// When each key of the origin may be asked for again.
public struct Postponements: Sendable {
  /// By the key's bytes: keys that only look alike are two.
  private var ends: [[UInt8]: (end: Timestamp, why: String)] = [:]
  /// The origin's word is believed so far, in milliseconds: see ``RetryPolicy``.
  private static let longest: Int64 = 3_600_000
  /// How many keys are remembered before those that may be asked for are dropped.
  private static let limit = 1024

  public init() {}

  /// The origin answered: it wants to be left alone for `asked` milliseconds, or nil when it wants nothing of the kind.
  public mutating func note(_ key: String, _ why: String, asked: Int64?, at now: Timestamp) {
    if ends.count >= Self.limit { ends = ends.filter { $0.value.end > now } }
    ends[Array(key.utf8)] = asked.map { (now.adding(milliseconds: min($0, Self.longest)), why) }
  }

  /// How long a key must not be asked for, in milliseconds, and why; nil when it may be.
  public func rest(of key: String, at now: Timestamp) -> (milliseconds: Int64, why: String)? {
    guard let known = ends[Array(key.utf8)], known.end > now else { return nil }
    return (known.end.milliseconds - now.milliseconds, known.why)
  }
}
