// When to try again: exponential backoff with full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015).

/// How long a fill waits after trouble with the origin.
public struct RetryPolicy: Sendable, Hashable {
  /// The most that the first wait may last, in milliseconds.
  public var initial: Int64
  /// The most that any wait lasts, unless the origin itself asks for more.
  public var limit: Int64

  public init(initial: Int64, limit: Int64) {
    precondition(initial > 0 && limit >= initial)
    self.initial = initial
    self.limit = limit
  }

  /// The wait before try number `attempt` + 1, in milliseconds: anything from 0 to `initial · 2^attempt`, at the most
  /// `limit`, and never sooner than the origin asked (`Retry-After`, believed up to an hour).
  public func wait(
    attempt: Int, asked: Int64?, using random: inout some RandomNumberGenerator
  ) -> Int64 {
    let doublings = min(max(attempt, 0), 40)
    let ceiling = initial > limit >> Int64(doublings) ? limit : initial << Int64(doublings)
    let jittered = Int64.random(in: 0...ceiling, using: &random)
    return max(jittered, min(asked ?? 0, 3_600_000))
  }
}
