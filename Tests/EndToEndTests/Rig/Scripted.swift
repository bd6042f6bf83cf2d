// A box before a scripted origin, and what each row of the table of faults must come to.

import Foundation
import Glibc

/// A box and its scripted origin.
final class Scripted {
  let origin: FakeOrigin
  let box: Box

  init(_ changes: Settings = [:]) throws {
    origin = try FakeOrigin()
    box = try Box(origin.endpoint.merging(changes) { $0.merging($1) { $1 } })
  }

  deinit { origin.stop() }

  /// A title that the origin has.
  func title(_ size: Int, _ change: (FakeObject) -> FakeObject = { $0 }) -> Title {
    let title = Title(size: size)
    origin.put(change(FakeObject(title)), key: title.key)
    return title
  }

  /// Writes other credentials into the box's file; a reload takes them up.
  func write(accessKey: String = SeaweedFS.accessKey, secretKey: String, token: String? = nil) throws {
    try """
    [default]
    aws_access_key_id = \(accessKey)
    aws_secret_access_key = \(secretKey)
    \(token.map { "aws_session_token = \($0)" } ?? "")

    """.write(toFile: box.directory + "/credentials", atomically: true, encoding: .utf8)
  }

  func reload() throws {
    let reloads = { [box] in box.log.count { $0.event?.text == "configuration.reloaded" } }
    let before = reloads()
    box.reload()
    try eventually("the reload", explain: box.report) { reloads() > before ? true : nil }
  }

  /// What the log says that a title was verified by.
  func evidence(_ title: Title) throws -> String {
    let line = try box.logged("\(title.key) verified") {
      $0.event?.text == "fill.complete" && $0.message?.text?.hasPrefix(title.key) == true
    }
    return line.message?.text?.components(separatedBy: "verified by ").last ?? ""
  }
}
