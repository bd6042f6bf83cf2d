// How often a title may begin again because the origin has a new version: the first time at once, and then less and less
// often, so that an object that never stands still costs neither the line nor the disk more than a little.

/// When each key of the origin was last renewed, and how often in a row.
public struct RenewalPace: Sendable {
  /// By the key's bytes: keys that only look alike are two.
  private var renewals: [[UInt8]: (count: Int, last: Timestamp)] = [:]
  /// A key that was quiet for this long begins anew, in milliseconds.
  private static let quiet: Int64 = 600_000
  /// How many keys are remembered before the quiet ones are dropped.
  private static let limit = 1024

  public init() {}

  /// Notes that a key is about to be renewed.
  ///
  /// - Returns: how long to wait before, in milliseconds; 0 for the first time.
  public mutating func wait(
    for key: String, at now: Timestamp, retry: RetryPolicy, using random: inout some RandomNumberGenerator
  ) -> Int64 {
    if renewals.count >= Self.limit { renewals = renewals.filter { !isQuiet($0.value.last, now) } }
    let bytes = Array(key.utf8)
    let known = renewals[bytes].flatMap { isQuiet($0.last, now) ? nil : $0.count } ?? 0
    let wait = known == 0 ? 0 : retry.wait(attempt: known, asked: nil, using: &random)
    renewals[bytes] = (known + 1, now.adding(milliseconds: wait))
    return wait
  }

  /// The key was not renewed after all.
  public mutating func takeBack(_ key: String) { renewals[Array(key.utf8)]?.count -= 1 }

  private func isQuiet(_ last: Timestamp, _ now: Timestamp) -> Bool {
    last.adding(milliseconds: Self.quiet) < now
  }
}
