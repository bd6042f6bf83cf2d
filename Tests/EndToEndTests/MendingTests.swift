// Many titles damaged at once, and an origin that has only some of them still: nobody waits for ever behind those that are
// lost, and a repair comes to an end and says what is left.

import Foundation
import Testing

@LaneB @Suite("Mending") struct MendingTests {
  /// A box with titles that ann has, each with a wrong byte; it does not run.
  private func damaged(_ count: Int, active: Int) throws -> (Box, User, [(title: Title, id: String)]) {
    let box = try Box(["storage": ["scrub_rate": "0"], "downloads": ["active": "\(active)"]])
    let ann = try box.user("ann")
    let titles = (0..<count).map { Title(size: 2000 + $0) }
    for title in titles { try box.origin.put(title) }
    let ids = try titles.map { try ann.start($0) }
    for id in ids { try ann.wait(id, for: "completed") }
    let objects = try titles.map { try box.object(of: box.link(ann, $0)) }
    _ = try box.terminate()
    for object in objects { try box.spoil(object, at: 1000) }
    return (box, ann, zip(titles, ids).map { (title: $0, id: $1) })
  }

  @Test("a repair ends when all that is left waits for the origin, and names each title with its reason")
  func endsOffline() throws {
    let (box, ann, titles) = try damaged(4, active: 2)
    box.proxy.goDown()
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(1) && repair.summary?.waiting_blocks?.int == 4, "\(repair)")
    for (title, _) in titles {
      let notes = repair.notes.compactMap { $0.message?.text }.filter { $0.contains(title.key) }
      #expect(notes.count == 1 && notes[0].contains(" for the origin: "), "\(title.key): \(repair)")
    }
    try box.proxy.comeBack()
    let again = try box.verify("--repair")
    #expect(again.ending == .exited(0), "\(again)")
    try box.start()
    for (title, id) in titles { #expect(try ann.play(id).body == title.bytes) }
  }

  @Test("what the origin has no more keeps nothing else from being mended, in a repair and in a daemon")
  func stuck() throws {
    let (box, ann, titles) = try damaged(6, active: 2)
    for (title, _) in titles[..<4] { try box.origin.remove(key: title.key) }
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(1) && repair.summary?.mended?.int == 2, "\(repair)")
    #expect(repair.summary?.waiting_blocks?.int == 4, "\(repair)")
    try box.start()
    for (title, id) in titles[4...] { #expect(try ann.play(id).body == title.bytes) }
    for (_, id) in titles[..<4] { try ann.wait(id, forError: "content_not_found") }
    // A fill has its turn beside them.
    let fresh = Title(size: 5000)
    try box.origin.put(fresh)
    #expect(try ann.play(ann.fetch(fresh)).body == fresh.bytes)
    try box.origin.put(titles[0].title)
    try eventually("the first is whole again", explain: box.report) {
      try ann.play(titles[0].id).body == titles[0].title.bytes ? true : nil
    }
  }

  @Test("also when more titles are lost than may wait")
  func manyStuck() throws {
    let (box, ann, titles) = try damaged(70, active: 1)
    for (title, _) in titles[..<69] { try box.origin.remove(key: title.key) }
    #expect(try box.verify("--repair").ending == .exited(1))
    try box.start()
    let last = box.path(box.link(ann, titles[69].title))
    try eventually("the last is whole again", within: 60, explain: box.report) {
      try Bytes(file: last) == titles[69].title.bytes ? true : nil
    }
    try eventually("the others say why they are not", explain: box.report) {
      let waiting = try titles[..<69].filter { try ann.download($0.id).error?.code?.text == "content_not_found" }
      return waiting.count >= 64 ? true : nil
    }
    let fresh = Title(size: 5000)
    try box.origin.put(fresh)
    #expect(try ann.play(ann.fetch(fresh)).body == fresh.bytes)
  }
}
