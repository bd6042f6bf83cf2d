// A disk that takes for ever to do one thing: who needs that waits, and nobody else. The disk takes until the test has seen
// everything else go on, so that no clock decides.

import Foundation
import Testing

@LaneE @Suite("A slow disk") struct SlowDiskTests {
  /// A box just started, in which ann's title was played since and bob's was not; the third is at the origin only.
  private struct House {
    let box: FaultyBox
    let titles: FaultTitles
    let known: String
    let unread: String

    init() throws {
      box = try FaultyBox(["storage": ["scrub_rate": "0"]])
      titles = try FaultTitles.shared()
      known = try box.start("ann", titles[0])
      unread = try box.start("bob", titles[1])
      for id in [known, unread] { try box.complete(id) }
      #expect(try box.box.terminate() == .exited(0))
      try box.start()
      #expect(try box.ann.play(known).body == titles[0].bytes)
    }

    /// Has the disk stand still in one kind of call, and somebody wait for it.
    func holdUp(_ call: DiskCall, _ wish: () throws -> Void) throws {
      try box.disk.plan(DiskRule(call: call, action: .hold))
      try wish()
      try eventually("the disk is asked", explain: box.box.report) { box.disk.count(call) > 0 ? true : nil }
    }

    /// What must go on meanwhile.
    func expectLife() throws {
      #expect(try box.ann.play(known).body == titles[0].bytes)
      try box.pin(known)
      #expect(try box.bob.expect(200, "GET", "/api/downloads").downloads?.array != nil)
      #expect(try box.ann.storage().used == titles[0].size)
      #expect(try box.box.ask("GET", "/healthz").status == 200)
      #expect(try box.ann.play(known).body == titles[0].bytes)
    }

    /// A deletion is one as soon as it is recorded, and answered when the file is gone.
    func beginDelete() throws -> Connection {
      let deletion = try box.beginDelete(unread)
      try eventually("it is gone for its user", explain: box.box.report) {
        try box.bob.play(unread).status == 404 ? true : nil
      }
      #expect(try box.bob.storage().used == 0)
      return deletion
    }

    func settle() throws {
      try box.settle()
      #expect(box.endings.isEmpty)
    }
  }

  @Test("a read that takes for ever holds up its player alone")
  func read() throws {
    let house = try House()
    let (box, titles) = (house.box, house.titles)
    let player = try Connection(port: box.box.port)
    try house.holdUp(.objectRead) {
      try player.send(request("GET", "/api/downloads/\(house.unread)/play", headers: box.bob.authorization))
    }
    try house.expectLife()
    // Its bytes come in; only the comparison of the whole has to wait.
    let third = try box.start("ann", titles[2])
    try box.ann.wait(third, "every block") { ($0.downloaded_bytes?.int ?? 0) >= titles[2].size - 1 }
    try box.disk.mend()
    #expect(try player.receive().body == titles[1].bytes)
    try box.complete(third)
    try house.settle()
  }

  @Test("a write that takes for ever holds up fills, and no play, no wish and no opening of a title")
  func write() throws {
    let house = try House()
    let (box, titles) = (house.box, house.titles)
    var third = ""
    try house.holdUp(.objectWrite) { third = try box.start("ann", titles[2]) }
    try house.expectLife()
    #expect(try box.bob.play(house.unread).body == titles[1].bytes, "opened and read for the first time")
    #expect(try box.ann.download(third).downloaded_bytes?.int == 0)
    let deletion = try house.beginDelete()
    try box.disk.mend()
    #expect(try deletion.receive().status == 200)
    try box.complete(third)
    try house.settle()
  }

  @Test(
    "a file system that does not say what is free holds up wishes, and no play and no look: those say that it is so")
  func space() throws {
    let house = try House()
    let (box, titles) = (house.box, house.titles)
    try box.disk.plan(DiskRule(call: .space, action: .hold))
    for _ in 0..<2 {
      let status = try #require(try box.box.order("GET", "/status").json)
      #expect(status.storage?.free_bytes == .null && status.storage?.used_bytes?.int ?? 0 > 0, "\(status)")
      let scrape = try Exposition(try box.box.order("GET", "/metrics").body.array)
      #expect(scrape.families["larder_storage_free_bytes"]?.samples.isEmpty == true)
      #expect(try scrape.value("larder_quota_users") == 2)
      let ready = try box.box.ask("GET", "/readyz")
      #expect(ready.status == 503 && ready.body.text.contains("free bytes"), "\(ready)")
      #expect(try box.box.ask("GET", "/healthz").status == 200)
      #expect(try box.ann.play(house.known).body == titles[0].bytes)
    }
    try box.disk.mend()
    try eventually("it says so again", explain: box.box.report) {
      try box.box.order("GET", "/status").json?.storage?.free_bytes?.int ?? 0 > 0 ? true : nil
    }
    #expect(try box.box.ask("GET", "/readyz").status == 200)
    try house.settle()
  }

  @Test("a removal that takes for ever holds up the answer to who asked for it, and no play and no other wish")
  func unlink() throws {
    let house = try House()
    let (box, titles) = (house.box, house.titles)
    var deletion: Connection?
    try house.holdUp(.unlink) { deletion = try house.beginDelete() }
    try house.expectLife()
    let third = try box.start("bob", titles[2])
    #expect(try box.ann.play(house.known).body == titles[0].bytes)
    try box.disk.mend()
    #expect(try deletion?.receive().status == 200)
    try box.complete(third)
    try house.settle()
  }
}
