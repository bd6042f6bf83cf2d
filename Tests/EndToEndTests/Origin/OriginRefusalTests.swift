// An origin that says no, or not now.

import Foundation
import Glibc
import Synchronization
import Testing

@LaneB @Suite("An origin that refuses") struct OriginRefusalTests {
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

  @Test("a bucket that is gone midway fails no title: it keeps what it has, and goes on when the bucket is back")
  func noSuchBucketMidway() throws {
    let scripted = try Scripted(["quota": ["default": "\"10MiB\""]])
    let ann = try scripted.box.user("ann")
    let title = scripted.title(4 << 20)
    let begun = scripted.origin.traffic
    scripted.origin.script { [origin = scripted.origin] _, honest in
      origin.traffic - begun > 1 << 20 ? .s3(404, "NoSuchBucket") : honest
    }
    let id = try ann.start(title)
    let waiting = try ann.wait(id, forError: "origin_error")
    #expect(waiting.status?.text == "downloading" && waiting.error?.retryable?.bool == true)
    #expect(waiting.error?.message?.text?.contains("NoSuchBucket") == true, "\(waiting)")
    let kept = try ann.wait(id, "what came before") { ($0.downloaded_bytes?.int ?? 0) >= 512 << 10 }
    #expect(try ann.storage() == .of(10 << 20, used: 0, reserved: title.size))
    let refused = scripted.origin.traffic
    scripted.origin.script(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(scripted.origin.traffic - refused < title.size - (kept.downloaded_bytes?.int ?? 0) + (64 << 10))
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

  @Test("an origin is not asked again before it wants to be, however short the waits are", arguments: ["HEAD", "GET"])
  func retryAfter(method: String) throws {
    let scripted = try Scripted([
      "downloads": ["connections": "1", "retry_initial": "\"1ms\"", "retry_max": "\"10ms\""]
    ])
    let ann = try scripted.box.user("ann")
    let title = scripted.title(300_000)
    let key = title.key
    let asked = Mutex<[Double]>([])
    scripted.origin.script { request, honest in
      guard request.key == key, request.method == method else { return honest }
      let count = asked.withLock { moments in
        moments.append(now())
        return moments.count
      }
      return count <= 4 ? .s3(503, "SlowDown", "", [(name: "Retry-After", value: "1")]) : honest
    }
    let id = try ann.start(title)
    try ann.wait(id, "told when it is asked again") {
      $0.error?.code?.text == "origin_error" && $0.error?.next_attempt_at?.text != nil
    }
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    // The first question is the user's, and what it was answered holds for the box's own too. The clocks count milliseconds.
    let moments = asked.withLock { $0 }.prefix(4)
    let waits = zip(moments.dropFirst(), moments).map { $0 - $1 }
    #expect(waits.count == 3 && waits.allSatisfy { $0 > 0.99 }, "\(waits)")
  }

  @Test("a reload while a title comes in ends no wait that the origin asks for later")
  func retryAfterReload() throws {
    let scripted = try Scripted(["downloads": ["connections": "1"]])
    let ann = try scripted.box.user("ann")
    let title = scripted.title(300_000)
    let key = title.key
    scripted.origin.script { request, honest in
      guard request.key == key, request.isForBytes else { return honest }
      var silent = honest
      (silent.cut, silent.ending) = (0, .hang)
      return silent
    }
    let id = try ann.start(title)
    try eventually("its bytes are asked for", explain: scripted.box.report) {
      scripted.origin.requests.contains { $0.key == key && $0.isForBytes } ? true : nil
    }
    try scripted.reload()
    scripted.origin.script { request, honest in
      guard request.key == key else { return honest }
      return request.isForBytes
        ? .s3(412, "PreconditionFailed") : .s3(503, "SlowDown", "", [(name: "Retry-After", value: "3600")])
    }
    try ann.wait(id, forError: "origin_error")
    let other = scripted.title(5000)
    #expect(try ann.play(ann.fetch(other)).body == other.bytes)
    let asked = scripted.origin.requests.filter { $0.key == key && $0.method == "HEAD" }
    #expect(asked.count == 2, "at the start, and once for the new version: \(asked)")
    scripted.origin.script(nil)
    try scripted.reload()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("patience without end is not taken at its word and ends nothing; a reload asks at once")
  func endlessPatience() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 100_000)
    try box.origin.put(title)
    let patience = ["Retry-After": "9223372036854775807"]
    box.proxy.fault(
      Fault(action: Fault.s3(503, "SlowDown", headers: patience), times: 1) { $0.method == "HEAD" })
    let began = Date()
    let id = try ann.start(title)
    let waiting = try ann.wait(id, "told when it is asked again") { $0.error?.next_attempt_at?.text != nil }
    let next = try #require(waiting.error?.next_attempt_at?.text)
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    let date = try #require(format.date(from: next), "\(next)")
    // An hour, and not the 5 s of a test's usual patience.
    #expect((3590...3700).contains(date.timeIntervalSince(began)), "\(next)")
    box.reload()
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

  @Test(
    "an origin in trouble is asked again, with a HEAD and midway",
    arguments: [
      (500, "InternalError"), (502, "BadGateway"), (503, "SlowDown"), (408, "RequestTimeout"),
      (409, "OperationAborted"), (425, "TooEarly"), (429, "TooManyRequests"),
    ])
  func inTrouble(status: Int, code: String) throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.fault(Fault(action: Fault.s3(status, code)) { $0.method == "HEAD" })
    let answer = try ann.tryStart(title)
    #expect(answer.status == 201 && answer.json?.total_bytes == .null)
    let id = try #require(answer.json?.id?.text)
    let waiting = try ann.wait(id, forError: "origin_error")
    #expect(waiting.status?.text == "pending" && waiting.error?.retryable?.bool == true)
    box.proxy.fault(Fault(action: Fault.s3(status, code)) { $0.method == "GET" })
    try ann.wait(id, "known and in trouble") {
      $0.total_bytes?.int == title.size && $0.error?.code?.text == "origin_error"
        && $0.error?.message?.text?.contains(code) == true
    }
    #expect(try ann.download(id).downloaded_bytes?.int == 0)
    box.proxy.fault(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }
}
