// How much to ask for at once. A long request makes its round trip cheap; a short one loses little when the power goes,
// and lets somebody's seek go first. The measure of both is the shortest time until a first byte: a longer one is a queue at
// the origin, and longer requests only make that longer (as BBR takes the least round trip, Cardwell et al., 2016).

/// The length of a fill's next requests, learnt from the last ones.
public struct RequestPace: Sendable, Hashable {
  /// A request lasts about this many times as long as the shortest wait for a first byte: the wait costs an eighth of one
  /// connection's time, and less where several connections share the line.
  private static let worth = 8.0
  /// A request asks for this part of what the run has brought at the most: so a kill costs a small part of that, soon
  /// after the start too, and a long fill is not held up by it.
  private static let share = 64
  /// What the first requests ask for, and the least that any asks for, in bytes.
  private static let least = 256 << 10

  /// The shortest wait for a first byte in seconds, and the usual bytes a second, that wait included; nil before anything was learnt.
  private var wait: Double?
  private var rate: Double?
  /// Bytes that requests brought in this run.
  private var brought = 0

  public init() {}

  /// A request brought `bytes`, the first of them after `wait` seconds and the last after `duration` seconds.
  public mutating func learn(wait: Double, bytes: Int, duration: Double) {
    guard bytes > 0, wait >= 0, duration > 0, duration >= wait else { return }
    brought = brought.addingReportingOverflow(bytes).overflow ? .max : brought + bytes
    self.wait = min(self.wait ?? wait, wait)
    let now = Double(bytes) / duration
    rate = rate.map { $0 * 0.75 + now * 0.25 } ?? now
  }

  /// Whether so many bytes take one connection longer than a request of their own would, with the connection that it may
  /// have to open.
  public func isLong(_ bytes: Int) -> Bool {
    guard let wait, let rate else { return false }
    return Double(bytes) > (2 * wait + 0.05) * rate
  }

  /// Bytes that the next request should ask for; the chunk is the most.
  public var bytes: Int {
    guard let wait, let rate else { return Self.least }
    let wanted = wait * rate * Self.worth
    let most = max(Self.least, brought / Self.share)
    return wanted < Double(most) ? max(Self.least, Int(wanted)) : most
  }
}
