// Who is let in and who goes for it, at the exact borders, through the ledger.

import Testing

@testable import Cache

@Suite struct AdmissionTests {
  /// Everybody's limit is 1000 bytes.
  private func box(_ change: (inout Policy) -> Void = { _ in }) throws -> Box {
    try Box(
      Policy.generous.with {
        $0.defaultQuota = 1000
        change(&$0)
      })
  }

  /// Those of `downloads` that are live, by their content id.
  private func live(_ box: Box, _ downloads: Download...) throws -> [String] {
    try downloads.filter(box.isLive).map(\.title.contentID)
  }

  // MARK: Quota

  @Test(arguments: [
    // used, reserved, size, fits
    (0, 0, 1000, true), (0, 0, 1001, false), (600, 0, 400, true), (600, 0, 401, false), (0, 600, 400, true),
    (0, 600, 401, false), (300, 300, 400, true), (300, 300, 401, false), (1000, 0, 0, true), (1000, 0, 1, false),
  ])
  func withoutEviction(_ used: Int, _ reserved: Int, _ size: Int, _ fits: Bool) throws {
    let box = try box { $0.evicts = false }
    if used > 0 { try box.complete("u", "used", size: used) }
    if reserved > 0 { try box.start("u", "reserved", size: reserved) }
    let outcome = try box.start("u", "new", size: size)
    let before = Usage(used: used, reserved: reserved)
    if fits {
      #expect(outcome.download?.status == .pending)
      #expect(try box.usage("u") == Usage(used: used, reserved: reserved + size))
    } else {
      #expect(outcome.refusal == .quotaExceeded(limit: 1000, used: used, reserved: reserved, needed: size))
      #expect(try box.usage("u") == before)
      #expect(box.consequences.downloads.isEmpty && box.consequences.discards.isEmpty)
    }
    #expect(try box.findings() == [])
  }

  @Test func theLeastRecentlyPlayedGoAndNoMoreThanNeeded() throws {
    for (size, left) in [(100, ["a", "b", "c"]), (101, ["b", "c"]), (400, ["b", "c"]), (401, ["c"]), (1000, [])] {
      let box = try box()
      let a = try box.complete("u", "a", size: 300)
      let b = try box.complete("u", "b", size: 300)
      let c = try box.complete("u", "c", size: 300)
      #expect(try box.start("u", "new", size: size).download != nil)
      #expect(try live(box, a, b, c) == left, "\(size)")
      #expect(try box.usage("u").total <= 1000)
      #expect(try box.findings() == [])
    }
  }

  @Test func aPlayMovesADownloadToTheEnd() throws {
    let box = try box()
    let a = try box.complete("u", "a", size: 500)
    let b = try box.complete("u", "b", size: 500)
    try box.play(a)
    try box.start("u", "new", size: 1)
    #expect(try live(box, a, b) == ["a"])
    let evicted = try box.download(b.id)
    #expect(evicted.trouble?.code == .evicted && evicted.deleted == box.now && evicted.status == .completed)
    #expect(box.consequences.discards.map(\.path) == [box.policy.link(of: b)], "the copy stays as a cache")
    #expect(try box.object(b.object)?.owners == 0)
  }

  @Test func noOneGoesInVain() throws {
    let box = try box()
    let small = try box.complete("u", "small", size: 100)
    let pinned = try box.complete("u", "pinned", size: 500)
    try box.wish(.pin, pinned)
    try box.start("u", "reserved", size: 300)
    // 100 bytes could be freed where 101 are needed.
    #expect(
      try box.start("u", "new", size: 301).refusal
        == .quotaExceeded(limit: 1000, used: 600, reserved: 300, needed: 301))
    #expect(try live(box, small, pinned) == ["small", "pinned"])
    #expect(try box.start("u", "new", size: 200).download != nil)
    #expect(try live(box, small, pinned) == ["pinned"])
  }

  @Test func onlyTheUsersOwnGo() throws {
    let box = try box()
    let theirs = try box.complete("other", "a", size: 900)
    let own = try box.complete("u", "b", size: 900)
    try box.start("u", "new", size: 900)
    #expect(try live(box, theirs, own) == ["a"])
  }

  @Test func largerThanTheWholeQuotaEvictsNobody() throws {
    let box = try box()
    let a = try box.complete("u", "a", size: 10)
    #expect(try box.start("u", "new", size: 1001).refusal != nil)
    #expect(try live(box, a) == ["a"])
  }

  @Test func aLoweredQuotaRemovesNothingByItself() throws {
    let box = try box()
    let a = try box.complete("u", "a", size: 400)
    let b = try box.complete("u", "b", size: 400)
    box.policy.quotas["u"] = 500
    #expect(try box.start("u", "new", size: 501).refusal != nil)
    #expect(try live(box, a, b) == ["a", "b"])
    #expect(try box.start("u", "small", size: 100).download != nil)
    #expect(try live(box, a, b) == ["b"])
    #expect(try box.usage("u") == Usage(used: 400, reserved: 100))
  }

  @Test func noLimitIsNoLimit() throws {
    let box = try box { $0.quotas["rich"] = .some(nil) }
    #expect(try box.start("rich", "a", size: 1 << 50).download != nil)
    #expect(try box.start("rich", "b", size: 1 << 50).download != nil)
    #expect(try box.start("poor", "a", size: 1001).refusal != nil)
    #expect(try box.usage("rich").reserved == 2 << 50)
  }

  @Test func aQuotaIsOneUsersAndNotOneWhoseNameLooksAlike() throws {
    let box = try box { $0.quotas["caf\u{E9}"] = 500 }
    #expect(try box.start("caf\u{E9}", "a", size: 501).refusal != nil)
    #expect(try box.start("cafe\u{301}", "a", size: 501).download != nil)
  }

  @Test(arguments: [-1, (1 << 50) + 1, Int.max])
  func aSizeThatCannotBeIsRefused(_ size: Int) throws {
    let box = try box { $0.defaultQuota = nil }
    let outcome = try box.start("u", "a", size: size)
    #expect(outcome.refusal == .storageFull(needed: size))
    #expect(try box.findings() == [])
  }

  // MARK: Grace

  @Test(
    arguments: [
      // milliseconds since the last play (negative: the clock stepped back), whether it is protected for 1000
      (0, true), (1, true), (999, true), (1000, false), (5000, false), (-1, true), (-999, true), (-1000, false),
      (-3_600_000, false),
    ] as [(Int64, Bool)])
  func withinTheGraceATitleStays(_ elapsed: Int64, _ isProtected: Bool) throws {
    let box = try box { $0.playingGrace = 1000 }
    let a = try box.complete("u", "a", size: 1000)
    box.now.milliseconds += 100_000
    try box.play(a)
    box.now.milliseconds += elapsed - 1
    #expect((try box.start("u", "new", size: 1).download == nil) == isProtected)
    #expect(try box.isLive(a) == isProtected)
  }

  @Test func aTitleNeverPlayedCountsAsPlayedWhenItCompleted() throws {
    let box = try box { $0.playingGrace = 1000 }
    let a = try box.complete("u", "a", size: 1000)
    box.now.milliseconds += 998
    #expect(try box.start("u", "new", size: 1).download == nil)
    box.now.milliseconds += 1
    #expect(try box.start("u", "new", size: 1).download != nil)
    #expect(try !box.isLive(a))
  }

  @Test func withoutGraceEvenWhatPlaysNowMayGo() throws {
    let box = try box()
    let a = try box.complete("u", "a", size: 1000)
    try box.play(a)
    #expect(try box.start("u", "new", size: 1).download != nil)
  }

  /// The clock stepped back an hour while somebody watches: the next play counts, though it is earlier than the last.
  @Test func whoWatchesWhileTheClockStepsBackIsProtected() throws {
    let box = try box { $0.playingGrace = 60_000 }
    let a = try box.complete("u", "a", size: 1000)
    try box.play(a)
    box.now.milliseconds -= 3_600_000
    try box.play(a)
    #expect(try box.download(a.id).lastPlayed == box.now)
    #expect(try box.object(a.object)?.lastUsed == box.now)
    #expect(try box.start("u", "new", size: 1).refusal != nil)
    box.now.milliseconds += 60_000
    #expect(try box.start("u", "new", size: 1).download != nil)
  }

  // MARK: The box

  private func full(_ change: (inout Policy) -> Void = { _ in }) throws -> Box {
    try Box(
      Policy.generous.with {
        $0.capacity = 1000
        change(&$0)
      })
  }

  @Test func capacityHoldsToTheByte() throws {
    let box = try full { $0.evicts = false }
    try box.complete("u", "a", size: 600)
    #expect(try box.start("u", "b", size: 401).refusal == .storageFull(needed: 401))
    #expect(try box.start("u", "b", size: 400).download != nil)
    #expect(try box.start("v", "c", size: 1).refusal == .storageFull(needed: 1))
    // What the box holds or fetches already takes no room.
    #expect(try box.start("v", "a", size: 600).download != nil)
    #expect(try box.start("v", "b", size: 400).download != nil)
    #expect(try box.start("v", "empty", size: 0).download != nil)
    #expect(try box.usage().complete == 600 && box.usage().filling == 400)
  }

  @Test func whatNoOneOwnsGoesFirstAndOldestFirst() throws {
    let box = try full()
    let owned = try box.complete("u", "owned", size: 400)
    let old = try box.complete("u", "old", size: 300)
    let new = try box.complete("u", "new", size: 300)
    try box.wish(.delete, new)
    try box.wish(.delete, old)
    try box.start("v", "x", size: 300)
    #expect(try box.object(old.object) == nil && box.object(new.object) != nil)
    #expect(box.consequences.goneObjects == [old.object])
    #expect(box.consequences.discards.map(\.path) == [StoredPath.object(old.object)])
    try box.start("v", "y", size: 300)
    #expect(try box.object(new.object) == nil)
    #expect(try box.isLive(owned))
    try box.start("v", "z", size: 1)
    #expect(try !box.isLive(owned) && box.object(owned.object) == nil)
    #expect(try box.usage() == BoxUsage(complete: 0, filling: 601, fillingStored: 0, discarded: 1000))
    try box.settle()
    #expect(try box.usage().discarded == 0)
    #expect(try box.findings() == [])
  }

  /// Two days on which it was wanted are worth the days between them.
  @Test func whatWasWantedOverASpanOutlivesWhatWasSeenOnce() throws {
    let day: Int64 = 86_400_000
    let box = try full()
    let loved = try box.complete("u", "loved", size: 300)
    box.now.milliseconds += 10 * day
    try box.play(loved)
    box.now.milliseconds += 3 * day
    let seen = try box.complete("u", "seen", size: 300)
    try box.play(seen)
    box.now.milliseconds += 8 * day
    let fresh = try box.complete("u", "fresh", size: 300)
    for title in [loved, seen, fresh] { try box.wish(.delete, title) }
    // Last used on the days 10, 13 and 21; with their spans they stand at 20, 13 and 21.
    for (gone, new, size) in [(seen, "a", 400), (loved, "b", 300), (fresh, "c", 300)] as [(Download, Title, Int)] {
      try box.start("v", new, size: size)
      #expect(box.consequences.goneObjects == [gone.object])
    }
  }

  @Test func withoutEvictionWhatNoOneOwnsMayStillGo() throws {
    let box = try full { $0.evicts = false }
    let gone = try box.complete("u", "gone", size: 600)
    try box.complete("u", "kept", size: 400)
    try box.wish(.delete, gone)
    #expect(try box.start("v", "x", size: 601).refusal == .storageFull(needed: 601))
    #expect(try box.object(gone.object) != nil, "nothing goes in vain")
    #expect(try box.start("v", "x", size: 600).download != nil)
    #expect(try box.object(gone.object) == nil)
  }

  @Test func aSharedCopyGoesWithAllItsOwnersOrNotAtAll() throws {
    let box = try full()
    let anns = try box.complete("ann", "shared", size: 600)
    let bobs = try #require(try box.start("bob", "shared", size: 600).download)
    try box.change { tx, change in try box.ledger.complete([bobs.id], in: tx, &change) }
    let later = try box.complete("cyd", "later", size: 400)
    #expect(try box.object(anns.object)?.owners == 2)
    try box.wish(.pin, bobs)
    // Ann's alone frees nothing, so it stays, though it is the least recently played.
    try box.start("dan", "x", size: 300)
    #expect(try live(box, anns, bobs, later) == ["shared", "shared"])
    #expect(try box.start("dan", "y", size: 500).refusal == .storageFull(needed: 500))
    try box.wish(.unpin, bobs)
    #expect(try box.start("dan", "y", size: 500).download != nil)
    #expect(try live(box, anns, bobs, later) == [])
    #expect(try box.usage("ann").total + box.usage("bob").total == 0)
    #expect(try box.findings() == [])
  }

  @Test func ownVictimsCountForTheBoxToo() throws {
    let box = try full { $0.defaultQuota = 600 }
    let own = try box.complete("u", "own", size: 600)
    let other = try box.complete("v", "other", size: 400)
    // The quota takes the user's own; its copy, owned by no one then, makes the room.
    #expect(try box.start("u", "new", size: 600).download != nil)
    #expect(try live(box, own, other) == ["other"])
    #expect(try box.object(own.object) == nil)
    #expect(try box.usage() == BoxUsage(complete: 400, filling: 600, fillingStored: 0, discarded: 600))
  }

  @Test func aFullBoxRefusesBeforeItEvictsForTheQuota() throws {
    let box = try full { $0.defaultQuota = 600 }
    let own = try box.complete("u", "own", size: 300)
    let pinned = try box.complete("v", "pinned", size: 600)
    try box.wish(.pin, pinned)
    #expect(try box.start("u", "new", size: 401).refusal == .storageFull(needed: 401))
    #expect(try live(box, own, pinned) == ["own", "pinned"])
  }

  @Test func theReserveStaysFree() throws {
    let box = try Box(
      Policy.generous.with {
        $0.reserve = 100
        $0.evicts = false
      })
    let beside = BoxLimits.besides(objects: 1, bytes: 900)
    box.freeBytes = 1000 + beside
    #expect(try box.start("u", "a", size: 901).refusal == .storageFull(needed: 901))
    let a = try #require(try box.start("u", "a", size: 900).download)
    box.freeBytes = 1000 + 2 * beside
    #expect(try box.start("u", "b", size: 1).refusal == .storageFull(needed: 1), "promised, and not yet written")
    box.freeBytes = 1001 + 2 * beside - 1
    #expect(try box.start("u", "b", size: 1).refusal == .storageFull(needed: 1), "nor what will lie beside it")
    try box.fill(a.object)
    box.freeBytes = 100 + beside
    #expect(try box.start("u", "b", size: 1).refusal == .storageFull(needed: 1))
    box.freeBytes = 101 + beside
    #expect(try box.start("u", "b", size: 1).download != nil)
  }

  /// What was promised to a fill that was given up is not on the disk, and does not come back when its file goes.
  @Test func whatWasNeverWrittenIsNotFreedTwice() throws {
    let box = try Box(Policy.generous.with { $0.evicts = false })
    box.freeBytes = 10 * block
    let a = try #require(try box.start("u", "a", size: 8 * block).download)
    try box.change { tx, change throws in
      try box.ledger.record([StoredBlock(index: 0, checksum: 0)], of: a.object, in: tx, &change)
    }
    box.freeBytes = 9 * block
    try box.wish(.cancel, a)
    #expect(try box.usage() == BoxUsage(complete: 0, filling: 0, fillingStored: 0, discarded: block))
    box.freeBytes = 9 * block + BoxLimits.besides(objects: 1, bytes: 10 * block)
    #expect(try box.start("u", "b", size: 10 * block + 1).refusal != nil)
    #expect(try box.start("u", "b", size: 10 * block).download != nil)
  }

  // MARK: What does not come free

  /// What is being sent leaves its blocks only when the last answer has ended: nobody counts on them.
  @Test func whatIsBeingSentMakesNoRoom() throws {
    let box = try full()
    let (a, b) = (try box.complete("u", "a", size: 400), try box.complete("v", "b", size: 600))
    box.held = [a.object, b.object]
    #expect(try box.start("w", "c", size: 1).refusal == .storageFull(needed: 1))
    #expect(try live(box, a, b) == ["a", "b"] && box.consequences.discards.isEmpty)
    box.held = [a.object]
    #expect(try box.start("w", "c", size: 600).download != nil)
    #expect(try live(box, a, b) == ["a"], "the one that was wanted longer ago plays")
    // Nor does a cached copy.
    try box.wish(.delete, a)
    #expect(try box.start("w", "d", size: 1).refusal == .storageFull(needed: 1))
    #expect(try box.object(a.object) != nil)
    box.held = []
    #expect(try box.start("w", "d", size: 400).download != nil)
    #expect(try box.object(a.object) == nil && box.findings() == [])
  }

  /// The quota lets a title go that is being sent; its copy stays, and the room is taken from somebody else.
  @Test func aQuotasVictimThatIsBeingSentMakesNoRoomEither() throws {
    for isHeld in [false, true] {
      let box = try full { $0.quotas["u"] = 600 }
      let other = try box.complete("v", "b", size: 400)
      let own = try box.complete("u", "a", size: 600)
      if isHeld { box.held = [own.object] }
      #expect(try box.start("u", "c", size: 400).download != nil)
      #expect(try live(box, own, other) == (isHeld ? [] : ["b"]))
      #expect(try (box.object(own.object) != nil) == isHeld && box.findings() == [])
      #expect(try box.usage().complete + box.usage().filling <= 1000)
    }
  }

  @Test func whatCannotBeRemovedCountsAgainstTheCapacity() throws {
    let box = try full { $0.evicts = false }
    try box.complete("u", "a", size: 300)
    box.stuckBytes = 200
    #expect(try box.start("u", "b", size: 501).refusal == .storageFull(needed: 501))
    #expect(try box.start("u", "b", size: 500).download != nil)
    box.stuckBytes = 199
    #expect(try box.start("u", "c", size: 2).refusal != nil)
    #expect(try box.start("u", "c", size: 1).download != nil)
  }
}
