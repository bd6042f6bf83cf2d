// The promises about limits, usage and deletes, step by step in hundreds of small worlds. A failing check names its seed.

import Foundation
import LMDB
import Testing

@testable import Cache

@Suite struct WorldTests {
  /// How many worlds each of the parallel tests goes through; more for a long night.
  private static let worlds = ProcessInfo.processInfo.environment["LARDER_WORLDS"].flatMap(UInt64.init) ?? 16

  @Test(arguments: 0..<8 as Range<UInt64>)
  func theLedgerDoesWhatTheContractSays(_ part: UInt64) throws {
    let temporary = try TemporaryLedger()
    var tally: [String: Int] = [:]
    for seed in part * Self.worlds..<(part + 1) * Self.worlds {
      // All of a world's steps are one transaction, given up at the end: the next world finds an empty ledger.
      let tx = try temporary.ledger.environment.beginWrite()
      var world = World(seed: seed, ledger: temporary.ledger)
      for step in 1...200 { try world.live(in: tx, auditing: step % 20 == 0 || step % 33 == 0) }
      tx.abort()
      tally.merge(world.tally) { $0 + $1 }
    }
    // A world in which something never happens proves nothing about it.
    for action in [
      "start: created", "start: existing", "start: quotaExceeded", "start: storageFull", "complete", "record",
      "refetch",
      "mismatch", "renew", "identify", "touch", "settle", "begin", "pause", "resume", "pin", "cancel", "delete",
    ] {
      #expect(tally[action, default: 0] >= 5, "\(action) happens too rarely: \(tally)")
    }
  }

  @Test(arguments: 100_000..<100_003 as Range<UInt64>)
  func theSameWithACommitAndAnAuditAfterEveryStep(_ seed: UInt64) throws {
    let temporary = try TemporaryLedger()
    var world = World(seed: seed, ledger: temporary.ledger)
    for _ in 1...200 {
      try temporary.ledger.environment.write { tx in try world.live(in: tx, auditing: true) }
    }
  }
}
