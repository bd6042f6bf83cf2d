// An origin that is gone, slow, wrong or lying: nothing is lost, and nothing wrong is kept.

import Foundation
import Glibc
import Testing

@LaneB @Suite("A faulty origin") struct OriginFaultTests {
  @Test("an origin that cannot be reached keeps a start waiting, which goes on by itself when it is back")
  func refused() throws {
    let box = try Box(["quota": ["default": "\"10MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.goDown()
    let answer = try ann.tryStart(title)
    #expect(answer.status == 201)
    #expect(answer.json?.status?.text == "pending")
    #expect(answer.json?.total_bytes == .null)
    let id = try #require(answer.json?.id?.text)
    let waiting = try ann.wait(id, forError: "origin_unreachable")
    #expect(waiting.error?.retryable?.bool == true)
    #expect(waiting.error?.message?.text?.isEmpty == false)
    #expect(try ann.play(id).code == "not_ready")
    try box.proxy.comeBack()
    let done = try ann.wait(id, for: "completed")
    #expect(done.error == .null)
    #expect(try ann.play(id).body == title.bytes)
    #expect(try ann.storage() == .of(10 << 20, used: title.size, reserved: 0))
  }

  @Test("an origin lost midway fails no download, removes no byte and stops no play")
  func lostMidway() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 4 << 20)
    let kept = Title(size: 300_000)
    try box.origin.put(title)
    try box.origin.put(kept)
    let held = try ann.fetch(kept)
    let before = box.proxy.traffic
    box.proxy.hold(after: before + (2 << 20))
    let id = try ann.start(title)
    let some = try ann.wait(id, "half") { ($0.downloaded_bytes?.int ?? 0) >= 1 << 20 }
    box.proxy.goDown()
    let lost = try ann.wait(id, forError: "origin_unreachable")
    #expect(lost.status?.text == "downloading")
    #expect((lost.downloaded_bytes?.int ?? 0) >= (some.downloaded_bytes?.int ?? .max))
    #expect(try ann.play(held).body == kept.bytes)
    box.proxy.release()
    try box.proxy.comeBack()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic - before < title.size + (2 << 20), "what was there was not fetched again")
  }

  @Test("a title that the origin does not have is refused, and charges nothing")
  func notFound() throws {
    let box = try Box(["quota": ["default": "1000"]])
    let ann = try box.user("ann")
    let answer = try ann.tryStart(Title(size: 10))
    #expect(answer.status == 404)
    #expect(answer.code == "content_not_found")
    #expect(try ann.storage() == .of(1000, used: 0, reserved: 0))
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.isEmpty == true)
  }

  @Test("a bucket that does not exist is the box's trouble, and no title is blamed for it")
  func noSuchBucket() throws {
    let box = try Box(["origin": ["bucket": "\"no-such-bucket\""], "quota": ["default": "1000"]])
    let ann = try box.user("ann")
    let answer = try ann.tryStart(Title(size: 10))
    #expect(answer.status == 502)
    #expect(answer.code == "origin_refused")
    #expect(answer.json?.detail?.text?.contains("bucket") == true, "\(answer)")
    #expect(try ann.storage() == .of(1000, used: 0, reserved: 0))
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.isEmpty == true)
  }

  @Test("wrong credentials are the box's trouble, and said so")
  func wrongCredentials() throws {
    let box = try Box(secretKey: "wrong")
    let ann = try box.user("ann")
    let title = Title(size: 1000)
    try box.origin.put(title)
    let answer = try ann.tryStart(title)
    #expect(answer.status == 502)
    #expect(answer.code == "origin_refused")
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.isEmpty == true)
  }

  @Test("a page of a captive portal is no title")
  func captivePortal() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 200_000)
    try box.origin.put(title)
    box.proxy.fault(
      Fault(action: .answer(status: 200, headers: ["Content-Type": "text/html"], body: "<html>Welcome</html>")))
    let id = try ann.start(title)
    try ann.wait(id, forError: "origin_unreachable")
    box.proxy.fault(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

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

  @Test("an origin that asks for patience gets it, and the reason is shown meanwhile")
  func slowDown() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.fault(Fault(action: Fault.s3(503, "SlowDown", headers: ["Retry-After": "1"])) { $0.method == "GET" })
    let id = try ann.start(title)
    let slow = try ann.wait(id, forError: "origin_error")
    #expect(slow.status?.text == "downloading" || slow.status?.text == "pending")
    #expect(slow.error?.retryable?.bool == true)
    #expect(slow.error?.next_attempt_at?.text != nil)
    box.proxy.fault(nil)
    let done = try ann.wait(id, for: "completed")
    #expect(done.error == .null)
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("patience without end is not taken at its word, and ends nothing")
  func endlessPatience() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 100_000)
    try box.origin.put(title)
    let patience = ["Retry-After": "9223372036854775807"]
    box.proxy.fault(
      Fault(action: Fault.s3(503, "SlowDown", headers: patience), times: 1) { $0.method == "HEAD" })
    let id = try ann.start(title)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("titles that a sick origin held up are fetched one after the other when it is well again")
  func turnsAfterTrouble() throws {
    let box = try Box([
      "downloads": [
        "active": "1", "connections": "1", "chunk_size": "\"64KiB\"", "retry_initial": "\"10ms\"",
        "retry_max": "\"50ms\"",
      ]
    ])
    let ann = try box.user("ann")
    let titles = (0..<5).map { _ in Title(size: 2 << 20) }
    for title in titles { try box.origin.put(title) }
    box.proxy.fault(Fault(action: Fault.s3(503, "SlowDown")) { $0.method == "GET" })
    let ids = try titles.map { try ann.start($0) }
    for id in ids { try ann.wait(id, forError: "origin_error") }
    box.proxy.fault(nil)
    let healed = box.proxy.requests.count
    for id in ids { try ann.wait(id, for: "completed") }
    let gets = box.proxy.requests.dropFirst(healed).filter { $0.method == "GET" }.map(\.target)
    // While it gets well a last refusal may still pass the turn on. From the first title that is through, each of the
    // others comes in one run; side by side, all would be through at the end only.
    let lasts = Set(gets).compactMap { gets.lastIndex(of: $0) }
    let rest = Array(gets.dropFirst((lasts.min() ?? 0) + 1))
    let runs = rest.enumerated().count { $0 == 0 || rest[$0 - 1] != $1 }
    #expect(gets.count > 4 * titles.count, "too few to tell")
    #expect(rest.count > gets.count / 2, "titles side by side: \(rest.count) of \(gets.count) requests came later")
    #expect(runs == titles.count - 1, "more than one title at a time: \(runs) runs of \(rest.count) requests")
  }

  @Test("connections that are cut, by an end or by a reset, cost only what was in flight", arguments: [false, true])
  func cut(reset: Bool) throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 4 << 20)
    try box.origin.put(title)
    box.proxy.fault(Fault(action: .cut(after: 100_000, reset: reset), times: 6) { $0.method == "GET" })
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic >= title.size)
    #expect(box.proxy.traffic <= title.size + 6 * (256 << 10), "\(box.proxy.traffic)")
  }

  @Test("a transfer that stands still is dropped and tried again")
  func stalled() throws {
    let box = try Box(["origin": ["stall_timeout": "\"1s\""]])
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.fault(Fault(action: .hang, times: 2) { $0.method == "GET" })
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a byte that was flipped on the way is found, and everything is fetched anew, once")
  func flippedOnce() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.fault(
      Fault(action: .flip(at: 777), times: 1) { $0.method == "GET" && $0.range?.hasPrefix("bytes=262144-") == true })
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic == 2 * title.size)
  }

  @Test("an origin whose bytes never match their digest gives no title: the download fails and its quota comes free")
  func flippedAlways() throws {
    let box = try Box(["quota": ["default": "\"10MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.fault(
      Fault(action: .flip(at: 777)) { $0.method == "GET" && $0.range?.hasPrefix("bytes=262144-") == true })
    let id = try ann.start(title)
    let failed = try ann.wait(id, for: "failed")
    #expect(failed.error?.code?.text == "integrity_mismatch")
    #expect(failed.error?.retryable?.bool == false)
    #expect(failed.file_path == .null)
    #expect(try ann.play(id).code == "not_ready")
    #expect(try ann.storage() == .of(10 << 20, used: 0, reserved: 0))
    #expect(box.proxy.traffic == 2 * title.size)

    // Mended at the origin, a new wish acts as a retry.
    box.proxy.fault(nil)
    let again = try ann.tryStart(title)
    #expect(again.status == 200)
    #expect(again.json?.id?.text == id)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a title that was uploaded in parts is compared with the digest of its parts")
  func uploadedInParts() throws {
    let box = try Box(["quota": ["default": "\"20MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 3 * (5 << 20) + 700_001)
    try box.origin.put(title, partSize: 5 << 20)
    let id = try ann.fetch(title)
    let answer = try ann.play(id)
    #expect(answer["etag"]?.hasSuffix("-4\"") == true, "no upload in four parts: \(answer.headers)")
    #expect(answer.body == title.bytes)
    #expect(box.proxy.traffic == title.size)
    #expect(box.proxy.requests.contains { $0.method == "HEAD" && $0.target.contains("partNumber=1") })
    #expect(try ann.storage() == .of(20 << 20, used: title.size, reserved: 0))
  }

  @Test("a flipped byte in any part of a title that was uploaded in parts fails it", arguments: [0, 2, 3])
  func flippedInAPart(part: Int) throws {
    let box = try Box(["quota": ["default": "\"20MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 3 * (5 << 20) + 700_001)
    try box.origin.put(title, partSize: 5 << 20)
    let range = "bytes=\(part * (5 << 20))-"
    box.proxy.fault(Fault(action: .flip(at: 777)) { $0.method == "GET" && $0.range?.hasPrefix(range) == true })
    let id = try ann.start(title)
    let failed = try ann.wait(id, for: "failed")
    #expect(failed.error?.code?.text == "integrity_mismatch")
    #expect(try ann.play(id).code == "not_ready")
    #expect(box.proxy.traffic == 2 * title.size)
    #expect(try ann.storage() == .of(20 << 20, used: 0, reserved: 0))
    box.proxy.fault(nil)
    try ann.expect(200, "POST", "/api/downloads/\(id)/retry")
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("an answer of the wrong range or without its version is never taken for the title")
  func lyingAnswers() throws {
    for headers in [
      ["Content-Range": "bytes 0-9/1048576"], ["Content-Range": "bytes 0-262143/999"], [:],
    ] {
      let box = try Box()
      let ann = try box.user("ann")
      let title = Title(size: 1 << 20)
      try box.origin.put(title)
      let lie = String(repeating: "x", count: 256 << 10)
      box.proxy.fault(Fault(action: .answer(status: 206, headers: headers, body: lie), times: 3) { $0.method == "GET" })
      let id = try ann.fetch(title)
      #expect(try ann.play(id).body == title.bytes, "\(headers)")
    }
  }
}
