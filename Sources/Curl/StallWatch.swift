// When a transfer counts as stalled: a value that is told of bytes and of time.

/// Finds a transfer that stays slower than 1 KiB/s for the whole of a timeout.
///
/// Time is looked at in quarters of the timeout, so that a stall is found within five quarters of it. curl has such a
/// rule too (`CURLOPT_LOW_SPEED_TIME`), but in whole seconds and by an average that a fast start keeps up for long.
struct StallWatch {
  static let slowestBytesPerSecond = 1024.0

  /// How often `quarterPassed` wants to be called.
  let quarter: Duration
  private let expectedBytes: Double
  private var bytes = 0
  private var slowQuarters = 0

  init(timeout: Duration) {
    quarter = timeout / 4
    expectedBytes = Self.slowestBytesPerSecond * (quarter / .seconds(1))
  }

  mutating func received(_ count: Int) { bytes += count }

  /// Forgets what was slow so far: the wait was not the server's fault.
  mutating func startAnew() {
    bytes = 0
    slowQuarters = 0
  }

  /// Says whether the transfer has stalled by now.
  mutating func quarterPassed() -> Bool {
    slowQuarters = Double(bytes) < expectedBytes ? slowQuarters + 1 : 0
    bytes = 0
    return slowQuarters >= 4
  }
}
