// Playing a title that is still coming in: what is there goes out at once, what somebody waits for comes first, and the
// origin gives every byte once, however many play.

import Foundation
import Glibc
import Testing

@LaneB @Suite("Playing what is coming in") struct FillingPlayTests {
  private static let quota: Settings = ["quota": ["default": "\"100MiB\""]]

  private func box(_ changes: Settings = [:]) throws -> (Box, User) {
    let box = try Box(Self.quota.merging(changes) { $0.merging($1) { $1 } })
    return (box, try box.user("ann"))
  }

  private func open(_ user: User, _ id: String, _ headers: [String: String] = [:]) throws -> Connection {
    let connection = try Connection(port: user.box.port)
    try connection.send(
      request("GET", "/api/downloads/\(id)/play", headers: user.authorization.merging(headers) { $1 }))
    return connection
  }

  @Test("a title plays from its first bytes on, with its real length, and to its end without a break")
  func fromTheFirstBytes() throws {
    let (box, ann) = try box(["downloads": ["connections": "1"]])
    let title = Title(size: 12 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 2 << 20)
    let id = try ann.start(title)
    let player = try open(ann, id)
    let head = try player.receiveHead()
    #expect(head.status == 200 && head["content-length"] == "\(title.size)" && head["etag"] != nil)
    #expect(try player.receive(count: 1 << 20) == title.bytes[0..<1 << 20])
    #expect(try ann.download(id).status?.text == "downloading")
    box.proxy.release()
    #expect(try player.receive(count: title.size - (1 << 20)) == title.bytes[1 << 20..<title.size])
    try ann.wait(id, for: "completed")
    #expect(box.proxy.traffic == title.size, "each byte once")
    #expect(try ann.play(id).body == title.bytes)
    try ann.wait(id, "played") { $0.last_played_at?.text != nil }
  }

  @Test("before any byte is there a play waits for it or is told so; what the title is like is known")
  func beforeTheFirstByte() throws {
    let (box, ann) = try box()
    let title = Title(size: 3 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 0)
    let id = try ann.start(title)
    let head = try ann.ask("HEAD", "/api/downloads/\(id)/play")
    #expect(head.status == 200 && head["content-length"] == "\(title.size)" && head["accept-ranges"] == "bytes")
    let etag = try #require(head["etag"])
    #expect(try ann.play(id, headers: ["If-None-Match": etag]).status == 304)
    #expect(try ann.play(id, headers: ["Range": "bytes=\(title.size)-"]).status == 416)
    let early = try ann.play(id)
    #expect(early.status == 409 && early.code == "not_ready", "\(early)")
    let player = try open(ann, id)
    box.proxy.release()
    #expect(try player.receive().body == title.bytes)
  }

  @Test("a seek goes before everything that nobody waits for, and takes nothing else along")
  func seek() throws {
    let (box, ann) = try box(["downloads": ["chunk_size": "\"1MiB\"", "connections": "2"]])
    let title = Title(size: 40 << 20)
    try box.origin.put(title)
    // Two connections of 256 KiB/s: in order, it would take more than a minute until the seek's bytes come.
    box.proxy.fault(Fault(action: .rate(256 << 10)))
    let id = try ann.start(title)
    try ann.wait(id, "has begun") { ($0.downloaded_bytes?.int ?? 0) > 0 }
    let first = 30 << 20 + 12_345
    let answer = try ann.play(id, headers: ["Range": "bytes=\(first)-\(first + 99_999)"])
    #expect(answer.status == 206 && answer["content-range"] == "bytes \(first)-\(first + 99_999)/\(title.size)")
    #expect(answer.body == title.bytes[first..<first + 100_000])
    let there = try ann.download(id).downloaded_bytes?.int ?? .max
    #expect(there < 15 << 20, "\(there)")
    box.proxy.fault(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic <= title.size + (1 << 20), "what was given up is not fetched again: \(box.proxy.traffic)")
  }

  @Test("a film whose index stands at its end starts: head, tail, middle")
  func indexAtTheEnd() throws {
    let (box, ann) = try box(["downloads": ["chunk_size": "\"1MiB\""]])
    let title = Title(size: 24 << 20)
    try box.origin.put(title)
    box.proxy.fault(Fault(action: .rate(512 << 10)))
    let id = try ann.start(title)
    // As browsers do it: from here on, then close and ask elsewhere.
    for first in [0, title.size - 70_000, 9 << 20] {
      let player = try open(ann, id, ["Range": "bytes=\(first)-"])
      let head = try player.receiveHead()
      #expect(head.status == 206)
      let count = min(60_000, title.size - first)
      #expect(try player.receive(count: count) == title.bytes[first..<first + count])
      player.close()
    }
    #expect(try ann.download(id).status?.text == "downloading")
    box.proxy.fault(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("twenty who play at once, each from elsewhere, cost the origin one copy")
  func manyPlayers() throws {
    let (box, ann) = try box()
    let title = Title(size: 20 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 1 << 20)
    let id = try ann.start(title)
    let load = Load()
    for number in 0..<20 {
      let first = number * title.size / 20
      let headers = ann.authorization.merging(["Range": "bytes=\(first)-"]) { $1 }
      let client = try load.add(box.port)
      client.ask(
        request("GET", "/api/downloads/\(id)/play", headers: headers),
        Expectation(statuses: [206], body: title.bytes[first..<title.size]))
    }
    try load.run(seconds: 0.3)
    box.proxy.release()
    try load.run(until: "all have seen it to its end", explain: box.report) {
      load.clients.enumerated().allSatisfy { $1.received > title.size - $0 * title.size / 20 }
    }
    #expect(load.faults == [])
    try ann.wait(id, for: "completed")
    #expect(box.proxy.traffic <= title.size + (512 << 10), "\(box.proxy.traffic)")
  }

  @Test("with the origin away what is there plays; an answer ends where it is not, and says why when asked")
  func originAway() throws {
    let (box, ann) = try box(["downloads": ["connections": "1"]])
    let title = Title(size: 12 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 3 << 20)
    let id = try ann.start(title)
    try ann.wait(id, "has begun") { ($0.downloaded_bytes?.int ?? 0) >= 2 << 20 }
    let player = try open(ann, id)
    #expect(try player.receiveHead().status == 200)
    box.proxy.goDown()
    try ann.wait(id, forError: "origin_unreachable")
    let got = try player.receiveUntilEnd()
    #expect(got.count >= 2 << 20 && got.count < title.size && got == title.bytes[0..<got.count], "\(got.count)")
    #expect(try ann.play(id, headers: ["Range": "bytes=1000-1999"]).body == title.bytes[1000..<2000])
    let away = try ann.play(id, headers: ["Range": "bytes=9000000-9000999"])
    #expect(away.status == 503 && away.code == "origin_unreachable" && away["retry-after"] != nil, "\(away)")
    box.proxy.release()
    try box.proxy.comeBack()
    #expect(try ann.play(id, headers: ["Range": "bytes=9000000-9000999"]).body == title.bytes[9_000_000..<9_001_000])
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a broken connection to the origin is nothing that a player sees")
  func cutsOnTheWay() throws {
    let (box, ann) = try box()
    let title = Title(size: 8 << 20)
    try box.origin.put(title)
    box.proxy.fault(Fault(action: .cut(after: 100_000, reset: true), times: 6, concerns: { $0.range != nil }))
    let id = try ann.start(title)
    let answer = try ann.play(id)
    #expect(answer.body == title.bytes, "\(answer.status) \(answer.code ?? "")\n\(box.report)")
  }

  @Test("of a paused title what is there plays, and nothing is fetched for it")
  func paused() throws {
    let (box, ann) = try box(["downloads": ["connections": "1"]])
    let title = Title(size: 8 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 2 << 20)
    let id = try ann.start(title)
    try ann.wait(id, "has begun") { ($0.downloaded_bytes?.int ?? 0) >= 1 << 20 }
    #expect(try ann.expect(200, "POST", "/api/downloads/\(id)/pause").status?.text == "paused")
    box.proxy.release()
    #expect(try ann.play(id, headers: ["Range": "bytes=0-999"]).body == title.bytes[0..<1000])
    let hole = try ann.play(id, headers: ["Range": "bytes=7000000-7000999"])
    #expect(hole.status == 409 && hole.code == "not_ready", "\(hole)")
    #expect(try ann.expect(200, "POST", "/api/downloads/\(id)/resume").status?.text != "paused")
    #expect(try ann.play(id, headers: ["Range": "bytes=7000000-7000999"]).body == title.bytes[7_000_000..<7_001_000])
  }

  @Test("who plays a title that waits for its turn does not wait")
  func aheadOfTheQueue() throws {
    let (box, ann) = try box(["downloads": ["active": "1"]])
    let (slow, wanted, last) = (Title(size: 8 << 20), Title(size: 4 << 20), Title(size: 1 << 20))
    for title in [slow, wanted, last] { try box.origin.put(title) }
    box.proxy.fault(Fault(action: .rate(64 << 10), concerns: { $0.target.contains(slow.contentID) }))
    let slowID = try ann.start(slow)
    try ann.wait(slowID, for: "downloading")
    let (id, lastID) = (try ann.start(wanted), try ann.start(last))
    #expect(try ann.download(id).status?.text == "pending")
    #expect(try ann.play(id).body == wanted.bytes)
    try ann.wait(id, for: "completed")
    #expect(try ann.download(lastID).status?.text == "pending", "nobody plays that one")
    box.proxy.fault(nil)
    try ann.wait(lastID, for: "completed")
    try ann.wait(slowID, for: "completed")
  }

  @Test("a version that the origin replaces while it is played is not continued with another")
  func replacedWhilePlayed() throws {
    let (box, ann) = try box(["downloads": ["connections": "1"]])
    let title = Title(size: 6 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 2 << 20)
    let id = try ann.start(title)
    let player = try open(ann, id)
    let old = try player.receiveHead()
    #expect(try player.receive(count: 1 << 20) == title.bytes[0..<1 << 20])
    let new = title.replaced(size: 5 << 20)
    try box.origin.put(new)
    box.proxy.release()
    try ann.wait(id, for: "completed")
    let rest = try player.receiveUntilEnd()
    let end = 1 << 20 + rest.count
    #expect(end < title.size && rest == title.bytes[1 << 20..<end], "it ends early and is of one version")
    let now = try ann.play(id, headers: ["Range": "bytes=0-", "If-Range": old["etag"] ?? ""])
    #expect(now.status == 200 && now.body == new.bytes)
  }

  @Test("who leaves, or deletes the title, leaves nothing behind")
  func leaving() throws {
    let (box, ann) = try box()
    let (title, other) = (Title(size: 8 << 20), Title(size: 2 << 20))
    try box.origin.put(title)
    try box.origin.put(other)
    box.proxy.hold(after: 1 << 20)
    let id = try ann.start(title)
    let player = try open(ann, id)
    #expect(try player.receiveHead().status == 200)
    let waiting = try open(ann, id, ["Range": "bytes=7000000-"])
    waiting.close()
    #expect(try ann.expect(200, "DELETE", "/api/downloads/\(id)").status?.text == "cancelled")
    #expect(try player.receiveUntilEnd().count <= 1 << 20)
    #expect(try ann.play(id).status == 404)
    box.proxy.release()
    let otherID = try ann.fetch(other)
    #expect(try ann.play(otherID).body == other.bytes)
    #expect(try ann.storage() == .of(100 << 20, used: other.size, reserved: 0))
  }
}
