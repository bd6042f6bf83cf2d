// Raw requests: what a careless or hostile client sends, and what RFC 9112 has for it.

import Foundation
import Glibc
import Testing

@LaneC @Suite("Raw HTTP") struct StrictnessTests {
  private static let box = Result {
    try Box(["server": ["header_timeout": "\"1s\"", "idle_timeout": "\"1s\""]])
  }

  private nonisolated static func long(_ count: Int) -> String { String(repeating: "a", count: count) }

  @Test(
    "a malformed request is refused with the status that fits, and the connection closes",
    arguments: [
      ("GET /healthz HTTP/1.1\r\n\r\n", 400, "no host"),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "two hosts"),
      ("GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "a host with a space"),
      ("GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n", 400, "a space before the colon"),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400, "a folded line"),
      ("GET /healthz HTTP/1.1\r\n Host: a\r\n\r\n", 400, "a space before the first field"),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n", 400, "a NUL"),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400, "a bare CR"),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\nX(: a\r\n\r\n", 400, "a name that is no token"),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", 400, "no name"),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, "no colon"),
      ("GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "two spaces"),
      ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "a space in the target"),
      ("GET healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "a target without its slash"),
      ("GET /healthz\r\nHost: a\r\n\r\n", 400, "no version"),
      ("GET /healthz HTTX/1.1\r\nHost: a\r\n\r\n", 400, "another protocol"),
      ("GET /healthz HTTP/1.1.1\r\nHost: a\r\n\r\n", 400, "a malformed version"),
      ("G@T /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "a method that is no token"),
      ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{FC}\r\n\r\n", 400, "a TLS greeting"),
      ("POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "no number"),
      ("POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", 400, "a signed length"),
      ("POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "a negative length"),
      (
        "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400,
        "two lengths"
      ),
      (
        "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
        "a length and chunks"
      ),
      ("POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "an unknown coding"),
      (
        "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400,
        "a malformed chunk"
      ),
      (
        "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400,
        "a chunk that is too long"
      ),
      (
        "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n", 413, "a body over 64 KiB"
      ),
      (
        "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n", 413,
        "a chunk over 64 KiB"
      ),
      ("GET /\(long(9000)) HTTP/1.1\r\nHost: a\r\n\r\n", 414, "a long target"),
      ("GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n", 417, "an expectation"),
      ("GET / HTTP/1.1\r\nHost: a\r\nX: \(long(20000))\r\n\r\n", 431, "a long field"),
      ("GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: a\r\n", count: 500))\r\n", 431, "many fields"),
      ("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", 501, "an unknown method"),
      ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501, "a tunnel"),
      ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "a version to come"),
      ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "the preface of HTTP/2"),
    ])
  func refused(bytes: String, status: Int, what: String) throws {
    let box = try Self.box.get()
    let connection = try Connection(port: box.port)
    // Latin-1, so that one character is one byte.
    try connection.send(bytes.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
    let answer = try connection.receive()
    #expect(answer.status == status, "\(what): \(answer)")
    #expect(answer["Content-Type"] == "application/problem+json", "\(what)")
    #expect(answer.json?.status?.int == status, "\(what)")
    #expect(answer["Connection"]?.lowercased() == "close", "\(what)")
    #expect(try connection.isClosed(), "\(what): nothing after it")
    #expect(try box.ask("GET", "/healthz").status == 200, "\(what): the box is well")
  }

  @Test("a method that does not fit the path is told which would")
  func allow() throws {
    let box = try Self.box.get()
    let ann = try box.user("ann")
    let id = "01J9ZK3V5Q7XW8Y2R4T6B8N0MC"
    let table: [(String, String, Set<String>)] = [
      ("POST", "/healthz", ["GET", "HEAD"]), ("POST", "/", ["GET", "HEAD"]),
      ("GET", "/api/downloads/start", ["POST"]), ("PUT", "/api/downloads", ["GET", "HEAD"]),
      ("POST", "/api/downloads/storage", ["GET", "HEAD"]), ("POST", "/api/downloads/\(id)/play", ["GET", "HEAD"]),
      ("GET", "/api/downloads/\(id)/pause", ["POST"]), ("GET", "/api/downloads/\(id)/pin", ["PUT", "DELETE"]),
      ("POST", "/api/downloads/\(id)", ["GET", "HEAD", "DELETE"]), ("GET", "/api/downloads/\(id)/delete", ["DELETE"]),
    ]
    for (method, path, allowed) in table {
      let answer = try ann.ask(method, path)
      #expect(answer.status == 405, "\(method) \(path): \(answer)")
      #expect(answer.code == "method_not_allowed")
      let allow = Set((answer["Allow"] ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
      #expect(!allow.contains(method), "\(method) \(path)")
      #expect(allow.union(["HEAD", "OPTIONS"]) == allowed.union(["HEAD", "OPTIONS"]), "\(method) \(path): \(allow)")
    }
    for path in [
      "/index.html", "/page", "/nothing", "/api", "/api/download", "/api/downloads/start/x", "//healthz", "/healthz/",
    ] {
      #expect(try ann.ask("GET", path).status == 404, "\(path)")
    }
  }

  @Test("requests sent ahead are answered in order, in pieces of any size, on one connection")
  func pipelining() throws {
    let box = try Self.box.get()
    let ann = try box.user("ann")
    let connection = try Connection(port: box.port)
    let paths = ["/healthz", "/nothing", "/api/downloads/storage", "/readyz", "/api/downloads", "/healthz"]
    let all = paths.map { request("GET", $0, headers: ann.authorization) }.joined()
    try connection.send(all)
    #expect(try paths.map { _ in try connection.receive().status } == [200, 404, 200, 200, 200, 200])
    for byte in request("GET", "/healthz").utf8 { try connection.send([byte]) }
    #expect(try connection.receive().status == 200)
    try connection.send("\r\n" + request("HEAD", "/healthz") + request("GET", "/healthz"))
    #expect(try connection.receive(to: "HEAD").status == 200)
    #expect(try connection.receive().json != nil)
  }

  @Test("bodies come by length, in chunks and after 100 Continue, and the next request is found behind them")
  func bodies() throws {
    let box = try Self.box.get()
    let ann = try box.user("ann")
    let body = #"{"content_id":"no-such-title","quality":"720p"}"#
    let head = "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(ann.token)\r\n"
    let connection = try Connection(port: box.port)
    try connection.send(head + "Content-Length: \(body.utf8.count)\r\n\r\n" + body)
    #expect(try connection.receive().code == "content_not_found")
    let (first, second) = (body.prefix(10), body.dropFirst(10))
    try connection.send(
      head + "Transfer-Encoding: chunked\r\n\r\na;x=\"y\"\r\n\(first)\r\n"
        + "\(String(second.utf8.count, radix: 16))\r\n\(second)\r\n0\r\nX-Trailer: z\r\n\r\n")
    #expect(try connection.receive().code == "content_not_found")
    try connection.send(head + "Content-Length: \(body.utf8.count)\r\nExpect: 100-continue\r\n\r\n")
    #expect(try connection.receive(interim: true).status == 100)
    try connection.send(body)
    #expect(try connection.receive().code == "content_not_found")
    try connection.send(request("GET", "/healthz"))
    #expect(try connection.receive().status == 200)
  }

  @Test("one connection more than are allowed is told to come back when all are busy, and the others notice nothing")
  func busy() throws {
    let box = try Box(["server": ["max_connections": "3"]])
    let ann = try box.user("ann")
    let streams = try (0..<3).map { _ in try EventTests.Stream(ann) }
    let answer = try Connection(port: box.port).receive()
    #expect(answer.status == 503)
    #expect(answer.code == "busy")
    #expect(answer["Retry-After"].flatMap { Int($0) } != nil)
    // Who sends a request with a body in several pieces gets the answer too, and no reset on the way to it.
    let posting = try Connection(port: box.port)
    #expect(try posting.receiveHead().status == 503)
    for _ in 0..<8 { try posting.send(Self.long(16 << 10)) }
    // A stream that ends makes room, and the two others go on.
    streams[0].close()
    let title = Title(size: 1)
    try box.origin.put(title)
    let id = try eventually("room for another") { try? ann.start(title) }
    for stream in streams.dropFirst() { #expect(try stream.next()?.data.id?.text == id) }
  }

  @Test("one connection more than are allowed takes the place of the one that was idle for the longest time")
  func displaced() throws {
    let box = try Box(["server": ["max_connections": "3"]])
    var connections: [Connection] = []
    for _ in 0..<3 {
      let connection = try Connection(port: box.port)
      try connection.send(request("GET", "/healthz"))
      #expect(try connection.receive().status == 200)
      connections.append(connection)
      // The box counts in milliseconds: no two of them are idle since the same one.
      usleep(3000)
    }
    for count in 1...2 {
      let newcomer = try Connection(port: box.port)
      try newcomer.send(request("GET", "/healthz"))
      #expect(try newcomer.receive().status == 200)
      #expect(try connections.removeFirst().isClosed(), "the oldest of \(count)")
      connections.append(newcomer)
    }
    for connection in connections {
      try connection.send(request("GET", "/healthz"))
      #expect(try connection.receive().status == 200)
    }
  }

  @Test("a connection ends when it is asked to, when its version has it, and when nothing comes")
  func endings() throws {
    let box = try Self.box.get()
    for head in [
      "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET /healthz HTTP/1.0\r\n\r\n",
      "GET /healthz HTTP/1.0\r\nHost: a\r\n\r\n",
    ] {
      let connection = try Connection(port: box.port)
      try connection.send(head)
      let answer = try connection.receive()
      #expect(answer.status == 200, "\(head)")
      #expect(answer["Connection"]?.lowercased() == "close", "\(head)")
      #expect(try connection.isClosed(), "\(head)")
    }
    // In HTTP/1.0 a connection is kept when both say so.
    let kept = try Connection(port: box.port)
    for _ in 0..<2 {
      try kept.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      #expect(try kept.receive()["Connection"]?.lowercased() == "keep-alive")
    }
    let half = try Connection(port: box.port)
    try half.send("GET /healthz HTTP/1.1\r\nHost: a\r\n")
    #expect(try half.receive().status == 408)
    #expect(try half.isClosed())
    let silent = try Connection(port: box.port)
    #expect(try silent.isClosed(), "an idle connection is closed without a word")
    let used = try Connection(port: box.port)
    for _ in 0..<2 {
      try used.send(request("GET", "/healthz"))
      #expect(try used.receive().status == 200)
    }
    #expect(try used.isClosed(), "so is one that was used")
    let absolute = try Connection(port: box.port)
    try absolute.send("GET http://box.example/healthz HTTP/1.1\r\nHost: other\r\n\r\n")
    #expect(try absolute.receive().status == 200)
  }

  @Test("a head and a body that come a byte at a time end when their time is over, however often one comes")
  func dripping() throws {
    let box = try Self.box.get()
    let load = Load()
    let head = "POST /api/downloads/start HTTP/1.1\r\nHost: a\r\n"
    let starts = [head + "X-Long: ", head + "Content-Length: 60000\r\n\r\n"]
    for start in starts {
      let client = try load.add(box.port)
      client.send(Array(start.utf8))
      client.expect(Expectation(statuses: [408]))
    }
    try load.run(until: "all but the rest is sent") {
      zip(load.clients, starts).allSatisfy { $0.sent == $1.utf8.count }
    }
    for client in load.clients {
      client.supply = { [UInt8(ascii: "a")] }
      client.drip = 0.02
    }
    try load.run(until: "both are told") { load.clients.allSatisfy { !$0.isOpen } }
    for (client, start) in zip(load.clients, starts) {
      #expect(client.statuses == [408: 1] && client.end == .orderly, "\(start)")
      #expect(client.sent > start.utf8.count + 5, "\(start): it was on its way all the time")
    }
  }
}
