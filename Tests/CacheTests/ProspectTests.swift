// What somebody is told before a start is what the start then does.

import Testing

@testable import Cache

@Suite struct ProspectTests {
  /// A user with a quota of 1000 bytes on a box with room for 1500, another user's titles, and one that is pinned.
  private func box() throws -> (box: Box, own: [Download]) {
    let box = try Box(
      Policy.generous.with {
        $0.quotas["u"] = 1000
        $0.capacity = 1500
      })
    let a = try box.complete("u", "a", size: 300)
    let b = try box.complete("u", "b", size: 200)
    let pinned = try box.complete("u", "pinned", size: 250)
    try box.wish(.pin, pinned)
    try box.complete("other", "x", size: 400)
    try box.start("u", "coming", size: 100)
    try box.play(a)
    return (box, [a, b, pinned])
  }

  private func prospect(_ box: Box, _ size: Int, for user: UserID = "u") throws -> Prospect {
    try box.change { tx, change in try box.ledger.prospect(of: size, for: user, in: tx, change) }
  }

  @Test(arguments: [0, 1, 150, 151, 350, 351, 500, 650, 651, 1000, 1001, 1 << 50, (1 << 50) + 1])
  func isWhatAStartDoes(_ size: Int) throws {
    let (box, own) = try box()
    let foreseen = try prospect(box, size)
    #expect(try prospect(box, size).evicted.map(\.id) == foreseen.evicted.map(\.id), "looking changes nothing")
    #expect(
      box.consequences.downloads.isEmpty && box.consequences.discards.isEmpty && box.consequences.evictions == [:])
    #expect(try own.allSatisfy(box.isLive) && box.findings() == [])
    let outcome = try box.start("u", "new", size: size)
    #expect((outcome.download != nil) == foreseen.fits)
    let gone = try own.filter { try !box.isLive($0) }
    #expect(Set(gone.map(\.id)) == Set(foreseen.evicted.map(\.id)))
  }

  @Test func namesThemInTheOrderInWhichTheyGo() throws {
    let (box, own) = try box()
    #expect(try prospect(box, 500).evicted.map(\.id) == [own[1].id, own[0].id], "b was wanted longer ago")
  }

  @Test func othersAreNotNamed() throws {
    let (box, own) = try box()
    // The box lacks 50 bytes: b, wanted least recently of all, goes for them; whose it is, v is not told.
    let foreseen = try prospect(box, 300, for: "v")
    #expect(foreseen.fits && foreseen.evicted.isEmpty)
    try box.start("v", "new", size: 300)
    #expect(try own.filter { try !box.isLive($0) }.map(\.id) == [own[1].id])
  }
}
