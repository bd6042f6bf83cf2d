// Rights that somebody takes away under a running box. These tests run as root, whom rights do not stop: so the box runs
// without what lets root pass (capabilities(7)), as it does under systemd.

import Foundation
import Glibc
import Testing

@LaneE @Suite("Rights that are taken away") struct PermissionTests {
  private static let bound = "-dac_override,-dac_read_search"
  private static let launcher = ["setpriv", "--inh-caps=\(bound)", "--bounding-set=\(bound)"]

  /// A box in which ann has played one title, and has another that nobody has played.
  private func box() throws -> (box: Box, ann: User, titles: [Title], ids: [String]) {
    let box = try Box(["storage": ["scrub_rate": "0"]], launcher: geteuid() == 0 ? Self.launcher : [])
    let ann = try box.user("ann")
    let titles = (0..<3).map { Title(size: 300_000 + $0) }
    for title in titles { try box.origin.put(title) }
    let ids = try titles[..<2].map { try ann.fetch($0) }
    #expect(try ann.play(ids[0]).body == titles[0].bytes)
    return (box, ann, titles, ids)
  }

  private func allow(_ mode: mode_t, _ path: String) throws {
    guard unsafe chmod(path, mode) == 0 else { throw RigFailure.call("chmod \(path)") }
  }

  private func expectRefusal(_ answer: Answer, _ box: Box) {
    #expect(answer.status == 503 && answer.code == "storage_error", "\(answer)")
    #expect(answer.json?.detail?.text?.contains("Permission denied") == true, "\(answer)")
    #expect(answer["retry-after"] != nil)
    #expect(box.log.allSatisfy { $0.event?.text != "storage.damaged" }, "no right is no loss")
  }

  @Test("a title whose file may not be read is not called lost: it says so, and plays when it may be read again")
  func file() throws {
    let (box, ann, titles, ids) = try box()
    let paths = try titles[..<2].map { try box.path(box.object(of: box.link(ann, $0))) }
    for path in paths { try allow(0, path) }
    #expect(try ann.play(ids[0]).body == titles[0].bytes, "it is open")
    expectRefusal(try ann.play(ids[1]), box)
    #expect(try ann.download(ids[1]).status?.text == "completed")
    for path in paths { try allow(0o640, path) }
    #expect(try ann.play(ids[1]).body == titles[1].bytes)
    #expect(try box.terminate() == .exited(0))
    #expect(try box.verify().isClean)
  }

  @Test("while nothing may be made in objects/ fills wait, everything there plays, and it goes on by itself")
  func folderNotWritable() throws {
    let (box, ann, titles, ids) = try box()
    try allow(0o550, box.path("objects"))
    for (id, title) in zip(ids, titles) { #expect(try ann.play(id).body == title.bytes) }
    let id = try ann.start(titles[2])
    let waiting = try ann.wait(id, forError: "storage_error")
    #expect(waiting.error?.message?.text?.contains("Permission denied") == true, "\(waiting)")
    #expect(waiting.error?.next_attempt_at?.text != nil)
    #expect(try ann.ask("PUT", "/api/downloads/\(ids[0])/pin").status == 200)
    try allow(0o750, box.path("objects"))
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == titles[2].bytes)
    #expect(try box.terminate() == .exited(0))
    #expect(try box.verify().isClean)
  }

  @Test("while objects/ may not be entered what is open plays, nothing is taken for lost, and it goes on by itself")
  func folderNotEnterable() throws {
    let (box, ann, titles, ids) = try box()
    try allow(0, box.path("objects"))
    #expect(try ann.play(ids[0]).body == titles[0].bytes, "it is open")
    expectRefusal(try ann.play(ids[1]), box)
    let id = try ann.start(titles[2])
    try ann.wait(id, forError: "storage_error")
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.count == 3)
    try allow(0o750, box.path("objects"))
    try ann.wait(id, for: "completed")
    for (id, title) in zip(ids + [id], titles) { #expect(try ann.play(id).body == title.bytes) }
    #expect(box.log.allSatisfy { $0.event?.text != "storage.damaged" })
    #expect(try box.terminate() == .exited(0))
    #expect(try box.verify().isClean)
  }

  @Test("verify says of what it may not read that it cannot be judged, and --repair leaves it where it is")
  func verify() throws {
    let (box, ann, titles, ids) = try box()
    #expect(try box.terminate() == .exited(0))
    let path = try box.object(of: box.link(ann, titles[1]))
    let launcher = geteuid() == 0 ? Self.launcher : []
    try allow(0, box.path(path))
    for options in [[], ["--repair"]] {
      let verdict = try options.isEmpty ? box.verify(launcher: launcher) : box.verify("--repair", launcher: launcher)
      #expect(verdict.ending == .exited(1) && verdict.differences.count == 1, "\(verdict)")
      #expect(verdict.kinds(at: path) == ["unreadable"], "\(verdict)")
      #expect(verdict.differences.first?.message?.text?.contains("Permission denied") == true, "\(verdict)")
      #expect(verdict.summary?.not_mended?.int == (options.isEmpty ? nil : 1), "\(verdict)")
    }
    #expect(!box.exists("lost+found") && box.exists(path))
    try allow(0o640, box.path(path))
    #expect(try box.verify(launcher: launcher).isClean)
    try box.start()
    for (id, title) in zip(ids, titles) { #expect(try ann.play(id).body == title.bytes) }
  }
}
