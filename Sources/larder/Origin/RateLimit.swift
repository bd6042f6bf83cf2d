// `downloads.max_rate`: all transfers together drink from one bucket.

import Cache
import Loop

/// A token bucket: bytes come in at the rate and go out with what was received. Values only; the clock comes in.
struct TokenBucket: Sendable {
  /// Bytes a second; nil for no limit.
  private let rate: Int?
  /// Bytes that may be taken now; negative after a large take.
  private var tokens: Double
  private var filled: Timestamp

  init(rate: Int?, at now: Timestamp) {
    self.rate = rate
    self.tokens = 0
    self.filled = now
  }

  /// Takes `bytes` when the bucket is not empty, nil for done; else how many milliseconds until it is worth asking again.
  ///
  /// A take may leave the bucket in debt, which the next ones pay: so the rate holds for pieces of any size.
  mutating func take(_ bytes: Int, at now: Timestamp) -> Int64? {
    guard let rate else { return nil }
    let elapsed = Double(max(0, now.milliseconds - filled.milliseconds)) / 1000
    filled = now
    // At most a tenth of a second is saved up: a pause is no licence to burst.
    tokens = min(tokens + elapsed * Double(rate), Double(rate) / 10)
    guard tokens >= 0 else { return max(1, Int64(-tokens / Double(rate) * 1000) + 1) }
    tokens -= Double(bytes)
    return nil
  }
}

/// The bucket of all transfers, and who waits at it.
@EventLoop
final class RateLimit {
  private var bucket: TokenBucket
  private var waiting: [@EventLoop () -> Void] = []
  private let timer = Timer()

  init(bytesPerSecond: Int?) { bucket = TokenBucket(rate: bytesPerSecond, at: Clock.steady) }

  func set(bytesPerSecond: Int?) {
    bucket = TokenBucket(rate: bytesPerSecond, at: Clock.steady)
    wake()
  }

  /// Whether `bytes` may be taken now; if not, `resume` is called when it is worth asking again.
  func allows(_ bytes: Int, else resume: @escaping @EventLoop () -> Void) -> Bool {
    guard let wait = bucket.take(bytes, at: Clock.steady) else { return true }
    waiting.append(resume)
    if !timer.isActive { timer.start(after: .milliseconds(wait)) { [weak self] in self?.wake() } }
    return false
  }

  private func wake() {
    let resumed = waiting
    waiting = []
    for resume in resumed { resume() }
  }
}
