// What tests do to a box's disk behind its back, and what `larder verify` says of it.

import Foundation
import Glibc
import Testing

extension Box {
  /// A path below `storage.path`.
  func path(_ relative: String) -> String { "\(data)/\(relative)" }

  /// The link of a user's title.
  func link(_ user: User, _ title: Title) -> String {
    "downloads/users/\(user.name)/\(title.contentID)_\(title.quality).mp4"
  }

  /// The object's file that a link is a name of.
  func object(of link: String) throws -> String {
    let inode = try self.inode(link)
    let names = try FileManager.default.contentsOfDirectory(atPath: path("objects"))
    for name in names where try self.inode("objects/\(name)") == inode { return "objects/\(name)" }
    throw RigFailure("no object of \(link)")
  }

  func inode(_ relative: String) throws -> UInt64 {
    var status = stat()
    guard unsafe lstat(path(relative), &status) == 0 else { throw RigFailure.call("lstat \(relative)") }
    return UInt64(status.st_ino)
  }

  func exists(_ relative: String) -> Bool { (try? inode(relative)) != nil }

  /// Changes some bytes in place.
  func spoil(_ relative: String, at offset: Int, count: Int = 3) throws {
    let file = try #require(FileHandle(forUpdatingAtPath: path(relative)))
    try file.seek(toOffset: UInt64(offset))
    let was = try #require(try file.read(upToCount: count))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data(was.map { ~$0 }))
    try file.close()
  }

  func cut(_ relative: String, to size: Int) throws {
    guard unsafe truncate(path(relative), off_t(size)) == 0 else { throw RigFailure.call("truncate \(relative)") }
  }

  func remove(_ relative: String) throws { try FileManager.default.removeItem(atPath: path(relative)) }

  func write(_ bytes: Bytes, to relative: String) throws {
    let folder = URL(fileURLWithPath: path(relative)).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(bytes.array).write(to: URL(fileURLWithPath: path(relative)))
  }

  func bytes(_ relative: String) throws -> Bytes {
    Bytes(Array(try Data(contentsOf: URL(fileURLWithPath: path(relative)))))
  }

  /// Replaces every occurrence of some bytes in the ledger's file.
  func patchLedger(_ old: [UInt8], with new: [UInt8]) throws {
    let url = URL(fileURLWithPath: path("ledger/data.mdb"))
    var all = try Data(contentsOf: url)
    var count = 0
    while let range = all.range(of: Data(old)) {
      all.replaceSubrange(range, with: new)
      count += 1
    }
    guard count > 0 else { throw RigFailure("the ledger does not hold \(old)") }
    let file = try #require(FileHandle(forUpdatingAtPath: url.path))
    try file.write(contentsOf: all)
    try file.close()
  }

  /// Runs `larder verify --json`.
  ///
  /// - Parameter launcher: what starts it in its place, such as setpriv(1).
  func verify(
    _ options: String..., environment: [String: String] = [:], launcher: [String] = []
  ) throws -> Verdict {
    let program = try Program(
      "/usr/bin/env",
      launcher + [Paths.larder, "verify", "--json"] + options + ["--config", configurationFile],
      environment: environment)
    let ending = try program.wait(within: 120)
    return Verdict(ending: ending, output: program.output, errors: program.errors)
  }
}

/// What `larder verify` said.
struct Verdict: CustomStringConvertible {
  let ending: Ending
  let lines: [JSON]
  let errors: String

  init(ending: Ending, output: String, errors: String) {
    self.ending = ending
    self.errors = errors
    lines = output.split(separator: "\n").compactMap { try? JSON($0.utf8) }
  }

  var differences: [JSON] { lines.filter { $0.type?.text == "difference" } }
  var notes: [JSON] { lines.filter { $0.type?.text == "note" } }
  var summary: JSON? { lines.last.flatMap { $0.type?.text == "summary" ? $0 : nil } }

  /// The kinds of what was found, and how often.
  var kinds: [String: Int] {
    Dictionary(differences.compactMap { $0["kind"]?.text }.map { ($0, 1) }, uniquingKeysWith: +)
  }

  func kinds(at path: String) -> [String] {
    differences.filter { $0["path"]?.text == path }.compactMap { $0["kind"]?.text }
  }

  /// Nothing at all was wrong.
  var isClean: Bool {
    ending == .exited(0) && differences.isEmpty && summary?.differences?.int == 0 && summary?.sound?.bool == true
  }

  var description: String {
    "\(ending) \(lines.map(\.description).joined(separator: "\n")) \(errors)"
  }
}
