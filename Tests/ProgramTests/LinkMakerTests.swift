// Links of whole objects, made for many users at once over a data directory of its own.

import Cache
import Foundation
import Glibc
import LMDB
import Testing

@testable import larder

@Suite struct LinkMakerTests {
  private static let size = 1000

  /// A data directory with a whole object, which nobody has yet.
  private final class Folder {
    let path = "\(NSTemporaryDirectory())/links-\(UUID().uuidString)"
    let writer: LedgerWriter
    let volume: Volume

    init() throws {
      try DataDirectory.prepare(path)
      let policy = Policy(
        defaultQuota: nil, evicts: true, playingGrace: 0, capacity: nil, reserve: 0, chunkSize: 64 << 10,
        digest: { $0 })
      writer = LedgerWriter(try Ledger(path: "\(path)/ledger"), policy: policy) { nil }
      volume = try Volume(path: path, ledger: writer)
    }

    /// A start of the title by one user; the first one brings it in.
    func start(_ user: String) async throws -> Download {
      let request = StartRequest(
        user: try #require(UserID(user)), title: try Title(contentID: "a", quality: "720p"), key: "a.mp4", bucket: "b",
        found: OriginObject(
          version: ObjectVersion(bucket: "b", key: "a.mp4", etag: "\"1\"", size: LinkMakerTests.size),
          lastModifiedSeconds: 0, digest: nil), trouble: nil)
      let (outcome, isWhole) = try await writer.change { ledger, tx, change in
        let outcome = try ledger.start(request, in: tx, &change)
        guard case .created(let download) = outcome else { return (outcome, false) }
        return (outcome, try ledger.object(download.object, in: tx)?.state == .complete)
      }
      guard case .created(let download) = outcome else { throw StartFailure.temporary("not started: \(outcome)") }
      guard !isWhole else { return download }
      let object = try #require(
        try writer.ledger.environment.read { tx in try writer.ledger.object(download.object, in: tx) })
      try await volume.open(object).write([UInt8](repeating: 7, count: LinkMakerTests.size), at: 0)
      try await writer.change { ledger, tx, change in
        _ = try ledger.record([StoredBlock(index: 0, checksum: 1)], of: object.id, in: tx, &change)
        try ledger.finish(object.id, in: tx, &change)
      }
      return download
    }

    func delete(_ download: Download) async throws {
      let discards = try await writer.change { ledger, tx, change in
        _ = try ledger.apply(.cancel, to: download.id, of: download.user, in: tx, &change)
        return change.discards
      }
      volume.remove(discards)
      await volume.caughtUp()
    }

    func inode(_ name: String) -> UInt? {
      var status = stat()
      return unsafe lstat("\(path)/\(name)", &status) == 0 ? UInt(status.st_ino) : nil
    }

    func hasLink(_ download: Download) -> Bool {
      inode(writer.link(of: download)).map { $0 == inode(StoredPath.object(download.object)) } ?? false
    }

    func end() async {
      await volume.finish()
      await writer.finish()
      writer.ledger.environment.close()
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  @Test("a file that is not the whole is linked for nobody", arguments: [size - 1, size + 1])
  func length(bytes: Int) async throws {
    let folder = try Folder()
    let download = try await folder.start("ann")
    try #require(unsafe truncate("\(folder.path)/\(StoredPath.object(download.object))", off_t(bytes)) == 0)
    await #expect(throws: DiskError.self) { try await folder.volume.link([download]) }
    #expect(!folder.hasLink(download))
    await folder.end()
  }

  @Test("many users at once, alone or together, get a link each, and who ended meanwhile gets none")
  func many() async throws {
    let folder = try Folder()
    var downloads: [Download] = []
    for number in 0..<40 { downloads.append(try await folder.start("user\(number)")) }
    try await folder.delete(downloads[7])
    let (alone, together) = (downloads[..<20], Array(downloads[20...]))
    try await withThrowingTaskGroup { group in
      for download in alone { group.addTask { [volume = folder.volume] in try await volume.link([download]) } }
      group.addTask { [volume = folder.volume] in try await volume.link(together) }
      try await group.waitForAll()
    }
    for (number, download) in downloads.enumerated() { #expect(folder.hasLink(download) == (number != 7), "\(number)") }
    #expect(folder.inode("downloads/users/user7") == nil)
    await folder.end()
  }

  @Test("a folder that went, by us or by somebody, is made again, and what stands in the way goes")
  func again() async throws {
    let folder = try Folder()
    let first = try await folder.start("ann")
    try await folder.volume.link([first])
    try await folder.delete(first)
    #expect(folder.inode("downloads/users/ann") == nil)
    let second = try await folder.start("ann")
    try await folder.volume.link([second])
    #expect(folder.hasLink(second))
    try FileManager.default.removeItem(atPath: "\(folder.path)/downloads/users/ann")
    try await folder.volume.link([second])
    #expect(folder.hasLink(second))
    let link = "\(folder.path)/\(folder.writer.link(of: second))"
    try #require(unsafe unlink(link) == 0 && symlink("elsewhere", link) == 0)
    try await folder.volume.link([second])
    #expect(folder.hasLink(second))
    await folder.end()
  }

  @Test("without the object's file there is no link, and that is said")
  func lost() async throws {
    let folder = try Folder()
    let download = try await folder.start("ann")
    try #require(unsafe unlink("\(folder.path)/\(StoredPath.object(download.object))") == 0)
    await #expect(throws: DiskError.self) { try await folder.volume.link([download]) }
    #expect(folder.inode(folder.writer.link(of: download)) == nil)
    await folder.end()
  }
}
