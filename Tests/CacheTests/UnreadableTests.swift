// A record that cannot be read, in the way of others: it is passed over, as the lists do it, and what it holds is counted
// as held.

import LMDB
import Testing

@testable import Cache

@Suite struct UnreadableTests {
  /// As a disk that keeps a few bytes of it.
  private func garble(_ download: Download, in box: Box) throws {
    try box.ledger.environment.write { tx in try tx.put(box.ledger.downloads, Key.download(download.id), [1, 2, 3]) }
  }

  private func garble(_ object: ObjectID, in box: Box) throws {
    try box.ledger.environment.write { tx in try tx.put(box.ledger.objects, Key.object(object), [9]) }
  }

  private func garble(usageOf user: UserID, in box: Box) throws {
    try box.ledger.environment.write { tx in try tx.put(box.ledger.users, Key.user(user), [9]) }
  }

  /// What is damaged of one who has to do with others.
  enum Damage { case download, object, usage, row, counts }

  private func damage(_ download: Download, _ damage: Damage, in box: Box) throws {
    switch damage {
    case .download: try garble(download, in: box)
    case .object: try garble(download.object, in: box)
    case .usage: try garble(usageOf: download.user, in: box)
    case .counts:
      try box.ledger.environment.write { tx in try tx.put(box.ledger.counts, Key.user(download.user), [9]) }
    case .row:
      _ = try box.ledger.environment.write { tx in try tx.delete(box.ledger.downloads, Key.download(download.id)) }
    }
  }

  @Test(arguments: [Damage.download, .object, .usage, .row])
  func aVictimThatCannotBeReadStaysAndTheNextGoes(_ damage: Damage) throws {
    let box = try Box(Policy.generous.with { $0.capacity = 1000 })
    let old = try box.complete("ann", "old", size: 400)
    let next = try box.complete("bob", "next", size: 300)
    let last = try box.complete("cyd", "last", size: 300)
    try self.damage(old, damage, in: box)
    for (size, gone) in [(300, next), (300, last)] {
      #expect(try box.start("dan", "new \(gone.title.contentID)", size: size).download != nil)
      #expect(try !box.isLive(gone) && box.object(gone.object) == nil)
      #expect(try box.usage().complete + box.usage().filling == 1000)
    }
    // Its bytes are there, so that nothing more fits.
    #expect(try box.start("dan", "more", size: 1).refusal == .storageFull(needed: 1))
    let prospect = try box.change { tx, change in try box.ledger.prospect(of: 1, for: "dan", in: tx, change) }
    #expect(!prospect.fits)
  }

  @Test(arguments: [Damage.download, .object, .row])
  func theQuotaIsHeldByWhatCannotBeRead(_ damage: Damage) throws {
    let box = try Box(Policy.generous.with { $0.defaultQuota = 1000 })
    let old = try box.complete("ann", "old", size: 400)
    let next = try box.complete("ann", "next", size: 600)
    try self.damage(old, damage, in: box)
    #expect(try box.start("ann", "new", size: 600).download != nil)
    #expect(try !box.isLive(next) && box.usage("ann") == Usage(used: 400, reserved: 600))
    #expect(try box.start("ann", "more", size: 1).refusal != nil)
  }

  @Test func aCachedCopyThatCannotBeReadStaysAndTheNextGoes() throws {
    let box = try Box(Policy.generous.with { $0.capacity = 1000 })
    let copies = try [("a", 400), ("b", 600)].map { try box.complete("ann", $0.0, size: $0.1) }
    for copy in copies { try box.wish(.delete, copy) }
    try garble(copies[0].object, in: box)
    #expect(try box.start("bob", "c", size: 600).download != nil)
    #expect(box.consequences.goneObjects == [copies[1].object] && box.consequences.evictions[.unowned] == 1)
    #expect(try box.start("bob", "d", size: 1).refusal == .storageFull(needed: 1))
  }

  /// A shared copy goes with all its owners or not at all: one of them cannot.
  @Test func aSharedCopyStaysWithAnOwnerThatCannotBeRead() throws {
    let box = try Box(Policy.generous.with { $0.capacity = 1000 })
    let anns = try box.complete("ann", "a", size: 600)
    let bobs = try box.complete("bob", "a", size: 600)
    let next = try box.complete("cyd", "b", size: 400)
    try garble(anns, in: box)
    #expect(try box.start("dan", "c", size: 400).download != nil)
    #expect(try box.isLive(bobs) && !box.isLive(next))
  }

  @Test(arguments: [Damage.download, .usage, .counts])
  func anOwnerThatCannotBeReadStopsNoOther(_ damage: Damage) throws {
    let box = try Box()
    let (anns, bobs) = (
      try #require(try box.start("ann", "a", size: block).download),
      try #require(try box.start("bob", "a", size: block).download)
    )
    try self.damage(anns, damage, in: box)
    let owners = try box.read { try box.ledger.owners(of: bobs.object, in: $0) }
    #expect(owners.sorted() == [anns.id, bobs.id].sorted())
    try box.change { tx, change in try box.ledger.begin(owners, in: tx, &change) }
    #expect(try box.download(bobs.id).status == .downloading)
    try box.fill(bobs.object)
    try box.change { tx, change in try box.ledger.complete(owners, in: tx, &change) }
    #expect(try box.download(bobs.id).status == .completed)
    try box.change { tx, change in try box.ledger.touch([anns.id: change.now, bobs.id: change.now], in: tx, &change) }
    #expect(try box.download(bobs.id).lastPlayed == box.now)
  }

  @Test(arguments: [Damage.download, .usage, .counts])
  func anOwnerThatCannotBeReadStopsNoOthersEnd(_ damage: Damage) throws {
    for ending in 0..<3 {
      let box = try Box()
      let title = Title(stringLiteral: "a\(ending)")
      let anns = try #require(try box.start("ann", title, size: block).download)
      let bobs = try #require(try box.start("bob", title, size: block).download)
      try self.damage(anns, damage, in: box)
      let owners = try box.read { try box.ledger.owners(of: bobs.object, in: $0) }
      try box.change { tx, change throws in
        let trouble = Trouble(.contentNotFound, "gone")
        let next = OriginObject(size: block, key: "a\(ending).mp4", etag: "\"2\"")
        switch ending {
        case 0: try box.ledger.fail(owners, trouble, in: tx, &change)
        case 1: for _ in 0..<2 { _ = try box.ledger.mismatch(bobs.object, "differs", in: tx, &change) }
        default: #expect(try box.ledger.renew(bobs.object, as: next, in: tx, &change) == nil)
        }
      }
      let now = try box.download(bobs.id)
      #expect(ending == 2 ? now.object != bobs.object && now.status == .pending : now.status == .failed)
      let held = try box.object(bobs.object)?.owners
      if damage == .counts {
        #expect(held == nil, "hers ended as his did")
      } else {
        #expect(held == 1, "it is held as before")
      }
    }
  }

  /// What follows from the downloads is counted anew by the next change.
  @Test func damagedCountsAreCountedAnew() throws {
    let box = try Box()
    let whole = try box.complete("ann", "a", size: 100)
    try damage(whole, .counts, in: box)
    #expect(try box.start("ann", "b", size: 100).download != nil)
    let counted = try box.read { try box.ledger.counts(of: "ann", in: $0) }
    #expect(counted?.live == 2 && counted?.unfinished == 1)
  }

  @Test func everythingElseOfAUserIsRemoved() throws {
    let box = try Box()
    let all = try (0..<4).map { try box.complete("ann", Title(stringLiteral: "a\($0)"), size: 100) }
    try garble(all[0], in: box)
    try garble(all[2].object, in: box)
    let removed = try box.change { tx, change in try box.ledger.removeAll(of: "ann", in: tx, &change) }
    #expect(removed.deleted == 2 && removed.freed == 200)
    #expect(try !box.isLive(all[1]) && box.isLive(all[2]) && !box.isLive(all[3]))
    #expect(try box.usage("ann") == Usage(used: 200))
    let again = try box.change { tx, change in try box.ledger.removeAll(of: "ann", in: tx, &change) }
    #expect(again.deleted == 0 && again.freed == 0)
  }
}
