// The auditor finds whatever is broken: each test breaks one thing behind the ledger's back and expects to be told.

import LMDB
import Testing

@testable import Cache

@Suite struct AuditorTests {
  /// Two users, a shared complete object, one on its way, one that lost a block, one that no one owns, a deleted download,
  /// a discard.
  func box() throws -> Box {
    let box = try Box()
    try box.complete("ann", "shared", size: 3 * block + 5)
    let bobs = try box.start("bob", "shared", size: 3 * block + 5)
    try box.change { tx, change throws in
      try box.ledger.complete([try #require(bobs.download).id], in: tx, &change)
    }
    let filling = try #require(try box.start("ann", "filling", size: 200 * block).download)
    try box.change { tx, change throws in
      try box.ledger.record(
        [0, 3, 128, 199].map { StoredBlock(index: $0, checksum: 1) }, of: filling.object, in: tx, &change)
    }
    try box.wish(.delete, try box.complete("bob", "unowned", size: 7))
    try box.wish(.cancel, try #require(try box.start("bob", "cancelled", size: 100).download))
    try box.start("bob", "unknown")
    let damaged = try box.complete("cyd", "damaged", size: 2 * block)
    try box.change { tx, change throws in
      try box.ledger.damage([1], of: damaged.object, cause: "checksum", in: tx, &change)
    }
    return box
  }

  private func row(_ box: Box, _ table: Table, _ index: Int = 0) throws -> Row {
    try box.read { tx throws in
      var row = try tx.row(in: table)
      for _ in 0..<index { row = try tx.row(in: table, after: row?.key ?? []) }
      return try #require(row)
    }
  }

  @Test func nothingIsFoundWhereAllIsWell() throws {
    #expect(try Box().findings() == [])
    #expect(try box().findings() == [])
  }

  @Test(arguments: DerivedRow.Index.allCases)
  func aRowThatIsMissingDifferentOrTooMany(_ index: DerivedRow.Index) throws {
    let box = try box()
    let table = box.ledger.table(index)
    let (key, value) = try row(box, table)
    let environment = box.ledger.environment
    try environment.write { tx in _ = try tx.delete(table, key) }
    #expect(try box.findings() == [.missingRow(table: table.name, key: key)])

    try environment.write { tx in try tx.put(table, key, value + [1]) }
    #expect(try box.findings().first == .differentRow(table: table.name, key: key))
    try environment.write { tx in try tx.put(table, key, value) }
    #expect(try box.findings() == [])

    // A row of no record, one of a record that does not have it, and one that is too short to name any.
    for stray in [key + [0], Array(repeating: 9, count: 40), [1]] {
      try environment.write { tx in try tx.put(table, stray, value) }
      #expect(try box.findings() == [.strayRow(table: table.name, key: stray)])
      try environment.write { tx in _ = try tx.delete(table, stray) }
    }
  }

  @Test func usageThatDrifted() throws {
    let box = try box()
    let ann = try box.usage("ann")
    #expect(ann == Usage(used: 3 * block + 5, reserved: 200 * block))
    let wrong = Usage(used: ann.used + 1, reserved: ann.reserved)
    let (table, environment) = (box.ledger.users, box.ledger.environment)
    try environment.write { tx in try tx.put(table, Key.user("ann"), wrong.record) }
    #expect(try box.findings() == [.usage("ann", recorded: wrong, recomputed: ann)])
    try environment.write { tx in _ = try tx.delete(table, Key.user("ann")) }
    #expect(try box.findings() == [.usage("ann", recorded: Usage(), recomputed: ann)])
    // Nothing recorded, for a user who has nothing, is right; something is not.
    try environment.write { tx in
      try tx.put(table, Key.user("ann"), ann.record)
      try tx.put(table, Key.user("eve"), Usage(used: 0, reserved: 0).record)
    }
    #expect(try box.findings() == [])
    try environment.write { tx in try tx.put(table, Key.user("eve"), Usage(used: 1, reserved: 0).record) }
    #expect(try box.findings() == [.usage("eve", recorded: Usage(used: 1, reserved: 0), recomputed: Usage())])
    try environment.write { tx in
      _ = try tx.delete(table, Key.user("eve"))
      try tx.put(table, [200, 1, 2], Usage().record)
    }
    #expect(try box.findings() == [.strayRow(table: "users", key: [200, 1, 2])])
  }

  @Test func boxUsageThatDrifted() throws {
    let box = try box()
    let right = try box.usage()
    #expect(right.complete == 3 * block + 5 + 7 && right.filling == 202 * block && right.fillingStored == 5 * block)
    for change in [\BoxUsage.complete, \.filling, \.fillingStored, \.discarded] as [WritableKeyPath<BoxUsage, Int>] {
      var wrong = right
      wrong[keyPath: change] += 1
      try box.ledger.environment.write { tx in try tx.put(box.ledger.meta, Array("box".utf8), wrong.record) }
      #expect(try box.findings() == [.boxUsage(recorded: wrong, recomputed: right)])
    }
  }

  @Test func objectsThatCountWrong() throws {
    let box = try box()
    let (complete, filling) = try (#require(try box.object(ObjectID(1))), #require(try box.object(ObjectID(2))))
    func put(_ object: StoredObject) throws {
      try box.ledger.environment.write { tx in try tx.put(box.ledger.objects, Key.object(object.id), object.record) }
    }
    var wrong = complete
    wrong.owners = 3
    try put(wrong)
    #expect(try box.findings() == [.owners(complete.id, recorded: 3, recomputed: 2)])
    try put(complete)

    wrong = filling
    wrong.storedBytes += block
    try put(wrong)
    let findings = try box.findings()
    #expect(findings.contains(.storedBytes(filling.id, recorded: 5 * block, recomputed: 4 * block)))
    #expect(findings.count == 2, "and the box's usage, which counts the same bytes")
    try put(filling)

    // Blocks that vanish, from an object on its way and from a complete one.
    let (key, value) = try row(box, box.ledger.blocks)
    try box.ledger.environment.write { tx in _ = try tx.delete(box.ledger.blocks, key) }
    #expect(
      try box.findings() == [
        .storedBytes(complete.id, recorded: complete.size, recomputed: 0),
        .incomplete(complete.id, missing: complete.size),
      ])
    try box.ledger.environment.write { tx in try tx.put(box.ledger.blocks, key, value) }
    #expect(try box.findings() == [])
  }

  @Test func blocksThatBelongToNothing() throws {
    let box = try box()
    let (table, environment) = (box.ledger.blocks, box.ledger.environment)
    for key in [Key.page(ObjectID(99), 0), Key.page(ObjectID(1), 1), Key.page(ObjectID(2), 2), [1]] {
      try environment.write { tx in try tx.put(table, key, BlockPage().bytes) }
      #expect(try box.findings() == [.strayRow(table: "blocks", key: key)])
      try environment.write { tx in _ = try tx.delete(table, key) }
    }
    var page = BlockPage()
    for slot in 0..<5 { page[slot] = 1 }
    try environment.write { tx in try tx.put(table, Key.page(ObjectID(1), 0), page.bytes) }
    #expect(try box.findings() == [.differentRow(table: "blocks", key: Key.page(ObjectID(1), 0))])
  }

  @Test func downloadsAndObjectsThatAreNotThere() throws {
    let box = try box()
    let ledger = box.ledger
    let owners = try box.read { tx in try ledger.owners(of: ObjectID(2), in: tx) }
    let object = try #require(try box.object(ObjectID(2)))
    try ledger.environment.write { tx in _ = try tx.delete(ledger.objects, Key.object(ObjectID(2))) }
    #expect(try box.findings().contains(.unfounded(try #require(owners.first), ObjectID(2))))
    try ledger.environment.write { tx in try tx.put(ledger.objects, Key.object(ObjectID(2)), object.record) }
    #expect(try box.findings() == [])

    var orphan = object
    orphan.id = ObjectID(3)
    orphan.owners = 0
    orphan.storedBytes = 0
    try ledger.environment.write { tx in
      _ = try tx.delete(ledger.objects, Key.object(ObjectID(3)))
      try tx.put(ledger.objects, Key.object(orphan.id), orphan.record)
    }
    #expect(try box.findings().contains(.abandoned(ObjectID(3))))
  }

  @Test func damagedRecordsAreFindingsAndNotTheEnd() throws {
    let box = try box()
    let ledger = box.ledger
    let tables = [ledger.downloads, ledger.objects, ledger.users, ledger.blocks, ledger.discards]
    for table in tables {
      let (key, value) = try row(box, table)
      try ledger.environment.write { tx in try tx.put(table, key, Array(value.dropLast())) }
      let found = try box.findings().contains { finding in
        if case .unreadable(table.name, key, _) = finding { true } else { false }
      }
      #expect(found, "\(table.name)")
      try ledger.environment.write { tx in try tx.put(table, key, value) }
    }
    try ledger.environment.write { tx in try tx.put(ledger.meta, Array("box".utf8), [2]) }
    #expect(try box.findings() == [.unreadable(table: "meta", key: Array("box".utf8), reason: "too short")])
  }

  @Test func aFileInUseThatIsToBeRemoved() throws {
    let box = try box()
    try box.change { tx, change throws in
      try box.ledger.discard(StoredPath.object(ObjectID(1)), bytes: 0, in: tx, &change)
    }
    #expect(try box.findings() == [.discardInUse(ObjectID(1))])
  }

  @Test(arguments: ["next_object", "next_discard", "next_audit"])
  func aSequenceThatWouldRepeat(_ name: String) throws {
    let box = try box()
    let key = Array(name.utf8)
    let was = try box.read { tx in Key.number(in: try #require(try tx.get(box.ledger.meta, key)), at: 0) }
    try box.ledger.environment.write { tx in try tx.put(box.ledger.meta, key, Key.bigEndian(UInt64(0))) }
    let findings = try box.findings()
    #expect(findings.count == 1)
    guard case .sequence(name, 0, let inUse)? = findings.first else {
      Issue.record("\(findings)")
      return
    }
    #expect((1...was).contains(inUse))
  }

  /// Whatever byte of whatever row is flipped: the auditor ends, and its sentences are sentences.
  @Test func anyFlippedByteIsSurvived() throws {
    let box = try box()
    let ledger = box.ledger
    var random = SplitMix64(seed: 30)
    let tables =
      [ledger.downloads, ledger.objects, ledger.users, ledger.blocks, ledger.discards, ledger.meta]
      + DerivedRow.Index.allCases.map(ledger.table)
    var found = 0
    for _ in 0..<600 {
      let table = try #require(tables.randomElement(using: &random))
      let tx = try ledger.environment.beginWrite()
      let (key, value) = try #require(
        try tx.row(in: table, from: [UInt8.random(in: 0...255, using: &random)]) ?? tx.row(in: table))
      if Bool.random(using: &random), !value.isEmpty {
        var damaged = value
        damaged[Int.random(in: 0..<value.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        try tx.put(table, key, damaged)
      } else {
        var damaged = key
        damaged[Int.random(in: 0..<key.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        try tx.delete(table, key)
        try tx.put(table, damaged, value)
      }
      let findings = try ledger.auditFindings(in: tx)
      found += findings.isEmpty ? 0 : 1
      for finding in findings { #expect(finding.description.contains(" ")) }
      tx.abort()
    }
    #expect(found > 300, "most damage shows")
    #expect(try box.findings() == [])
  }

  @Test func aRowOfOddLengthIsReadAsFarAsItGoes() throws {
    let box = try box()
    let ledger = box.ledger
    let queued = try box.read { try ledger.queue(limit: 100, in: $0) }
    try ledger.environment.write { tx in
      try tx.put(ledger.table(.queue), [9], [7])
      try tx.put(ledger.table(.queue), Array(repeating: 255, count: 11), [])
    }
    let found = try box.read { try ledger.queue(limit: 100, in: $0) }
    #expect(found.count == queued.count + 2 && Set(found).isSuperset(of: queued))
    #expect(found.contains(QueueEntry(download: DownloadID(upper: 0, lower: 9), object: ObjectID(7))))
  }
}
