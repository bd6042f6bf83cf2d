// How fast a fill is: bytes over the last seconds.

import Cache

/// Counts bytes in slots of half a second and averages over five seconds.
struct SpeedMeter: Sendable {
  private static let slot: Int64 = 500
  private static let slots = 10

  private var counts = Array(repeating: 0, count: slots)
  private var newest: Int64 = 0
  private var began: Timestamp?

  mutating func add(_ bytes: Int, at now: Timestamp) {
    if began == nil { began = now }
    advance(to: now)
    counts[Int(newest % Int64(Self.slots))] += bytes
  }

  /// Bytes a second; 0 before anything came and five seconds after the last.
  mutating func rate(at now: Timestamp) -> Int {
    guard let began else { return 0 }
    advance(to: now)
    let seconds = min(Double(now.milliseconds - began.milliseconds) / 1000, Double(Self.slots) / 2)
    return Int(Double(counts.reduce(0, +)) / max(seconds, 0.5))
  }

  private mutating func advance(to now: Timestamp) {
    let current = now.milliseconds / Self.slot
    if current - newest >= Int64(Self.slots) {
      counts = Array(repeating: 0, count: Self.slots)
      newest = current
    }
    while newest < current {
      newest += 1
      counts[Int(newest % Int64(Self.slots))] = 0
    }
  }
}
