// The box at a glance: its counters follow, and its lists come in pages that neither lose nor repeat anything.

import LMDB
import Testing

@testable import Cache

@Suite struct OverviewTests {
  private func counts(_ box: Box) throws -> StatusCounts {
    try box.read { tx in try box.ledger.statusCounts(in: tx) }
  }

  @Test func countersFollowWhatHappens() throws {
    let box = try Box()
    func expect(
      pending: Int = 0, downloading: Int = 0, paused: Int = 0, completed: Int = 0, failed: Int = 0, unowned: Int = 0,
      _ location: SourceLocation = #_sourceLocation
    ) throws {
      let now = try counts(box)
      #expect(
        [now.pending, now.downloading, now.paused, now.completed, now.failed]
          == [pending, downloading, paused, completed, failed], sourceLocation: location)
      #expect(try box.usage().unowned == unowned, sourceLocation: location)
    }
    try expect()
    let done = try box.complete("ann", "a", size: 7)
    try expect(completed: 1)
    let other = try #require(try box.start("bob", "b", size: 9).download)
    try expect(pending: 1, completed: 1)
    try box.change { tx, change in try box.ledger.begin([other.id], in: tx, &change) }
    try expect(downloading: 1, completed: 1)
    try box.wish(.pause, other)
    try expect(paused: 1, completed: 1)
    try box.change { tx, change in try box.ledger.fail([other.id], Trouble(.accessDenied, "no"), in: tx, &change) }
    try expect(completed: 1, failed: 1)
    try box.wish(.delete, done)
    try expect(failed: 1, unowned: 7)
    let again = try #require(try box.start("cyd", "a", size: 7).download)
    try expect(pending: 1, failed: 1)
    try box.wish(.cancel, again)
    try box.wish(.cancel, other)
    try expect(unowned: 7)
    #expect(try box.findings() == [] && box.read { tx in try box.ledger.userCount(in: tx) } == 3)
  }

  @Test func aCounterThatLiesIsFoundAndCountedAnew() throws {
    let box = try Box()
    try box.complete("ann", "a", size: 7)
    var wrong = try counts(box)
    wrong.failed += 2
    try box.ledger.environment.write { tx in try tx.put(box.ledger.meta, StatusCounts.key, wrong.record) }
    let findings = try box.findings()
    guard case .statuses(let recorded, let recomputed)? = findings.first, findings.count == 1 else {
      Issue.record("\(findings)")
      return
    }
    #expect(recorded == wrong && recomputed.failed == 0 && recomputed.completed == 1)
    #expect("\(findings[0])".contains("2 failed"))
    try box.change { tx, change in _ = try box.ledger.recompute(in: tx, &change) }
    #expect(try box.findings() == [] && counts(box) == recomputed)
    // One that is too low refuses what would make it less than nothing.
    try box.ledger.environment.write { tx in
      try tx.put(box.ledger.meta, StatusCounts.key, StatusCounts().record)
    }
    let last = try #require(
      try box.read { tx in try box.ledger.list(DownloadFilter(limit: 1), examining: 9, in: tx) }
        .downloads.first)
    #expect(throws: CorruptRecord.self) { try box.wish(.delete, last) }
    #expect(try box.isLive(last))
  }

  /// As schema 2 left it: no limits and statuses, a box without what no one owns, and users whom nobody has counted.
  @Test func schema2IsBroughtUpToDate() throws {
    let box = try Box()
    let done = try box.complete("ann", "a", size: 7)
    try box.complete("bob", "b", size: 9)
    try box.start("cyd", "c", size: 1)
    try box.wish(.delete, done)
    let (usage, statuses) = (try box.usage(), try counts(box))
    #expect(usage.unowned == 7)
    let ledger = box.ledger
    try ledger.environment.write { tx in
      try tx.delete(ledger.meta, StatusCounts.key)
      try tx.delete(ledger.counts, Key.user("bob"))
      try tx.put(ledger.meta, Array("box".utf8), [1] + Array(usage.record.dropFirst().dropLast(8)))
      try tx.put(ledger.meta, Array("schema".utf8), Key.bigEndian(2))
    }
    ledger.environment.close()
    #expect { _ = try Ledger(path: box.temporary.path, readOnly: true) } throws: { error in
      guard case LedgerError.older(found: 2) = error else { return false }
      return true
    }
    try box.temporary.reopen()
    #expect(try box.usage() == usage && counts(box) == statuses && box.findings() == [])
    #expect(try box.read { tx in try box.ledger.counts(of: "bob", in: tx) }?.live == 1)
  }

  @Test func everybodysDownloadsComeInPages() throws {
    let box = try Box()
    var all: [DownloadID] = []
    for number in 0..<9 {
      let user: UserID = ["ann", "bob", "cyd"][number % 3]
      let download = try box.complete(user, Title(contentID: "t\(number)", quality: "720p"), size: 1)
      if number % 4 == 0 { try box.wish(.delete, download) }
      all.append(download.id)
    }
    for (limit, examined) in [(1, 99), (2, 99), (99, 2), (99, 1), (3, 2), (99, 99)] {
      for includesDeleted in [false, true] {
        var found: [DownloadID] = []
        var next: DownloadID?
        repeat {
          let filter = DownloadFilter(includesDeleted: includesDeleted, before: next, limit: limit)
          let page = try box.read { tx in try box.ledger.list(filter, examining: examined, in: tx) }
          #expect(page.downloads.count <= min(limit, examined) && page.unreadable.isEmpty)
          found += page.downloads.map(\.id)
          next = page.next
        } while next != nil
        let wanted = all.enumerated().filter { includesDeleted || $0.offset % 4 != 0 }.map(\.element)
        #expect(found == wanted.reversed(), "\(limit) of \(examined)")
      }
    }
    try box.ledger.environment.write { tx in try tx.put(box.ledger.downloads, Key.download(all[3]), [9]) }
    let page = try box.read { tx in try box.ledger.list(DownloadFilter(limit: 99), examining: 99, in: tx) }
    #expect(page.unreadable.keys.elementsEqual([all[3]]) && page.downloads.count == 5 && page.next == nil)
  }

  @Test func usersComeInPagesWhoeverHasAnything() throws {
    let box = try Box()
    // One with a limit alone, one with a deleted download alone, one whose download waits for its size.
    try box.change { tx, change in try box.ledger.setLimit(.none, of: "zoe", by: "root", in: tx, &change) }
    try box.wish(.delete, try box.complete("ann", "a", size: 1))
    try box.start("bob", "b")
    try box.complete("a longer name", "c", size: 1)
    for limit in 1...5 {
      var found: [UserID] = []
      var last: UserID?
      var more = true
      while more {
        let page = try box.read { tx in try box.ledger.users(after: last, limit: limit, in: tx) }
        #expect(page.users.count == limit || !page.more)
        found += page.users
        last = page.users.last
        more = page.more
      }
      #expect(found == ["ann", "bob", "zoe", "a longer name"])
    }
  }

  @Test func theDiaryComesInPagesAndFiltered() throws {
    let box = try Box()
    for number in 0..<5 {
      let title = try Title(contentID: "t\(number)", quality: "720p")
      try box.wish(.delete, try box.complete(number % 2 == 0 ? "ann" : "bob", title, size: 1))
    }
    let all = try box.read { tx in try box.ledger.auditEntries(limit: 99, in: tx) }
    func pages(_ filter: AuditFilter, examining examined: Int) throws -> [AuditEntry] {
      var (filter, found) = (filter, [AuditEntry]())
      while true {
        let page = try box.read { tx in try box.ledger.auditEntries(filter, examining: examined, in: tx) }
        #expect(page.entries.count <= filter.limit)
        found += page.entries
        guard let next = page.next else { return found }
        filter.before = next
      }
    }
    for (limit, examined) in [(1, 99), (3, 99), (99, 3), (99, 1), (2, 3), (99, 99)] {
      #expect(try pages(AuditFilter(limit: limit), examining: examined) == all)
      #expect(try pages(AuditFilter(user: "ann", limit: limit), examining: examined) == all.filter { $0.user == "ann" })
      #expect(
        try pages(AuditFilter(events: [.started, .deleted], limit: limit), examining: examined)
          == all.filter { $0.event == .started || $0.event == .deleted })
    }
    let words = Set(AuditEntry.Event.allCases.map(\.word))
    #expect(words.count == AuditEntry.Event.allCases.count)
    #expect(AuditEntry.Event.allCases.allSatisfy { AuditEntry.Event(word: $0.word) == $0 })
  }
}
