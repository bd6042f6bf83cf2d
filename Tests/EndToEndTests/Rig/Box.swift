// A box under test: the built program with a data directory of its own, and the fault
// proxy between it and the origin. It can be killed and started again on what it left.

import Foundation
import Glibc

/// The configuration as sections of keys with their TOML values.
typealias Settings = [String: [String: String]]

/// A running (or killed) Larder.
final class Box {
  let directory: String
  /// `storage.path`.
  let data: String
  let origin: SeaweedFS
  let proxy: FaultProxy
  private(set) var settings: Settings
  private let environment: [String: String]
  /// What starts the program in its place, such as setpriv(1).
  private let launcher: [String]
  private(set) var program: Program?
  private(set) var port = 0
  private var starts = 0

  /// Makes a box; `changes` go over the tests' usual settings.
  init(
    _ changes: Settings = [:], secretKey: String = SeaweedFS.secretKey, environment: [String: String] = [:],
    launcher: [String] = [], starts: Bool = true
  ) throws {
    self.environment = environment
    self.launcher = launcher
    origin = try SeaweedFS.shared()
    proxy = try FaultProxy(upstream: origin.port)
    directory = Scratch.shared.path("box")
    data = directory + "/data"
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    try """
    [default]
    aws_access_key_id = \(SeaweedFS.accessKey)
    aws_secret_access_key = \(secretKey)

    """.write(toFile: directory + "/credentials", atomically: true, encoding: .utf8)
    settings = [
      "server": ["listen": "[\"127.0.0.1:0\"]", "admin_socket": "\"\(directory)/admin.sock\""],
      "storage": ["path": "\"\(data)\"", "reserve": "\"1MiB\""],
      "origin": [
        "endpoint": "\"http://127.0.0.1:\(proxy.port)\"", "bucket": "\"\(SeaweedFS.bucket)\"",
        "credentials_file": "\"\(directory)/credentials\"",
      ],
      "downloads": ["chunk_size": "\"256KiB\"", "retry_initial": "\"50ms\"", "retry_max": "\"500ms\""],
      "log": ["format": "\"json\"", "level": "\"debug\""],
    ]
    settings.merge(changes) { $0.merging($1) { $1 } }
    try writeConfiguration()
    if starts { try start() }
  }

  deinit {
    program = nil
    proxy.stop()
    // Killed, it leaves its ledger's lock file in memory.
    if let lock = try? FileManager.default.destinationOfSymbolicLink(atPath: data + "/ledger/lock.mdb"),
      lock.hasPrefix("/dev/shm/larder-")
    {
      try? FileManager.default.removeItem(atPath: (lock as NSString).deletingLastPathComponent)
    }
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// Where people and players find it.
  var address: String { "http://127.0.0.1:\(port)" }

  var configurationFile: String { directory + "/larder.toml" }

  /// Changes settings in the file; the box learns of it by a reload or a start.
  func change(_ changes: Settings) throws {
    settings.merge(changes) { $0.merging($1) { $1 } }
    try writeConfiguration()
  }

  private func writeConfiguration() throws {
    try settings.sorted { $0.key < $1.key }.map { section, keys in
      "[\(section)]\n" + keys.sorted { $0.key < $1.key }.map { "\($0) = \($1)\n" }.joined()
    }.joined(separator: "\n").write(toFile: configurationFile, atomically: true, encoding: .utf8)
  }

  // MARK: Life and death

  /// Starts the program and waits until it listens.
  func start() throws {
    starts += 1
    let serve = ["serve", "--config", configurationFile]
    let program = try Program(
      launcher.isEmpty ? Paths.larder : "/usr/bin/env", launcher.isEmpty ? serve : launcher + [Paths.larder] + serve,
      environment: environment, name: "\(directory)/run-\(starts)")
    self.program = program
    let address = try logged(event: "listening")["address"]?.text ?? ""
    guard let port = address.split(separator: ":").last.flatMap({ Int($0) }) else {
      throw RigFailure("no port in \(address)")
    }
    self.port = port
  }

  /// Cuts it off without a word, as a lost process does, and says how it ended: perhaps in another way before.
  @discardableResult
  func kill() throws -> Ending? {
    program?.signal(SIGKILL)
    return try program?.wait()
  }

  /// Asks it to end and says how it did.
  func terminate() throws -> Ending? {
    program?.signal(SIGTERM)
    return try program?.wait()
  }

  func reload() { program?.signal(SIGHUP) }

  // MARK: What it says

  /// Everything that this run has logged so far.
  var log: [JSON] {
    (program?.errors ?? "").split(separator: "\n").compactMap { try? JSON($0.utf8) }
  }

  /// Waits for a line of the log.
  @discardableResult
  func logged(event: String) throws -> JSON {
    try logged("event \(event)") { $0.event?.text == event }
  }

  /// Waits for a line of the log.
  @discardableResult
  func logged(_ what: String, _ condition: (JSON) -> Bool) throws -> JSON {
    try eventually("\(what) in the log", explain: report) {
      if let line = log.first(where: condition) { return line }
      if let ending = program?.poll() { throw RigFailure("larder ended (\(ending)):\n\(report)") }
      return nil
    }
  }

  /// The end of the log, for messages of failed tests.
  var report: String { String((program?.errors ?? "").suffix(4000)) }

  /// Runs a subcommand on this box's configuration.
  func command(_ arguments: String...) throws -> (ending: Ending, output: String, errors: String) {
    try Program.run(Paths.larder, arguments + ["--config", configurationFile])
  }

  /// A number of its own, asked for as an administrator does.
  func metric(_ name: String, _ labels: [String: String] = [:]) throws -> Int {
    let connection = try Connection(path: directory + "/admin.sock")
    try connection.send(request("GET", "/metrics"))
    return try Exposition(connection.receive().body.array).value(name, labels)
  }

  // MARK: Users

  /// A user with a token of this role, made as an administrator makes one.
  func user(_ name: String, roles: [String] = ["premium"]) throws -> User {
    let result = try Program.run(
      Paths.larder,
      ["token", "--user", name] + roles.flatMap { ["--role", $0] } + ["--config", configurationFile])
    guard result.ending == .exited(0) else { throw RigFailure("larder token: \(result.errors)") }
    return User(box: self, name: name, token: result.output.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// Asks without a token.
  func ask(_ method: String, _ target: String, headers: [String: String] = [:], body: String? = nil) throws -> Answer {
    let connection = try Connection(port: port)
    try connection.send(request(method, target, headers: headers, body: body))
    return try connection.receive(to: method)
  }
}
