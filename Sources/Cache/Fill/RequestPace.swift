// How much to ask for at once. A long request makes its round trip cheap, and what each request costs the origin besides
// (SeaweedFS reads whole pieces of 4 MiB, whatever is asked for: 150 MB/s in requests of 256 KiB, 580 in such of 4 MiB).
// A short one loses little when the process dies and lets somebody's seek go first. So its measure is time. The shortest
// wait for a first byte says what the way there costs: a longer one is a queue at the origin, and longer requests only make
// that longer (as BBR takes the least round trip, Cardwell et al., 2016).

/// The length of a fill's next requests, learnt from the last ones.
public struct RequestPace: Sendable, Hashable {
  /// A request lasts about this many times as long as the shortest wait for a first byte: the wait costs an eighth of one
  /// connection's time, and less where several connections share the line.
  private static let worth = 8.0
  /// How long a request lasts in seconds, whatever its wait.
  ///
  /// What a kill costs of a request is what the kernels hold of its rest, which is most of it when the origin is faster than
  /// we take (`max_rate`, the disk), and nothing when it is not; and the blocks on their way to the disk, some hundredths of
  /// a second of fetching. The least is about as much again: shorter requests would save next to nothing. The most leaves
  /// the 2 s that a kill may cost to the disk.
  private static let bounds = 1.0 / 16...1.0
  /// What the first requests ask for, and the least that any asks for, in bytes.
  private static let least = 256 << 10

  /// The shortest wait for a first byte in seconds, and the usual bytes a second, that wait included; nil before anything was learnt.
  private var wait: Double?
  private var rate: Double?

  public init() {}

  /// A request brought `bytes`, the first of them after `wait` seconds and the last after `duration` seconds.
  public mutating func learn(wait: Double, bytes: Int, duration: Double) {
    guard bytes > 0, wait >= 0, duration > 0, duration >= wait else { return }
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
    let time = min(max(wait * Self.worth, Self.bounds.lowerBound), Self.bounds.upperBound)
    return max(Self.least, Int(exactly: (time * rate).rounded()) ?? .max)
  }
}
