// How fast transfers may be: `downloads.max_rate` for all of them together, and what those that nobody plays leave to
// those that somebody does.

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

/// Bytes a second, as the administrator limits them; nil for no limit.
struct RateSettings: Sendable, Hashable {
  /// Over all transfers together.
  var most: Int?
  /// While somebody plays, over all transfers of what nobody plays.
  var whilePlaying: Int?
}

/// The buckets of all transfers, and who waits at them.
@EventLoop
final class RateLimit {
  private var all: TokenBucket
  private var unplayed: TokenBucket
  private var waiting: [@EventLoop () -> Void] = []
  private let timer = Timer()
  /// Whether somebody plays anything at this moment.
  var somebodyPlays: @EventLoop () -> Bool = { false }
  /// Whether bytes are on their way to somebody who plays and has none left: until they come, transfers of what nobody
  /// plays stand still. They are not given up for that: nothing that arrived is lost, and the line is free at once.
  var isYielding: @EventLoop () -> Bool = { false }

  init(_ settings: RateSettings) {
    all = TokenBucket(rate: settings.most, at: Clock.steady)
    unplayed = TokenBucket(rate: settings.whilePlaying, at: Clock.steady)
  }

  func set(_ settings: RateSettings) {
    all = TokenBucket(rate: settings.most, at: Clock.steady)
    unplayed = TokenBucket(rate: settings.whilePlaying, at: Clock.steady)
    wake()
  }

  /// Whether `bytes` may be taken now; if not, `resume` is called when it is worth asking again.
  ///
  /// - Parameter isPlayed: whether somebody who plays wants them now or soon.
  func allows(_ bytes: Int, isPlayed: Bool, else resume: @escaping @EventLoop () -> Void) -> Bool {
    let wait: Int64?
    if isPlayed {
      wait = all.take(bytes, at: Clock.steady)
    } else if isYielding() {
      waiting.append(resume)
      return false
    } else {
      wait = (somebodyPlays() ? unplayed.take(bytes, at: Clock.steady) : nil) ?? all.take(bytes, at: Clock.steady)
    }
    guard let wait else { return true }
    waiting.append(resume)
    if !timer.isActive { timer.start(after: .milliseconds(wait)) { [weak self] in self?.wake() } }
    return false
  }

  /// What transfers stand still for may be over.
  func yieldingChanged() {
    if !waiting.isEmpty, !isYielding() { wake() }
  }

  private func wake() {
    let resumed = waiting
    waiting = []
    for resume in resumed { resume() }
  }
}
