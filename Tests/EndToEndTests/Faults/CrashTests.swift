// A busy box that dies at a random moment, again and again: its process is killed, or the power of its disk is cut. After
// each death everything that anyone was told must be true, every block that was recorded on the disk, every link whole, and
// the figures exact.
//
// LARDER_CUTS and LARDER_KILLS say how many deaths there are; 10 of each in an ordinary run. LARDER_SEED, which each run
// prints, has everybody wish for the same again, and the box die after the same times.

import Foundation
import Glibc
import Testing

@LaneE @Suite("Crashes") struct CrashTests {
  private func count(_ name: String) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? 10
  }

  @Test("after a power cut at any moment nothing acknowledged is lost, on ext4 and xfs")
  func powerCuts() throws {
    let deaths = count("LARDER_CUTS")
    for kind in DiskImage.Kind.allCases {
      let image = try DiskImage(kind)
      let house = try CrashHouse(data: image.path + "/larder")
      let began = now()
      for _ in 0..<(deaths + 1) / 2 {
        let path = image.path
        try house.liveUntil { pid in
          try DiskImage.cut(path)
          // The process outlives its disk for a moment, and must not promise anything any more.
          usleep(.random(in: 0..<50_000))
          _ = Glibc.kill(pid, SIGKILL)
        }
        let ending = try house.box.kill()
        // Without its ledger it may have ended by itself.
        try #require([.killed(by: SIGKILL), .exited(70)].contains(ending), "\(house.box.report)")
        try image.unmount()
        try image.mount()
        try house.reckon()
      }
      try house.end()
      print("\(kind): \((deaths + 1) / 2) cuts, \(house.summary), \(Int(now() - began)) s")
      house.expectLife(of: (deaths + 1) / 2)
    }
  }

  @Test("after a kill -9 at any moment nothing acknowledged is lost")
  func kills() throws {
    let deaths = count("LARDER_KILLS")
    let house = try CrashHouse(data: nil)
    let began = now()
    for _ in 0..<deaths {
      try house.liveUntil { pid in _ = Glibc.kill(pid, SIGKILL) }
      let ending = try house.box.kill()
      try #require(ending == .killed(by: SIGKILL), "\(house.box.report)")
      try house.reckon()
    }
    try house.end()
    print("kill -9: \(deaths) kills, \(house.summary), \(Int(now() - began)) s")
    house.expectLife(of: deaths)
  }

  /// The line brings so many bytes a second and no more: the box itself holds it to that, however busy this machine is.
  private static let lineRate = 1 << 20

  /// A box on such a line, with the usual blocks and connections: each block takes a second.
  private func slowlyFilling(_ image: DiskImage) throws -> (box: Box, ann: User, title: Title, id: String) {
    let box = try Box([
      "storage": ["path": "\"\(image.path)/larder\""],
      "downloads": ["max_rate": "\(Self.lineRate)", "chunk_size": "\"8MiB\"", "connections": "4"],
    ])
    let ann = try box.user("ann")
    let title = Title(size: 12 << 20)
    try box.origin.put(title)
    return (box, ann, title, try ann.start(title))
  }

  /// Two seconds are told in bytes, as many as the line can bring in two: so the test holds on a machine that is so busy
  /// that its disk stands still for seconds, when less comes in and nothing more may be lost. Eight seconds lie behind the
  /// cut, and what a cut at any other moment would have cost is looked at all the while: whoever syncs only every few
  /// seconds fails, whenever that is.
  @Test("a power cut costs at most two seconds of what was fetched", arguments: DiskImage.Kind.allCases)
  func lossIsBounded(kind: DiskImage.Kind) throws {
    let image = try DiskImage(kind)
    let (box, ann, title, id) = try slowlyFilling(image)
    // Of the blocks under way only the API's figure knows nothing: what is durable of them is there after the cut.
    let underWay = 4 * (256 << 10)
    let fetched = try eventually("two thirds are fetched", within: 120, explain: box.report) {
      // In this order, so that what is made durable in between counts for us.
      let bytes = try box.fetchedBytes()
      let durable = try ann.download(id).downloaded_bytes?.int ?? 0
      guard bytes - durable <= 2 * Self.lineRate + underWay else {
        throw Wrong(description: "\(kind): of \(bytes) bytes only \(durable) are durable")
      }
      return bytes >= 8 << 20 ? bytes : nil
    }
    try image.cut()
    let ending = try box.kill()
    #expect([.killed(by: SIGKILL), .exited(70)].contains(ending), "\(kind): \(box.report)")
    try image.unmount()
    try image.mount()
    try box.change(["downloads": ["max_rate": "0"]])
    try box.start()
    try ann.wait(id, for: "completed", within: 60)
    #expect(try ann.play(id).body == title.bytes)
    // What was there after the cut is what did not have to come again, beginnings of blocks included.
    let kept = title.size - (try box.fetchedBytes())
    #expect(fetched - kept <= 2 * Self.lineRate, "\(kind): of \(fetched) bytes \(fetched - kept) came again")
    #expect(kept < title.size, "nothing was asked for again: the title was whole before the cut")
    print("\(kind): of \(fetched) bytes \(fetched - kept) came again after a cut")
    try box.kill()
  }
}

extension Box {
  /// Bytes of titles that this run has got from the origin.
  fileprivate func fetchedBytes() throws -> Int { try metric("larder_fill_bytes_total") }
}
