// Blocks that the disk has lost: what the ledger makes of a whole object that is so no longer, and of what comes in its place.

import LMDB
import Testing

@testable import Cache

@Suite struct DamageTests {
  private let size = 3 * block + 100

  private func damage(_ blocks: [Int], of id: ObjectID, in box: Box) throws -> Bool {
    try box.change { tx, change in try box.ledger.damage(blocks, of: id, cause: "checksum", in: tx, &change) }
  }

  private func record(_ blocks: [Int: UInt32], of id: ObjectID, in box: Box) throws -> [Int]? {
    try box.change { tx, change throws in
      try box.ledger.record(
        blocks.map { StoredBlock(index: $0.key, checksum: $0.value) }, of: id, in: tx, &change)
    }
  }

  private func mends(_ box: Box) throws -> [ObjectID] { try box.read { try box.ledger.mends(limit: 9, in: $0) } }

  @Test func theDownloadStaysCompletedAndOnlyTheLostBlocksAreMissing() throws {
    let box = try Box()
    let made = try box.complete("ann", "a", size: size)
    #expect(try damage([1, 3, 99], of: made.object, in: box))
    #expect(box.consequences.damagedObjects == [made.object] && box.consequences.queueChanged)
    let object = try #require(try box.object(made.object))
    #expect(object.state == .mending && object.storedBytes == 2 * block)
    #expect(try box.download(made.id) == made)
    #expect(try box.usage("ann") == Usage(used: size))
    #expect(try box.usage() == BoxUsage(filling: size, fillingStored: 2 * block))
    #expect(try mends(box) == [made.object])
    try box.read { tx throws in
      #expect(try box.ledger.checksums(of: object, in: tx) == [0, nil, 2, nil])
      #expect(try box.ledger.checksum(ofBlock: 2, of: made.object, in: tx) == 2)
      #expect(try box.ledger.checksum(ofBlock: 1, of: made.object, in: tx) == nil)
      #expect(try box.ledger.wholeVersion(ofKey: "a.mp4", bucket: "b", in: tx) == nil)
    }
    #expect(try box.findings() == [])
    #expect(try !damage([1], of: made.object, in: box), "it is known already")
  }

  @Test func whatIsMissingOfSomeBlocksIsWhatTheWholeMapSays() throws {
    var random = SplitMix64(seed: 11)
    for _ in 0..<40 {
      let box = try Box()
      let count = Int.random(in: 1...5 * BlockPage.blocks, using: &random)
      let made = try box.complete("ann", "a", size: (count - 1) * block + Int.random(in: 1...block, using: &random))
      let lost = (0..<Int.random(in: 1...count, using: &random)).map { _ in Int.random(in: 0..<count, using: &random) }
      #expect(try damage(lost, of: made.object, in: box))
      let object = try #require(try box.object(made.object))
      let ranges = (0..<Int.random(in: 0...9, using: &random)).map { _ in
        let first = Int.random(in: 0..<count, using: &random)
        return first...Int.random(in: first..<count, using: &random)
      }
      try box.read { tx throws in
        let map = try box.ledger.map(of: object, in: tx)
        #expect(
          try box.ledger.missing(ranges, of: object, in: tx) == ranges.flatMap { $0.filter { !map.contains($0) } })
        #expect(try box.ledger.missing([-3...count + 3], of: object, in: tx) == Set(lost).sorted())
      }
    }
  }

  @Test func noPageIsReadForBlocksThatStandOnOthers() throws {
    let box = try Box()
    let made = try box.complete("ann", "a", size: 4 * BlockPage.blocks * block)
    #expect(try damage([5, 3 * BlockPage.blocks], of: made.object, in: box))
    let object = try #require(try box.object(made.object))
    // Whoever reads these hears of it.
    try box.ledger.environment.write { tx in
      for page in [1, 2] { try tx.put(box.ledger.blocks, Key.page(made.object, page), [4]) }
    }
    try box.read { tx throws in
      let (first, last) = (0...BlockPage.blocks - 1, 3 * BlockPage.blocks...4 * BlockPage.blocks - 1)
      #expect(try box.ledger.missing([last, first], of: object, in: tx) == [3 * BlockPage.blocks, 5])
      #expect(throws: CorruptRecord.self) {
        try box.ledger.missing([0...BlockPage.blocks], of: object, in: tx)
      }
    }
  }

  @Test func whatComesInItsPlaceMustBeWhatItWas() throws {
    let box = try Box()
    let made = try box.complete("ann", "a", size: size)
    #expect(try damage([1, 2], of: made.object, in: box))
    #expect(try record([1: 1, 2: 77], of: made.object, in: box) == [2])
    #expect(try box.object(made.object)?.storedBytes == size - block)
    #expect(try !box.change { tx, change in try box.ledger.finish(made.object, in: tx, &change) })
    #expect(try box.object(made.object)?.state == .mending, "a block is missing still")
    let known = try box.read { try box.ledger.knownChecksums(of: try #require(try box.object(made.object)), in: $0) }
    #expect(known[2] != 77, "what was refused lies on the disk now, and must not be found there")
    #expect(try record([2: 78], of: made.object, in: box) == [2], "a third answer")
    #expect(try record([2: 78], of: made.object, in: box) == [], "the same twice in a row is taken")
    let used = try box.object(made.object)?.lastUsed
    #expect(try box.change { tx, change in try box.ledger.finish(made.object, in: tx, &change) })
    let whole = try #require(try box.object(made.object))
    #expect(whole.state == .complete && whole.storedBytes == size && whole.lastUsed == used)
    #expect(try mends(box) == [] && box.findings() == [])
    let entries = try box.read { try box.ledger.auditEntries(limit: 2, in: $0) }
    #expect(entries.map(\.event) == [.mended, .damaged])
  }

  @Test func whatNobodyOwnsIsGivenUpInsteadOfMended() throws {
    let box = try Box()
    let made = try box.complete("ann", "a", size: size)
    try box.wish(.delete, made)
    #expect(try damage([0], of: made.object, in: box))
    #expect(try box.object(made.object) == nil && box.findings() == [])
    let other = try box.complete("ann", "b", size: size)
    #expect(try damage([0], of: other.object, in: box))
    try box.wish(.delete, other)
    #expect(try box.object(other.object) == nil && mends(box) == [] && box.findings() == [])
  }

  /// The last owner has to go for somebody who wants the same object: what lacks bytes stays for the one who comes.
  @Test(arguments: [false, true])
  func whoeverComesTakesOverFromWhoGoes(asksLater: Bool) throws {
    let box = try Box(Policy.generous.with { $0.defaultQuota = size + block })
    let made = try box.complete("ann", "a", size: size)
    #expect(try damage([1], of: made.object, in: box))
    let other = try Title(contentID: "a", quality: "1080p")
    let version = try #require(try box.object(made.object)).origin
    var next = try #require(try box.start("ann", other, size: asksLater ? nil : size, key: "a.mp4").download)
    if asksLater {
      #expect(try next.object == .none && box.isLive(made))
      try box.change { tx, change in try box.ledger.identify(next.id, as: version, in: tx, &change) }
      next = try box.download(next.id)
    }
    #expect(next.object == made.object && next.status == .pending)
    #expect(try box.download(made.id).trouble?.code == .evicted)
    let object = try #require(try box.object(made.object))
    #expect(object.state == .mending && object.owners == 1 && object.storedBytes == size - block)
    #expect(box.consequences.goneObjects == [] && !box.consequences.discards.contains { $0.bytes > 0 })
    #expect(try box.usage() == BoxUsage(filling: size, fillingStored: size - block) && box.findings() == [])
    #expect(
      try box.read { try box.ledger.queue(limit: 9, in: $0) } == [QueueEntry(download: next.id, object: made.object)])
    // Nobody waits for it any more: now it goes.
    try box.wish(.cancel, next)
    #expect(try box.object(made.object) == nil && box.findings() == [])
  }

  /// A ledger that says that a download waits for an object which is not there.
  @Test(arguments: [Wish.resume, .pause])
  func whoWaitsForNothingAsksAgain(_ wish: Wish) throws {
    let box = try Box()
    let made = try #require(try box.start("ann", "a", size: size).download)
    let sound = try #require(try box.start("ann", "b", size: size).download)
    try box.change { tx, change in try box.ledger.begin([made.id, sound.id], in: tx, &change) }
    try box.wish(wish, made)
    try box.change { tx, change throws in
      // As if its record had been lost.
      try box.ledger.put(nil, over: try box.ledger.object(made.object, in: tx), in: tx, &change)
    }
    #expect(try box.findings() == [.unfounded(made.id, made.object)])
    try box.change { tx, change in try box.ledger.unbind([made.id, sound.id], in: tx, &change) }
    let now = try box.download(made.id)
    #expect(now.object == .none && now.totalBytes == nil && now.status == (wish == .pause ? .paused : .pending))
    #expect(try box.usage("ann") == Usage(reserved: size) && box.findings() == [])
    #expect(try box.download(sound.id).object == sound.object && box.consequences.queueChanged)
    try box.change { tx, change in try box.ledger.unbind([made.id, sound.id], in: tx, &change) }
    #expect(box.consequences.downloads == [:] && !box.consequences.queueChanged)
    try box.wish(.resume, made)
    try box.change { tx, change throws in
      try box.ledger.identify(made.id, as: OriginObject(size: size, key: "a.mp4"), in: tx, &change)
    }
    #expect(try box.object(box.download(made.id).object)?.owners == 1 && box.findings() == [])
  }

  @Test func aNewVersionTakesThePlaceOfWhatCannotBeMended() throws {
    let box = try Box(Policy.generous.with { $0.defaultQuota = 5 * block })
    let made = try box.complete("ann", "a", size: size)
    #expect(try damage([0], of: made.object, in: box))
    try box.change { tx, change throws in
      try box.ledger.renew(
        made.object, as: OriginObject(size: block, key: "a.mp4", etag: "\"2\""), in: tx, &change)
    }
    let now = try box.download(made.id)
    #expect(now.status == .pending && now.totalBytes == block && now.completed == nil && now.object != made.object)
    #expect(box.consequences.discards.map(\.path).contains(StoredPath.object(made.object)))
    #expect(try box.object(made.object) == nil && box.usage("ann") == Usage(reserved: block) && box.findings() == [])
  }

  /// A link is made right before its download is completed: who waits may have one when the object loses blocks, and it
  /// would keep the bytes of what is given up. Nobody has one of what never was whole.
  @Test func theLinkOfWhoWaitsGoesWithWhatItWasMadeOf() throws {
    let box = try Box()
    let anns = try box.complete("ann", "a", size: size)
    let bobs = try #require(try box.start("bob", "a", size: size).download)
    #expect(bobs.object == anns.object && bobs.status == .pending)
    #expect(try damage([0], of: anns.object, in: box))
    #expect(try renew(anns.object, size: size, in: box) == nil)
    let links = [anns, bobs].map(box.policy.link(of:))
    let given = box.consequences.discards
    #expect(Set(given.map(\.path)).isSuperset(of: links), "\(given)")
    // What is made anew at the same path stays, also when the removal is struck off after that.
    let moved = try box.download(bobs.id)
    try box.fill(moved.object)
    try box.change { tx, change in try box.ledger.complete([anns.id, bobs.id], in: tx, &change) }
    let left = try box.read { try box.ledger.pendingDiscards(in: $0).map(\.path) }
    #expect(left == [StoredPath.object(anns.object)])
    try box.change { tx, _ in try box.ledger.settle(given, in: tx) }
    #expect(try box.usage().discarded == 0 && box.findings() == [])

    let new = try #require(try box.start("cyd", "b", size: size, etag: "\"3\"", key: "a.mp4").download)
    #expect(try renew(new.object, size: size, in: box) == nil)
    #expect(box.consequences.discards.map(\.path) == [StoredPath.object(new.object)])
  }

  private func renew(_ id: ObjectID, size: Int, in box: Box) throws -> Refusal? {
    try box.change { tx, change throws in
      try box.ledger.renew(id, as: OriginObject(size: size, key: "a.mp4", etag: "\"2\""), in: tx, &change)
    }
  }

  /// The new version does not fit: nothing happens, and nobody goes for it in vain.
  @Test(arguments: [false, true])
  func aNewVersionThatIsNotAdmittedChangesNothing(isQuota: Bool) throws {
    let limit = 2 * size + block
    let box = try Box(
      Policy.generous.with { if isQuota { $0.defaultQuota = limit } else { $0.capacity = limit } })
    let other = try box.complete("ann", "b", size: block)
    try box.wish(.pin, other)
    let bystander = try box.complete("ann", "c", size: block)
    let made = try box.complete("ann", "a", size: size)
    #expect(try damage([0], of: made.object, in: box))
    let object = try box.object(made.object)
    let needed = 2 * size + 1
    #expect(
      try renew(made.object, size: needed, in: box)
        == (isQuota
          ? .quotaExceeded(limit: limit, used: 2 * block, reserved: 0, needed: needed) : .storageFull(needed: needed)))
    #expect(try box.download(made.id) == made && box.object(made.object) == object && box.isLive(bystander))
    #expect(box.consequences.downloads == [:] && box.consequences.discards == [] && box.consequences.goneObjects == [])
    #expect(box.consequences.evictions == [:] && !box.consequences.queueChanged)
    #expect(try box.usage("ann") == Usage(used: size + 2 * block) && box.findings() == [])
    // A byte less, and the bystander goes for it.
    #expect(try renew(made.object, size: needed - 1, in: box) == nil)
    #expect(try box.download(made.id).totalBytes == needed - 1 && !box.isLive(bystander) && box.isLive(other))
    #expect(try box.object(made.object) == nil && box.findings() == [])
  }

  /// Of two owners one may move and the other may not: each has one version, and the old one goes with its last owner.
  @Test func whoMayMoveMovesAndTheOtherStays() throws {
    let box = try Box(Policy.generous.with { $0.quotas["bob"] = size })
    let anns = try box.complete("ann", "a", size: size)
    let bobs = try box.complete("bob", "a", size: size)
    let waits = try #require(
      try box.start("cyd", Title(contentID: "a", quality: "1080p"), size: size, key: "a.mp4").download)
    #expect(anns.object == bobs.object && waits.object == anns.object)
    #expect(try damage([0], of: anns.object, in: box))
    #expect(try renew(anns.object, size: size + 1, in: box)?.trouble.code == .quotaExceeded)
    #expect(try box.download(bobs.id) == bobs && box.object(anns.object)?.owners == 1)
    let moved = try box.download(anns.id)
    #expect(moved.status == .pending && moved.totalBytes == size + 1 && moved.object != bobs.object)
    #expect(try box.download(waits.id).object == moved.object)
    #expect(!box.consequences.discards.map(\.path).contains(box.policy.link(of: bobs)))
    #expect(try box.findings() == [])
    // Where the new one has no room beside the old one, nobody moves.
    let tight = try Box(
      Policy.generous.with { ($0.quotas["bob"], $0.capacity, $0.evicts) = (size, size + block, false) })
    let first = try tight.complete("ann", "a", size: size)
    let second = try tight.complete("bob", "a", size: size)
    #expect(try damage([0], of: first.object, in: tight))
    #expect(try renew(first.object, size: size + 1, in: tight)?.trouble.code == .storageFull)
    #expect(try tight.download(first.id) == first && tight.download(second.id) == second && tight.findings() == [])
    tight.policy.quotas["bob"] = 2 * size
    #expect(try renew(first.object, size: size + 1, in: tight) == nil)
    #expect(try tight.download(first.id).object == tight.download(second.id).object && tight.findings() == [])
  }

  @Test func anUnfinishedObjectForgetsWhatTheDiskLost() throws {
    let box = try Box()
    guard case .created(let made) = try box.start("ann", "a", size: size) else { throw NotAdmitted() }
    #expect(try record([0: 5, 1: 6], of: made.object, in: box) == [])
    #expect(try damage([0], of: made.object, in: box))
    let object = try #require(try box.object(made.object))
    #expect(object.state == .filling && object.storedBytes == block)
    #expect(try record([0: 9], of: made.object, in: box) == [], "the whole is compared anyway")
    #expect(try box.findings() == [])
  }

  @Test func theWholeThatDiffersIsFetchedAnewAndThenFails() throws {
    let box = try Box()
    let made = try box.complete("ann", "a", size: size)
    #expect(try damage([0], of: made.object, in: box))
    #expect(try record([0: 0], of: made.object, in: box) == [])
    #expect(try box.change { try box.ledger.mismatch(made.object, "differs", in: $0, &$1) })
    #expect(try box.object(made.object)?.storedBytes == 0)
    try box.change { tx, change throws in
      let all = (0..<4).map { StoredBlock(index: $0, checksum: 9) }
      #expect(try box.ledger.record(all, of: made.object, in: tx, &change) == [], "nothing is expected any more")
    }
    #expect(try !box.change { try box.ledger.mismatch(made.object, "differs", in: $0, &$1) })
    let failed = try box.download(made.id)
    #expect(failed.status == .failed && failed.trouble?.code == .integrityMismatch && failed.completed == nil)
    #expect(try box.object(made.object) == nil && box.usage("ann") == Usage() && box.findings() == [])
  }
}

@Suite struct SumsTests {
  private let object = {
    var object = StoredObject(
      id: ObjectID(7), origin: OriginObject(size: 3 * block, key: "k"), blockSize: block,
      created: Timestamp(milliseconds: 1_700_000_000_000))
    object.state = .complete
    object.storedBytes = 3 * block
    return object
  }()

  @Test func whatWasWrittenIsRead() throws {
    let sums = try #require(Sums(of: object, checksums: [1, 2, .max]))
    #expect(try Sums(sums.encoded) == sums)
    #expect(Sums(of: object, checksums: [1, nil, 3]) == nil && Sums(of: object, checksums: [1, 2]) == nil)
  }

  @Test func aChangedByteOrATornFileIsRefused() throws {
    let bytes = try #require(Sums(of: object, checksums: [1, 2, 3])).encoded
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 0x10
      #expect(throws: CorruptRecord.self) { try Sums(changed) }
      #expect(throws: CorruptRecord.self) { try Sums(Array(bytes[..<index])) }
    }
    #expect(throws: CorruptRecord.self) { try Sums(bytes + [0]) }
    // Its first bytes say how long it is, whatever follows them.
    try Sums.check(length: bytes.count, announcedBy: bytes)
    try Sums.check(length: bytes.count, announcedBy: Array(bytes.dropLast(20)))
    #expect(throws: CorruptRecord.self) { try Sums.check(length: 500 << 30, announcedBy: bytes) }
    #expect(throws: CorruptRecord.self) { try Sums.check(length: bytes.count, announcedBy: Array(bytes[..<20])) }
    #expect(throws: CorruptRecord.self) { try Sums.check(length: 700, announcedBy: Array(repeating: 0, count: 700)) }
  }
}

@Suite struct BlockStartTests {
  private func record(_ starts: [BlockStart], of id: ObjectID, in box: Box) throws {
    try box.change { tx, change in try box.ledger.record(starts, of: id, in: tx, &change) }
  }

  private func starts(of id: ObjectID, in box: Box) throws -> [BlockStart] {
    try box.read { try box.ledger.starts(of: id, in: $0) }
  }

  @Test func theyAreKeptUntilTheirBlockIsThere() throws {
    let box = try Box()
    let made = try #require(try box.start("ann", "a", size: 2 * block + 9).download)
    let kept = [BlockStart(index: 0, length: 1, checksum: 5), BlockStart(index: 1, length: block - 1, checksum: .max)]
    try record(kept, of: made.object, in: box)
    #expect(try starts(of: made.object, in: box) == kept && box.findings() == [])
    try box.temporary.reopen()
    try box.change { tx, change throws in
      try box.ledger.record([StoredBlock(index: 0, checksum: 1)], of: made.object, in: tx, &change)
    }
    #expect(try starts(of: made.object, in: box) == [kept[1]])
    try record([kept[0]], of: made.object, in: box)
    #expect(try starts(of: made.object, in: box) == [kept[1]], "it is there already")
    try box.wish(.cancel, made)
    #expect(try starts(of: made.object, in: box) == [] && box.findings() == [])
    try record(kept, of: made.object, in: box)
    #expect(try starts(of: made.object, in: box) == [], "a delete beats a writer in flight")
  }

  @Test func whatCannotBeABeginningIsNotKept() throws {
    let box = try Box()
    let made = try #require(try box.start("ann", "a", size: block + 9).download)
    let wrong = [(0, 0), (0, block), (1, 9), (2, 1), (-1, 1), (0, -1)]
    try record(wrong.map { BlockStart(index: $0.0, length: $0.1, checksum: 1) }, of: made.object, in: box)
    #expect(try starts(of: made.object, in: box) == [])
  }

  @Test func aFillGoesOnBehindThem() {
    let object = StoredObject(
      id: ObjectID(1), origin: OriginObject(size: 6 * block, key: "k"), blockSize: block,
      created: Timestamp(milliseconds: 1))
    var plan = ChunkPlan(
      object: object, present: BlockMap(count: 6), starts: [0: 100, 2: 7], chunkSize: 4 * block)
    #expect(plan.claim() == ChunkSpan(blocks: 0..<2, bytes: 100..<2 * block), "the next has a beginning of its own")
    #expect(plan.claim() == ChunkSpan(blocks: 2..<4, bytes: 2 * block + 7..<4 * block))
    plan.release(3..<4, start: 50)
    plan.release(0..<2)
    #expect(plan.claim() == ChunkSpan(blocks: 0..<2, bytes: 0..<2 * block), "it was used up")
    #expect(plan.claim() == ChunkSpan(blocks: 3..<4, bytes: 3 * block + 50..<4 * block))
    #expect(plan.claim() == ChunkSpan(blocks: 4..<6, bytes: 4 * block..<6 * block))
    #expect(plan.claim() == nil)
  }
}

@Suite struct ScrubProgressTests {
  @Test func itIsRemembered() throws {
    let box = try Box()
    #expect(try box.read { try box.ledger.scrubProgress(in: $0) } == ScrubProgress())
    var progress = ScrubProgress()
    progress.object = ObjectID(5)
    progress.block = 77
    progress.began = Timestamp(milliseconds: 5)
    progress.checkedBytes = 1 << 40
    progress.badBlocks = 3
    try box.change { tx, _ in try box.ledger.note(progress, in: tx) }
    try box.temporary.reopen()
    #expect(try box.read { try box.ledger.scrubProgress(in: $0) } == progress)
  }

  @Test func aMomentThatCannotBeIsAnError() throws {
    let box = try Box()
    var progress = ScrubProgress()
    (progress.began, progress.finished) = (Timestamp(milliseconds: 5), Timestamp(milliseconds: 6))
    try box.change { tx, _ in try box.ledger.note(progress, in: tx) }
    let key = Array("scrub".utf8)
    let record = try #require(try box.read { try $0.get(box.ledger.meta, key) })
    for place in [17, 25] {
      var wrong = record
      #expect([5, 6].contains(wrong[place]))
      wrong[place + 7] |= 0x80
      try box.ledger.environment.write { tx in try tx.put(box.ledger.meta, key, wrong) }
      #expect(throws: CorruptRecord.self) { try box.read { try box.ledger.scrubProgress(in: $0) } }
    }
  }

  @Test func objectsAreMetInOrderOfTheirNumbers() throws {
    let box = try Box()
    var made: [ObjectID] = []
    for name in ["a", "b", "c"] as [Title] { made.append(try box.complete("ann", name, size: block).object) }
    #expect(try walk(box).objects == made)
  }

  @Test func aRecordThatCannotBeReadIsPassedOverAndNamed() throws {
    let box = try Box()
    var made: [ObjectID] = []
    for name in ["a", "b", "c"] as [Title] { made.append(try box.complete("ann", name, size: block).object) }
    let ledger = box.ledger
    try ledger.environment.write { tx in
      try tx.put(ledger.objects, Key.object(made[0]), [1, 2, 3])
      try tx.put(ledger.blocks, Key.page(made[1], 0), [4])
      try tx.put(ledger.objects, [7], [1])
    }
    let walk = try walk(box)
    #expect(walk.objects == [made[2]] && walk.unreadable == [made[0], made[1]])
  }

  @Test func blocksThatAreNotThereCostAStepForEachRow() throws {
    let box = try Box()
    let count = 100 * BlockPage.blocks
    let id = try box.complete("ann", "a", size: count * block).object
    // One of them is left, far behind.
    let left = 77 * BlockPage.blocks + 5
    try box.change { tx, change throws in
      try box.ledger.damage((0..<count).filter { $0 != left }, of: id, cause: "the file is gone", in: tx, &change)
    }
    let step = try box.read { try box.ledger.scrubStep(from: id, block: 77 * BlockPage.blocks, in: $0) }
    guard case .block(let object, left, _) = step, object.id == id else {
      Issue.record("\(step)")
      return
    }
    let walk = try walk(box)
    #expect(walk.objects == [id] && walk.steps <= 105, "\(walk.steps)")
  }

  /// Goes from step to step, as the scrub does.
  private func walk(_ box: Box) throws -> (objects: [ObjectID], unreadable: [ObjectID], steps: Int) {
    var (objects, unreadable, steps): ([ObjectID], [ObjectID], Int) = ([], [], 0)
    var (id, block) = (ObjectID.none, 0)
    while true {
      steps += 1
      switch try box.read({ try box.ledger.scrubStep(from: id, block: block, in: $0) }) {
      case .block(let object, let index, _):
        if objects.last != object.id { objects.append(object.id) }
        (id, block) = (object.id, index + 1)
      case .nothing(let next, let first): (id, block) = (next, first)
      case .unreadable(let bad, _):
        unreadable.append(bad)
        (id, block) = (bad.next, 0)
      case .end: return (objects, unreadable, steps)
      }
    }
  }
}
