// `larder demo`: what a newcomer sees in the first minute, with nothing else installed.

import Foundation
import Glibc
import Testing

@LaneC @Suite("The demo") struct DemoTests {
  @Test("it prints a token and where it listens, and its videos can be fetched and played with them")
  func demo() throws {
    let data = Scratch.shared.path("demo")
    let program = try Program(Paths.larder, ["demo", "--listen", "127.0.0.1:0", "--data", data])
    var all: String { program.output + program.errors }
    let token = try eventually("a token", explain: all) {
      program.output.firstMatch(of: /eyJ[\w\-]+\.[\w\-]+\.[\w\-]+/).map { String($0.output) }
    }
    // Its own origin listens too; the box is the one that knows of health.
    let port = try eventually("the box", explain: all) {
      let ports = program.output.matches(of: /127\.0\.0\.1:(\d+)/).compactMap { Int($0.output.1) }
      return ports.first { port in (try? ask(port, "GET", "/healthz", token))?.status == 200 }
    }
    // The link that it prints plays without a token.
    let link = try eventually("a link", explain: all) {
      program.output.firstMatch(of: /http:\/\/127\.0\.0\.1:\d+(\/api\/downloads\/\w+\/play\?token=\S+)/)
    }
    #expect(try ask(port, "GET", String(link.output.1), nil).status == 200)
    for name in ["countdown", "mandelbrot", "testcard"] {
      let body = "{\"content_id\":\"\(name)\",\"quality\":\"360p\"}"
      let started = try ask(port, "POST", "/api/downloads/start", token, body: body)
      #expect(started.status == 201 || started.status == 200, "\(started)")
      let id = try #require(started.json?.id?.text)
      try eventually("\(name) completed", explain: all) {
        try ask(port, "GET", "/api/downloads/\(id)", token).json?.status?.text == "completed" ? true : nil
      }
      let file = try Bytes(file: "\(Paths.package)/Sources/larder/Demo/Videos/\(name)_360p.mp4")
      #expect(try ask(port, "GET", "/api/downloads/\(id)/play", token).body == file)
    }
    program.signal(SIGTERM)
    #expect(try program.wait() == .exited(0))
  }

  private func ask(_ port: Int, _ method: String, _ target: String, _ token: String?, body: String? = nil) throws
    -> Answer
  {
    let connection = try Connection(port: port)
    try connection.send(
      request(method, target, headers: token.map { ["Authorization": "Bearer \($0)"] } ?? [:], body: body))
    return try connection.receive(to: method)
  }
}
