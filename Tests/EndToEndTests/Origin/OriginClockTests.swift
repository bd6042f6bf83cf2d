// An origin that refuses signatures for their time: gone by its Date within a day, and no further.

import Foundation
import Glibc
import S3
import Synchronization
import Testing

@LaneD @Suite("An origin with another clock") struct OriginClockTests {
  private func scripted() throws -> Scripted {
    let scripted = try Scripted()
    scripted.origin.demand(
      try Credentials(accessKeyID: SeaweedFS.accessKey, secretAccessKey: SeaweedFS.secretKey))
    return scripted
  }

  @Test(
    "a machine whose clock is wrong asks by the origin's", arguments: [3600, -3600, 20 * 3600, -20 * 3600] as [Int64])
  func corrected(seconds: Int64) throws {
    let scripted = try scripted()
    scripted.origin.setClock(ahead: seconds)
    let ann = try scripted.box.user("ann")
    let title = scripted.title(1 << 20)
    let answer = try ann.tryStart(title)
    #expect(answer.status == 201)
    #expect(answer.json?.total_bytes?.int == title.size, "the start itself had an answer: \(answer)")
    let id = try #require(answer.json?.id?.text)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    let warning = try scripted.box.logged(event: "origin.clock")
    #expect(warning.level?.text == "warning")
    #expect(warning.message?.text?.contains(seconds > 0 ? "behind" : "before") == true, "\(warning)")
    // HEAD, why, why again, HEAD again; from then on at once.
    #expect(scripted.origin.requests.prefix { !$0.isForBytes }.count == 4)
  }

  @Test("the next attempt is told by the clock as it is set when it is told")
  func nextAttempt() throws {
    let clock = try SteppedClock()
    let box = try Box(environment: clock.environment)
    let ann = try box.user("ann")
    box.proxy.goDown()
    let id = try ann.start(Title(size: 10))
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    for seconds in [0, 5 * 3600, -3 * 3600] as [Int64] {
      try clock.set(ahead: seconds)
      try ann.wait(id, "the next attempt, \(seconds) s ahead") { download in
        guard let text = download.error?.next_attempt_at?.text, let next = try? format.parse(text) else { return false }
        return abs(next.timeIntervalSinceNow - Double(seconds)) < 600
      }
    }
  }

  @Test("a clock that is set midway, and set right again, costs a question each")
  func setMidway() throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(6 << 20)
    let begun = scripted.origin.traffic
    scripted.origin.script { [origin = scripted.origin] _, honest in
      let sent = origin.traffic - begun
      origin.setClock(ahead: sent > 4 << 20 ? 0 : sent > 2 << 20 ? 7200 : 0)
      return honest
    }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(scripted.origin.traffic - begun < title.size + (64 << 10), "only errors came besides")
    let turns = scripted.box.log.filter { $0.event?.text == "origin.clock" }.compactMap { $0.message?.text }
    #expect(turns.count == 2, "\(turns)")
    #expect(turns.last?.contains("right again") == true)
  }

  @Test("a clock that is days off is not gone by: the administrator is told to set it")
  func hopeless() throws {
    let scripted = try scripted()
    scripted.origin.setClock(ahead: 3 * 86_400)
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000)
    let answer = try ann.tryStart(title)
    #expect(answer.status == 502)
    #expect(answer.code == "origin_refused")
    #expect(answer.json?.detail?.text?.contains("set the time") == true)
    #expect(scripted.origin.requests.count <= 4)
    scripted.origin.setClock(ahead: 0)
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a clock that is days off midway is waited for until somebody sets it")
  func hopelessMidway() throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(4 << 20)
    let begun = scripted.origin.traffic
    // From the second MiB on it is three days later there.
    scripted.origin.script { [origin = scripted.origin] _, honest in
      if origin.traffic - begun > 1 << 20 {
        origin.script(nil)
        origin.setClock(ahead: 3 * 86_400)
      }
      return honest
    }
    let id = try ann.start(title)
    let waiting = try ann.wait(id, forError: "origin_error")
    #expect(waiting.status?.text == "downloading" && waiting.error?.retryable?.bool == true)
    #expect(waiting.error?.message?.text?.contains("set the time") == true, "\(waiting)")
    #expect(!scripted.box.log.contains { $0.event?.text == "origin.clock" }, "nothing is corrected")
    let kept = try ann.wait(id, "what came before") { ($0.downloaded_bytes?.int ?? 0) >= 512 << 10 }
    let (refused, asked) = (scripted.origin.traffic, scripted.origin.requests.count)
    scripted.origin.setClock(ahead: 0)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(
      scripted.origin.traffic - refused < title.size - (kept.downloaded_bytes?.int ?? 0) + (64 << 10),
      "\(scripted.origin.requests.enumerated().map { "\($0 < asked ? "before" : "after") \($1.method) \($1.range ?? 0...0)" }), \(kept)"
    )
  }

  @Test("an origin that refuses the time whatever it is, is not asked for ever at once")
  func never() throws {
    let scripted = try scripted()
    scripted.origin.script { request, _ in
      // Each time it says that it is another hour later.
      var answer = FakeAnswer.s3(403, "RequestTimeTooSkewed")
      let stamp = FakeOrigin.time + Int64.random(in: -20...20) * 3600
      answer["Date"] = FakeOrigin.httpDate(stamp)
      return answer
    }
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000)
    _ = try ann.tryStart(title)
    #expect(scripted.origin.requests.count <= 12, "\(scripted.origin.requests.count)")
    scripted.origin.script(nil)
    let again = try ann.tryStart(title)
    let id = try #require(again.json?.id?.text)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a store that denies questions for parts is judged by its own clock, too", arguments: [3600, -3600] as [Int64])
  func partsDenied(seconds: Int64) throws {
    let scripted = try scripted()
    scripted.origin.setClock(ahead: seconds)
    let ann = try scripted.box.user("ann")
    let title = Title(size: 1 << 20)
    scripted.origin.put(
      FakeObject(title).offering(.sha256, ofParts: [600_000, title.size - 600_000], of: title.bytes), key: title.key)
    scripted.origin.script { request, honest in
      guard request.query.hasPrefix("partNumber=") else { return honest }
      return FakeAnswer(403, [(name: "Date", value: honest["Date"] ?? ""), (name: "x-amz-request-id", value: "1")])
    }
    let answer = try ann.tryStart(title)
    #expect(answer.json?.total_bytes?.int == title.size, "\(answer)")
    let id = try #require(answer.json?.id?.text)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a clock that is set before a title's parts are asked for is learnt of, and they are asked for again")
  func partsSkewed() throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.titleInParts()
    scripted.origin.script { [origin = scripted.origin] request, honest in
      guard request.query.hasPrefix("partNumber=") else { return honest }
      origin.script(nil)
      origin.setClock(ahead: 3600)
      var answer = FakeAnswer.s3(403, "RequestTimeTooSkewed")
      answer["Date"] = FakeOrigin.httpDate(FakeOrigin.time + 3600)
      return answer
    }
    let answer = try ann.tryStart(title)
    #expect(answer.json?.total_bytes?.int == title.size, "\(answer)")
    let id = try #require(answer.json?.id?.text)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(try scripted.evidence(title, of: id) == "the sha256 of its parts' sha256s")
  }

  @Test("the date of a Retry-After is one of the origin's clock", arguments: [3600, -3600] as [Int64])
  func retryDate(seconds: Int64) throws {
    let scripted = try scripted()
    scripted.origin.setClock(ahead: seconds)
    let ann = try scripted.box.user("ann")
    let title = scripted.title(1 << 20)
    let asked = Mutex([Double]())
    scripted.origin.script { request, honest in
      guard request.isForBytes,
        asked.withLock({
          $0.append(now())
          return $0.count == 1
        })
      else { return honest }
      let date = FakeOrigin.httpDate(FakeOrigin.time + seconds + 4)
      return .s3(503, "SlowDown", "", [(name: "Retry-After", value: date)])
    }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    let (first, last) = asked.withLock { ($0.first ?? 0, $0.last ?? 0) }
    #expect(last - first > 2, "it was waited for")
  }
}
