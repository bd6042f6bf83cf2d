// A title that changes or goes while it is fetched.

import Foundation
import Glibc
import Synchronization
import Testing

@LaneA @Suite("A title that changes") struct OriginVersionTests {
  @Test("a title that changes at the origin midway arrives as the new version, whole and unmixed")
  func changedMidway() throws {
    let box = try Box(["quota": ["default": "\"20MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 3 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 1 << 20)
    let id = try ann.start(title)
    try ann.wait(id, "a part") { ($0.downloaded_bytes?.int ?? 0) >= 512 << 10 }
    let new = title.replaced(size: (4 << 20) + 99)
    try box.origin.put(new)
    box.proxy.release()
    let done = try ann.wait(id, for: "completed")
    #expect(done.total_bytes?.int == new.size)
    #expect(try ann.play(id).body == new.bytes)
    #expect(try ann.storage() == .of(20 << 20, used: new.size, reserved: 0))
    let pinned = box.proxy.requests.filter { $0.method == "GET" && $0.range != nil }
    #expect(pinned.allSatisfy { $0.ifMatch?.hasPrefix("\"") == true }, "every ranged request holds one version")
  }

  @Test("a title that is taken away midway fails, comes free, and can be had again when it is back")
  func goneMidway() throws {
    let box = try Box(["quota": ["default": "\"20MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 3 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 1 << 20)
    let id = try ann.start(title)
    try ann.wait(id, "a part") { ($0.downloaded_bytes?.int ?? 0) >= 512 << 10 }
    try box.origin.remove(key: title.key)
    box.proxy.release()
    let failed = try ann.wait(id, for: "failed")
    #expect(failed.error?.code?.text == "content_not_found" && failed.error?.retryable?.bool == false)
    #expect(failed.file_path == .null)
    #expect(try ann.storage() == .of(20 << 20, used: 0, reserved: 0))
    #expect(try ann.play(id).code == "not_ready")
    try box.origin.put(title)
    try ann.expect(200, "POST", "/api/downloads/\(id)/retry")
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test(
    "a title that is replaced ten times midway arrives as its last version, unmixed, and is not asked for endlessly")
  func replacedTenTimes() throws {
    let scripted = try Scripted(["quota": ["default": "\"20MiB\""], "downloads": ["connections": "2"]])
    let ann = try scripted.box.user("ann")
    let title = scripted.title(2 << 20)
    let versions = (1...10).map { title.replaced(size: (2 << 20) + 1000 * $0) }
    let objects = versions.map { FakeObject($0, etag: "\"version-\($0.size)\"") }
    let key = title.key
    let replaced = Mutex(0)
    scripted.origin.script { [origin = scripted.origin] request, honest in
      // After a few good answers for each version the next one is put in its place.
      guard request.isForBytes, honest.status == 206, (request.range?.lowerBound ?? 0) >= 768 << 10 else {
        return honest
      }
      replaced.withLock { count in
        guard count < objects.count, count == 0 || request.field("if-match") == objects[count - 1].etag else { return }
        origin.put(objects[count], key: key)
        count += 1
      }
      return honest
    }
    let id = try ann.start(title)
    let done = try ann.wait(id, for: "completed", within: 60)
    let last = try #require(versions.last)
    #expect(replaced.withLock { $0 } == 10)
    #expect(done.total_bytes?.int == last.size)
    #expect(try ann.play(id).body == last.bytes)
    #expect(try ann.storage() == .of(20 << 20, used: last.size, reserved: 0))
    #expect(scripted.box.log.count { $0.event?.text == "fill.renew" } == 10)
    #expect(scripted.origin.requests.count < 200, "\(scripted.origin.requests.count)")
    #expect(scripted.origin.traffic < 11 * last.size)
    let files = try FileManager.default.contentsOfDirectory(atPath: scripted.box.data + "/objects")
    #expect(Set(files.map { $0.prefix(16) }).count == 1, "the versions before are gone: \(files)")
  }

  @Test("a title that never stands still costs less and less, fails nothing, and arrives when it does")
  func neverStill() throws {
    let scripted = try Scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(1 << 20)
    let key = title.key
    let count = Mutex(0)
    scripted.origin.script { [origin = scripted.origin] request, honest in
      if request.isForBytes {
        let number = count.withLock { count in
          count += 1
          return count
        }
        origin.put(FakeObject(title, etag: "\"moving-\(number)\""), key: key)
      }
      return honest
    }
    let id = try ann.start(title)
    let moving = try ann.wait(id, forError: "origin_error")
    #expect(moving.error?.message?.text?.contains("again and again") == true, "\(moving)")
    #expect(moving.error?.next_attempt_at?.text != nil)
    scripted.origin.script(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }
}
