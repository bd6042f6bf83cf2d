// The life of downloads: a whole one with its figures, what each wish does in each state, and who comes late.

import Testing

@testable import Cache

@Suite struct DownloadTests {
  @Test func aWholeLifeWithExactFigures() throws {
    let box = try Box(Policy.generous.with { $0.defaultQuota = 1 << 20 })
    let ledger = box.ledger
    let size = 3 * block + 10

    guard case .created(let created) = try box.start("ann", "a", size: size) else { throw NotAdmitted() }
    let id = created.id
    #expect(created.status == .pending && created.totalBytes == size && created.created == box.now)
    #expect(id.created == box.now && created.trouble == nil && created.key == "a.mp4")
    #expect(box.consequences.downloads == [id: created] && box.consequences.queueChanged)
    #expect(try box.usage("ann") == Usage(used: 0, reserved: size))
    #expect(try box.usage() == BoxUsage(complete: 0, filling: size, fillingStored: 0, discarded: 0))
    #expect(
      try box.read { tx in try ledger.queue(limit: 9, in: tx) } == [QueueEntry(download: id, object: created.object)])

    try box.change { tx, change in try ledger.begin([id], in: tx, &change) }
    #expect(try box.download(id).status == .downloading && box.download(id).updated == box.now)

    let recorded = try box.change { tx, change throws in
      try ledger.record(
        [StoredBlock(index: 3, checksum: 33), StoredBlock(index: 0, checksum: 0), StoredBlock(index: 0, checksum: 0)],
        of: created.object, in: tx, &change)
    }
    #expect(recorded == [])
    let partial = try #require(try box.object(created.object))
    #expect(partial.storedBytes == block + 10 && partial.shownBytes == block + 10)
    #expect(try box.usage() == BoxUsage(complete: 0, filling: size, fillingStored: block + 10, discarded: 0))
    try box.read { tx throws in
      #expect(try ledger.checksums(of: partial, in: tx) == [0, nil, nil, 33])
      let map = try ledger.map(of: partial, in: tx)
      #expect(map.contains(0) && map.contains(3) && map.population == 2)
    }

    // Not every block is there: nothing is finished, nothing is completed.
    try box.change { tx, change throws in
      try ledger.finish(created.object, in: tx, &change)
      try ledger.complete([id], in: tx, &change)
    }
    #expect(try box.object(created.object)?.state == .filling && box.download(id).status == .downloading)

    try box.change { tx, change throws in
      try ledger.record([1, 2].map { StoredBlock(index: $0, checksum: 1) }, of: created.object, in: tx, &change)
    }
    #expect(try box.object(created.object)?.shownBytes == size - 1, "100 percent is for what is completed")
    try box.change { tx, change in try ledger.finish(created.object, in: tx, &change) }
    let whole = try #require(try box.object(created.object))
    #expect(whole.state == .complete && whole.shownBytes == size && whole.lastUsed == box.now)
    #expect(try box.usage() == BoxUsage(complete: size, filling: 0, fillingStored: 0, discarded: 0))
    #expect(try box.usage("ann") == Usage(used: 0, reserved: size), "its link is not there yet")

    try box.change { tx, change in try ledger.complete([id], in: tx, &change) }
    let completed = try box.download(id)
    #expect(completed.status == .completed && completed.completed == box.now && completed.endedBytes == size)
    #expect(try box.usage("ann") == Usage(used: size, reserved: 0))
    #expect(try box.read { tx in try ledger.queue(limit: 9, in: tx) }.isEmpty)

    try box.play(completed)
    #expect(try box.download(id).lastPlayed == box.now && box.object(created.object)?.lastUsed == box.now)

    try box.wish(.delete, completed)
    let deleted = try box.download(id)
    #expect(deleted.deleted == box.now && deleted.status == .completed && deleted.object == .none)
    #expect(box.consequences.discards.map(\.path) == ["downloads/users/ann/a_720p.mp4"])
    #expect(try box.usage("ann") == Usage())
    #expect(try box.usage().complete == size, "the copy stays as a cache")
    #expect(try box.object(created.object)?.owners == 0)
    #expect(try box.wish(.delete, completed).word == "not found")

    // Again, while the origin cannot be reached: the whole version is there.
    let again = try #require(try box.start("bob", "a").download)
    #expect(again.object == created.object && again.totalBytes == size && again.trouble == nil)
    #expect(try box.findings() == [])
    try box.temporary.reopen()
    #expect(try box.download(id) == deleted)
  }

  /// A download in each state, by the contract's words.
  private func download(_ status: Download.Status, in box: Box) throws -> Download {
    if status == .completed { return try box.complete("ann", "a", size: 10) }
    let made = try #require(try box.start("ann", "a", size: 10).download)
    switch status {
    case .pending, .completed: break
    case .downloading: try box.change { tx, change in try box.ledger.begin([made.id], in: tx, &change) }
    case .paused: try box.wish(.pause, made)
    case .failed:
      try box.change { tx, change throws in
        try box.ledger.fail([made.id], Trouble(.accessDenied, "no"), in: tx, &change)
      }
    case .cancelled: try box.wish(.cancel, made)
    }
    return try box.download(made.id)
  }

  @Test(arguments: [
    (Wish.pause, ["paused", "paused", "paused", "conflict", "conflict", "not found"]),
    (.resume, ["pending", "downloading", "pending", "conflict", "conflict", "not found"]),
    (.pin, ["pending", "downloading", "paused", "completed", "failed", "not found"]),
    (.unpin, ["pending", "downloading", "paused", "completed", "failed", "not found"]),
    (
      .cancel,
      ["cancelled, deleted", "cancelled, deleted", "cancelled, deleted", "conflict", "cancelled, deleted", "not found"]
    ),
    (.delete, ["conflict", "conflict", "conflict", "completed, deleted", "failed, deleted", "not found"]),
  ])
  func whatEachWishDoesInEachState(_ wish: Wish, _ expected: [String]) throws {
    for (status, word) in zip(Download.Status.allCases, expected) {
      let box = try Box()
      let made = try download(status, in: box)
      #expect(made.status == status)
      let stranger = try box.change { tx, change throws in
        try box.ledger.apply(wish, to: made.id, of: "eve", in: tx, &change)
      }
      #expect(stranger.word == "not found")
      #expect(try box.download(made.id) == made)
      #expect(try box.wish(wish, made).word == word, "\(wish) when \(status)")
      let now = try box.download(made.id)
      if word.hasSuffix("deleted") {
        #expect(try now.deleted == box.now && box.usage("ann") == Usage())
        #expect((now.trouble?.code == .accessDenied) == (status == .failed), "why it failed stays true")
      }
      if word == "conflict" { #expect(now == made) }
      #expect(now.pinned == (wish == .pin && now.isLive))
      #expect(try box.findings() == [])
    }
  }

  @Test func aWishThatIsTrueAlreadyChangesNothing() throws {
    let box = try Box()
    let made = try #require(try box.start("ann", "a", size: 10).download)
    for wish in [Wish.resume, .unpin] {
      try box.wish(wish, made)
      #expect(try box.download(made.id) == made)
      #expect(box.consequences.downloads.isEmpty)
    }
  }

  @Test func aSecondStartFindsTheFirst() throws {
    let box = try Box()
    let first = try #require(try box.start("ann", "a", size: 10).download)
    guard case .existing(let second) = try box.start("ann", "a", size: 10) else { throw NotAdmitted() }
    #expect(second == first)
    guard case .created(let other) = try box.start("bob", "a", size: 10) else { throw NotAdmitted() }
    #expect(other.object == first.object && other.id > first.id)
    #expect(try box.usage().filling == 10, "one copy")
    #expect(try box.usage("ann") == box.usage("bob"), "and each is charged for it")
  }

  @Test func startOfAFailedOneTriesItAnew() throws {
    let box = try Box()
    let failed = try download(.failed, in: box)
    #expect(try failed.object == .none && box.usage("ann") == Usage() && box.usage().filling == 0)
    box.policy.defaultQuota = 5
    #expect(try box.start("ann", "a", size: 10).refusal != nil)
    #expect(try box.download(failed.id) == failed, "a refusal leaves no trace")
    box.policy.defaultQuota = nil
    guard case .existing(let again) = try box.start("ann", "a", size: 10, etag: "\"2\"", key: "b/a.mkv") else {
      throw NotAdmitted()
    }
    #expect(
      again.id == failed.id && again.status == .pending && again.trouble == nil && again.created == failed.created)
    #expect(again.key == "b/a.mkv" && again.fileExtension == "mkv")
    #expect(try box.usage("ann") == Usage(used: 0, reserved: 10))
  }

  @Test func aRetryOfWhatWasDeletedMeanwhileBringsNothingBack() throws {
    for isReplaced in [false, true] {
      let box = try Box()
      let old = try download(.failed, in: box)
      try box.wish(.delete, old)
      let new = isReplaced ? try download(.failed, in: box) : nil
      let before = try box.download(old.id)
      let usage = try box.usage()
      guard case .gone = try box.start("ann", "a", size: 20, etag: "\"2\"", reviving: old.id) else {
        Issue.record("not gone, replaced: \(isReplaced)")
        continue
      }
      #expect(box.consequences.downloads.isEmpty && box.consequences.discards.isEmpty)
      #expect(!box.consequences.queueChanged)
      #expect(try box.download(old.id) == before && !before.isLive)
      #expect(try box.usage() == usage && box.usage("ann") == Usage())
      let live = try box.read { tx in try box.ledger.liveDownload(of: "ann", "a", in: tx) }
      #expect(live == new, "what came after it stays as it is")
      #expect(try box.findings() == [])

      // The retry of the one that is live is a retry.
      guard let new else { continue }
      let revived = try #require(try box.start("ann", "a", size: 20, etag: "\"2\"", reviving: new.id).download)
      #expect(revived.id == new.id && revived.status == .pending && revived.totalBytes == 20)
    }
  }

  @Test func anUnknownVersionWaitsAndIsThenIdentifiedOrFails() throws {
    let box = try Box(Policy.generous.with { $0.defaultQuota = 100 })
    let ledger = box.ledger
    let waiting = try #require(try box.start("ann", "a").download)
    #expect(waiting.status == .pending && waiting.totalBytes == nil && waiting.trouble?.code == .originUnreachable)
    #expect(try box.usage("ann") == Usage())
    #expect(try box.read { tx in try ledger.queue(limit: 9, in: tx) }.map(\.object) == [.none])
    try box.change { tx, change throws in
      try ledger.identify(waiting.id, as: OriginObject(size: 60, key: "a.mp4"), in: tx, &change)
    }
    let known = try box.download(waiting.id)
    #expect(known.status == .pending && known.totalBytes == 60 && known.trouble == nil)
    // Known is known: a second answer changes nothing.
    try box.change { tx, change throws in
      try ledger.identify(waiting.id, as: OriginObject(size: 70, key: "a.mp4", etag: "\"2\""), in: tx, &change)
    }
    #expect(try box.download(waiting.id) == known)

    let second = try #require(try box.start("ann", "b").download)
    try box.change { tx, change throws in
      try ledger.identify(second.id, as: OriginObject(size: 41, key: "b.mp4"), in: tx, &change)
    }
    let failed = try box.download(second.id)
    #expect(failed.status == .failed && failed.trouble?.code == .quotaExceeded && failed.trouble?.nextAttempt == nil)
    #expect(try box.usage("ann") == Usage(used: 0, reserved: 60))
    #expect(try box.findings() == [])
  }

  @Test func aNewVersionBeginsAgainForAllOwners() throws {
    let box = try Box(Policy.generous.with { $0.quotas["bob"] = 100 })
    let ledger = box.ledger
    let (anns, bobs) = (try #require(try box.start("ann", "a", size: 90).download), try box.start("bob", "a", size: 90))
    try box.wish(.pause, anns)
    try box.change { tx, change throws in
      try ledger.renew(anns.object, as: OriginObject(size: 101, key: "a.mp4", etag: "\"2\""), in: tx, &change)
    }
    let renewed = try box.download(anns.id)
    #expect(renewed.status == .paused && renewed.totalBytes == 101 && renewed.object != anns.object)
    let failed = try box.download(try #require(bobs.download).id)
    #expect(failed.status == .failed && failed.trouble?.code == .quotaExceeded && failed.totalBytes == nil)
    #expect(box.consequences.goneObjects == [anns.object])
    #expect(try box.usage() == BoxUsage(complete: 0, filling: 101, fillingStored: 0, discarded: 0))
    // The same version is none, and a complete object stays what it is.
    try box.change { tx, change throws in
      try ledger.renew(renewed.object, as: OriginObject(size: 101, key: "a.mp4", etag: "\"2\""), in: tx, &change)
    }
    #expect(try box.download(anns.id).object == renewed.object)
    #expect(try box.findings() == [])
  }

  @Test func anAnswerAboutAnotherKeyThatOnlyLooksAlikeIsTakenForNothing() throws {
    let box = try Box()
    let ledger = box.ledger
    let (composed, decomposed) = ("caf\u{E9}.mp4", "cafe\u{301}.mp4")
    let strange = OriginObject(size: 60, key: decomposed)
    #expect(throws: ForeignAnswer.self) {
      try box.change { tx, change in
        try ledger.start(
          StartRequest(user: "ann", title: "a", key: composed, bucket: "b", found: strange, trouble: nil), in: tx,
          &change)
      }
    }
    let waiting = try #require(try box.start("ann", "a", key: composed).download)
    #expect(throws: ForeignAnswer.self) {
      try box.change { tx, change in try ledger.identify(waiting.id, as: strange, in: tx, &change) }
    }
    #expect(try box.download(waiting.id) == waiting)
    try box.change { tx, change throws in
      try ledger.identify(waiting.id, as: OriginObject(size: 60, key: composed), in: tx, &change)
    }
    let known = try box.download(waiting.id)
    var elsewhere = OriginObject(size: 61, key: composed, etag: "\"2\"")
    elsewhere.version.bucket = "c"
    for answer in [strange, elsewhere] {
      #expect(throws: ForeignAnswer.self) {
        try box.change { tx, change in try ledger.renew(known.object, as: answer, in: tx, &change) }
      }
    }
    #expect(try box.download(waiting.id) == known)
    #expect(try box.findings() == [])
  }

  @Test func aMismatchFetchesAnewOnceAndFailsThen() throws {
    let box = try Box()
    let ledger = box.ledger
    let made = try #require(try box.start("ann", "a", size: 200 * block).download)
    let all = (0..<200).map { StoredBlock(index: $0, checksum: 7) }
    for isLast in [false, true] {
      try box.change { tx, change in try ledger.record(all, of: made.object, in: tx, &change) }
      let again = try box.change { tx, change throws in
        try ledger.mismatch(made.object, "it differs", in: tx, &change)
      }
      #expect(again != isLast)
      #expect(try box.findings() == [])
      if isLast { continue }
      let object = try #require(try box.object(made.object))
      #expect(object.storedBytes == 0 && object.shownBytes == object.size - 1, "progress does not go back")
      #expect(try box.read { tx in try ledger.map(of: object, in: tx) }.population == 0)
    }
    let failed = try box.download(made.id)
    #expect(failed.status == .failed && failed.trouble == Trouble(.integrityMismatch, "it differs"))
    #expect(try box.object(made.object) == nil && box.usage("ann") == Usage())
  }

  // MARK: Who comes late

  @Test func aDeleteBeatsEveryWriterInFlight() throws {
    let box = try Box()
    let ledger = box.ledger
    let made = try download(.downloading, in: box)
    try box.wish(.cancel, made)
    let cancelled = try box.download(made.id)
    try box.change { tx, change throws in
      let recorded = try ledger.record([StoredBlock(index: 0, checksum: 1)], of: made.object, in: tx, &change)
      #expect(recorded == nil)
      try ledger.finish(made.object, in: tx, &change)
      #expect(try !ledger.mismatch(made.object, "late", in: tx, &change))
      _ = try ledger.renew(made.object, as: OriginObject(size: 1, key: "a.mp4", etag: "\"2\""), in: tx, &change)
      try ledger.identify(made.id, as: OriginObject(size: 1, key: "a.mp4"), in: tx, &change)
      try ledger.begin([made.id], in: tx, &change)
      try ledger.fail([made.id], Trouble(.accessDenied, "late"), in: tx, &change)
      try ledger.touch([made.id: change.now], in: tx, &change)
      #expect(change.downloads.isEmpty && change.discards.isEmpty)
      // A link was made for it meanwhile: it goes again.
      try ledger.complete([made.id], in: tx, &change)
      #expect(change.discards.map(\.path) == [change.policy.link(of: made)])
    }
    #expect(try box.download(made.id) == cancelled)
    #expect(try box.usage("ann") == Usage())
    #expect(try box.findings() == [])
  }

  @Test func aLateLinkDoesNotTakeANewerDownloadsAway() throws {
    let box = try Box()
    let old = try box.complete("ann", "a", size: 10)
    try box.wish(.delete, old)
    let link = box.policy.link(of: old)
    let new = try #require(try box.start("ann", "a", size: 10).download)
    try box.change { tx, change in try box.ledger.complete([new.id], in: tx, &change) }
    #expect(try box.read { tx in try box.ledger.pendingDiscards(in: tx) }.isEmpty, "the path is in use again")
    try box.change { tx, change in try box.ledger.complete([old.id], in: tx, &change) }
    #expect(try box.read { tx in try box.ledger.pendingDiscards(in: tx) }.isEmpty)
    try box.wish(.delete, new)
    #expect(try box.read { tx in try box.ledger.pendingDiscards(in: tx) }.map(\.path) == [link])
  }

  @Test func anOlderDiscardDoesNotSettleANewerOne() throws {
    let box = try Box()
    let first = try box.complete("ann", "a", size: 10)
    try box.wish(.delete, first)
    let old = try #require(box.consequences.discards.first)
    let second = try #require(try box.start("ann", "a", size: 10).download)
    try box.change { tx, change in try box.ledger.complete([second.id], in: tx, &change) }
    try box.wish(.delete, second)
    let new = try #require(box.consequences.discards.first)
    #expect(new.path == old.path && new.sequence > old.sequence)
    try box.change { tx, _ in try box.ledger.settle([old], in: tx) }
    #expect(try box.read { tx in try box.ledger.pendingDiscards(in: tx) } == [new])
    try box.change { tx, _ in try box.ledger.settle([new, new], in: tx) }
    #expect(try box.read { tx in try box.ledger.pendingDiscards(in: tx) }.isEmpty)
  }

  @Test func removeAllFreesTheWholeQuota() throws {
    let box = try Box()
    try box.complete("ann", "a", size: 10)
    try box.start("ann", "b", size: 20)
    try box.start("ann", "c")
    let bobs = try box.complete("bob", "a2", size: 40)
    let answer = try box.change { tx, change in try box.ledger.removeAll(of: "ann", in: tx, &change) }
    #expect(answer.deleted == 3 && answer.freed == 30)
    #expect(try box.usage("ann") == Usage() && box.isLive(bobs))
    let none = try box.change { tx, change in try box.ledger.removeAll(of: "ann", in: tx, &change) }
    #expect(none.deleted == 0 && none.freed == 0)
    #expect(try box.findings() == [])
  }
}
