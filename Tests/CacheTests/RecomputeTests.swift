// Whatever is broken in the ledger: after a recomputation the auditor finds nothing, and no title that could be read is
// lost.

import LMDB
import Testing

@testable import Cache

@Suite struct RecomputeTests {
  private func tables(_ ledger: Ledger) -> [Table] {
    [
      ledger.downloads, ledger.objects, ledger.users, ledger.blocks, ledger.discards, ledger.meta, ledger.audit,
      ledger.starts, ledger.counts, ledger.limits,
    ] + DerivedRow.Index.allCases.map(ledger.table)
  }

  @discardableResult private func recompute(_ box: Box, above: ObjectID = .none) throws -> RecomputeResult {
    try box.change { tx, change in try box.ledger.recompute(above: above, in: tx, &change) }
  }

  private func dump(_ box: Box) throws -> [String: [[UInt8]]] {
    var all: [String: [[UInt8]]] = [:]
    try box.read { tx throws in
      for table in tables(box.ledger) where table != box.ledger.audit {
        try tx.scan(table) { key, value in
          all[table.name, default: []].append(key.indices.map { key[$0] } + [0] + value.indices.map { value[$0] })
          return true
        }
      }
    }
    return all
  }

  /// The live downloads that can be read.
  private func readable(_ ledger: Ledger, _ tx: borrowing WriteTransaction) throws -> [DownloadID: Download] {
    var found: [DownloadID: Download] = [:]
    var next: DownloadID?
    repeat {
      let page = try ledger.liveDownloads(after: next, limit: 3, in: tx)
      for download in page.downloads { found[download.id] = download }
      next = page.next
    } while next != nil
    return found
  }

  @Test func aSoundLedgerStaysAsItIs() throws {
    let box = try AuditorTests().box()
    let before = try dump(box)
    let result = try recompute(box)
    #expect(result == RecomputeResult())
    #expect(try dump(box) == before)
    #expect(box.consequences.discards.isEmpty && box.consequences.goneObjects.isEmpty)
    #expect(try Box().findings() == [])
  }

  /// Bytes of values and keys flipped, rows cut and dropped: one or several at a time.
  @Test(arguments: [31, 32, 33] as [UInt64])
  func anyDamageIsMended(_ seed: UInt64) throws {
    let box = try AuditorTests().box()
    let ledger = box.ledger
    var random = SplitMix64(seed: seed)
    var wasDamaged = 0
    for round in 0..<300 {
      let tx = try ledger.environment.beginWrite()
      var damage = ""
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let table = try #require(tables(ledger).randomElement(using: &random))
        guard
          let (key, value) = try tx.row(in: table, from: [UInt8.random(in: 0...255, using: &random)])
            ?? tx.row(in: table)
        else { continue }
        // The schema says which program may read the rest at all.
        guard key != Array("schema".utf8) else { continue }
        damage += " \(table.name) \(key)"
        switch Int.random(in: 0..<4, using: &random) {
        case 0 where !value.isEmpty:
          var damaged = value
          damaged[Int.random(in: 0..<value.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
          try tx.put(table, key, damaged)
        case 1:
          var damaged = key
          damaged[Int.random(in: 0..<key.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
          try tx.delete(table, key)
          if damaged != Array("schema".utf8) { try tx.put(table, damaged, value) }
        case 2 where !value.isEmpty:
          try tx.put(table, key, Array(value.prefix(Int.random(in: 0..<value.count, using: &random))))
        default: try tx.delete(table, key)
        }
      }
      wasDamaged += try ledger.auditFindings(in: tx).isEmpty ? 0 : 1
      let before = try readable(ledger, tx)
      var change = Change(now: box.now, policy: box.policy, freeBytes: nil)
      let result = try ledger.recompute(in: tx, &change)
      #expect(try ledger.auditFindings(in: tx) == [], "round \(round):\(damage)")
      let after = try readable(ledger, tx)
      #expect(Set(after.keys).union(result.ended) == Set(before.keys), "round \(round):\(damage)")
      for (id, download) in after where download.status == .completed {
        let held = try ledger.object(download.object, in: tx)
        #expect(held != nil && held?.state != .filling, "\(id) \(damage)")
      }
      for download in before.values where download.status == .completed && !result.restarted.contains(download.id) {
        #expect(result.ended.contains(download.id) || after[download.id]?.status == .completed, "\(damage)")
      }
      let again = try ledger.recompute(in: tx, &change)
      #expect(again.restarted == [] && again.ended == [] && again.droppedRecords == 0, "a second time finds nothing")
      tx.abort()
    }
    #expect(wasDamaged > 150, "\(wasDamaged)")
  }

  @Test func aTitleWithoutItsObjectIsFetchedAnew() throws {
    let box = try AuditorTests().box()
    let ledger = box.ledger
    let shared = ObjectID(1)
    let owners = try box.read { tx in try ledger.owners(of: shared, in: tx) }
    #expect(owners.count == 2)
    try ledger.environment.write { tx in _ = try tx.delete(ledger.objects, Key.object(shared)) }
    let result = try recompute(box)
    #expect(result.restarted == owners)
    for owner in owners {
      let download = try box.download(owner)
      #expect(download.status == .pending && download.object == .none && download.totalBytes == nil)
      #expect(download.completed == nil && download.waitsForVersion)
      #expect(box.consequences.discards.contains { $0.path == box.policy.link(of: download) })
    }
    #expect(try box.usage("ann") == Usage(used: 0, reserved: 200 * block))
    #expect(box.consequences.queueChanged)
    #expect(try box.findings() == [])
  }

  @Test func whatTheLedgerForgotOfBlocksIsFetchedAgain() throws {
    let box = try AuditorTests().box()
    let ledger = box.ledger
    try ledger.environment.write { tx in _ = try tx.delete(ledger.blocks, Key.page(ObjectID(1), 0)) }
    #expect(try recompute(box).mending == [ObjectID(1)])
    let object = try #require(try box.object(ObjectID(1)))
    #expect(object.state == .mending && object.storedBytes == 0 && object.owners == 2)
    #expect(box.consequences.damagedObjects == [ObjectID(1)])
    #expect(try box.usage("ann").used == object.size, "the downloads stay completed")
    #expect(try box.findings() == [])
  }

  @Test func ofTwoThatClaimATitleTheCompletedOneStays() throws {
    let box = try Box()
    let completed = try box.complete("ann", "a", size: block)
    let other = try #require(try box.start("ann", "b").download)
    for isLater in [true, false] {
      try box.ledger.environment.write { tx throws in
        var twin = try #require(try box.ledger.download(other.id, in: tx))
        twin = Download(
          id: isLater ? twin.id : DownloadID(upper: 1, lower: 1), user: "ann", title: "a", status: .pending, key: "a",
          totalBytes: nil, created: twin.created)
        try tx.put(box.ledger.downloads, Key.download(twin.id), twin.record)
      }
      let result = try recompute(box)
      #expect(result.ended == [isLater ? other.id : DownloadID(upper: 1, lower: 1)])
      #expect(try box.download(completed.id) == completed)
      #expect(try box.findings() == [])
    }
  }

  @Test func sequencesStayAboveWhatLiesOnTheDisk() throws {
    let box = try AuditorTests().box()
    try recompute(box, above: ObjectID(4711))
    let next = try #require(try box.start("eve", "new", size: 5).download)
    #expect(next.object == ObjectID(4712))
  }

  @Test func nothingThatIsInUseIsRemoved() throws {
    let box = try Box()
    let made = try box.complete("ann", "a", size: block)
    let paths = [StoredPath.object(made.object), box.policy.link(of: made), "objects/../ledger/data.mdb", "auth.key"]
    try box.change { tx, change throws in
      for path in paths { try box.ledger.discard(path, bytes: 0, in: tx, &change) }
      try box.ledger.discard(StoredPath.object(ObjectID(77)), bytes: 5, in: tx, &change)
    }
    try recompute(box)
    #expect(try box.read { try box.ledger.pendingDiscards(in: $0) }.map(\.path) == [StoredPath.object(ObjectID(77))])
    #expect(try box.usage().discarded == 5)
    #expect(try box.findings() == [])
  }
}

extension Download {
  /// Whether it still waits for the origin to tell its version.
  fileprivate var waitsForVersion: Bool { isLive && object == .none && (status == .pending || status == .downloading) }
}
