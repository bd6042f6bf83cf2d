// A fill as a state machine: what it does after each kind of end, and that it always gets there when the origin heals.

import Testing

@testable import Cache

@Suite struct FillTests {
  private let retry = RetryPolicy(initial: 1000, limit: 60_000)
  private let noon = Timestamp(milliseconds: 1_700_000_000_000)

  private func object(blocks: Int) -> StoredObject {
    StoredObject(
      id: ObjectID(7), origin: OriginObject(size: blocks * block, key: "k"), blockSize: block, created: noon)
  }

  /// Chunks of two blocks.
  private func fill(blocks: Int, present: [Int] = [], connections: Int = 3, seed: UInt64 = 1) -> Fill {
    var map = BlockMap(count: blocks)
    for index in present { map.insert(index) }
    return Fill(
      of: object(blocks: blocks), present: map, chunkSize: 2 * block, connections: connections, retry: retry,
      seed: seed)
  }

  private func span(_ blocks: Range<Int>) -> ChunkSpan {
    ChunkSpan(blocks: blocks, bytes: blocks.lowerBound * block..<blocks.upperBound * block)
  }

  @Test func asksForAsManyChunksAsThereAreConnections() {
    var fill = fill(blocks: 10)
    #expect(fill.next(at: noon) == .fetch(span(0..<2)))
    #expect(fill.next(at: noon) == .fetch(span(2..<4)))
    #expect(fill.next(at: noon) == .fetch(span(4..<6)))
    #expect(fill.next(at: noon) == .wait)
    #expect(fill.inFlight == 3)
    fill.ended(span(2..<4), arrived: 2, .delivered, at: noon)
    #expect(fill.next(at: noon) == .fetch(span(6..<8)))
    #expect(fill.next(at: noon) == .wait)
  }

  @Test func comparesWhenEveryBlockIsStoredAndNotBefore() {
    var fill = fill(blocks: 3, present: [0])
    #expect(fill.next(at: noon) == .fetch(span(1..<2)))
    #expect(fill.next(at: noon) == .fetch(span(2..<3)))
    fill.ended(span(1..<2), arrived: 1, .delivered, at: noon)
    fill.ended(span(2..<3), arrived: 1, .delivered, at: noon)
    #expect(fill.next(at: noon) == .wait, "received is not durable")
    fill.stored([2])
    #expect(fill.next(at: noon) == .wait)
    fill.stored([1])
    #expect(fill.next(at: noon) == .compare)
  }

  @Test func comparesAtOnceWhenNothingIsMissing() {
    var whole = fill(blocks: 2, present: [0, 1])
    #expect(whole.next(at: noon) == .compare)
    var empty = fill(blocks: 0)
    #expect(empty.next(at: noon) == .compare)
  }

  @Test func onlyWhatDidNotArriveIsAskedForAgain() {
    var fill = fill(blocks: 4, connections: 1)
    #expect(fill.next(at: noon) == .fetch(span(0..<2)))
    fill.ended(span(0..<2), arrived: 1, .abandoned, at: noon)
    #expect(fill.trouble == nil, "dropped by ourselves is nobody's fault")
    #expect(fill.next(at: noon) == .fetch(span(1..<2)))
  }

  @Test(arguments: [
    (FetchOutcome.unreachable("no route"), Trouble.Code.originUnreachable, "no route"),
    (.troubled("503", retryAfter: nil), .originError, "503"),
  ])
  func afterTroubleOneRequestGoesAhead(_ outcome: FetchOutcome, _ code: Trouble.Code, _ why: String) {
    var fill = fill(blocks: 20)
    for start in [0, 2, 4] { #expect(fill.next(at: noon) == .fetch(span(start..<start + 2))) }
    for start in [0, 2, 4] { fill.ended(span(start..<start + 2), arrived: 0, outcome, at: noon) }
    guard case .waitUntil(let then) = fill.next(at: noon) else {
      Issue.record("it goes on without waiting")
      return
    }
    // Three requests that fail together are one trouble: the wait is the first one's.
    #expect(then > noon && then <= noon.adding(milliseconds: 1000))
    #expect(fill.trouble == Trouble(code, why, nextAttempt: then))
    #expect(fill.next(at: then.adding(milliseconds: -1)) == .waitUntil(then))
    #expect(fill.next(at: then) == .fetch(span(0..<2)), "the probe")
    #expect(fill.next(at: then) == .wait)
    fill.ended(span(0..<2), arrived: 2, .delivered, at: then)
    #expect(fill.trouble == nil)
    for start in [2, 4, 6] { #expect(fill.next(at: then) == .fetch(span(start..<start + 2))) }
    #expect(fill.next(at: then) == .wait)
  }

  @Test func waitsGrowWhileTheProbeFailsAndStartOverAfterABlock() {
    var longest: [Int64] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
    for seed in 0..<60 as Range<UInt64> {
      var fill = fill(blocks: 20, connections: 1, seed: seed)
      var now = noon
      for attempt in longest.indices {
        guard case .fetch(let span) = fill.next(at: now) else {
          Issue.record("no probe")
          return
        }
        fill.ended(span, arrived: 0, .unreachable("no route"), at: now)
        let then = fill.trouble?.nextAttempt ?? now
        longest[attempt] = max(longest[attempt], then.milliseconds - now.milliseconds)
        now = then
      }
      guard case .fetch(let span) = fill.next(at: now) else {
        Issue.record("no probe")
        return
      }
      fill.received(span.blocks.lowerBound, of: span)
      #expect(fill.trouble == nil)
      fill.ended(span, arrived: 1, .unreachable("reset"), at: now)
      guard case .waitUntil(let then) = fill.next(at: now) else { continue }
      #expect(then <= now.adding(milliseconds: 1000))
    }
    for (attempt, longest) in longest.enumerated() {
      let ceiling = min(Int64(60_000), 1000 << Int64(attempt))
      #expect(longest <= ceiling && longest > ceiling / 2, "attempt \(attempt)")
    }
  }

  @Test func retryAfterIsHonoured() {
    var fill = fill(blocks: 20)
    for start in [0, 2, 4] { #expect(fill.next(at: noon) == .fetch(span(start..<start + 2))) }
    fill.ended(span(0..<2), arrived: 0, .troubled("SlowDown", retryAfter: 30_000), at: noon)
    let then = noon.adding(milliseconds: 30_000)
    #expect(fill.next(at: noon) == .waitUntil(then))
    // Others bring bytes meanwhile: that mends the trouble, and does not shorten what was asked.
    fill.received(2, of: span(2..<4))
    #expect(fill.trouble == nil)
    #expect(fill.next(at: noon) == .waitUntil(then))
    fill.ended(span(2..<4), arrived: 2, .delivered, at: noon)
    #expect(fill.next(at: then.adding(milliseconds: -1)) == .waitUntil(then))
    // A later answer may ask for more, and at the most for an hour.
    fill.ended(span(4..<6), arrived: 0, .troubled("SlowDown", retryAfter: .max), at: noon)
    let later = noon.adding(milliseconds: 3_600_000)
    #expect(fill.next(at: then) == .waitUntil(later))
    #expect(fill.trouble?.nextAttempt == later)
    #expect(fill.next(at: later) == .fetch(span(0..<2)))
  }

  @Test func aShorterRetryAfterDoesNotShortenTheWait() {
    var fill = fill(blocks: 20)
    for start in [0, 2] { #expect(fill.next(at: noon) == .fetch(span(start..<start + 2))) }
    fill.ended(span(0..<2), arrived: 0, .troubled("SlowDown", retryAfter: 30_000), at: noon)
    fill.ended(span(2..<4), arrived: 0, .troubled("SlowDown", retryAfter: 5_000), at: noon)
    #expect(fill.next(at: noon) == .waitUntil(noon.adding(milliseconds: 30_000)))
  }

  @Test func aChangedObjectIsRenewedWhenNothingIsUnderWay() {
    var fill = fill(blocks: 10)
    for start in [0, 2] { #expect(fill.next(at: noon) == .fetch(span(start..<start + 2))) }
    fill.ended(span(0..<2), arrived: 0, .changed, at: noon)
    #expect(fill.next(at: noon) == .wait)
    fill.ended(span(2..<4), arrived: 2, .delivered, at: noon)
    #expect(fill.next(at: noon) == .renew)
    #expect(fill.next(at: noon) == .renew)
  }

  @Test(arguments: [
    (FetchOutcome.missing, Trouble.Code.contentNotFound, "the origin no longer has this title"),
    (.denied("AccessDenied"), .accessDenied, "AccessDenied"),
  ])
  func aPositiveRefusalFails(_ outcome: FetchOutcome, _ code: Trouble.Code, _ message: String) {
    var fill = fill(blocks: 10)
    for start in [0, 2] { #expect(fill.next(at: noon) == .fetch(span(start..<start + 2))) }
    fill.ended(span(0..<2), arrived: 0, outcome, at: noon)
    #expect(fill.next(at: noon) == .wait)
    fill.ended(span(2..<4), arrived: 1, .unreachable("reset"), at: noon)
    #expect(fill.next(at: noon) == .fail(code, message))
  }

  @Test func blocksThatTheDiskLostAreFetchedAgain() {
    var fill = fill(blocks: 2, connections: 1)
    #expect(fill.next(at: noon) == .fetch(span(0..<2)))
    fill.ended(span(0..<2), arrived: 2, .delivered, at: noon)
    fill.stored([1])
    fill.lost([0], because: "EIO", at: noon)
    #expect(fill.trouble?.code == .storageError && fill.trouble?.message == "EIO")
    guard case .waitUntil(let then) = fill.next(at: noon) else {
      Issue.record("it goes on without waiting")
      return
    }
    #expect(fill.next(at: then) == .fetch(span(0..<1)))
    fill.ended(span(0..<1), arrived: 1, .delivered, at: then)
    fill.stored([0])
    #expect(fill.next(at: then) == .compare)
  }

  @Test func aDiskThatKeepsNothingCostsLittle() {
    var fill = fill(blocks: 40, connections: 3)
    var now = noon
    var longest: Int64 = 0
    for round in 0..<12 {
      guard case .fetch(let span) = fill.next(at: now) else {
        Issue.record("it gave up")
        return
      }
      #expect(round == 0 || span.blocks.count == 1, "one block finds out whether the disk is well again")
      fill.received(span.blocks.upperBound - 1, of: span)
      fill.ended(span, arrived: span.blocks.count, .delivered, at: now)
      fill.lost(Array(span.blocks), because: "EIO", at: now)
      #expect(fill.trouble?.code == .storageError)
      guard case .waitUntil(let then) = fill.next(at: now) else {
        Issue.record("it goes on without waiting")
        return
      }
      longest = max(longest, then.milliseconds - now.milliseconds)
      now = then
    }
    #expect(longest > 4 * retry.initial, "that the origin sends shortens no wait for the disk")
    guard case .fetch(let probe) = fill.next(at: now) else {
      Issue.record("it gave up")
      return
    }
    fill.received(probe.blocks.lowerBound, of: probe)
    #expect(fill.trouble?.code == .storageError, "not mended before a block is kept")
    fill.ended(probe, arrived: 1, .delivered, at: now)
    fill.stored(probe.blocks)
    #expect(fill.trouble == nil)
    for _ in 0..<3 {
      guard case .fetch = fill.next(at: now) else {
        Issue.record("fewer connections than there are, and the disk is well")
        return
      }
    }
  }

  /// A world of trouble that heals after a while, with people who come, wait, seek and leave: the fill always ends in
  /// `.compare`, has then asked for every missing block and stored it, never has more requests under way than it may, and
  /// never asks twice at once for one block.
  @Test(arguments: 0..<300 as Range<UInt64>)
  func alwaysGetsThereWhenTheOriginHeals(_ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let blocks = Int.random(in: 0...40, using: &random)
    let present = (0..<blocks).filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
    let connections = Int.random(in: 1...5, using: &random)
    var fill = fill(blocks: blocks, present: present, connections: connections, seed: seed)
    var now = noon
    var out: [ChunkSpan] = []
    var dropped: [ChunkSpan] = []
    var written: [Int] = []
    var stored = Set(present)
    let trouble = Int.random(in: 0...300, using: &random)
    for step in 0..<3000 {
      let healed = step >= trouble
      if blocks > 0, Int.random(in: 0..<4, using: &random) == 0 {
        fill.demand = Demand(
          awaited: (0..<Int.random(in: 0...2, using: &random)).map { _ in Int.random(in: 0..<blocks, using: &random) }
            .filter { !stored.contains($0) },
          ahead: (0..<Int.random(in: 0...2, using: &random)).map { _ in
            let from = Int.random(in: 0..<blocks, using: &random)
            return from..<Int.random(in: from...blocks, using: &random)
          })
      }
      switch fill.next(at: now) {
      case .fetch(let span):
        #expect(stored.isDisjoint(with: span.blocks) && !out.contains { $0.blocks.overlaps(span.blocks) })
        #expect(!written.contains { span.blocks.contains($0) })
        out.append(span)
        #expect(out.count <= connections && out.count == fill.inFlight)
      case .drop(let span):
        #expect(out.contains(span) && !dropped.contains(span), "one that is under way, and once")
        dropped.append(span)
      case .waitUntil(let then):
        #expect(then > now)
        if out.isEmpty && written.isEmpty || Bool.random(using: &random) { now = then }
      case .wait: #expect(!out.isEmpty || !written.isEmpty, "nothing is under way that it could wait for")
      case .compare:
        #expect(stored.count == blocks && out.isEmpty)
        return
      case .renew, .fail:
        Issue.record("it gave up")
        return
      }
      if !out.isEmpty, Int.random(in: 0..<2, using: &random) == 0 {
        let span = out.remove(at: Int.random(in: 0..<out.count, using: &random))
        let wasDropped = dropped.contains(span)
        dropped.removeAll { $0 == span }
        let outcomes: [FetchOutcome] = [
          .delivered, .unreachable("no route"),
          .troubled("503", retryAfter: Int64.random(in: 0...9999, using: &random)),
          .troubled("lies", retryAfter: nil), .abandoned,
        ]
        let outcome =
          wasDropped ? .abandoned : healed ? .delivered : outcomes.randomElement(using: &random) ?? .delivered
        let arrived = outcome == .delivered ? span.blocks.count : Int.random(in: 0...span.blocks.count, using: &random)
        if arrived > 0 { fill.received(span.blocks.lowerBound + arrived - 1, of: span) }
        fill.ended(span, arrived: arrived, outcome, at: now)
        written += span.blocks.prefix(arrived)
      }
      if !written.isEmpty, Int.random(in: 0..<3, using: &random) == 0 {
        let some = Array(written.shuffled(using: &random).prefix(Int.random(in: 1...8, using: &random)))
        written.removeAll { some.contains($0) }
        if !healed, Int.random(in: 0..<4, using: &random) == 0 {
          fill.lost(some, because: "ENOSPC", at: now)
        } else {
          fill.stored(some)
          stored.formUnion(some)
        }
      }
    }
    Issue.record("seed \(seed) never gets there")
  }
}
