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

  /// How many milliseconds it takes until bytes may be taken; 0 when they may be now.
  mutating func wait(at now: Timestamp) -> Int64 {
    guard let rate else { return 0 }
    let elapsed = Double(max(0, now.milliseconds - filled.milliseconds)) / 1000
    filled = now
    // At most a tenth of a second is saved up: a pause is no licence to burst.
    tokens = min(tokens + elapsed * Double(rate), Double(rate) / 10)
    return tokens >= 0 ? 0 : max(1, Int64(-tokens / Double(rate) * 1000) + 1)
  }

  /// Takes `bytes`, when there is nothing to wait for.
  ///
  /// That may leave the bucket in debt, which the next ones pay: so the rate holds for pieces of any size.
  mutating func take(_ bytes: Int) { if rate != nil { tokens -= Double(bytes) } }
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
  /// When the timer fires.
  private var due = Clock.steady
  /// After so many milliseconds it is worth asking again in any case: by a small rate a wait lasts hours, and whom it is
  /// for may have stopped to play meanwhile.
  private static let longest: Int64 = 250
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
    let now = Clock.steady
    let isBounded = !isPlayed && somebodyPlays()
    let wait = max(
      all.wait(at: now), isBounded ? unplayed.wait(at: now) : 0, !isPlayed && isYielding() ? Self.longest : 0)
    guard wait == 0 else {
      waiting.append(resume)
      wake(after: min(wait, Self.longest), from: now)
      return false
    }
    // From both or from none: what one bucket refuses is not to be paid for at the other.
    if isBounded { unplayed.take(bytes) }
    all.take(bytes)
    return true
  }

  /// The first who may ask again is not to wait for the others.
  private func wake(after wait: Int64, from now: Timestamp) {
    let moment = now.adding(milliseconds: wait)
    guard !timer.isActive || moment < due else { return }
    due = moment
    timer.start(after: .milliseconds(wait)) { [weak self] in self?.wake() }
  }

  /// What transfers stand still for may be over.
  func yieldingChanged() {
    if !waiting.isEmpty, !isYielding() { wake() }
  }

  private func wake() {
    timer.stop()
    let resumed = waiting
    waiting = []
    for resume in resumed { resume() }
  }
}
