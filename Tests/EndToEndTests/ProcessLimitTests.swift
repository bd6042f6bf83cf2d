// The limits of the whole program: what it does with few descriptors, and with a log that nobody reads.

import Foundation
import Glibc
import Synchronization
import Testing

@LaneC @Suite("Limits of the process") struct ProcessLimitTests {
  @Test("a process with few descriptors starts with a warning and fewer connections, or says why it does not")
  func start() throws {
    let box = try Box(starts: false)
    let command = "exec \(Paths.larder) serve --config \(box.configurationFile)"
    let none = try Program.run("/bin/bash", ["-c", "ulimit -n 256; \(command)"])
    #expect(none.ending == .exited(78), "\(none)")
    #expect(none.errors.contains("LimitNOFILE") && none.errors.split(separator: "\n").count == 1, "\(none.errors)")
    let few = try Program("/bin/bash", ["-c", "ulimit -n 2000; \(command)"])
    try eventually("the warning", explain: few.errors) {
      few.errors.contains("instead of 4096") && few.errors.contains("listening") ? true : nil
    }
    few.signal(SIGTERM)
    #expect(try few.wait() == .exited(0))
  }

  @Test("the daemon serves on while its standard error is stuck, says what is missing, and stops")
  func daemon() throws {
    let box = try Box(["log": ["level": "\"debug\"", "format": "\"json\""]], starts: false)
    let fifo = box.directory + "/stuck"
    guard unsafe mkfifo(fifo + ".err", 0o600) == 0 else { throw RigFailure.call("mkfifo") }
    let end = unsafe open(fifo + ".err", O_RDWR | O_NONBLOCK | O_CLOEXEC)
    // F_SETPIPE_SZ, which the overlay does not show.
    _ = fcntl(end, 1031, 4096)
    let port = try freePorts(1)[0]
    try box.change(["server": ["listen": "[\"127.0.0.1:\(port)\"]"]])
    let program = try Program(Paths.larder, ["serve", "--config", box.configurationFile], name: fifo)
    func ask(_ method: String, _ target: String, _ user: User? = nil, body: String? = nil) throws -> Answer {
      let connection = try Connection(port: port)
      try connection.send(request(method, target, headers: user?.authorization ?? [:], body: body))
      return try connection.receive(to: method)
    }
    try eventually("it listens") { try? ask("GET", "/healthz") }
    // Names that take as much room in a line as names can.
    let ann = try box.user(String(repeating: "\"", count: 128))
    let name = String(repeating: "\\\"", count: 128)
    // Each start and each end is a line or two: more than pipe and queue hold.
    box.proxy.goDown()
    // Several at a time share a commit.
    let connections = try (0..<8).map { _ in try Connection(port: port) }
    for _ in 0..<90 {
      for (number, connection) in connections.enumerated() {
        let body = "{\"content_id\":\"\(name.dropLast(2))\(number)\",\"quality\":\"720p\"}"
        try connection.send(request("POST", "/api/downloads/start", headers: ann.authorization, body: body))
      }
      for connection in connections {
        let answer = try connection.receive()
        try #require(answer.status == 201, "\(answer)")
        let id = try #require(answer.json?.id?.text)
        try connection.send(request("DELETE", "/api/downloads/\(id)", headers: ann.authorization))
      }
      for connection in connections { try #require(try connection.receive().status == 200) }
    }
    #expect(try ask("GET", "/healthz").status == 200)
    let seen = Mutex("")
    let isOver = Mutex(false)
    defer { isOver.withLock { $0 = true } }
    Thread.detachNewThread {
      var buffer = [UInt8](repeating: 0, count: 65536)
      while !isOver.withLock({ $0 }) {
        let count = unsafe Glibc.read(end, &buffer, buffer.count)
        if count > 0 { seen.withLock { $0 += String(decoding: buffer[..<count], as: UTF8.self) } } else { usleep(1000) }
      }
      close(end)
    }
    try eventually("the gap is told") {
      if seen.withLock({ $0.contains("log.dropped") }) { return true }
      _ = try ask("POST", "/api/downloads/start", ann, body: User.startBody(Title(size: 1)))
      return nil
    }
    program.signal(SIGTERM)
    #expect(try program.wait() == .exited(0))
    try eventually("the last line") { seen.withLock { $0.contains("\"event\":\"stopped\"") } ? true : nil }
    for line in seen.withLock({ $0 }).split(separator: "\n") { #expect(throws: Never.self) { try JSON(line.utf8) } }
  }
}
