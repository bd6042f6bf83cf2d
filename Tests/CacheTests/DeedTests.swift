// What an administrator does to anybody's download, and what its user and the diary are told of it.

import LMDB
import Testing

@testable import Cache

@Suite struct DeedTests {
  /// What became of it, in a word.
  private func word(_ deed: Deed, _ box: Box, _ download: Download) throws -> String {
    let outcome = try box.change { tx, change in
      try box.ledger.apply(deed, to: download.id, by: "root", in: tx, &change)
    }
    return switch outcome {
    case .done(let now): "\(now.status.word)\(now.pinned ? ", pinned" : "")\(now.isLive ? "" : ", deleted")"
    case .notFound: "not found"
    case .conflict(let status): "conflict: \(status.word)"
    case .pinned: "it is pinned"
    }
  }

  private func newest(_ box: Box, _ count: Int) throws -> [AuditEntry] {
    try box.read { tx in try box.ledger.auditEntries(limit: count, in: tx) }
  }

  @Test func eachStateTakesWhatFits() throws {
    let box = try Box()
    let done = try box.complete("ann", "a", size: 1)
    let waiting = try #require(try box.start("ann", "b", size: 2).download)
    let failed = try #require(try box.start("ann", "c", size: 3).download)
    try box.change { tx, change in try box.ledger.fail([failed.id], Trouble(.accessDenied, "no"), in: tx, &change) }
    #expect(try word(.evict, box, waiting) == "conflict: pending")
    #expect(try word(.evict, box, failed) == "conflict: failed")
    #expect(try word(.cancel, box, done) == "conflict: completed")
    #expect(try word(.pin, box, done) == "completed, pinned" && word(.pin, box, done) == "completed, pinned")
    #expect(try word(.evict, box, done) == "it is pinned")
    #expect(try word(.unpin, box, done) == "completed")
    #expect(try word(.evict, box, done) == "completed, deleted")
    #expect(try word(.cancel, box, waiting) == "cancelled, deleted")
    #expect(try word(.cancel, box, failed) == "cancelled, deleted")
    for download in [done, waiting, failed] {
      for deed in Deed.allCases { #expect(try word(deed, box, download) == "not found") }
    }
    #expect(try box.usage("ann") == Usage() && box.usage().complete == 0 && box.findings() == [])
    let deeds = try newest(box, 99).filter { !$0.by.isEmpty }
    #expect(deeds.map(\.event) == [.cancelled, .cancelled, .objectEvicted, .evicted, .unpinned, .pinned])
    #expect(deeds.allSatisfy { $0.by == "root" && $0.cause.contains("by the administrator") })
  }

  @Test func anEvictedOneIsGoneWithItsFileAndSaysByWhom() throws {
    let box = try Box()
    let ann = try box.complete("ann", "a", size: 3 * block)
    let bob = try box.complete("bob", "a", size: 3 * block)
    #expect(ann.object == bob.object)
    _ = try word(.evict, box, ann)
    let gone = try box.download(ann.id)
    #expect(gone.trouble?.code == .evicted && gone.trouble?.message.contains("administrator (root)") == true)
    #expect(box.consequences.evictions == [.administrator: 1] && box.consequences.goneObjects.isEmpty)
    #expect(try box.object(bob.object)?.owners == 1 && box.isLive(bob))
    _ = try word(.evict, box, bob)
    #expect(box.consequences.goneObjects == [bob.object])
    #expect(box.consequences.discards.contains { $0.path == StoredPath.object(bob.object) })
    #expect(try box.object(bob.object) == nil && box.usage().complete == 0 && box.findings() == [])
    #expect(try newest(box, 1).first?.event == .objectEvicted)
  }

  @Test func whatSomebodyIsBeingSentStaysAsNobodys() throws {
    let box = try Box()
    let ann = try box.complete("ann", "a", size: 3 * block)
    box.held = [ann.object]
    _ = try word(.evict, box, ann)
    #expect(try box.object(ann.object)?.owners == 0 && box.usage().unowned == 3 * block)
    #expect(box.consequences.goneObjects.isEmpty)
    #expect(try !box.isLive(ann) && box.usage("ann") == Usage() && box.findings() == [])
  }

  @Test func usersOwnWishesNameNobody() throws {
    let box = try Box()
    let done = try box.complete("ann", "a", size: 1)
    try box.wish(.pin, done)
    try box.wish(.delete, done)
    let entries = try newest(box, 99)
    #expect(entries.allSatisfy { $0.by.isEmpty } && !entries.contains { $0.event == .pinned })
    #expect(entries.first?.event == .deleted && entries.first?.cause == "by the user")
  }

  @Test func aRetryIsTheAdministratorsWhenItWasAskedForByOne() throws {
    let box = try Box()
    let failed = try #require(try box.start("ann", "a", size: 3).download)
    try box.change { tx, change in try box.ledger.fail([failed.id], Trouble(.accessDenied, "no"), in: tx, &change) }
    let request = StartRequest(
      user: "ann", title: "a", key: "a.mp4", bucket: "b", found: OriginObject(size: 3, key: "a.mp4"), trouble: nil,
      revived: failed.id, administrator: "root")
    try box.change { tx, change in _ = try box.ledger.start(request, in: tx, &change) }
    let entry = try #require(try newest(box, 1).first)
    #expect(entry.event == .started && entry.by == "root" && entry.cause == "tried again by the administrator")
    #expect(try box.download(failed.id).status == .pending)
  }
}
