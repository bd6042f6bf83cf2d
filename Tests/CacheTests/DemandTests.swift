// What a fill fetches first when somebody plays it, and what it gives up for that.

import Testing

@testable import Cache

@Suite struct DemandTests {
  private let noon = Timestamp(milliseconds: 1_700_000_000_000)

  /// Chunks of four blocks.
  private func fill(blocks: Int, present: Range<Int> = 0..<0, connections: Int = 3) -> Fill {
    var map = BlockMap(count: blocks)
    for index in present { map.insert(index) }
    let object = StoredObject(
      id: ObjectID(7), origin: OriginObject(size: blocks * block, key: "k"), blockSize: block, created: noon)
    return Fill(
      of: object, present: map, chunkSize: 4 * block, connections: connections,
      retry: RetryPolicy(initial: 1000, limit: 60_000), seed: 1)
  }

  private func span(_ blocks: Range<Int>) -> ChunkSpan {
    ChunkSpan(blocks: blocks, bytes: blocks.lowerBound * block..<blocks.upperBound * block)
  }

  @Test func whatIsAwaitedGoesFirstThenWhatIsAheadThenTheRest() {
    var fill = fill(blocks: 100, connections: 4)
    fill.demand = Demand(awaited: [50, 90], ahead: [51..<56, 91..<92])
    #expect(fill.next(at: noon) == .fetch(span(50..<52)), "up to the chunk's border")
    #expect(fill.next(at: noon) == .fetch(span(90..<92)))
    #expect(fill.next(at: noon) == .fetch(span(52..<56)))
    #expect(fill.next(at: noon) == .fetch(span(0..<4)))
    #expect(fill.next(at: noon) == .wait)
  }

  @Test func oneConnectionRestsForWhoeverSeeksNext() {
    var fill = fill(blocks: 100, present: 40..<60, connections: 3)
    fill.demand = Demand(ahead: [45..<50])
    #expect(fill.next(at: noon) == .fetch(span(0..<4)))
    #expect(fill.next(at: noon) == .fetch(span(4..<8)))
    #expect(fill.next(at: noon) == .wait)
    fill.demand = Demand(awaited: [80], ahead: [81..<85])
    #expect(fill.next(at: noon) == .fetch(span(80..<84)))
    fill.demand = Demand()
    fill.ended(span(80..<84), arrived: 4, .delivered, at: noon)
    #expect(fill.next(at: noon) == .fetch(span(8..<12)), "nobody plays any more: all of them work")
  }

  @Test func aSingleConnectionIsNotKeptFree() {
    var fill = fill(blocks: 100, present: 40..<60, connections: 1)
    fill.demand = Demand(ahead: [45..<50])
    #expect(fill.next(at: noon) == .fetch(span(0..<4)))
  }

  @Test func aRequestThatNobodyWantsIsGivenUpForOneThatSomebodyWaitsFor() {
    var fill = fill(blocks: 100, connections: 3)
    for start in [0, 4, 8] { #expect(fill.next(at: noon) == .fetch(span(start..<start + 4))) }
    fill.demand = Demand(awaited: [60], ahead: [61..<70, 0..<2])
    #expect(fill.next(at: noon) == .drop(span(4..<8)), "the first that nobody plays")
    #expect(fill.next(at: noon) == .wait, "one is enough")
    fill.ended(span(4..<8), arrived: 1, .abandoned, at: noon)
    #expect(fill.next(at: noon) == .fetch(span(60..<64)))
    fill.demand = Demand()
    fill.ended(span(60..<64), arrived: 4, .delivered, at: noon)
    #expect(fill.next(at: noon) == .fetch(span(5..<8)), "what had come of it stays")
  }

  @Test func whatIsOnTheWayIsNotAskedForTwice() {
    var fill = fill(blocks: 100, connections: 3)
    for start in [0, 4, 8] { #expect(fill.next(at: noon) == .fetch(span(start..<start + 4))) }
    fill.demand = Demand(awaited: [5], ahead: [6..<12, 0..<4])
    #expect(fill.next(at: noon) == .wait, "it comes as soon as it can")
  }

  @Test func aRequestThatBringsMuchElseFirstIsGivenUp() {
    var fill = fill(blocks: 400, connections: 1)
    // A slow line: a megabyte in ten seconds, with a first byte after 20 ms.
    for start in [0, 4] {
      #expect(fill.next(at: noon) == .fetch(span(start..<start + 4)))
      fill.measured(wait: 0.02, bytes: 4 * block, duration: 4 * Double(block) / 100_000)
      fill.received(start + 3, of: span(start..<start + 4))
      fill.ended(span(start..<start + 4), arrived: 4, .delivered, at: noon)
    }
    #expect(fill.next(at: noon) == .fetch(span(8..<12)))
    fill.demand = Demand(awaited: [11])
    #expect(fill.next(at: noon) == .drop(span(8..<12)))
    fill.ended(span(8..<12), arrived: 0, .abandoned, at: noon)
    #expect(fill.next(at: noon) == .fetch(span(11..<12)))
  }

  @Test func aProbeIsNotGivenUp() {
    var fill = fill(blocks: 100, connections: 2)
    #expect(fill.next(at: noon) == .fetch(span(0..<4)))
    #expect(fill.next(at: noon) == .fetch(span(4..<8)))
    for start in [0, 4] { fill.ended(span(start..<start + 4), arrived: 0, .unreachable("reset"), at: noon) }
    let then = noon.adding(milliseconds: 1000)
    #expect(fill.next(at: then) == .fetch(span(0..<4)))
    fill.demand = Demand(awaited: [60])
    #expect(fill.next(at: then) == .wait)
    fill.ended(span(0..<4), arrived: 0, .unreachable("reset"), at: then)
    let later = then.adding(milliseconds: 60_000)
    #expect(fill.next(at: later) == .fetch(span(60..<64)), "the next probe is for who waits")
  }
}
