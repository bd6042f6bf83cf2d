// An origin that is gone, cut off, silent or slow: nothing is lost, and it goes on by itself.

import Foundation
import Glibc
import Synchronization
import Testing

@LaneB @Suite("An origin that is away") struct OriginAwayTests {
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
    #expect(try box.logged(event: "origin.trouble").code?.text == "origin_unreachable")
    try box.proxy.comeBack()
    try box.logged(event: "origin.well")
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

  @Test("a transfer that stands still is dropped and tried again, and what it brought is kept")
  func stalled() throws {
    let box = try Box(["origin": ["stall_timeout": "\"1s\""]])
    let ann = try box.user("ann")
    let title = Title(size: 4 << 20)
    try box.origin.put(title)
    let before = box.proxy.traffic
    box.proxy.hold(after: before + (2 << 20))
    let id = try ann.start(title)
    let lost = try ann.wait(id, forError: "origin_unreachable")
    #expect(lost.status?.text == "downloading" && lost.error?.retryable?.bool == true)
    #expect((lost.downloaded_bytes?.int ?? 0) >= 512 << 10, "\(lost)")
    box.proxy.release()
    let done = try ann.wait(id, for: "completed")
    #expect(done.error == .null)
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic - before < title.size + (2 << 20), "what was there was not fetched again")
  }

  @Test("a transfer that drips is as good as one that stands still")
  func dripping() throws {
    let box = try Box(["origin": ["stall_timeout": "\"1s\""]])
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.fault(Fault(action: .rate(500)) { $0.method == "GET" })
    let id = try ann.start(title)
    let slow = try ann.wait(id, forError: "origin_unreachable")
    #expect(slow.error?.message?.text?.contains("slower than 1 KiB/s") == true, "\(slow)")
    #expect(slow.status?.text == "downloading" && slow.downloaded_bytes?.int == 0)
    box.proxy.fault(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("an origin that answers to HEAD and hangs on GET is unreachable, and is asked until it answers")
  func hanging() throws {
    let box = try Box(["origin": ["stall_timeout": "\"500ms\""]])
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.fault(Fault(action: .hang) { $0.method == "GET" })
    let id = try ann.start(title)
    let silent = try ann.wait(id, forError: "origin_unreachable")
    #expect(silent.total_bytes?.int == title.size && silent.downloaded_bytes?.int == 0)
    box.proxy.fault(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("an origin that takes connections and says nothing keeps nobody waiting for long, and the start waits for it")
  func silent() throws {
    let box = try Box(["origin": ["stall_timeout": "\"500ms\"", "connect_timeout": "\"500ms\""]])
    let ann = try box.user("ann")
    let title = Title(size: 300_000)
    try box.origin.put(title)
    box.proxy.fault(Fault(action: .hang))
    let answer = try ann.tryStart(title)
    #expect(answer.status == 201 && answer.json?.total_bytes == .null)
    let id = try #require(answer.json?.id?.text)
    try ann.wait(id, forError: "origin_unreachable")
    box.proxy.fault(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a name that nobody knows is waited for, and a reload with the right one ends the wait")
  func unknownName() throws {
    let box = try Box()
    let right = box.settings["origin"]?["endpoint"] ?? ""
    let ann = try box.user("ann")
    let title = Title(size: 300_000)
    try box.origin.put(title)
    try box.change(["origin": ["endpoint": "\"http://no-such-host.invalid\""]])
    box.reload()
    try box.logged("the reload") { $0.message?.text?.contains("configuration reloaded") == true }
    let id = try ann.start(title)
    let lost = try ann.wait(id, forError: "origin_unreachable")
    #expect(lost.error?.message?.text?.contains("resolve") == true, "\(lost)")
    #expect(box.proxy.requests.isEmpty)
    try box.change(["origin": ["endpoint": right]])
    box.reload()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a question that is given up, by a cancellation or by the end, is no word of the origin's")
  func givenUp() throws {
    let box = try Box()
    box.proxy.goDown()
    let ann = try box.user("ann")
    let id = try ann.start(Title(size: 300_000))
    try box.kill()
    box.proxy.fault(Fault(action: .hang))
    try box.proxy.comeBack()
    for isEnd in [true, false] {
      let asked = box.proxy.requests.count
      try box.start()
      try eventually("the question", explain: box.report) { box.proxy.requests.count > asked ? true : nil }
      if isEnd {
        #expect(try box.terminate() == .exited(0))
      } else {
        try ann.expect(200, "DELETE", "/api/downloads/\(id)")
        try eventually("the end of the question", explain: box.report) {
          box.proxy.state.withLock { $0.open.isEmpty } ? true : nil
        }
        #expect(try box.metric("larder_origin_errors_total", ["code": "origin_error"]) == 0)
        #expect(try box.order("GET", "/status").json?.origin?.reachable == .null)
      }
      #expect(!box.log.contains { $0.event?.text == "origin.trouble" }, "\(box.report)")
    }
  }
}
