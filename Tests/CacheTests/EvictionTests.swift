// The rules of eviction as pure decisions, against the naive reading of the contract: the shortest beginning of the
// least recently wanted that is enough, or nothing.

import Testing

@testable import Cache

@Suite struct EvictionTests {
  private func candidate(_ number: UInt64, object: UInt64? = nil, bytes: Int) -> EvictionCandidate {
    EvictionCandidate(
      download: DownloadID(upper: 0, lower: number), object: ObjectID(object ?? number), bytes: bytes,
      lastWanted: Timestamp(milliseconds: Int64(number)))
  }

  private func victims(_ needed: Int, _ candidates: [EvictionCandidate], protectedFrom: Int64 = .max) -> [UInt64]? {
    var rest = candidates[...]
    return Eviction.forQuota(
      needed: needed, isProtected: { $0.milliseconds >= protectedFrom }, mayGo: { _ in true }, next: { rest.popFirst() }
    )?.map(\.download.lower)
  }

  @Test func theLeastRecentlyWantedGoFirstAndNoMoreThanNeeded() {
    let three = [candidate(1, bytes: 10), candidate(2, bytes: 20), candidate(3, bytes: 30)]
    #expect(victims(1, three) == [1])
    #expect(victims(10, three) == [1])
    #expect(victims(11, three) == [1, 2])
    #expect(victims(30, three) == [1, 2])
    #expect(victims(60, three) == [1, 2, 3])
    #expect(victims(61, three) == nil)
    #expect(victims(1, []) == nil)
  }

  @Test func whatIsProtectedOrEmptyIsPassedOver() {
    let three = [candidate(1, bytes: 0), candidate(2, bytes: 20), candidate(3, bytes: 30)]
    #expect(victims(1, three) == [2])
    #expect(victims(20, three, protectedFrom: 3) == [2])
    #expect(victims(21, three, protectedFrom: 3) == nil)
  }

  /// The naive reading: for each beginning of what may go, what would leave; the first that is enough.
  private func naive(
    _ needed: Int, unowned: [(object: ObjectID, bytes: Int)], owned: [[EvictionCandidate]]
  ) -> (objects: Set<ObjectID>, downloads: Set<EvictionCandidate>)? {
    for count in 0...unowned.count {
      let gone = unowned.prefix(count).filter { $0.bytes > 0 }
      if gone.reduce(0, { $0 + $1.bytes }) >= needed { return (Set(gone.map(\.object)), []) }
    }
    let cached = unowned.filter { $0.bytes > 0 }
    for count in 0...owned.count {
      let prefix = owned.prefix(count).filter { $0[0].bytes > 0 }
      if (cached.map(\.bytes) + prefix.map { $0[0].bytes }).reduce(0, +) >= needed {
        return (Set(cached.map(\.object) + prefix.map { $0[0].object }), Set(prefix.joined()))
      }
    }
    return nil
  }

  @Test func aFullBoxLikeTheNaiveReading() {
    var random = SplitMix64(seed: 10)
    var (admitted, spared) = (0, 0)
    for _ in 0..<3000 {
      var unowned: [(object: ObjectID, bytes: Int)] = []
      for number in 0..<Int.random(in: 0...4, using: &random) {
        unowned.append((ObjectID(UInt64(100 + number)), Int.random(in: 0...5, using: &random)))
      }
      // A few objects with some owners each, in the order of the one who wanted it last.
      var owners: [ObjectID: [EvictionCandidate]] = [:]
      let sizes = (0..<5).map { _ in Int.random(in: 0...9, using: &random) }
      for number in 0..<Int.random(in: 0...10, using: &random) {
        let object = Int.random(in: 0..<5, using: &random)
        let owner = candidate(UInt64(number), object: UInt64(object), bytes: sizes[object])
        owners[owner.object, default: []].append(owner)
      }
      let objects = owners.values.sorted { $0.last!.lastWanted < $1.last!.lastWanted }
      // Sometimes one moment is protected, also in the middle of an object's owners: as by a clock that was wrong.
      let protected = Int64.random(in: 0...30, using: &random)
      let owned = objects.filter { !$0.contains { $0.lastWanted.milliseconds == protected } }
      spared += objects.count - owned.count
      let needed = Int.random(in: 1...40, using: &random)
      var (restUnowned, restOwned) = (unowned[...], objects[...])
      let plan = Eviction.forRoom(
        needed: needed, isProtected: { $0.milliseconds == protected }, mayGo: { _ in true },
        nextUnowned: { restUnowned.popFirst() },
        nextOwned: {
          restOwned.popFirst()?.last.map { OwnedObject(id: $0.object, bytes: $0.bytes, lastWanted: $0.lastWanted) }
        }, owners: { owners[$0.id] ?? [] })
      let expected = naive(needed, unowned: unowned, owned: owned)
      #expect(plan.map { Set($0.objects) } == expected?.objects)
      #expect(plan.map { Set($0.downloads) } == expected?.downloads)
      if let plan {
        admitted += 1
        #expect(plan.objects.count == Set(plan.objects).count && plan.downloads.count == Set(plan.downloads).count)
      }
    }
    #expect((500..<2900).contains(admitted), "the worlds are neither all roomy nor all full")
    #expect(spared > 100)
  }

  @Test(arguments: [
    (begun: 0, lastUsed: 0, days: 0), (begun: 5, lastUsed: 86_400_004, days: 0),
    (begun: 5, lastUsed: 86_400_005, days: 1),
    (begun: 0, lastUsed: 56 * 86_400_000, days: 56), (begun: 0, lastUsed: 400 * 86_400_000, days: 56),
    // The clock stepped back, or was wrong.
    (begun: 86_400_000, lastUsed: 0, days: 0), (begun: .min, lastUsed: .max, days: 0),
  ])
  func wholeDaysOfUseCountTwiceUpToEightWeeks(_ begun: Int64, _ lastUsed: Int64, _ days: Int64) {
    let standing = Eviction.standing(begun: Timestamp(milliseconds: begun), lastUsed: Timestamp(milliseconds: lastUsed))
    #expect(standing.milliseconds == lastUsed + days * 86_400_000)
  }

  @Test func unownedObjectsSpareTheOwned() {
    var unowned: [(object: ObjectID, bytes: Int)] = [(ObjectID(9), 5), (ObjectID(8), 5)]
    let plan = Eviction.forRoom(
      needed: 10, isProtected: { _ in false }, mayGo: { _ in true },
      nextUnowned: { unowned.isEmpty ? nil : unowned.removeFirst() },
      nextOwned: {
        Issue.record("nobody's download need be looked at")
        return nil
      }, owners: { _ in [] })
    #expect(plan?.objects == [ObjectID(9), ObjectID(8)])
    #expect(plan?.downloads == [])
  }

  @Test(
    arguments: [
      // capacity, reserve, free, complete, filling, stored, discarded, size, shortfall
      (100, 0, nil, 0, 0, 0, 0, 100, 0), (100, 0, nil, 0, 0, 0, 0, 101, 1), (100, 0, nil, 60, 40, 0, 0, 1, 1),
      (100, 0, nil, 60, 30, 30, 0, 10, 0), (100, 0, nil, 200, 0, 0, 0, 1, 101),
      (nil, 0, nil, 1 << 50, 0, 0, 0, 1 << 50, 0),
      // The file system: what is promised and not yet written is gone already, what is discarded comes back.
      (nil, 10, 100, 0, 0, 0, 0, 90, 0), (nil, 10, 100, 0, 0, 0, 0, 91, 1), (nil, 10, 100, 500, 50, 20, 0, 60, 0),
      (nil, 10, 100, 500, 50, 20, 0, 61, 1), (nil, 10, 100, 0, 0, 0, 5, 95, 0), (nil, 10, 100, 0, 0, 0, 5, 96, 1),
      (nil, 10, 5, 0, 0, 0, 0, 0, 5), (nil, .max, 0, 0, 0, 0, 0, 1, .max),
      // The narrower of the two decides.
      (100, 10, 60, 20, 0, 0, 0, 55, 5), (70, 10, 1000, 20, 0, 0, 0, 55, 5),
    ] as [(Int?, Int, Int?, Int, Int, Int, Int, Int, Int)])
  func shortfalls(
    _ row: (
      capacity: Int?, reserve: Int, free: Int?, complete: Int, filling: Int, stored: Int, gone: Int, size: Int,
      short: Int
    )
  ) {
    // The figures are without what lies beside the objects.
    let fills = row.filling > 0 ? 3 : 0
    let besides = BoxLimits.besides(objects: fills + 1, bytes: row.filling + row.size)
    let limits = BoxLimits(capacity: row.capacity, reserve: row.reserve, free: row.free.map { $0 + besides })
    let box = BoxUsage(complete: row.complete, filling: row.filling, fillingStored: row.stored, discarded: row.gone)
    #expect(limits.shortfall(for: row.size, in: box, fills: fills) == row.short)
  }
}
