// A box before a scripted origin, and what each row of the table of faults must come to.

import Foundation
import Glibc
import S3

/// A box and its scripted origin.
final class Scripted {
  let origin: FakeOrigin
  let box: Box

  init(_ changes: Settings = [:], starts: Bool = true) throws {
    origin = try FakeOrigin()
    box = try Box(origin.endpoint.merging(changes) { $0.merging($1) { $1 } }, starts: starts)
  }

  deinit { origin.stop() }

  /// A title that the origin has.
  func title(_ size: Int, _ change: (FakeObject) -> FakeObject = { $0 }) -> Title {
    let title = Title(size: size)
    origin.put(change(FakeObject(title)), key: title.key)
    return title
  }

  /// A title that was uploaded in three parts, of one size but the last, with the digest of those.
  func titleInParts(_ algorithm: DigestAlgorithm = .sha256) -> Title {
    let title = Title(size: 700_001)
    origin.put(
      FakeObject(title).offering(algorithm, ofParts: [300_000, 300_000, 100_001], of: title.bytes), key: title.key)
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

  /// What the log and the audit say, in the same words, that a completed title was verified by.
  func evidence(_ title: Title, of download: String) throws -> String {
    let line = try box.logged("\(title.key) verified") {
      $0.event?.text == "fill.complete" && $0.message?.text?.hasPrefix(title.key) == true
    }
    let logged = line.message?.text?.components(separatedBy: "verified by ").last ?? ""
    // An entry of an object names no title: the download's end says which object it was.
    let diary = try box.diary("?event=completed,verified&limit=100")
    let completed = diary.first { $0.event?.text == "completed" && $0.download?.text == download }
    guard let object = completed?.object?.text else { throw RigFailure("\(download) is not in the audit: \(diary)") }
    let verified = diary.filter { $0.event?.text == "verified" && $0.object?.text == object }
    guard verified.count == 1, verified[0].cause?.text == "by \(logged)", verified[0].bytes?.int == title.size else {
      throw RigFailure("the log says \"\(logged)\" of \(title.key), and the audit \(verified)")
    }
    return logged
  }
}
