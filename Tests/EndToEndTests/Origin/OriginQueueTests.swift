// Titles that wait because of themselves, more of them than may wait with a place of their own: they keep nobody from being
// fetched who could be.

import Foundation
import Testing

@LaneD @Suite("The queue before a sick origin") struct OriginQueueTests {
  @Test("titles that wait for their next try keep no place from a title that can be fetched")
  func stuckTitles() throws {
    // Whoever fails waits for half an hour, as a rule.
    let scripted = try Scripted([
      "downloads": ["active": "1", "connections": "1", "retry_initial": "\"1h\"", "retry_max": "\"1h\""]
    ])
    let ann = try scripted.box.user("ann")
    let stuck = (0..<70).map { scripted.title(1000 + $0) }
    let keys = Set(stuck.map(\.key))
    scripted.origin.script { request, honest in
      request.isForBytes && keys.contains(request.key) ? .s3(500, "InternalError") : honest
    }
    let ids = try stuck.map { try ann.start($0) }
    // One has a turn, and 64 may wait besides.
    for id in ids.prefix(65) { try ann.wait(id, forError: "origin_error") }
    let well = scripted.title(5000)
    #expect(try ann.play(ann.fetch(well)).body == well.bytes)
    for id in ids {
      let waiting = try ann.wait(id, forError: "origin_error")
      #expect(waiting.error?.next_attempt_at?.text != nil && waiting.status?.text == "downloading", "\(waiting)")
    }
    // A reload tries them all, also those without a place.
    scripted.origin.script(nil)
    scripted.box.reload()
    for (id, title) in zip(ids, stuck) {
      try ann.wait(id, for: "completed")
      #expect(try ann.play(id).body == title.bytes)
    }
  }

  /// What keeps one title alone from being reached.
  enum Broken: CaseIterable {
    /// Each answer with its bytes is cut.
    case bytes
    /// A front has a page of its own for its path.
    case path

    func answer(_ request: FakeRequest, _ honest: FakeAnswer) -> FakeAnswer {
      switch self {
      case .path: return .page(400)
      case .bytes:
        guard request.isForBytes else { return honest }
        var cut = honest
        (cut.cut, cut.ending) = (0, .close)
        return cut
      }
    }
  }

  @Test("a title that cannot be reached while others can gives its turn to those", arguments: Broken.allCases)
  func unreachableAlone(broken: Broken) throws {
    let scripted = try Scripted(["downloads": ["active": "1", "connections": "1"]])
    let ann = try scripted.box.user("ann")
    let stuck = scripted.title(300_000)
    let key = stuck.key
    scripted.origin.script { request, honest in request.key == key ? broken.answer(request, honest) : honest }
    let id = try ann.start(stuck)
    try ann.wait(id, forError: "origin_unreachable")
    for size in [5000, 6000, 7000] {
      let well = scripted.title(size)
      #expect(try ann.play(ann.fetch(well)).body == well.bytes)
    }
    #expect(try ann.download(id).status?.text != "failed")
    scripted.origin.script(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == stuck.bytes)
  }

  @Test("titles whose tries last longer than their waits leave turns to what never had one")
  func longTries() throws {
    let scripted = try Scripted([
      "origin": ["stall_timeout": "\"500ms\""],
      "downloads": ["active": "1", "connections": "1", "retry_initial": "\"10ms\"", "retry_max": "\"20ms\""],
    ])
    let ann = try scripted.box.user("ann")
    let stuck = (0..<6).map { scripted.title(1000 + $0) }
    let keys = Set(stuck.map(\.key))
    scripted.origin.script { request, honest in
      guard request.isForBytes, keys.contains(request.key) else { return honest }
      var silent = honest
      (silent.cut, silent.ending) = (0, .hang)
      return silent
    }
    let ids = try stuck.map { try ann.start($0) }
    for id in ids { try ann.wait(id, forError: "origin_unreachable") }
    for size in [5000, 6000] {
      let well = scripted.title(size)
      #expect(try ann.play(ann.fetch(well)).body == well.bytes)
    }
    scripted.origin.script(nil)
    for (id, title) in zip(ids, stuck) {
      try ann.wait(id, for: "completed")
      #expect(try ann.play(id).body == title.bytes)
    }
  }

  @Test("nor does a damaged title that cannot be reached keep another from being mended")
  func unreachableMend() throws {
    let scripted = try Scripted([
      "storage": ["scrub_rate": "0"], "downloads": ["active": "1", "connections": "1"],
    ])
    let (box, ann) = (scripted.box, try scripted.box.user("ann"))
    let (stuck, well) = (scripted.title(5000), scripted.title(6000))
    let ids = (try ann.fetch(stuck), try ann.fetch(well))
    let objects = try [stuck, well].map { try box.object(of: box.link(ann, $0)) }
    _ = try box.terminate()
    for object in objects { try box.spoil(object, at: 1000) }
    scripted.origin.script { Broken.bytes.answer($0, $1) }
    #expect(try box.verify("--repair").ending == .exited(1))
    let key = stuck.key
    scripted.origin.script { request, honest in request.key == key ? Broken.bytes.answer(request, honest) : honest }
    try box.start()
    try eventually("the other is whole again", explain: box.report) {
      try box.bytes(objects[1]) == well.bytes ? true : nil
    }
    try ann.wait(ids.0, forError: "origin_unreachable")
    scripted.origin.script(nil)
    try eventually("so is the first", explain: box.report) {
      try box.bytes(objects[0]) == stuck.bytes ? true : nil
    }
    #expect(try ann.play(ids.1).body == well.bytes)
  }
}
