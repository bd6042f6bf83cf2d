// The administration socket: made at the start, removed at the stop, replaced when it is left over, never stolen.

import Foundation
import Glibc
import Testing

@LaneC @Suite("The administration socket") struct AdminSocketTests {
  private func path(_ box: Box) -> String { "\(box.directory)/admin.sock" }

  /// Asks over the socket, without a token.
  private func ask(_ path: String, _ method: String, _ target: String) throws -> Answer {
    let connection = try Connection(path: path)
    try connection.send(request(method, target))
    return try connection.receive(to: method)
  }

  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status.st_mode : nil
  }

  private func waitUntilServed(_ box: Box, at path: String) throws {
    try box.logged("the socket") { $0.event?.text == "listening" && $0.address?.text == path }
  }

  @Test("it asks for no token, belongs to owner and group, and goes with the daemon")
  func serves() throws {
    let box = try Box()
    let path = path(box)
    try waitUntilServed(box, at: path)
    #expect(mode(path) == S_IFSOCK | 0o660)
    let scrape = try ask(path, "GET", "/metrics")
    #expect(scrape.status == 200)
    #expect(try Exposition(scrape.body.array).value("larder_connections") == 0, "it counts the network's")
    #expect(try ask(path, "HEAD", "/metrics").status == 200)
    let posted = try ask(path, "POST", "/metrics")
    #expect(posted.status == 405 && posted["Allow"] == "GET, HEAD")
    #expect(try ask(path, "GET", "/api/downloads").status == 404, "users' business is on the network")
    #expect(try box.terminate() == .exited(0))
    #expect(mode(path) == nil)
  }

  @Test("one left over by a killed daemon is replaced")
  func stale() throws {
    let box = try Box()
    try waitUntilServed(box, at: path(box))
    try box.kill()
    #expect(mode(path(box)) == S_IFSOCK | 0o660)
    try box.start()
    try waitUntilServed(box, at: path(box))
    #expect(try ask(path(box), "GET", "/metrics").status == 200)
  }

  @Test("another daemon's is left to it: the second works without, and says which and why")
  func taken() throws {
    let first = try Box()
    try waitUntilServed(first, at: path(first))
    let second = try Box(["server": ["admin_socket": "\"\(path(first))\""]])
    let line = try second.logged(event: "admin.unavailable")
    #expect(line.level?.text == "warning" && line.address?.text == path(first))
    #expect(line.message?.text?.contains(path(first)) == true && line.message?.text?.contains("EADDRINUSE") == true)
    #expect(try second.ask("GET", "/readyz").status == 200)
    #expect(try second.terminate() == .exited(0))
    #expect(try ask(path(first), "GET", "/metrics").status == 200, "still the first one's")
  }

  @Test("a missing folder is made, one whose parents are missing is not, and no file is taken for a socket")
  func folders() throws {
    let box = try Box(starts: false)
    let made = "\(box.directory)/run/admin.sock"
    try box.change(["server": ["admin_socket": "\"\(made)\""]])
    try box.start()
    try waitUntilServed(box, at: made)
    #expect(try box.terminate() == .exited(0))
    #expect(mode("\(box.directory)/run").map { $0 & S_IFMT } == S_IFDIR)

    try box.change(["server": ["admin_socket": "\"\(box.directory)/a/b/admin.sock\""]])
    try box.start()
    let missing = try box.logged(event: "admin.unavailable")
    #expect(missing.message?.text?.contains("make \(box.directory)/a/b") == true, "\(missing)")
    #expect(try box.ask("GET", "/readyz").status == 200)
    #expect(try box.terminate() == .exited(0))

    try box.change(["server": ["admin_socket": "\"\(box.configurationFile)\""]])
    try box.start()
    _ = try box.logged(event: "admin.unavailable")
    #expect(try box.terminate() == .exited(0))
    #expect(mode(box.configurationFile).map { $0 & S_IFMT } == S_IFREG, "the file is still there")
  }

  @Test("turned off there is none, and a reload does not bring it")
  func off() throws {
    let box = try Box(["server": ["admin_socket": "\"\""]])
    try box.change(["server": ["admin_socket": "\"\(path(box))\""]])
    box.reload()
    try box.logged("the warning") { $0.level?.text == "warning" && "\($0)".contains("server.admin_socket") }
    #expect(mode(path(box)) == nil)
    #expect(!box.log.contains { $0.event?.text == "admin.unavailable" })
  }

  @Test("a path that no socket can have is an error of the configuration")
  func tooLong() throws {
    let box = try Box(["server": ["admin_socket": "\"/\(String(repeating: "s", count: 107))\""]], starts: false)
    let result = try box.command("serve")
    #expect(result.ending == .exited(78))
    #expect(result.errors.contains("server.admin_socket") && result.errors.contains("107"), "\(result.errors)")
  }

  @Test("of sockets passed in, the one with a path is the administration's, and it stays when the daemon goes")
  func passed() throws {
    let box = try Box(starts: false)
    let passed = "\(box.directory)/passed.sock"
    // The service manager's part: two listening sockets at 3 and 4, and the variables that say so.
    let script = """
      import os, socket, sys
      tcp = socket.socket(); tcp.bind(("127.0.0.1", 0)); tcp.listen()
      unix = socket.socket(socket.AF_UNIX); unix.bind(sys.argv[1]); unix.listen()
      a, b = os.dup(unix.fileno()), os.dup(tcp.fileno())
      os.dup2(a, 13); os.dup2(b, 14); os.dup2(13, 3); os.dup2(14, 4)
      os.environ["LISTEN_PID"] = str(os.getpid()); os.environ["LISTEN_FDS"] = "2"
      os.execv(sys.argv[2], sys.argv[2:])
      """
    let program = try Program(
      "/usr/bin/python3", ["-c", script, passed, Paths.larder, "serve", "--config", box.configurationFile],
      name: "\(box.directory)/passed")
    let lines = try eventually("two addresses", explain: program.errors) {
      let lines = program.errors.split(separator: "\n").compactMap { try? JSON($0.utf8) }
        .filter { $0.event?.text == "listening" }
      return lines.count == 2 ? lines : nil
    }
    #expect(lines[0].address?.text?.hasPrefix("127.0.0.1:") == true)
    #expect(lines[1].address?.text == passed)
    #expect(try ask(passed, "GET", "/metrics").status == 200)
    #expect(mode("\(box.directory)/admin.sock") == nil, "the setting does not hold then")
    program.signal(SIGTERM)
    #expect(try program.wait() == .exited(0))
    #expect(mode(passed).map { $0 & S_IFMT } == S_IFSOCK)
  }
}
