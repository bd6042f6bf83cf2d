// What one user does in a loop with a token that is good: others are served, and what is kept of it is bounded.

import Cache
import Foundation
import Glibc
import LMDB
import Testing

@LaneE @Suite("Abuse of the API", .serialized) struct LoopAbuseTests {
  private nonisolated func start(_ user: User, _ contentID: String) -> String {
    request(
      "POST", "/api/downloads/start", headers: user.authorization,
      body: "{\"content_id\":\"\(contentID)\",\"quality\":\"720p\"}")
  }

  @Test("titles that do not exist, the same title, and starts and deletes in a loop")
  func loops() throws {
    let scene = try Scene()
    let load = Load()
    let eve = try scene.box.user("eve")
    let title = Title(size: 1000)
    try scene.box.origin.put(title)
    try scene.survives("starts in a loop", load, kept: 20) {
      let turns = Load.size(5, full: 200)
      var left = 0
      func loop(_ count: Int, _ ask: @escaping (LoadClient, Int) -> Void) throws {
        for number in 0..<count {
          var turn = 0
          let client = try load.add(scene.box.port)
          client.answered = { client, _ in
            turn += 1
            if turn < turns { ask(client, number * 1000 + turn) } else { left -= 1 }
          }
          left += 1
          ask(client, number * 1000)
        }
      }
      // Beyond what may wait for the origin: 429, and no harm.
      try loop(100) { client, number in
        client.ask(start(eve, "none-\(number)"), Expectation(statuses: [404, 429]))
      }
      try loop(50) { client, _ in client.ask(start(eve, title.contentID), Expectation(statuses: [200, 201, 429])) }
      try load.run(until: "the loops are over", within: 180, explain: scene.box.report) { left == 0 }
    }
    // Each of the loops' starts may have met a full queue of questions.
    #expect([200, 201].contains(try eve.tryStart(title).status))
    #expect(try eve.expect(200, "GET", "/api/downloads").downloads?.array?.count == 1, "one download, however often")
  }

  /// Fills the diary to its bound, as years of starts would.
  private func fillDiary(_ box: Box) throws {
    let path = box.data + "/ledger"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let environment = try Ledger(path: path).environment
    defer { environment.close() }
    let (audit, meta) = (try environment.table("audit", create: false), try environment.table("meta", create: false))
    func number(_ number: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - $0 * 8)) } }
    // As "The ledger on disk" draws it: something was deleted once, of nobody.
    let entry: [UInt8] = [1] + Array(repeating: 0, count: 8) + [5] + Array(repeating: 0, count: 36)
    try environment.write { tx in
      for one in 1...Ledger.auditLimit { try tx.put(audit, number(one), entry) }
      try tx.put(meta, Array("next_audit".utf8), number(Ledger.auditLimit))
    }
  }

  @Test("starts and deletes in a loop leave the newest thousand records, and the diary as long as it may be")
  func cycles() throws {
    let scene = try Scene(prepare: fillDiary)
    let load = Load()
    let eve = try scene.box.user("eve")
    // More than stay.
    let cycles = Load.size(1100, full: 12_000)
    scene.box.proxy.goDown()
    try scene.survives("\(cycles) starts and deletes", load, kept: 20) {
      var made = 0
      for number in 0..<16 {
        let client = try load.add(scene.box.port)
        let ask = start(eve, "cycle-\(number)")
        client.answered = { client, status in
          // Another one's wish may have come to all of them.
          if status == 201 { made += 1 }
          guard made < cycles else { return }
          client.ask(ask, Expectation(statuses: [200, 201]))
          client.ask(
            request("POST", "/api/downloads/cleanup/all", headers: eve.authorization), Expectation(statuses: [200]))
        }
        client.ask(ask, Expectation(statuses: [200, 201]))
      }
      // A start whose answer nobody waited for would come after the last deletion.
      try load.run(until: "all cycles", within: 900) { made >= cycles && load.clients.allSatisfy(\.isAnswered) }
    }
    try eve.expect(200, "POST", "/api/downloads/cleanup/all")
    var kept = 0
    var cursor: String?
    repeat {
      let page = try eve.expect(
        200, "GET", "/api/downloads?include_deleted=true&limit=100" + (cursor.map { "&cursor=\($0)" } ?? ""))
      kept += page.downloads?.array?.count ?? 0
      cursor = page.next_cursor?.text
    } while cursor != nil
    #expect(kept == 1000, "of \(cycles) cycles")
    #expect(try scene.box.terminate() == .exited(0))
    let ledger = try Ledger(path: scene.box.data + "/ledger")
    defer { ledger.environment.close() }
    let audit = try ledger.environment.table("audit", create: false)
    try ledger.environment.read { tx in
      #expect(try tx.count(audit) == Ledger.auditLimit)
      let newest = try #require(try ledger.auditEntries(limit: 1, in: tx).first)
      #expect(newest.number >= UInt64(Ledger.auditLimit + 2 * cycles), "each of them stood there")
      #expect(try ledger.auditFindings(in: tx) == [])
    }
  }

  @Test("names without end while the origin is away: a thousand wait, and a stream that nobody reads is given up")
  func unreachable() throws {
    // A name as stores have them: each download's error tells it.
    let host = "larder-titles.s3.dualstack.eu-central-1.example.localhost"
    let scene = try Scene { box in
      try box.change(["origin": ["endpoint": "\"http://\(host):\(box.proxy.port)\""]])
    }
    let load = Load()
    let eve = try scene.box.user("eve")
    scene.box.proxy.goDown()
    let stream = request("GET", "/api/downloads/events", headers: eve.authorization)
    try scene.survives("1,100 names while the origin is away", load, kept: 20) {
      let heard = try load.add(scene.box.port)
      // What the kernel keeps for it is little beside what the box keeps.
      let unheard = try load.add(scene.box.port, isNarrow: true)
      unheard.reading = .nothing
      for client in [heard, unheard] { client.ask(stream) }
      var next = 0
      var answers: [Int: Int] = [:]
      for _ in 0..<20 {
        let client = try load.add(scene.box.port)
        func ask() {
          next += 1
          client.ask(start(eve, "name-\(next)"), Expectation(statuses: [201, 507]))
        }
        client.answered = { _, status in
          answers[status, default: 0] += 1
          if next < 1100 { ask() }
        }
        ask()
      }
      try load.run(until: "all are answered", within: 300, explain: scene.box.report) {
        answers.values.reduce(0, +) >= 1100
      }
      #expect(answers[201] == 1000 && (answers[507] ?? 0) >= 100, "\(answers)")
      let refused = try eve.ask(
        "POST", "/api/downloads/start", body: #"{"content_id":"one-more","quality":"720p"}"#)
      #expect(refused.status == 507 && refused.code == "too_many_downloads" && refused.json?.limit?.int == 1000)

      // A new stream begins with all of them, as much as that is and however late they are taken.
      var events = 0
      let late = try load.add(scene.box.port, isNarrow: true)
      late.reading = .nothing
      late.event = { _ in events += 1 }
      late.ask(stream)
      try load.run(until: "the stream begins") { late.isWaitedFor || !late.isOpen }
      // The box has come to something else since.
      try #require(try eve.ask("GET", "/api/downloads/storage").status == 200)
      late.reading = .all
      try load.run(until: "the stream tells of all") { events >= 1000 || !late.isOpen }
      #expect(late.isOpen, "\(events)")
      let before = (heard.received, late.received)
      #expect(try eve.expect(200, "POST", "/api/downloads/cleanup/all").deleted?.int == 1000)
      try load.run(until: "both are told of their end") {
        heard.received > before.0 + 100_000 && late.received > before.1 + 100_000 || !heard.isOpen || !late.isOpen
      }
      // Who did not read finds what the kernel had, and then the end.
      unheard.reading = .all
      try load.run(until: "the unread stream ends") { !unheard.isOpen }
      print("load: one stream was told \(heard.received) bytes, of 1000 titles \(before.1), unread \(unheard.received)")
      #expect(heard.received > unheard.received + (256 << 10), "and no sooner")
      #expect(heard.isOpen && late.isOpen, "whoever reads stays")
    }
    try scene.box.proxy.comeBack()
    let title = Title(size: 1000)
    try scene.box.origin.put(title)
    _ = try eve.fetch(title)
  }

  @Test("an origin that takes questions and answers none holds up the user who asks, and nobody else's titles")
  func hangingOrigin() throws {
    let scene = try Scene(["origin": ["connect_timeout": "\"2s\""]])
    let load = Load()
    let eve = try scene.box.user("eve")
    scene.box.proxy.fault(Fault(action: .hang))
    try scene.survives("an origin that hangs", load, kept: 80) {
      for number in 0..<200 {
        try load.add(scene.box.port).ask(start(eve, "hang-\(number)"), Expectation(statuses: [201, 429]))
      }
      // 16 are asked, 64 wait, and all others are told at once.
      try load.run(until: "those that are too many are told") { load.clients.count { $0.statuses[429] == 1 } == 120 }
      #expect(load.clients.count { $0.statuses.isEmpty } == 80)
      // Another user's question has a place at once; it is answered when its time is over, as one alone would be.
      let frank = try scene.box.user("frank")
      let his = try load.add(scene.box.port)
      his.ask(start(frank, "his"), Expectation(statuses: [201]))
      try load.run(until: "his is answered", within: 60) { his.statuses[201] == 1 }
      #expect(load.clients.contains { $0.statuses.isEmpty }, "before all of hers")
    }
    scene.box.proxy.fault(nil)
  }

  @Test("event streams: sixteen for a user, and hundreds for many, read or unread")
  func streams() throws {
    let scene = try Scene()
    let load = Load()
    let eve = try scene.box.user("eve")
    let stream = request("GET", "/api/downloads/events", headers: eve.authorization)
    try scene.survives("event streams by the hundred", load, kept: 8) {
      for _ in 0..<40 { try load.add(scene.box.port).ask(stream, Expectation(statuses: [200, 429])) }
      try load.run(until: "each is answered") { load.clients.allSatisfy { !$0.statuses.isEmpty } }
      #expect(load.clients.count { $0.statuses[200] == 1 } == 16)
      #expect(load.clients.count { $0.statuses[429] == 1 } == 24)
      // One that ends gives its place back.
      load.clients.first { $0.isStream }?.leave(reset: true)
      let next = try load.add(scene.box.port)
      next.ask(stream, Expectation(statuses: [200, 429]))
      next.answered = { client, _ in client.ask(stream, Expectation(statuses: [200, 429])) }
      try load.run(until: "a place is given back") { next.isStream }

      let users = Load.size(10, full: 60)
      for number in 0..<users {
        let user = try scene.box.user("listener\(number)")
        let text = request("GET", "/api/downloads/events", headers: user.authorization)
        for _ in 0..<16 {
          let client = try load.add(scene.box.port, receiveBuffer: 4096)
          client.ask(text)
          if number % 2 == 1 { client.reading = .nothing }
        }
      }
      let listening = load.clients.suffix(16 * users)
      try load.run(until: "all listen") { listening.allSatisfy { $0.isStream || $0.isWaitedFor } }
      // All of hers hear of each change, also of many.
      let before = next.received
      let looping = try load.add(scene.box.port)
      var left = Load.size(30, full: 500)
      looping.answered = { [start = start(eve, "no-such-title")] client, _ in
        left -= 1
        if left > 0 { client.ask(start, Expectation(statuses: [404])) }
      }
      looping.ask(start(eve, "no-such-title"), Expectation(statuses: [404]))
      try load.run(until: "the loop is over") { left == 0 }
      let title = Title(size: 1000)
      try scene.box.origin.put(title)
      looping.ask(start(eve, title.contentID), Expectation(statuses: [201]))
      try load.run(until: "the stream tells of it") { next.received > before }
    }
  }
}
