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
}
