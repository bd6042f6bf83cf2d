// Many connections at once, well-behaved ones: memory and descriptors in proportion, every byte right, others served.

import Foundation
import Glibc
import Testing

/// A box with a crowd's victims in it: a title that all users have, and two users who want to be left in peace.
struct Scene {
  let box: Box
  let title: Title
  let ann: User
  let id: String
  let bystanders: [User]
  let bystandersID: [String]
  /// Before anything happened.
  var baseline: Vitals

  /// - Parameter prepare: what befalls the box before it starts.
  init(_ changes: Settings = [:], prepare: (Box) throws -> Void = { _ in }) throws {
    let usual: Settings = ["log": ["level": "\"info\"", "format": "\"json\""]]
    box = try Box(usual.merging(changes) { $1 }, starts: false)
    try prepare(box)
    try box.start()
    title = Title(size: Bystanders.titleSize)
    try box.origin.put(title)
    ann = try box.user("ann")
    id = try ann.fetch(title)
    bystanders = try [box.user("bob"), box.user("cat")]
    let theirs = try [bystanders[0].fetch(title), bystanders[1].fetch(title)]
    bystandersID = theirs
    for (user, id) in zip(bystanders, bystandersID) { _ = try user.play(id) }
    _ = try ann.play(id)
    usleep(100_000)
    baseline = try Vitals(box)
  }

  var play: String { request("GET", "/api/downloads/\(id)/play", headers: ann.authorization) }

  func range(_ first: Int, _ last: Int) -> String {
    var headers = ann.authorization
    headers["Range"] = "bytes=\(first)-\(last)"
    return request("GET", "/api/downloads/\(id)/play", headers: headers)
  }

  /// Runs a scenario beside two users who must be served all the time, and then finds the box as it was before.
  ///
  /// - Parameters:
  ///   - kept: connections to the origin that may stay open for the next question.
  ///   - memory: how much of it the box may take meanwhile beyond the baseline, in MiB.
  func survives(
    _ name: String, _ load: Load, kept: Int = 4, memory: Int = 48, _ scenario: () throws -> Void
  ) throws {
    let others = Bystanders(bystanders, title, bystandersID)
    let lookout = try Lookout(box)
    do {
      try eventually("a first answer", within: 60) { others.count >= 4 ? true : nil }
      try scenario()
      let before = others.count
      try load.run(until: "bystanders are served", within: 120, explain: box.report) { others.count >= before + 20 }
    } catch {
      _ = try? others.finish()
      _ = try? lookout.finish()
      throw error
    }
    let waits = try others.finish()
    let most = try lookout.finish()
    print("load: \(name): at most \(most) of \(load.most) connections; \(waits)")
    #expect(load.faults == [], "\(name)")
    // Far beyond what is measured, on the busiest of machines: these are no benchmark.
    #expect(waits.percentile(0.99) < 5 && waits.longest < 20, "\(name): \(waits)")
    #expect(most.anonymous < baseline.anonymous + (memory << 10), "\(name): \(most), and before \(baseline)")
    // Those that have just left may not have been noticed, those that find no room are told so, and the bystanders come and
    // go.
    let descriptors = baseline.descriptors + 2 * load.most + 64 + kept + 16
    #expect(most.descriptors <= descriptors, "\(name): \(most), and before \(baseline)")
    load.leave()
    try calm(name, kept: kept)
  }

  /// Waits until the box has as many descriptors as before, and as much memory but for what allocators keep.
  func calm(_ name: String, kept: Int) throws {
    let most = Vitals.Bounds(
      descriptors: baseline.descriptors + kept + 4, anonymous: baseline.anonymous + (24 << 10))
    var last: Vitals?
    do {
      try eventually("calm") {
        last = try Vitals(box)
        return last!.descriptors <= most.descriptors && last!.anonymous <= most.anonymous ? true : nil
      }
    } catch is Late {
      throw Late(description: "\(name): the box is not as it was (\(baseline)) but \(last.map { "\($0)" } ?? "gone")")
    }
    let health = try box.ask("GET", "/healthz").status
    #expect(health == 200)
    #expect(!box.report.contains("request.failed"))
  }
}

@LaneE @Suite("Load", .serialized) struct LoadTests {
  @Test("idle and active connections, event streams and half-sent bodies cost what they must, and no byte is wrong")
  func crowd() throws {
    let scene = try Scene(["server": ["idle_timeout": "\"1h\"", "header_timeout": "\"1h\""]])
    let port = scene.box.port
    let load = Load()
    var last = scene.baseline
    func measure(_ what: String, _ count: Int, most: Int) throws {
      let bound = last.anonymous + count * most / 1024 + 4096
      // What it took to get there is given back by and by.
      let now = try eventually("\(what): no more than \(bound) KiB", explain: "\(last)") { () -> Vitals? in
        try load.run(seconds: 1)
        let now = try Vitals(scene.box)
        return now.anonymous < bound ? now : nil
      }
      let each = Double(now.anonymous - last.anonymous) * 1024 / Double(count)
      print("load: \(count) \(what): \(now); \(Int(each)) bytes of anonymous memory each")
      last = now
    }

    let idle = Load.size(300, full: 2000)
    try load.add(idle, port) { $0.ask(request("GET", "/healthz")) }
    try load.run(until: "\(idle) idle") { load.clients.allSatisfy { $0.statuses[200] == 1 } }
    try measure("idle", idle, most: 2 << 10)

    let active = Load.size(60, full: 500)
    let players = try (0..<active).map { number in
      let client = try load.add(port, receiveBuffer: 64 << 10)
      client.reading = .paced(bytes: 32 << 10, seconds: 0.05)
      client.ask(scene.play, Expectation(body: scene.title.bytes))
      // A player that comes to the end begins again, elsewhere.
      client.answered = { client, _ in
        let first = (number * 4099 + client.received) % scene.title.size
        client.ask(
          scene.range(first, scene.title.size - 1),
          Expectation(statuses: [206], body: scene.title.bytes[first..<scene.title.size]))
      }
      return client
    }
    try load.run(until: "\(active) play") { players.allSatisfy { $0.received > 256 << 10 } }
    try measure("active", active, most: 16 << 10)

    let streamers = Load.size(4, full: 25)
    var streams = 0
    for number in 0..<streamers {
      let user = try scene.box.user("streamer\(number)")
      try load.add(16, port) { $0.ask(request("GET", "/api/downloads/events", headers: user.authorization)) }
      streams += 16
    }
    try load.run(until: "\(streams) streams") { load.clients.suffix(streams).allSatisfy(\.isStream) }
    try measure("event streams", streams, most: 16 << 10)

    let bodies = Load.size(50, full: 500)
    try load.add(bodies, port) { client in
      client.send(Array("POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n".utf8))
      client.send([UInt8](repeating: 32, count: 32 << 10))
    }
    try load.run(until: "\(bodies) bodies") { load.clients.suffix(bodies).allSatisfy { $0.sent > 32 << 10 } }
    try load.run(seconds: 0.5)
    try measure("half-sent bodies", bodies, most: 128 << 10)

    // All of them at once, and two users beside them.
    try scene.survives("all of these", load) {
      let before = players.map(\.received)
      try load.run(until: "every player goes on", within: 120) {
        zip(players, before).allSatisfy { $0.received > $1 + (1 << 20) }
      }
      #expect(load.clients.allSatisfy { $0.isOpen }, "nobody was dropped: there is room for all")
    }
  }

  @Test("plays that are aborted at any moment, by reset or in order, leave nothing behind")
  func aborted() throws {
    let scene = try Scene()
    let count = Load.size(600, full: 10_000)
    let load = Load()
    try scene.survives("\(count) aborted plays", load) {
      var random = SplitMix64(seed: 3)
      var left = count
      while left > 0 {
        let some = min(left, 100)
        left -= some
        let first = load.clients.count
        try load.add(some, scene.box.port) {
          $0.ask(scene.play, Expectation(body: scene.title.bytes))
        }
        let goals = (0..<some).map { _ in Int.random(in: 0..<1 << 20, using: &random) }
        var going = Array(zip(load.clients[first...], goals))
        try load.run(until: "aborted after some bytes") {
          going.removeAll { client, goal in
            guard client.received >= goal else { return false }
            client.leave(reset: goal % 3 != 0)
            return true
          }
          return going.isEmpty
        }
      }
      #expect(load.clients.allSatisfy { $0.end == .own })
    }
  }

  @Test("a thousand ranges in a request are answered with the whole, again and again")
  func thousandRanges() throws {
    let scene = try Scene()
    let load = Load()
    try scene.survives("1,000 ranges a request", load) {
      let count = Load.size(20, full: 300)
      // Far from each other, so that none of them join: 1,000 ranges of one byte, and as many that overlap all others.
      let sparse = (0..<1000).map { "\($0 * 4000)-\($0 * 4000)" }.joined(separator: ",")
      let all = Array(repeating: "0-", count: 1000).joined(separator: ",")
      for ranges in [sparse, all] {
        var headers = scene.ann.authorization
        headers["Range"] = "bytes=" + ranges
        let text = request("GET", "/api/downloads/\(scene.id)/play", headers: headers)
        try load.add(count, scene.box.port) {
          // The overlapping ones join to one that is the whole.
          $0.ask(text, Expectation(statuses: [200, 206], body: scene.title.bytes))
        }
      }
      try load.run(until: "each is answered") {
        load.clients.allSatisfy { $0.received > 4 << 20 }
      }
    }
  }
}
