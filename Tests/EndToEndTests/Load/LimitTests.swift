// Limits that are no setting, each reached and gone beyond: what the article "Limits" says of them.

import Foundation
import Glibc
import Testing

@LaneD @Suite("Limits", .serialized) struct LimitTests {
  @Test("of one user's requests 256 are answered at a time, the next is told so, and plays are not counted")
  func requests() throws {
    // Nobody gives up the question before the end.
    let scene = try Scene(["origin": ["connect_timeout": "\"60s\""]])
    let load = Load()
    let (box, ann) = (scene.box, scene.ann)
    let title = Title(size: 1000)
    try box.origin.put(title)
    // All of them wait for one and the same answer, and for no place to ask for it.
    box.proxy.fault(Fault(action: .hang))
    let start = request(
      "POST", "/api/downloads/start", headers: ann.authorization, body: User.startBody(title))
    for _ in 0..<300 { try load.add(box.port).ask(start, Expectation(statuses: [200, 201, 429])) }
    try load.run(until: "those that are too many are told", explain: box.report) {
      load.clients.count { $0.statuses[429] == 1 } == 44
    }
    #expect(load.clients.count { $0.statuses.isEmpty } == 256)
    let refused = try ann.ask("GET", "/api/downloads/storage")
    #expect(refused.status == 429 && refused.code == "too_many_requests", "\(refused)")
    #expect(try ann.play(scene.id).body == scene.title.bytes)
    #expect(try scene.bystanders[0].ask("GET", "/api/downloads/storage").status == 200)
    box.proxy.fault(nil)
    try load.run(until: "all are answered") { load.clients.allSatisfy { !$0.statuses.isEmpty } }
    #expect(load.clients.count { $0.statuses[429] == nil } == 256)
    #expect(try ann.ask("GET", "/api/downloads/storage").status == 200, "their places are free again")
  }

  @Test("beyond the places 64 connections at a time are told so, and the next is closed without a word")
  func turnedAway() throws {
    let box = try Box(["server": ["max_connections": "3"]])
    let ann = try box.user("ann")
    let streams = try (0..<3).map { _ in try EventTests.Stream(ann) }
    // Who was told stays for up to two seconds. On a machine that stands still for longer they make room for others, so
    // that one try may show nothing.
    var isShown = false
    for _ in 0..<5 where !isShown {
      let load = Load()
      for _ in 0..<80 {
        let client = try load.add(box.port)
        client.expect(Expectation(statuses: [503]))
      }
      try load.run(until: "each is told or closed") {
        load.clients.allSatisfy { !$0.isOpen || $0.statuses[503] == 1 }
      }
      let told = load.clients.prefix { $0.statuses[503] == 1 }
      try #require(told.count >= 64, "they come in this order")
      isShown = told.count == 64 && load.clients[64...].allSatisfy { $0.received == 0 && !$0.isOpen }
      load.leave()
      // The next ones find nobody who is still being told.
      sleep(3)
    }
    #expect(isShown)
    withExtendedLifetime(streams) {}
    #expect(try Connection(port: box.port).receive().status == 503, "and the next one is told again")
  }

  @Test("of more titles than stay open the least recently used is closed, and is opened again for the next play")
  func openTitles() throws {
    let scripted = try Scripted(["downloads": ["active": "16"]])
    let (box, ann) = (scripted.box, try scripted.box.user("ann"))
    let titles = (0..<300).map { _ in scripted.title(1000) }
    // No more than may wait for the origin.
    let ids = try stride(from: 0, to: titles.count, by: 10).flatMap { first in
      let connections = try titles[first..<first + 10].map { title in
        let connection = try Connection(port: box.port)
        try connection.send(
          request("POST", "/api/downloads/start", headers: ann.authorization, body: User.startBody(title)))
        return connection
      }
      return try connections.map { connection in
        let answer = try connection.receive()
        return try #require(answer.json?.id?.text, "\(answer)")
      }
    }
    for id in ids { try ann.wait(id, for: "completed") }
    let pid = try #require(box.program?.pid)
    func open() -> Int {
      let folder = "/proc/\(pid)/fd"
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return names.count { name in
        let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")) ?? ""
        return path.hasPrefix(box.data + "/objects/")
      }
    }
    func play(_ index: Int) throws {
      let answer = try ann.play(ids[index])
      #expect(answer.status == 200 && answer.body == titles[index].bytes, "title \(index)")
    }
    for index in titles.indices { try play(index) }
    // A fill or a look may have one open for a moment.
    try eventually("256 titles are open", explain: "\(open())") { open() == 256 ? true : nil }
    try play(0)
    try play(titles.count - 1)
    try eventually("256 titles are open", explain: "\(open())") { open() == 256 ? true : nil }
  }
}
