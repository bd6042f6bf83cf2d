// What a careless or hostile client does: the box stays as large as it was, and everybody else is served.

import Foundation
import Glibc
import Testing

@LaneE @Suite("Abuse of connections", .serialized) struct AbuseTests {
  /// Connections for the abuse and a few for others.
  private static let places = Load.size(60, full: 500)

  private static func server(_ more: [String: String] = [:]) -> Settings {
    ["server": ["max_connections": "\(places)", "header_timeout": "\"3s\""].merging(more) { $1 }]
  }

  @Test("heads and bodies that are dripped take up places only until somebody wants them")
  func slowloris() throws {
    let scene = try Scene(Self.server())
    let load = Load()
    try scene.survives("slowloris, \(2 * Self.places) for \(Self.places) places", load) {
      let head = "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nX-Long: \(String(repeating: "a", count: 2000))\r\n"
      var made = 0
      func add() throws {
        made += 1
        let client = try load.add(scene.box.port)
        if made % 2 == 0 {
          client.drip = 0.2
          client.send(Array(head.utf8))
        } else {
          client.send(Array((head + "Content-Length: 60000\r\n\r\n").utf8))
          client.supply = { [32] }
          // The head at once, then the body drop by drop.
          client.drip = client.sent > 0 ? 0.2 : nil
        }
        client.expect(Expectation(statuses: [408, 503]))
      }
      for _ in 0..<2 * Self.places { try add() }
      // Whoever is thrown out comes back, for longer than the timeout.
      let end = now() + (Load.isFull ? 20 : 4)
      while now() < end {
        try load.run(seconds: 0.1)
        for client in load.clients where client.drip == nil && client.sent > 0 { client.drip = 0.2 }
        let closed = load.clients.count { !$0.isOpen }
        for _ in 0..<min(closed, 4 * Self.places - made) { try add() }
      }
      try load.run(until: "some are thrown out", explain: scene.box.report) { load.clients.contains { !$0.isOpen } }
      #expect(load.clients.allSatisfy { $0.statuses[200] == nil })
    }
  }

  @Test("readers that take a byte a second or nothing make way for newcomers, the longest stalled first")
  func stalledReaders() throws {
    let scene = try Scene(Self.server())
    let load = Load()
    try scene.survives("\(Self.places) stalled readers in \(Self.places) places", load) {
      // More than there are places, so that all are taken whoever comes and goes meanwhile.
      for number in 0..<Self.places + 10 {
        let client = try load.add(scene.box.port, receiveBuffer: 4096)
        client.reading = number % 2 == 0 ? .nothing : .paced(bytes: 1, seconds: 1)
        client.ask(scene.play, Expectation(statuses: [200, 503], body: scene.title.bytes))
        try load.run(seconds: 0.01)
      }
      let stalled = load.clients
      // They stall at once; after ten seconds those that stalled first go when somebody comes. Newcomers stay.
      var newcomers: [LoadClient] = []
      var nextTry = 0.0
      let wanted = 20
      try load.run(until: "\(wanted) newcomers play", within: 120, explain: scene.box.report) {
        for client in newcomers where !client.isOpen || client.statuses[503] == 1 { client.leave(reset: false) }
        newcomers.removeAll { !$0.isOpen }
        guard now() >= nextTry else { return false }
        nextTry = now() + 0.05
        while newcomers.count < wanted, let client = try? load.add(scene.box.port, receiveBuffer: 16 << 10) {
          client.reading = .paced(bytes: 16 << 10, seconds: 0.05)
          client.ask(scene.play, Expectation(statuses: [200, 503], body: scene.title.bytes))
          newcomers.append(client)
        }
        return newcomers.count == wanted && newcomers.allSatisfy { $0.received > 200_000 }
      }
      let dropped = stalled.indices.filter { !stalled[$0].isOpen }
      #expect(!dropped.isEmpty && stalled.contains { $0.isOpen }, "\(dropped)")
    }
  }

  @Test("as many new connections as can be made, beyond the places, cost those who are there nothing")
  func flood() throws {
    let scene = try Scene(Self.server())
    let load = Load()
    // Every place but a few is taken by somebody who is busy.
    let users = try (0..<(Self.places / 16 + 1)).map { try scene.box.user("busy\($0)") }
    try scene.survives("a flood of connections", load) {
      let streams = Self.places - 6
      for number in 0..<streams {
        let headers = users[number / 16].authorization
        try load.add(scene.box.port).ask(request("GET", "/api/downloads/events", headers: headers))
      }
      try load.run(until: "all places are taken") { load.clients.allSatisfy { $0.isStream } }
      var flood: [LoadClient] = []
      let end = now() + (Load.isFull ? 20 : 4)
      var made = 0
      while now() < end {
        for _ in 0..<50 {
          flood.append(try LoadClient(port: scene.box.port))
          made += 1
        }
        if flood.count > 500 {
          for client in flood.prefix(100) { client.leave(reset: true) }
          flood.removeFirst(100)
        }
        try load.run(seconds: 0.01)
      }
      print("load: \(made) connections in the flood")
      for client in flood { client.leave(reset: true) }
      #expect(load.clients.prefix(streams).allSatisfy { $0.isOpen }, "who is busy stays")
    }
  }

  @Test("requests that are sent ahead without end, read or unread, are bounded and answered in order")
  func pipelined() throws {
    let scene = try Scene()
    let load = Load()
    try scene.survives("pipelining without end", load) {
      let health = Array(request("GET", "/healthz").utf8)
      let burst = Array(repeating: health, count: 200).flatMap { $0 }
      let count = Load.size(10, full: 100)
      for number in 0..<2 * count {
        let client = try load.add(scene.box.port, receiveBuffer: 4096)
        client.supply = { burst }
        client.reading = number < count ? .nothing : .all
      }
      try load.run(seconds: Load.isFull ? 20 : 3)
      let readers = load.clients.suffix(count)
      try load.run(until: "who reads gets answers", within: 120, explain: scene.box.report) {
        readers.allSatisfy { ($0.statuses[200] ?? 0) > 100 }
      }
      #expect(readers.allSatisfy { $0.statuses.count == 1 }, "\(readers.map(\.statuses))")
      for client in load.clients.prefix(count) { #expect(client.sent < 32 << 20, "nobody takes what it sends") }
    }
  }

  @Test("huge bodies are refused at once, and half-sent ones are bounded over all connections")
  func bodies() throws {
    let scene = try Scene(["server": ["header_timeout": "\"1h\""]])
    let load = Load()
    try scene.survives("bodies", load, memory: 160) {
      let start = "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\n"
      for _ in 0..<20 {
        let long = try load.add(scene.box.port)
        long.ask(start + "Content-Length: 1073741824\r\n\r\n", Expectation(statuses: [413]))
        let chunked = try load.add(scene.box.port)
        chunked.ask(start + "Transfer-Encoding: chunked\r\n\r\n", Expectation(statuses: [413]))
        chunked.supply = { Array("1000\r\n".utf8) + [UInt8](repeating: 97, count: 4096) + [13, 10] }
      }
      try load.run(until: "all are refused") {
        load.clients.allSatisfy { $0.statuses[413] == 1 || $0.end == .reset }
      }
      #expect(load.clients.contains { $0.statuses[413] == 1 })
      for client in load.clients { client.leave(reset: true) }
      // 60 KiB each: more than the 64 MiB that all may hold together.
      let count = 1400
      for _ in 0..<count {
        let client = try load.add(scene.box.port)
        client.send(Array((start + "Content-Length: 65536\r\n\r\n").utf8) + [UInt8](repeating: 32, count: 60 << 10))
        client.expect(Expectation(statuses: [503]))
      }
      let half = load.clients.suffix(count)
      try load.run(until: "all is sent, or refused") { half.allSatisfy { !$0.isOpen || $0.sent > 60 << 10 } }
      try load.run(until: "some are refused") { half.contains { $0.statuses[503] == 1 } }
      let vitals = try Vitals(scene.box)
      print("load: \(count) bodies of which \(half.count { $0.statuses.isEmpty }) are held: \(vitals)")
      #expect(vitals.anonymous < scene.baseline.anonymous + (160 << 10), "64 MiB, and the allocator's share")
      #expect(half.count { $0.statuses.isEmpty } > 900, "and not all of them")
    }
  }

  /// A catalogue of a megabyte: the longest answer that is made in memory.
  private func catalogue(_ titles: Int) -> String {
    let text = String(repeating: "a film about films, ", count: 500)
    let entries = (0..<titles).map { "{\"content_id\":\"film-\($0)\",\"description\":\"\(text)\",\"qualities\":{}}" }
    return "{\"titles\":[\(entries.joined(separator: ","))]}"
  }

  @Test("the list of a large catalogue in a loop holds up nobody who plays")
  func listings() throws {
    let key = "a-large-catalogue.json"
    let qualities = ["480p", "720p", "1080p"]
    let titles = (0..<20_000).map { number in
      let entries = qualities.map { "\"\($0)\":{\"key\":\"films/\(number)/\($0).mp4\",\"size\":\(number)}" }
      let text = "\"title\":\"Film \(number)\",\"description\":\"\(String(repeating: "about films, ", count: 16))\""
      return "{\"content_id\":\"film-\(number)\",\(text),\"qualities\":{\(entries.joined(separator: ","))}}"
    }
    let document = "{\"titles\":[\(titles.joined(separator: ","))]}"
    var scene = try Scene(["origin": ["catalog_key": "\"\(key)\""]]) { box in
      try box.origin.put(Bytes(Array(document.utf8)), key: key)
    }
    let listing = try eventually("the catalogue", explain: scene.box.report) { () -> Bytes? in
      let answer = try scene.ann.ask("GET", "/api/catalog")
      return answer.status == 200 && answer.body.count > document.utf8.count ? answer.body : nil
    }
    // It is kept as values from here on.
    scene.baseline = try Vitals(scene.box)
    let load = Load()
    try scene.survives("lists of 20,000 titles in a loop", load, memory: 100) {
      let ask = request("GET", "/api/catalog", headers: scene.ann.authorization)
      let range = scene.range(100, 1123)
      let eve = try load.add(scene.box.port)
      let player = try load.add(scene.box.port)
      var (lists, ranges) = (0, 0)
      eve.answered = { client, _ in
        lists += 1
        client.ask(ask, Expectation(body: listing))
      }
      player.answered = { client, _ in
        ranges += 1
        client.ask(range, Expectation(statuses: [206], body: scene.title.bytes[100...1123]))
      }
      eve.ask(ask, Expectation(body: listing))
      player.ask(range, Expectation(statuses: [206], body: scene.title.bytes[100...1123]))
      let wanted = Load.size(5, full: 50)
      try load.run(until: "\(wanted) lists", within: 300, explain: scene.box.report) { lists == wanted }
      print("load: \(lists) lists of \(listing.count) bytes, and \(ranges) ranges of 1 KiB meanwhile")
      // Made on the loop, a list lets one or two ranges through.
      #expect(ranges > 20 * lists, "\(ranges) ranges beside \(lists) lists")
      player.answered = nil
      eve.answered = nil
    }
  }

  @Test("answers in memory that nobody reads are bounded over all connections, and those who read get theirs")
  func unreadAnswers() throws {
    let key = "catalogue-that-nobody-reads.json"
    let scene = try Scene(["origin": ["catalog_key": "\"\(key)\""]]) { box in
      try box.origin.put(Bytes(Array(catalogue(110).utf8)), key: key)
    }
    let ask = request("GET", "/api/catalog", headers: scene.ann.authorization)
    let answer = try eventually("the catalogue", explain: scene.box.report) { () -> Bytes? in
      let answer = try scene.ann.ask("GET", "/api/catalog")
      return answer.status == 200 && answer.body.count > 1 << 20 ? answer.body : nil
    }
    let load = Load()
    // Together far more than may be held, and more than the allocator may need for that.
    let count = Load.size(128, full: 1000)
    try scene.survives("\(count) unread answers of 1 MiB", load, memory: 64 + 40) {
      let reader = try load.add(scene.box.port)
      for number in 0..<count {
        // What the kernel takes of an answer is nothing beside it.
        let client = try load.add(scene.box.port, isNarrow: true)
        client.reading = .nothing
        client.ask(ask)
        try load.run(until: "each is being answered") { client.isWaitedFor || !client.isOpen }
        guard number % 20 == 0 else { continue }
        reader.ask(ask, Expectation(body: answer))
        try load.run(until: "who reads is answered") { reader.statuses[200] == number / 20 + 1 || !reader.isOpen }
      }
      let unread = Array(load.clients.dropFirst())
      try load.run(until: "some are reset") { unread.contains { $0.end == .reset } }
      let isHeld = unread.map(\.isOpen)
      print("load: of \(count) unread answers \(isHeld.count { $0 }) are held: \(try Vitals(scene.box))")
      #expect(isHeld.count { $0 } > 32, "and not all of them")
      #expect(reader.isOpen, "who reads is not in the way")
      #expect(isHeld.drop { !$0 }.allSatisfy { $0 }, "those went that had taken nothing for the longest time")
    }
  }
}
