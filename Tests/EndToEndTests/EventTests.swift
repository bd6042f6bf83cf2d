// Server-sent events: what an application sees without asking.

import Foundation
import Glibc
import Testing

@LaneB @Suite("Events") struct EventTests {
  /// One event as it came.
  struct Event {
    var name: String
    var data: JSON
  }

  /// Reads a stream of events, by the rules of the HTML standard.
  final class Stream {
    private let connection: Connection
    private let isChunked: Bool
    private var text = ""

    init(_ user: User) throws {
      connection = try Connection(port: user.box.port)
      try connection.send(request("GET", "/api/downloads/events", headers: user.authorization))
      let head = try connection.receiveHead()
      guard head.status == 200, head["Content-Type"]?.hasPrefix("text/event-stream") == true else {
        throw RigFailure("no stream of events: \(head)")
      }
      isChunked = head["Transfer-Encoding"] == "chunked"
    }

    func close() { connection.close() }

    /// The next event; comments are passed over.
    func next() throws -> Event? {
      var event = (name: "message", data: "")
      while let line = try line() {
        if line.isEmpty {
          if event.data.isEmpty { continue }
          return Event(name: event.name, data: try JSON(event.data.utf8))
        }
        guard !line.hasPrefix(":") else { continue }
        let field = line.split(separator: ":", maxSplits: 1).map { $0.drop { $0 == " " } }
        switch field[0] {
        case "event": event.name = String(field[1])
        case "data": event.data += field[1]
        case "id", "retry": break
        default: throw RigFailure("not a field of an event: \(line)")
        }
      }
      return nil
    }

    private func line() throws -> String? {
      guard isChunked else { return try connection.line(endedBy: "\n") }
      while true {
        if let end = text.firstIndex(of: "\n") {
          defer { text = String(text[text.index(after: end)...]) }
          return String(text[..<end])
        }
        guard let chunk = try connection.receiveChunk() else { return nil }
        text += String(decoding: chunk, as: UTF8.self)
      }
    }
  }

  @Test("a download's life is told as it happens, with the progress object, to its own user only")
  func life() throws {
    let box = try Box(["downloads": ["max_rate": "\"2MiB\""]])
    let ann = try box.user("ann")
    let bob = try box.user("bob")
    let stream = try Stream(ann)
    let others = try Stream(bob)
    let title = Title(size: 3 << 20)
    let small = Title(size: 1000)
    try box.origin.put(title)
    try box.origin.put(small)
    let id = try ann.start(title)

    var events: [Event] = []
    while events.last?.data.status?.text != "completed" {
      let event = try #require(try stream.next())
      guard event.data.id?.text == id else { continue }
      events.append(event)
      #expect(events.count < 100, "at most two a second")
    }
    #expect(events.allSatisfy { $0.name == "download" })
    let progress = events.compactMap(\.data.progress?.double)
    #expect(progress.count == events.count)
    #expect(progress == progress.sorted(), "it never goes down")
    #expect(progress.last == 100)
    #expect(progress.contains { $0 > 0 && $0 < 100 }, "there is something on the way")
    for event in events {
      #expect(
        event.data.names == [
          "id", "status", "progress", "downloaded_bytes", "total_bytes", "bytes_per_second", "eta_seconds", "error",
        ])
      #expect((event.data.progress?.double == 100) == (event.data.status?.text == "completed"))
    }

    // The other user's stream tells of their own, and of nothing else before it.
    let his = try bob.start(small)
    #expect(try others.next()?.data.id?.text == his)
  }

  @Test("each change of status is told at once, also those that the user makes")
  func changes() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 2 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 600 << 10)
    let stream = try Stream(ann)
    let id = try ann.start(title)
    func expectNext(_ status: String) throws {
      while true {
        let event = try #require(try stream.next(), "the stream ended before \(status)")
        if event.data.id?.text == id, event.data.status?.text == status { return }
      }
    }
    try expectNext("downloading")
    try ann.expect(200, "POST", "/api/downloads/\(id)/pause")
    try expectNext("paused")
    try ann.expect(200, "POST", "/api/downloads/\(id)/resume")
    try expectNext("downloading")
    try ann.expect(200, "DELETE", "/api/downloads/\(id)")
    try expectNext("cancelled")
  }
}
