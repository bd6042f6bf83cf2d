// What an administrator at the box does: commands, and requests at the administration socket.

import Foundation
import Glibc

extension Box {
  var adminSocket: String { directory + "/admin.sock" }

  /// Asks over the administration socket.
  func order(_ method: String, _ target: String, body: String? = nil) throws -> Answer {
    let connection = try Connection(path: adminSocket)
    try connection.send(request(method, target, body: body))
    return try connection.receive(to: method)
  }

  /// Runs a subcommand that must succeed; what it printed.
  func print(_ arguments: String...) throws -> String {
    let result = try Program.run(Paths.larder, arguments + ["--config", configurationFile])
    guard result.ending == .exited(0), result.errors.isEmpty else { throw RigFailure("\(arguments): \(result)") }
    return result.output
  }

  /// The same with `--json`.
  func document(_ arguments: String...) throws -> JSON {
    let result = try Program.run(Paths.larder, arguments + ["--json", "--config", configurationFile])
    guard result.ending == .exited(0), result.errors.isEmpty else { throw RigFailure("\(arguments): \(result)") }
    return try JSON(result.output.utf8)
  }

  /// The newest entries of the diary.
  func diary(_ query: String = "") throws -> [JSON] {
    let answer = try order("GET", "/audit\(query)")
    guard answer.status == 200, let events = answer.json?.events?.array else { throw RigFailure("\(answer)") }
    return events
  }

  /// Who runs these tests, as the box must name them.
  static var operatorName: String { NSUserName() }
}
