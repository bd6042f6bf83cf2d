// The log as an administrator reads it: a line for each request when that is wanted, priorities for the journal, and nothing
// secret.

import Foundation
import Glibc
import Testing

@LaneC @Suite("The log") struct LogTests {
  /// The lines that tell of requests so far.
  private func requests(_ box: Box) -> [JSON] { box.log.filter { $0.event?.text == "request.answered" } }

  @Test("each answered request is a line with who, what, which status, how much and how long, and no token")
  func access() throws {
    let box = try Box(["log": ["access": "true", "level": "\"info\""]])
    let title = Title(size: 300_000)
    try box.origin.put(title)
    let ann = try box.user("ann")
    let id = try ann.fetch(title)
    let link = try #require(try ann.expect(200, "POST", "/api/downloads/\(id)/play-url").url?.text)
    // By the header twice, the second time without a wait; and by the link, of which the log may know nothing.
    for _ in 0..<2 { #expect(try ann.play(id, headers: ["Range": "bytes=0-999"]).status == 206) }
    #expect(try ann.play(id).body == title.bytes)
    #expect(try box.ask("GET", link).status == 200)
    #expect(try box.ask("GET", "/api/downloads").status == 401)
    let garbage = try Connection(port: box.port)
    try garbage.send("NONSENSE\r\n\r\n")
    #expect(try garbage.receive().status == 400)
    try box.logged("the last one") { $0.status?.int == 400 }
    let lines = requests(box).suffix(7)
    let path = "/api/downloads/\(id)/play"
    #expect(lines.map(\.status?.int) == [200, 206, 206, 200, 200, 401, 400])
    #expect(lines.map(\.user?.text) == ["ann", "ann", "ann", "ann", "ann", nil, nil])
    #expect(lines.map(\.path?.text) == [path + "-url", path, path, path, path, "/api/downloads", nil])
    #expect(lines.map(\.method?.text) == ["POST", "GET", "GET", "GET", "GET", "GET", nil])
    #expect(lines.dropFirst().prefix(4).map(\.bytes?.int) == [1000, 1000, title.size, title.size])
    #expect(lines.allSatisfy { $0.microseconds?.int.map { (0..<60_000_000).contains($0) } ?? false })
    // Numbers are given once and only grow.
    let numbers = lines.compactMap { $0.request?.text.flatMap(Int.init) }
    #expect(numbers.count == 7 && zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "\(numbers)")
    let secrets = [ann.token, String(try #require(link.split(separator: "=").last)), SeaweedFS.secretKey]
    for secret in secrets { #expect(!box.program!.errors.contains(secret)) }
  }

  @Test("what takes long is told when it has ended, cut off or not; and a reload switches the lines on and off")
  func ends() throws {
    let box = try Box(["log": ["level": "\"info\""]])
    let title = Title(size: 2 << 20)
    try box.origin.put(title)
    let ann = try box.user("ann")
    let id = try ann.fetch(title)
    #expect(!box.log.contains { $0.event?.text == "request.answered" })
    try box.change(["log": ["access": "true"]])
    box.reload()
    try box.logged(event: "configuration.reloaded")

    // A stream of events is one request, which ends with its client.
    var stream: Connection? = try Connection(port: box.port)
    try stream?.send(request("GET", "/api/downloads/events", headers: ann.authorization))
    #expect(try stream?.receiveHead().status == 200)
    #expect(!box.log.contains { $0.path?.text == "/api/downloads/events" })
    stream = nil
    let line = try box.logged("the stream") { $0.path?.text == "/api/downloads/events" }
    #expect(line.status?.int == 200 && line.bytes?.int ?? 0 > 0 && line.user?.text == "ann", "\(line)")

    try box.change(["log": ["access": "false"]])
    box.reload()
    try eventually("the second reload", explain: box.report) {
      box.log.count { $0.event?.text == "configuration.reloaded" } == 2 ? true : nil
    }
    #expect(try ann.play(id).status == 200)
    #expect(try box.terminate() == .exited(0))
    #expect(!requests(box).contains { $0.path?.text?.hasSuffix("/play") == true })
  }

  @Test("lines for people say the same; for the journal they begin with their priority, and only for the journal")
  func journal() throws {
    let box = try Box(["log": ["access": "true", "format": "\"text\"", "level": "\"info\""]], starts: false)
    func said(_ stream: (stat) -> String?) throws -> [Substring] {
      let file = Scratch.shared.path("journal")
      let environment: [String: String]
      try Data().write(to: URL(fileURLWithPath: file + ".err"))
      var status = stat()
      guard unsafe stat(file + ".err", &status) == 0 else { throw RigFailure("no \(file).err") }
      environment = stream(status).map { ["JOURNAL_STREAM": $0] } ?? [:]
      let program = try Program(
        Paths.larder, ["serve", "--config", box.configurationFile], environment: environment, name: file)
      try eventually("it listens", explain: program.errors) { program.errors.contains("listening on") ? true : nil }
      program.signal(SIGTERM)
      #expect(try program.wait() == .exited(0))
      return program.errors.split(separator: "\n")
    }
    let journal = try said { "\($0.st_dev):\($0.st_ino)" }
    #expect(!journal.isEmpty && journal.allSatisfy { $0.wholeMatch(of: /<[2-7]>[^<].*/) != nil }, "\(journal)")
    #expect(journal.contains { $0.hasPrefix("<5>listening on ") })
    for elsewhere in [nil, "1:1"] as [String?] {
      let lines = try said { _ in elsewhere }
      #expect(
        !lines.isEmpty && lines.allSatisfy { $0.wholeMatch(of: /\d{4}-\d\d-\d\dT[\d:.]+Z [a-z]+ .*/) != nil },
        "\(lines)")
    }
  }
}
