// Who goes for whom when all places are taken: by address, by what they are doing, by how long.

import Foundation
import Glibc
import Testing

@LaneE @Suite("Places", .serialized) struct PlacesTests {
  private func health(_ client: LoadClient, _ statuses: Set<Int> = [200]) {
    client.ask(request("GET", "/healthz"), Expectation(statuses: statuses))
  }

  @Test("the address that holds the most gives first, even where another's connections are idle for longer")
  func heaviest() throws {
    let box = try Box(["server": ["max_connections": "12"]])
    let load = Load()
    let few = try (0..<2).map { _ in try load.add(box.port, from: 3) }
    for client in few { health(client) }
    try load.run(until: "the few are idle") { few.allSatisfy { $0.statuses[200] == 1 } }
    let many = try (0..<10).map { _ in try load.add(box.port, from: 2) }
    for client in many { health(client) }
    try load.run(until: "the many are idle") { many.allSatisfy { $0.statuses[200] == 1 } }
    for number in 1...5 {
      let newcomer = try load.add(box.port, from: 4)
      health(newcomer)
      try load.run(until: "the newcomer is served") { newcomer.statuses[200] == 1 }
      try load.run(until: "one of the many went") { many.count { !$0.isOpen } == number }
    }
    #expect(few.allSatisfy { $0.isOpen })
  }

  @Test("whoever is busy on all places gets no more of them, and takes none from an address that holds less")
  func lighter() throws {
    let box = try Box(["server": ["max_connections": "12"]])
    let ann = try box.user("ann")
    let load = Load()
    let idle = try (0..<2).map { _ in try load.add(box.port, from: 3) }
    for client in idle { health(client) }
    let busy = try (0..<10).map { _ in try load.add(box.port, from: 2) }
    for client in busy { client.ask(request("GET", "/api/downloads/events", headers: ann.authorization)) }
    try load.run(until: "all are there") {
      busy.allSatisfy { $0.isStream } && idle.allSatisfy { $0.statuses[200] == 1 }
    }
    for _ in 0..<3 {
      let again = try load.add(box.port, from: 2)
      again.expect(Expectation(statuses: [503]))
      try load.run(until: "it is told to come back") { again.statuses[503] == 1 }
    }
    #expect(idle.allSatisfy { $0.isOpen })
    let other = try load.add(box.port, from: 4)
    health(other)
    try load.run(until: "somebody else is served") { other.statuses[200] == 1 }
    try load.run(until: "for one of the idle ones") { idle.count { !$0.isOpen } == 1 }
    #expect(busy.allSatisfy { $0.isOpen })
  }

  @Test("a player that is paused keeps its place for as long as there are others, and goes on where it was")
  func paused() throws {
    let scene = try Scene(["server": ["idle_timeout": "\"1s\"", "header_timeout": "\"1s\""]])
    let load = Load()
    let player = try load.add(scene.box.port, receiveBuffer: 64 << 10)
    player.ask(scene.play, Expectation(body: scene.title.bytes))
    try load.run(until: "it plays") { player.received > 10_000 }
    player.reading = .nothing
    // Longer than every timeout of the box, with others coming and going.
    for _ in 0..<(Load.isFull ? 60 : 4) {
      let other = try load.add(scene.box.port)
      health(other)
      try load.run(until: "others are served") { other.statuses[200] == 1 }
      try load.run(seconds: 1)
    }
    player.reading = .all
    try load.run(until: "it has all") { player.received > scene.title.size }
    #expect(load.faults == [] && player.isOpen)
  }
}
