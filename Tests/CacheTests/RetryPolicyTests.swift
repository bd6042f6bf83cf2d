// How long a fill waits and how much it asks for: the bounds of both; and the plays that are remembered meanwhile.

import Testing

@testable import Cache

@Suite struct RetryPolicyTests {
  /// The bounds as the formula has them, calculated without a limit of their own.
  private func ceiling(_ initial: Int64, _ limit: Int64, _ attempt: Int) -> Int64 {
    var wait = initial
    for _ in 0..<max(0, attempt) where wait < limit { wait *= 2 }
    return min(wait, limit)
  }

  @Test(arguments: [(1, 1), (1, 86_400_000), (500, 60_000), (86_400_000, 86_400_000), (3, 7)] as [(Int64, Int64)])
  func bounds(_ initial: Int64, _ limit: Int64) {
    let policy = RetryPolicy(initial: initial, limit: limit)
    var random = SplitMix64(seed: 8)
    for attempt in [-1, 0, 1, 2, 5, 10, 31, 40, 62, 63, 64, 1000, .max] {
      let ceiling = ceiling(initial, limit, min(attempt, 100))
      let waits = (0..<200).map { _ in policy.wait(attempt: attempt, asked: nil, using: &random) }
      #expect(waits.allSatisfy { (0...ceiling).contains($0) }, "attempt \(attempt)")
      // Full jitter spreads over the whole range.
      if ceiling >= 500 { #expect(waits.min()! < ceiling / 4 && waits.max()! > ceiling * 3 / 4) }
    }
  }

  @Test(
    arguments: [
      (nil, 0, 10), (0, 0, 10), (-5, 0, 10), (Int64.min, 0, 10), (5000, 5000, 5000), (3_600_000, 3_600_000, 3_600_000),
      (3_600_001, 3_600_000, 3_600_000), (Int64.max, 3_600_000, 3_600_000),
    ] as [(Int64?, Int64, Int64)])
  func neverSoonerThanAsked(_ asked: Int64?, _ least: Int64, _ most: Int64) {
    let policy = RetryPolicy(initial: 10, limit: 10)
    var random = SplitMix64(seed: 9)
    for attempt in [0, 7, .max] {
      #expect((least...most).contains(policy.wait(attempt: attempt, asked: asked, using: &random)))
    }
  }
}

@Suite struct RequestPaceTests {
  @Test func asksForLittleUntilItKnowsBetter() {
    var pace = RequestPace()
    #expect(pace.bytes == 256 << 10)
    // What cannot be measured teaches nothing.
    pace.learn(wait: 0.1, bytes: 0, duration: 1)
    pace.learn(wait: -1, bytes: 10, duration: 1)
    pace.learn(wait: 0.1, bytes: 10, duration: 0)
    #expect(pace == RequestPace())
  }

  @Test(arguments: [
    // seconds until the first byte, bytes, seconds until the last, the next request
    (0.0625, 64_000_000, 1.0, 32_000_000), (0.01, 64_000_000, 1.0, 5_120_000),
    (0.001, 64_000_000, 1.0, 4_000_000), (0.0, 64_000_000, 1.0, 4_000_000),
    (0.5, 64_000_000, 1.0, 64_000_000), (0.0625, 1_000_000, 1.0, 500_000), (0.001, 1_000_000, 1.0, 256 << 10),
    (1e300, .max, 1e300, 256 << 10), (0.0, .max, 1e-300, .max),
  ])
  func aRequestLastsEightTimesItsWaitWithinBounds(_ wait: Double, _ bytes: Int, _ duration: Double, _ next: Int) {
    var pace = RequestPace()
    pace.learn(wait: wait, bytes: bytes, duration: duration)
    #expect(pace.bytes == next)
  }

  @Test func theShortestWaitCountsAndTheUsualRate() {
    var pace = RequestPace()
    pace.learn(wait: 0.025, bytes: 100_000_000, duration: 1)
    pace.learn(wait: 1, bytes: 100_000_000, duration: 1)
    #expect(pace.bytes == 20_000_000, "a longer wait is a queue")
    pace.learn(wait: 1, bytes: 20_000_000, duration: 1)
    #expect(pace.bytes == 16_000_000, "a quarter of the way to the new rate")
  }
}

@Suite struct RenewalPaceTests {
  private let retry = RetryPolicy(initial: 500, limit: 60_000)

  @Test func anObjectThatNeverStandsStillBeginsAgainLessAndLessOften() {
    var pace = RenewalPace()
    var random = SplitMix64(seed: 1)
    var now = Timestamp(milliseconds: 1_700_000_000_000)
    #expect(pace.wait(for: "a", at: now, retry: retry, using: &random) == 0, "a first change is taken up at once")
    var waits: [Int64] = []
    for _ in 0..<20 {
      now = now.adding(milliseconds: 10)
      waits.append(pace.wait(for: "a", at: now, retry: retry, using: &random))
      now = now.adding(milliseconds: waits.last ?? 0)
    }
    #expect(waits.allSatisfy { $0 <= 60_000 })
    #expect(waits.suffix(10).reduce(0, +) > 100_000)
    #expect(pace.wait(for: "b", at: now, retry: retry, using: &random) == 0, "each key for itself")
    now = now.adding(milliseconds: 700_000)
    #expect(pace.wait(for: "a", at: now, retry: retry, using: &random) == 0, "after a quiet time all is forgotten")
  }
}

@Suite struct AccessLogTests {
  @Test func theLatestPlayOfEachIsKeptOnce() {
    let (a, b) = (DownloadID(upper: 1, lower: 1), DownloadID(upper: 1, lower: 2))
    var log = AccessLog()
    #expect(log.isEmpty)
    log.touch(a, at: Timestamp(milliseconds: 10))
    log.touch(b, at: Timestamp(milliseconds: 5))
    log.touch(a, at: Timestamp(milliseconds: 12))
    log.touch(a, at: Timestamp(milliseconds: 11))
    #expect(!log.isEmpty)
    #expect(log.drain() == [a: Timestamp(milliseconds: 12), b: Timestamp(milliseconds: 5)])
    #expect(log.isEmpty && log.drain().isEmpty)
    log.touch(a, at: Timestamp(milliseconds: 3))
    #expect(log.drain() == [a: Timestamp(milliseconds: 3)])
  }
}
