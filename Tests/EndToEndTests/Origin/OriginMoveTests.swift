// A reload that names another bucket or another endpoint while something is under way: what one bucket says is nothing
// about another one's titles.

import Foundation
import Glibc
import Synchronization
import Testing

@LaneD @Suite("An origin that a reload exchanges") struct OriginMoveTests {
  private let block = 256 << 10

  /// What the other bucket has under a title's key.
  enum Elsewhere: CaseIterable {
    case nothing
    case anotherTitle
  }

  /// Two buckets in one store: in the usual one bytes from `offset` on are promised and do not come.
  private nonisolated static func buckets(_ elsewhere: Elsewhere, _ title: Title, holding offset: Int)
    -> FakeOrigin.Script
  {
    let other = FakeObject(title.replaced(size: 100_000))
    return { request, honest in
      guard request.bucket != "other" else {
        return elsewhere == .nothing ? .s3(404, "NoSuchKey") : FakeOrigin.answer(about: other, to: request)
      }
      guard request.isForBytes, (request.range?.upperBound ?? 0) >= offset else { return honest }
      var answer = honest
      answer.cut = 0
      answer.ending = .hang
      return answer
    }
  }

  private func configure(_ scripted: Scripted, bucket: String) throws {
    try scripted.box.change(["origin": ["bucket": "\"\(bucket)\""]])
    try scripted.reload()
  }

  /// Waits until a download says that its bucket is not the configured one, and nothing was asked of that for it.
  private func waitForBucket(_ id: String, of title: Title, _ ann: User, _ origin: FakeOrigin) throws -> JSON {
    let waiting = try ann.wait(id, "that waits for its bucket") {
      $0.error?.code?.text == "origin_error" && $0.error?.message?.text?.contains("other is configured") == true
    }
    #expect(waiting.error?.retryable?.bool == true && waiting.error?.next_attempt_at?.text != nil)
    #expect(waiting.total_bytes?.int == title.size)
    #expect(!origin.requests.contains { $0.bucket == "other" && $0.key == title.key })
    return waiting
  }

  @Test("a fill of another bucket than the configured one waits, whatever that has", arguments: Elsewhere.allCases)
  func fill(elsewhere: Elsewhere) throws {
    let scripted = try Scripted(["origin": ["stall_timeout": "\"1s\""]])
    let ann = try scripted.box.user("ann")
    let title = scripted.title(12 * block)
    scripted.origin.script(Self.buckets(elsewhere, title, holding: 4 * block))
    let id = try ann.start(title)
    try ann.wait(id, "a part") { $0.downloaded_bytes?.int == 4 * block }
    try configure(scripted, bucket: "other")
    let waiting = try waitForBucket(id, of: title, ann, scripted.origin)
    #expect(waiting.status?.text == "downloading" && waiting.downloaded_bytes?.int == 4 * block)
    #expect(try ann.storage().reserved == title.size)

    scripted.origin.script(nil)
    let before = scripted.origin.traffic
    try configure(scripted, bucket: SeaweedFS.bucket)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(scripted.origin.traffic - before == title.size - 4 * block, "what was there was kept")
  }

  @Test("a damaged title of another bucket keeps what it has, whatever that bucket has", arguments: Elsewhere.allCases)
  func mend(elsewhere: Elsewhere) throws {
    let scripted = try Scripted(["origin": ["stall_timeout": "\"1s\""]])
    let (box, origin) = (scripted.box, scripted.origin)
    let ann = try box.user("ann")
    let title = scripted.title(12 * block)
    let id = try ann.fetch(title)
    _ = try box.terminate()
    try #require(unsafe truncate(box.data + "/objects/0000000000000001", 8 * block) == 0)
    origin.script(Self.buckets(elsewhere, title, holding: 0))
    let begun = origin.requests.count
    try box.start()
    let player = try Connection(port: box.port)
    try player.send(
      request(
        "GET", "/api/downloads/\(id)/play",
        headers: ann.authorization.merging(["Range": "bytes=\(9 * block)-\(10 * block)"]) { $1 }))
    try eventually("the lost blocks are asked for", explain: box.report) {
      origin.requests.dropFirst(begun).contains(where: \.isForBytes) ? true : nil
    }
    try configure(scripted, bucket: "other")
    let waiting = try waitForBucket(id, of: title, ann, origin)
    #expect(waiting.status?.text == "completed")
    #expect(try ann.storage().used == title.size)
    let kept = try ann.play(id, headers: ["Range": "bytes=0-\(8 * block - 1)"])
    #expect(kept.status == 206 && kept.body == title.bytes[0..<(8 * block)])

    origin.script(nil)
    let before = origin.traffic
    try configure(scripted, bucket: SeaweedFS.bucket)
    try ann.wait(id, "whole again") { $0.error == .null }
    #expect(try ann.play(id).body == title.bytes)
    #expect(origin.traffic - before == 4 * block, "the lost blocks and no more")
  }

  @Test("a start whose answer is on its way is answered by the bucket that is configured when it comes")
  func question() throws {
    let scripted = try Scripted()
    let (box, origin) = (scripted.box, scripted.origin)
    let ann = try box.user("ann")
    let title = scripted.title(100_000)
    let isHeld = Mutex(true)
    origin.script { request, honest in
      if request.bucket == "other" { return .s3(404, "NoSuchKey") }
      while isHeld.withLock({ $0 }) { usleep(5000) }
      return honest
    }
    defer { isHeld.withLock { $0 = false } }
    let asking = try Connection(port: box.port)
    try asking.send(
      request("POST", "/api/downloads/start", headers: ann.authorization, body: User.startBody(title)))
    try eventually("the question", explain: box.report) {
      origin.requests.contains { $0.method == "HEAD" && $0.key == title.key } ? true : nil
    }
    try configure(scripted, bucket: "other")
    isHeld.withLock { $0 = false }
    let answer = try asking.receive(to: "POST")
    #expect(answer.status == 404 && answer.code == "content_not_found", "\(answer)")
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.isEmpty == true)
  }

  @Test("a fill goes on at another endpoint of the same bucket at once, with what is missing")
  func endpoint() throws {
    let scripted = try Scripted(["origin": ["stall_timeout": "\"1h\""]])
    let other = try FakeOrigin()
    defer { other.stop() }
    let ann = try scripted.box.user("ann")
    let title = scripted.title(12 * block)
    other.put(FakeObject(title), key: title.key)
    scripted.origin.script(Self.buckets(.nothing, title, holding: 4 * block))
    let id = try ann.start(title)
    try ann.wait(id, "a part") { $0.downloaded_bytes?.int == 4 * block }
    try scripted.box.change(other.endpoint)
    try scripted.reload()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(other.traffic == title.size - 4 * block)
  }
}
