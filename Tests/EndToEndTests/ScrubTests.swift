// When the scrub reads, and how much: by the bytes that it says to have read.

import Foundation
import Glibc
import Testing

@LaneB @Suite("The scrub") struct ScrubTests {
  private let block = 256 << 10
  private let metric = "larder_scrub_bytes_total"

  private func filled(_ settings: [String: String]) throws -> (Box, User, String) {
    let box = try Box(["storage": settings])
    let ann = try box.user("ann")
    let title = Title(size: 32 * block)
    try box.origin.put(title)
    return (box, ann, try ann.fetch(title))
  }

  @Test("it reads no more than its rate")
  func rate() throws {
    let rate = 1 << 20
    let (box, _, _) = try filled(["scrub_rate": "0", "scrub_interval": "\"1s\""])
    try box.change(["storage": ["scrub_rate": "\(rate)"]])
    let began = now()
    box.reload()
    // A busy machine reads less. The block that it reads first it has not waited for.
    try eventually("three seconds' worth", within: 60, explain: box.report) {
      let read = try box.metric(metric)
      let most = Int((now() - began) * Double(rate)) + 2 * block
      guard read <= most else { throw Wrong(description: "\(read) bytes, where \(most) were allowed") }
      return read >= 3 * rate ? true : nil
    }
  }

  @Test("it stands still while somebody plays, and goes on afterwards")
  func idles() throws {
    let (box, ann, id) = try filled(["scrub_rate": "\"64MiB\"", "scrub_interval": "\"1s\""])
    try eventually("it reads", explain: box.report) { try box.metric(metric) > 0 ? true : nil }
    let last = try eventually("three seconds of play without a gap", within: 120, explain: box.report) { () -> Int? in
      _ = try ann.play(id, headers: ["Range": "bytes=0-9"])
      let (began, before) = (now(), try box.metric(metric))
      var (played, gap) = (now(), 0.0)
      while now() < began + 3 {
        _ = try ann.play(id, headers: ["Range": "bytes=0-9"])
        gap = max(gap, now() - played)
        played = now()
        usleep(50_000)
      }
      let after = try box.metric(metric)
      // Whoever is quiet for 5 s plays no more: so slow a machine gets another chance.
      guard max(gap, now() - played) < 4 else { return nil }
      #expect(after - before <= block, "but for the block that it was at, it read \(after - before) bytes")
      return after
    }
    try eventually("it goes on", within: 60, explain: box.report) { try box.metric(metric) > last + block ? true : nil }
  }

  @Test("a bad block that could not be recorded is not stepped over: it is looked at again")
  func recordedFirst() throws {
    let disk = try FaultyDisk()
    let box = try Box(
      ["storage": ["scrub_rate": "0", "scrub_interval": "\"1h\""]], environment: disk.environment, starts: false)
    try disk.watch(box.data)
    try disk.mend()
    try box.start()
    let (ann, title) = (try box.user("ann"), Title(size: 4 * block))
    try box.origin.put(title)
    _ = try ann.fetch(title)
    try box.spoil(try box.object(of: box.link(ann, title)), at: block + 5)
    try disk.plan(DiskRule(call: .ledgerWrite, action: .fail(ENOSPC)))
    try box.change(["storage": ["scrub_rate": "\"64MiB\""]])
    box.reload()
    try box.logged(event: "scrub.failed")
    try disk.mend()
    // Instead of waiting for a minute.
    box.reload()
    let found = try box.logged(event: "storage.damaged")
    #expect(found.message?.text?.contains("block 1, found by scrub") == true, "\(found)")
    try box.logged("mended") { $0.event?.text == "fill.complete" && $0.message?.text?.contains("whole again") == true }
    try box.logged(event: "scrub.finished")
    #expect(box.log.count { $0.event?.text == "storage.damaged" } == 1)
  }
}
