// What one user does in a loop with a token that is good: others are served, and what is kept of it is bounded.

import Foundation
import Glibc
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

  @Test("starts and deletes in a loop leave the newest thousand records, and the audit its bound")
  func cycles() throws {
    let scene = try Scene()
    let load = Load()
    let eve = try scene.box.user("eve")
    let cycles = Load.size(80, full: 12_000)
    scene.box.proxy.goDown()
    try scene.survives("\(cycles) starts and deletes", load, kept: 20) {
      var left = cycles
      for number in 0..<16 {
        let client = try load.add(scene.box.port)
        let ask = start(eve, "cycle-\(number)")
        client.answered = { client, status in
          guard left > 0 else { return }
          left -= 1
          client.ask(ask, Expectation(statuses: [200, 201]))
          client.ask(
            request("POST", "/api/downloads/cleanup/all", headers: eve.authorization), Expectation(statuses: [200]))
        }
        client.ask(ask, Expectation(statuses: [200, 201]))
      }
      try load.run(until: "all cycles", within: 900) { left == 0 }
    }
    var kept = 0
    var cursor: String?
    repeat {
      let page = try eve.expect(
        200, "GET", "/api/downloads?include_deleted=true&limit=100" + (cursor.map { "&cursor=\($0)" } ?? ""))
      kept += page.downloads?.array?.count ?? 0
      cursor = page.next_cursor?.text
    } while cursor != nil
    print("load: \(kept) records are left of \(cycles) cycles")
    #expect(kept <= 1016)
    try scene.box.proxy.comeBack()
  }

  @Test("names without end while the origin is away: a thousand wait, the next is refused with its code")
  func unreachable() throws {
    let scene = try Scene()
    let load = Load()
    let eve = try scene.box.user("eve")
    scene.box.proxy.goDown()
    try scene.survives("1,100 names while the origin is away", load, kept: 20) {
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
    }
    #expect(try eve.expect(200, "POST", "/api/downloads/cleanup/all").deleted?.int == 1000)
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

  @Test("event streams: sixteen for a user, hundreds for many, and an end for those that nobody reads")
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
      try load.run(until: "all listen") { listening.allSatisfy { $0.isStream || $0.reading == .nothing } }
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
