// One user cannot make the ledger grow without end: bounds on live, waiting and deleted downloads, and their counters.

import LMDB
import Testing

@testable import Cache

@Suite("Counts of a user's downloads") struct CountsTests {
  private func box(live: Int = 100, unfinished: Int = 100, gone: Int = 100) throws -> Box {
    try Box(
      .generous.with {
        $0.bounds.live = live
        $0.bounds.unfinished = unfinished
        $0.bounds.gone = gone
      })
  }

  private func counts(_ box: Box, _ user: UserID) throws -> UserCounts? {
    try box.read { tx in try box.ledger.counts(of: user, in: tx) }
  }

  private func isCrowded(_ outcome: StartOutcome, _ limit: Int) -> Bool {
    if case .crowded(limit) = outcome { true } else { false }
  }

  private func title(_ number: Int) throws -> Title { try Title(contentID: "t\(number)", quality: "720p") }

  @Test("titles of unknown size cost no quota, and end at the bound; another user notices nothing")
  func waiting() throws {
    let box = try box(unfinished: 5)
    for number in 0..<5 { try #require(box.start("ann", title(number)).download != nil) }
    let newest = try title(5)
    for _ in 0..<3 { #expect(isCrowded(try box.start("ann", newest), 5)) }
    guard case .existing = try box.start("ann", title(0)) else { throw NotAdmitted() }
    #expect(try box.read { tx in try box.ledger.liveDownload(of: "ann", newest, in: tx) } == nil, "no trace")
    #expect(try box.start("bob", newest).download != nil)
    let first = try #require(try box.start("ann", title(0)).download)
    try box.wish(.pause, first)
    #expect(isCrowded(try box.start("ann", newest), 5), "a paused one waits too")
    try box.wish(.cancel, first)
    #expect(try box.start("ann", newest).download != nil)
    #expect(try box.findings() == [])
  }

  @Test("completed and failed ones count to the bound of live ones; a failed one is tried anew at that bound")
  func live() throws {
    let box = try box(live: 4, unfinished: 2)
    for number in 0..<3 { try box.complete("ann", title(number), size: block) }
    let failing = try #require(try box.start("ann", title(3)).download)
    try box.change { tx, change in
      try box.ledger.fail([failing.id], Trouble(.accessDenied, "no"), in: tx, &change)
    }
    let fifth = try title(4)
    #expect(isCrowded(try box.start("ann", fifth), 4))
    guard case .existing(let revived) = try box.start("ann", title(3), reviving: failing.id) else {
      throw NotAdmitted()
    }
    #expect(revived.id == failing.id && revived.status == .pending)
    try box.wish(.delete, box.download(try #require(try box.start("ann", title(0)).download).id))
    #expect(try box.start("ann", fifth).download != nil)
    let now = try #require(try counts(box, "ann"))
    #expect(now.live == 4 && now.unfinished == 2 && now.gone == 1)
    #expect(try box.findings() == [])
  }

  @Test("start and delete in a loop leaves the newest deleted records, and the one deleted just now in any case")
  func cycles() throws {
    let box = try box(gone: 3)
    let old = try #require(try box.start("ann", title(1000)).download)
    var ended: [Download] = []
    for number in 0..<50 {
      let download = try #require(try box.start("ann", title(number)).download)
      try box.wish(.cancel, download)
      ended.append(download)
      #expect(try counts(box, "ann")?.gone == min(3, number + 1))
    }
    let filter = DownloadFilter(includesDeleted: true, limit: 100)
    func listed() throws -> [DownloadID] {
      try box.read { tx in try box.ledger.list(of: "ann", filter, in: tx).downloads.map(\.id) }
    }
    #expect(try listed() == ended.suffix(3).reversed().map(\.id) + [old.id])
    #expect(try box.read { tx in try box.ledger.download(ended[0].id, in: tx) } == nil, "its record is gone")
    try box.wish(.cancel, old)
    #expect(try listed() == ended.suffix(2).reversed().map(\.id) + [old.id], "its user may look at it once more")
    #expect(try box.findings() == [])
  }

  @Test("cleanup of many leaves no more than the bound, and a ledger that was not counted is counted")
  func uncounted() throws {
    let box = try box(gone: 10)
    for number in 0..<40 { try box.start("ann", title(number)) }
    try box.change { tx, _ in try tx.delete(box.ledger.counts, Key.user("ann")) }
    #expect(try counts(box, "ann") == nil)
    try box.start("ann", title(40))
    #expect(try counts(box, "ann")?.live == 41)
    try box.change { tx, change in _ = try box.ledger.removeAll(of: "ann", in: tx, &change) }
    let now = try #require(try counts(box, "ann"))
    #expect(now.live == 0 && now.unfinished == 0 && now.gone == 10)
    #expect(try box.findings() == [])
  }

  @Test("the auditor finds a wrong count")
  func audited() throws {
    let box = try box()
    try box.start("ann", title(0))
    var wrong = try #require(try counts(box, "ann"))
    wrong.gone += 1
    try box.change { [wrong] tx, _ in try tx.put(box.ledger.counts, Key.user("ann"), wrong.record) }
    var right = wrong
    right.gone = 0
    #expect(try box.findings() == [.counts("ann", recorded: wrong, recomputed: right)])
  }
}
