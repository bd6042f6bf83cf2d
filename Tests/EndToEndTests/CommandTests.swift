// The program as administrators meet it: subcommands, exit statuses, one line for each error.

import Foundation
import Glibc
import Testing

@LaneC @Suite("Commands") struct CommandTests {
  private func run(_ arguments: String...) throws -> (ending: Ending, output: String, errors: String) {
    try Program.run(Paths.larder, arguments)
  }

  @Test("wrong usage exits 64 and says what is right; help and version exit 0")
  func usage() throws {
    for arguments in [[], ["cook"], ["serve", "--color"], ["token"], ["serve", "--config"]] {
      let result = try Program.run(Paths.larder, arguments)
      #expect(result.ending == .exited(64), "\(arguments): \(result)")
      #expect(!result.errors.isEmpty && result.output.isEmpty, "\(arguments)")
      #expect(result.errors.split(separator: "\n").count == 1, "one line: \(result.errors)")
    }
    for arguments in [["--help"], ["help"], ["help", "serve"], ["serve", "--help"], ["--version"]] {
      let result = try Program.run(Paths.larder, arguments)
      #expect(result.ending == .exited(0), "\(arguments): \(result)")
      #expect(!result.output.isEmpty && result.errors.isEmpty, "\(arguments)")
    }
    let version = try run("--version").output
    #expect(version.contains(/\d+\.\d+\.\d+/))
    let help = try run("--help").output
    for name in ["serve", "demo", "check", "token"] {
      #expect(help.contains(name))
    }
  }

  @Test("a wrong configuration exits 78 and names the file, the line, the key and what would be right")
  func wrongConfiguration() throws {
    let table = [
      ("[server]\nlisten = [\"127.0.0.1:0\"]\nmax_conections = 5\n", ":3:", "max_connections"),
      ("[storage]\npath = 5\n", ":2:", "storage.path"),
      ("[downloads]\nactive = 65\n", ":2:", "64"),
      ("[quota]\ndefault = \"20 GiB\"\n", ":2:", "quota.default"),
      ("[quota]\ndefault = \"20gib\"\n", ":2:", "quota.default"),
      ("[downloads]\nretry_max = \"1.5s\"\n", ":2:", "downloads.retry_max"),
      ("[serve]\n", ":1:", "server"),
      ("[server\n", ":1", ""),
    ]
    let file = Scratch.shared.path("wrong") + ".toml"
    for (text, line, word) in table {
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      for command in ["check", "serve"] {
        let result = try run(command, "--config", file)
        #expect(result.ending == .exited(78), "\(command) \(text): \(result)")
        #expect(result.errors.contains(file + line), "\(command) \(text): \(result.errors)")
        #expect(word.isEmpty || result.errors.contains(word), "\(command) \(text): \(result.errors)")
        #expect(result.output.isEmpty)
      }
    }
    for command in ["check", "serve"] {
      let missing = try run(command, "--config", file + ".missing")
      #expect(missing.ending == .exited(78), "\(command): \(missing)")
      #expect(missing.errors.contains(file + ".missing"))
      #expect(missing.errors.split(separator: "\n").count == 1, "one line: \(missing.errors)")
    }
  }

  @Test("check prints the configuration in full, and what it prints is a configuration")
  func check() throws {
    let box = try Box(["quota": ["default": "\"7GiB\""], "quota.users": ["\"ann\"": "\"9GiB\""]], starts: false)
    let result = try box.command("check")
    #expect(result.ending == .exited(0), "\(result)")
    for word in ["7GiB", "9GiB", "idle_timeout", "\"75s\"", "chunk_size", "\"256KiB\"", "retry_max", "[catalog]"] {
      #expect(result.output.contains(word), "\(word)")
    }
    #expect(!result.output.contains(SeaweedFS.secretKey))
    let printed = box.directory + "/printed.toml"
    try result.output.write(toFile: printed, atomically: true, encoding: .utf8)
    #expect(try run("check", "--config", printed).output == result.output)
  }

  @Test("a port in use and a data directory in use exit 75 and say so")
  func temporaryFailures() throws {
    let box = try Box()
    let second = try box.command("serve")
    #expect(second.ending == .exited(75), "\(second)")
    #expect(second.errors.contains(box.data))
    let other = try Box(["server": ["listen": "[\"127.0.0.1:\(box.port)\"]"]], starts: false)
    let taken = try other.command("serve")
    #expect(taken.ending == .exited(75), "\(taken)")
    #expect(taken.errors.contains("\(box.port)"))
    #expect(try box.ask("GET", "/healthz").status == 200, "the first one is well")
  }

  @Test("token makes a token that opens the API for its time and its roles")
  func token() throws {
    let box = try Box()
    let result = try box.command("token", "--user", "ann", "--role", "premium", "--ttl", "10m")
    #expect(result.ending == .exited(0), "\(result)")
    #expect(result.output.wholeMatch(of: /[\w\-]+\.[\w\-]+\.[\w\-]+\n/) != nil, "one line, and nothing else")
    let ann = try box.user("ann")
    #expect(try ann.ask("GET", "/api/downloads").status == 200)
    #expect(try box.user("eve", roles: ["viewer"]).ask("GET", "/api/downloads").code == "premium_required")
    #expect(try box.command("token", "--user", "").ending == .exited(64))
    #expect(try box.command("token", "--user", "ann", "--ttl", "soon").ending == .exited(64))
    let mode = try FileManager.default.attributesOfItem(atPath: box.data + "/auth.key")[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }
}
