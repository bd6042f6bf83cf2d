// What must be true of a data directory whatever befell it: read from the disk and the ledger, not from the box's own
// words. The ledger is opened by this process, so the box must have ended.

import Cache
import Foundation
import LMDB

/// A data directory whose box has ended.
struct Inspection {
  let data: String

  /// Everything that is not as it must be, one line each; none when all is well.
  ///
  /// - Parameter links: the path of each link that must be there, with its bytes.
  func findings(links: [String: Bytes]) throws -> [String] {
    var findings: [String] = []
    let ledger = try Ledger(path: data + "/ledger")
    var objectBytes = 0
    try ledger.environment.read { tx in
      findings += try ledger.auditFindings(in: tx).map { "the ledger: \($0)" }
      findings += try ledger.pendingDiscards(in: tx).map { "never removed: \($0.path)" }
      for name in try files(below: "objects") {
        // An object's checksums lie beside it, also those that a cut kept from their name.
        let stem = name.split(separator: ".").first.map(String.init) ?? name
        guard StoredPath.objectID(ofFile: name) != nil, let number = UInt64(stem, radix: 16),
          let object = try ledger.object(ObjectID(number), in: tx)
        else {
          findings.append("a stray object: \(name)")
          continue
        }
        guard stem == name else { continue }
        let size = try self.size("objects/" + name)
        objectBytes += object.state == .complete ? object.size : 0
        if object.state == .complete, size != object.size {
          findings.append("object \(name) has \(size) bytes and not \(object.size)")
        }
      }
      let complete = try ledger.boxUsage(in: tx).complete
      if objectBytes != complete {
        findings.append("\(objectBytes) bytes of whole objects, and \(complete) in the ledger")
      }
    }
    findings += try self.findings(amongLinks: links)
    return findings
  }

  /// How many blocks of the first object the ledger has.
  func storedBlocks() throws -> Int {
    let ledger = try Ledger(path: data + "/ledger")
    defer { ledger.environment.close() }
    return try ledger.environment.read { tx in
      guard let object = try ledger.object(ObjectID(1), in: tx) else { return 0 }
      return try ledger.map(of: object, in: tx).population
    }
  }

  /// What differs below `downloads/users`; the box may be running.
  func findings(amongLinks links: [String: Bytes]) throws -> [String] {
    var findings: [String] = []
    let found = Set(try files(below: "downloads/users").map { "downloads/users/" + $0 })
    for path in found.subtracting(links.keys).sorted() { findings.append("a stray link: \(path)") }
    for (path, bytes) in links.sorted(by: { $0.key < $1.key }) {
      guard found.contains(path) else {
        findings.append("no link: \(path)")
        continue
      }
      let held = try Bytes(file: data + "/" + path)
      if held != bytes { findings.append("\(path) holds \(held) and not \(bytes)") }
    }
    return findings
  }

  private func files(below folder: String) throws -> [String] {
    let root = data + "/" + folder
    return try FileManager.default.subpathsOfDirectory(atPath: root).filter { path in
      var isFolder: ObjCBool = false
      // What goes at this moment is there no longer.
      let isThere = unsafe FileManager.default.fileExists(atPath: root + "/" + path, isDirectory: &isFolder)
      return isThere && !isFolder.boolValue
    }
  }

  private func size(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: data + "/" + path)
    return attributes[.size] as? Int ?? -1
  }
}
