// The ledger as a file and as a store: it opens again as it was, refuses a stranger's, lists in pages, keeps a diary.

import LMDB
import Testing

@testable import Cache

@Suite struct LedgerTests {
  private func everything(_ ledger: Ledger) throws -> [[[UInt8]]] {
    let tables =
      [ledger.meta, ledger.downloads, ledger.users, ledger.objects, ledger.blocks, ledger.discards, ledger.audit]
      + DerivedRow.Index.allCases.map(ledger.table)
    return try ledger.environment.read { tx in
      try tables.map { table in
        var rows: [[UInt8]] = []
        var row = try tx.row(in: table)
        while let (key, value) = row {
          rows.append(key + [0] + value)
          row = try tx.row(in: table, after: key)
        }
        return rows
      }
    }
  }

  @Test func everythingIsThereAfterOpeningAgain() throws {
    let box = try Box()
    let done = try box.complete("ann", "a", size: 3 * block)
    let filling = try #require(try box.start("ann", "b", size: 300 * block).download)
    try box.change { tx, change throws in
      try box.ledger.record([StoredBlock(index: 299, checksum: 5)], of: filling.object, in: tx, &change)
    }
    try box.wish(.delete, try box.complete("bob", "c", size: 1))
    let before = try everything(box.ledger)
    #expect(before.count { !$0.isEmpty } >= 14, "hardly a table is empty")
    try box.temporary.reopen()
    #expect(try everything(box.ledger) == before)
    #expect(try box.download(done.id) == done && box.findings() == [])
    // Numbers go on where they were.
    let next = try #require(try box.start("cyd", "d", size: 1).download)
    #expect(next.object > filling.object && next.id > filling.id)
  }

  @Test func aForeignSchemaIsRefused() throws {
    let temporary = try TemporaryLedger()
    let ledger = temporary.ledger
    try ledger.environment.write { tx in
      try tx.put(ledger.meta, Array("schema".utf8), Key.bigEndian(UInt64(Ledger.schema) + 1))
    }
    do {
      try temporary.reopen()
      Issue.record("it was opened")
    } catch let error as LedgerError {
      guard case .foreignSchema(found: Ledger.schema + 1) = error else { throw error }
      #expect(error.description.contains("schema \(Ledger.schema + 1)"))
    }
  }

  /// What no one owns stood by its last use alone in schema 1, owners by their ids, and who has to go download by download.
  /// What has damaged records must not keep the box from starting.
  @Test func anEarlierSchemaIsBroughtUpToDate() throws {
    let box = try Box()
    let ledger = box.ledger
    let titles = try (0..<9).map { try box.complete("ann", Title(contentID: "t\($0)", quality: "720p"), size: 1 + $0) }
    box.now.milliseconds += 40 * 86_400_000
    for title in titles where title.totalBytes! % 2 == 0 { try box.play(title) }
    for title in titles { try box.wish(.delete, title) }
    var owned = try (0..<3).map { try box.complete("bob", Title(contentID: "o\($0)", quality: "720p"), size: 10 + $0) }
    owned.append(try box.complete("cyd", owned[0].title, size: 10))
    try box.play(owned[1])
    try box.wish(.pin, owned[2])
    let before = try everything(ledger)
    let table = ledger.table(.unowned)
    let broken = titles[4].object
    try ledger.environment.write { tx in
      try tx.deleteAll(table)
      for title in titles {
        let object = try #require(try ledger.object(title.object, in: tx))
        try tx.put(table, Key.moment(object.lastUsed) + Key.object(object.id), Key.bigEndian(UInt64(object.size)))
      }
      for index in [DerivedRow.Index.owners, .boxLRU] { try tx.deleteAll(ledger.table(index)) }
      for owner in try owned.map({ try #require(try ledger.download($0.id, in: tx)) }) {
        let (id, object) = (Key.download(owner.id), Key.object(owner.object))
        try tx.put(ledger.table(.owners), object + id, [])
        guard !owner.pinned else { continue }
        try tx.put(
          ledger.table(.boxLRU), Key.moment(owner.lastWanted) + id, object + Key.bigEndian(UInt64(owner.totalBytes!)))
      }
      try tx.put(ledger.meta, Array("schema".utf8), Key.bigEndian(1))
    }
    #expect(try everything(ledger) != before)
    ledger.environment.close()
    #expect { _ = try Ledger(path: box.temporary.path, readOnly: true) } throws: { error in
      guard case LedgerError.older(found: 1) = error else { return false }
      return true
    }
    try box.temporary.reopen()
    #expect(try everything(box.ledger) == before && box.findings() == [])

    try box.ledger.environment.write { tx in
      try tx.put(box.ledger.objects, Key.object(broken), [9])
      try tx.put(box.ledger.meta, Array("schema".utf8), Key.bigEndian(1))
    }
    try box.temporary.reopen()
    #expect(try box.findings() != [] && box.read { tx in try tx.count(box.ledger.table(.unowned)) } == titles.count - 1)
  }

  /// The map is small and grows: a change that did not fit runs again, and is there once.
  @Test func aChangeRunsAgainAfterTheMapHasGrown() throws {
    let box = try Box()
    let ledger = box.ledger
    try ledger.environment.setMapSize(1 << 18)
    var grown = 0
    for number in 0..<400 {
      let title = try Title(contentID: "t\(number)", quality: "720p")
      do { try box.start("ann", title, size: 1) } catch let error as LMDBError where error.isMapFull {
        grown += 1
        try ledger.environment.setMapSize(try ledger.environment.mapSize() * 2)
        try box.start("ann", title, size: 1)
      }
    }
    #expect(grown > 0)
    #expect(try box.usage("ann").reserved == 400 && box.findings() == [])
  }

  @Test func listsInPagesNewestFirst() throws {
    let box = try Box()
    var ids: [DownloadID] = []
    for number in 0..<12 {
      let download = try box.complete("ann", try Title(contentID: "t\(number)", quality: "720p"), size: 1)
      ids.append(download.id)
      // Another user whose name begins with this one's, or is its beginning.
      try box.start(number % 2 == 0 ? "anna" : "an", try Title(contentID: "t\(number)", quality: "720p"), size: 1)
      if number % 3 == 0 { try box.wish(.delete, download) }
      if number % 4 == 1 { try box.start("ann", try Title(contentID: "p\(number)", quality: "720p")) }
    }
    for includesDeleted in [false, true] {
      for statuses in [nil, [.completed], [.pending, .failed], []] as [Set<Download.Status>?] {
        let all = try box.read { tx throws in
          try box.ledger.list(
            of: "ann", DownloadFilter(statuses: statuses, includesDeleted: includesDeleted, limit: 100), in: tx)
        }
        #expect(all.next == nil && all.downloads.allSatisfy { $0.user == "ann" })
        #expect(all.downloads.map(\.id) == all.downloads.map(\.id).sorted(by: >))
        #expect(all.downloads.allSatisfy { (includesDeleted || $0.isLive) && statuses?.contains($0.status) ?? true })
        if statuses == nil { #expect(all.downloads.count == (includesDeleted ? 15 : 11)) }
        for (limit, examined) in [(1, 99), (2, 99), (5, 99), (99, 1), (2, 3), (3, 2)] {
          var paged: [Download] = []
          var next: DownloadID?
          var pages = 0
          repeat {
            let filter = DownloadFilter(
              statuses: statuses, includesDeleted: includesDeleted, before: next, limit: limit)
            let page = try box.read { tx in try box.ledger.list(of: "ann", filter, examining: examined, in: tx) }
            #expect(page.downloads.count <= min(limit, examined))
            if examined == 99 { #expect(page.downloads.count == limit || page.next == nil) }
            paged += page.downloads
            next = page.next
            pages += 1
          } while next != nil
          #expect(paged == all.downloads)
          if statuses == [] { #expect(pages >= 11 / examined, "\(examined) records a page, also of those left out") }
        }
      }
    }
  }

  @Test func ofManyOwnersThoseWhoWaitGoBeforeTheOthers() throws {
    let box = try Box()
    let made = try ["ann", "bob", "cyd", "dan"].map { try box.complete($0, "a", size: 1) }
    let waits = try #require(
      try box.start("eve", Title(contentID: "a", quality: "1080p"), size: 1, key: "a.mp4").download)
    try box.play(made[0])
    func owners(_ limit: Int) throws -> [DownloadID] {
      try box.read { try box.ledger.owners(of: waits.object, limit: limit, in: $0) }
    }
    #expect(try owners(9) == made.map(\.id) + [waits.id])
    #expect(try owners(1) == [waits.id])
    #expect(try owners(3) == [made[1].id, made[2].id, waits.id], "then who wanted it longest ago")
  }

  @Test func theQueueIsOldestFirstAndGoesOnBehind() throws {
    let box = try Box()
    let made = try ["a", "b", "c", "d"].map { try #require(try box.start("ann", $0, size: 1).download) }
    try box.wish(.pause, made[1])
    try box.read { tx throws in
      #expect(try box.ledger.queue(limit: 2, in: tx).map(\.download) == [made[0].id, made[2].id])
      #expect(try box.ledger.queue(after: made[2].id, limit: 2, in: tx).map(\.download) == [made[3].id])
    }
    try box.wish(.resume, made[1])
    #expect(
      try box.read { tx in try box.ledger.queue(limit: 9, in: tx) }.map(\.download) == made.map(\.id),
      "who paused takes the old place again")
  }

  @Test func versionsOfOneKeyStandTogetherAndAreToldApart() throws {
    let box = try Box()
    let old = try box.complete("ann", "a", size: 5, etag: "\"1\"")
    let new = try box.complete("bob", "a", size: 6, etag: "\"2\"")
    let filling = try #require(try box.start("cyd", "a", size: 7, etag: "\"3\"").download)
    try box.read { tx throws in
      let ledger = box.ledger
      for (download, size, etag) in [(old, 5, "\"1\""), (new, 6, "\"2\""), (filling, 7, "\"3\"")] {
        let version = OriginObject(size: size, key: "a.mp4", etag: etag).version
        #expect(try ledger.object(of: version, in: tx)?.id == download.object)
        for other in [
          ObjectVersion(bucket: "c", key: "a.mp4", etag: etag, size: size),
          ObjectVersion(bucket: "b", key: "b.mp4", etag: etag, size: size),
          ObjectVersion(bucket: "b", key: "a.mp4", etag: etag, size: size + 9),
          ObjectVersion(bucket: "b", key: "a.mp4", etag: "W/" + etag, size: size),
        ] { #expect(try ledger.object(of: other, in: tx) == nil) }
      }
      #expect(try ledger.wholeVersion(ofKey: "a.mp4", bucket: "b", in: tx)?.id == new.object)
      #expect(try ledger.wholeVersion(ofKey: "a.mp4", bucket: "c", in: tx) == nil)
    }
  }

  @Test func blocksOutsideTheObjectAreNotRecorded() throws {
    let box = try Box()
    let made = try #require(try box.start("ann", "a", size: block + 1).download)
    try box.change { tx, change throws in
      let blocks = [-1, -129, 2, 128, .max].map { StoredBlock(index: $0, checksum: 1) }
      let recorded = try box.ledger.record(blocks, of: made.object, in: tx, &change)
      #expect(recorded == [])
    }
    #expect(try box.object(made.object)?.storedBytes == 0 && box.findings() == [])
  }

  @Test func theDiarySaysWhatHappenedAndWhy() throws {
    let box = try Box(Policy.generous.with { $0.defaultQuota = 10 })
    let a = try box.complete("ann", "a", size: 10)
    try box.start("ann", "b", size: 4)
    let entries = try box.read { tx in try box.ledger.auditEntries(limit: 9, in: tx) }
    #expect(entries.map(\.event) == [.started, .evicted, .completed, .verified, .started])
    #expect(entries[3].object == a.object && entries[3].cause == "by framing and ETag alone")
    let eviction = try #require(entries.dropFirst().first)
    #expect(eviction.download == a.id && eviction.object == a.object && eviction.user == "ann" && eviction.bytes == 10)
    #expect(eviction.moment == box.now && eviction.cause == "the quota of ann was full")
    #expect(try box.read { tx in try box.ledger.auditEntries(limit: 2, in: tx) }.count == 2)
  }

  @Test func theDiaryIsBounded() throws {
    let box = try Box()
    try box.start("ann", "a", size: 1)
    #expect(try box.read { tx in try tx.count(box.ledger.audit) } == 1)
    // As if a hundred thousand more had been written since.
    try box.ledger.environment.write { tx in
      try tx.put(box.ledger.meta, Array("next_audit".utf8), Key.bigEndian(UInt64(Ledger.auditLimit)))
    }
    try box.start("ann", "b", size: 1)
    let entries = try box.read { tx in try box.ledger.auditEntries(limit: 9, in: tx) }
    #expect(entries.count == 1 && entries.first?.moment == box.now, "the first has gone for it")
  }
}
