// How much a user may keep: who says so, from when on, and for how long.

import LMDB
import Testing

@testable import Cache

@Suite struct LimitTests {
  private func limit(_ box: Box, _ user: UserID) throws -> UserLimit {
    try box.read { tx in try box.ledger.limit(of: user, under: box.policy, in: tx) }
  }

  private func set(_ order: LimitOrder, _ box: Box, _ user: UserID) throws {
    try box.change { tx, change in try box.ledger.setLimit(order, of: user, by: "root", in: tx, &change) }
  }

  @Test func anOrderStandsAboveTheConfigurationUntilItIsTakenBack() throws {
    let box = try Box(Policy.generous.with { $0.defaultQuota = 10 })
    box.policy.quotas["bob"] = .some(20)
    box.policy.quotas["cyd"] = .some(nil)
    #expect(try limit(box, "ann") == UserLimit(bytes: 10, source: .standard))
    #expect(try limit(box, "bob") == UserLimit(bytes: 20, source: .configuration))
    #expect(try limit(box, "cyd") == UserLimit(bytes: nil, source: .configuration))
    for user in ["ann", "bob", "cyd"] as [UserID] { try set(.bytes(5), box, user) }
    try set(.none, box, "dan")
    try box.temporary.reopen()
    box.policy.quotas["ann"] = .some(99)
    for user in ["ann", "bob", "cyd"] as [UserID] {
      #expect(try limit(box, user) == UserLimit(bytes: 5, source: .administrator))
    }
    #expect(try limit(box, "dan") == UserLimit(bytes: nil, source: .administrator))
    try set(.configuration, box, "ann")
    #expect(try limit(box, "ann") == UserLimit(bytes: 99, source: .configuration))
    #expect(try box.findings() == [])
  }

  @Test func itHoldsForTheNextStartAndRemovesNothing() throws {
    let box = try Box(Policy.generous.with { $0.defaultQuota = 10 })
    let first = try box.complete("ann", "a", size: 8)
    #expect(try box.start("ann", "b", size: 11).refusal != nil)
    try set(.bytes(5), box, "ann")
    #expect(try box.isLive(first) && box.usage("ann").total == 8)
    #expect(
      try box.start("ann", "b", size: 6).refusal == .quotaExceeded(limit: 5, used: 8, reserved: 0, needed: 6))
    #expect(try box.start("bob", "b", size: 6).download != nil, "it is hers alone")
    try set(.none, box, "ann")
    #expect(try box.start("ann", "c", size: 1 << 40).download != nil)
    try set(.configuration, box, "ann")
    #expect(try box.start("ann", "d", size: 3).refusal != nil)
  }

  @Test func theDiaryHasItAndWho() throws {
    let box = try Box()
    try set(.bytes(5), box, "ann")
    try set(.none, box, "ann")
    try set(.configuration, box, "ann")
    // There is nothing to take back any more.
    try set(.configuration, box, "ann")
    let entries = try box.read { tx in try box.ledger.auditEntries(limit: 9, in: tx) }
    #expect(entries.map(\.cause) == ["what the configuration says", "no limit", "5 bytes"].map { "set to \($0)" })
    #expect(entries.allSatisfy { $0.event == .quotaSet && $0.user == "ann" && $0.by == "root" && $0.download == nil })
    #expect(entries.map(\.bytes) == [0, 0, 5])
  }

  @Test func oneThatCannotBeReadIsFoundAndDropped() throws {
    let box = try Box(Policy.generous.with { $0.defaultQuota = 10 })
    try set(.bytes(5), box, "ann")
    try set(.bytes(6), box, "bob")
    let stray = [7] + Array("cyd".utf8)
    try box.ledger.environment.write { tx in
      try tx.put(box.ledger.limits, Key.user("ann"), [9])
      try tx.put(box.ledger.limits, stray, SetLimit(bytes: 1, moment: box.now, by: "root").record)
    }
    let findings = try box.findings()
    #expect(findings.count == 2 && findings.contains(.strayRow(table: "limits", key: stray)), "\(findings)")
    #expect(throws: CorruptRecord.self) { try box.start("ann", "a", size: 1) }
    try box.change { tx, change in _ = try box.ledger.recompute(in: tx, &change) }
    #expect(try box.findings() == [])
    #expect(try limit(box, "ann") == UserLimit(bytes: 10, source: .standard))
    #expect(try limit(box, "bob") == UserLimit(bytes: 6, source: .administrator))
  }
}
