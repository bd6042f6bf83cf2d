// Counters that are lower than what they count: whoever counts down refuses, wholly, instead of ending the process or
// writing what nobody can read; and after a recomputation everything works again.

import LMDB
import Testing

@testable import Cache

@Suite struct CounterTests {
  private let size = 3 * block + 100

  /// What a test finds: a counter, and a change that counts it down.
  private struct Scene {
    let box: Box
    let whole: Download
    let coming: Download

    init(size: Int) throws {
      box = try Box()
      whole = try box.complete("ann", "a", size: size)
      coming = try #require(try box.start("ann", "b", size: size).download)
      try box.change { tx, change throws in
        try box.ledger.record([StoredBlock(index: 0, checksum: 1)], of: coming.object, in: tx, &change)
      }
    }

    func object(_ id: ObjectID, _ change: (inout StoredObject) -> Void) throws {
      var object = try #require(try box.object(id))
      change(&object)
      try box.change { tx, _ throws in try tx.put(box.ledger.objects, Key.object(id), object.record) }
    }
  }

  enum Counter: CaseIterable {
    case used, reserved, noUsage, complete, filling, fillingStored, discarded, owners, stored, live, unfinished
  }

  private func lower(_ counter: Counter, in scene: Scene) throws {
    let (box, ledger) = (scene.box, scene.box.ledger)
    var (usage, charged) = (try box.usage("ann"), try box.usage())
    var counts = try #require(try box.read { try ledger.counts(of: "ann", in: $0) })
    switch counter {
    case .used: usage.used -= 1
    case .reserved: usage.reserved = 0
    case .noUsage: return try box.change { tx, _ throws in #expect(try tx.delete(ledger.users, Key.user("ann"))) }
    case .complete: charged.complete = 0
    case .filling: charged.filling -= 1
    case .fillingStored: charged.fillingStored = 0
    case .discarded:
      try box.wish(.cancel, scene.coming)
      charged = try box.usage()
      charged.discarded = 0
      counts = try #require(try box.read { try ledger.counts(of: "ann", in: $0) })
      usage = try box.usage("ann")
    case .owners: return try scene.object(scene.whole.object) { $0.owners = 0 }
    case .stored: return try scene.object(scene.coming.object) { $0.storedBytes = 0 }
    case .live: counts.live = 0
    case .unfinished: counts.unfinished = 0
    }
    try box.change { tx, _ throws in
      try tx.put(ledger.users, Key.user("ann"), usage.record)
      try tx.put(ledger.counts, Key.user("ann"), counts.record)
      try tx.put(ledger.meta, Array("box".utf8), charged.record)
    }
  }

  /// Counts it down, by a way that exists.
  private func countDown(_ counter: Counter, in scene: Scene) throws {
    let box = scene.box
    switch counter {
    case .used, .owners, .live: try box.wish(.delete, scene.whole)
    case .noUsage: try box.change { try box.ledger.removeAll(of: "ann", in: $0, &$1) }
    case .reserved, .filling, .fillingStored, .unfinished: try box.wish(.cancel, scene.coming)
    case .complete, .stored:
      let id = counter == .stored ? scene.coming.object : scene.whole.object
      try box.change { try box.ledger.damage([0], of: id, cause: "checksum", in: $0, &$1) }
    case .discarded: try box.settle()
    }
  }

  @Test(arguments: Counter.allCases)
  func aCounterThatIsTooLowRefusesWhollyAndIsMended(_ counter: Counter) throws {
    let scene = try Scene(size: size)
    let box = scene.box
    try lower(counter, in: scene)
    let findings = try box.findings()
    #expect(!findings.isEmpty)
    let before = (try box.download(scene.whole.id), try box.download(scene.coming.id), try box.usage())
    #expect(throws: CorruptRecord.self) { try countDown(counter, in: scene) }
    #expect(try (box.download(scene.whole.id), box.download(scene.coming.id), box.usage()) == before)
    #expect(try box.findings() == findings, "nothing is worse than it was")
    try box.change { tx, change in _ = try box.ledger.recompute(in: tx, &change) }
    #expect(try box.findings() == [])
    try countDown(counter, in: scene)
    #expect(try box.findings() == [])
  }
}
