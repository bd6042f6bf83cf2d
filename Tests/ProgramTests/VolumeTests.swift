// The data directory as the disk's threads leave it, over a ledger and a folder of its own.

import Cache
import Foundation
import Glibc
import LMDB
import Synchronization
import Testing

@testable import larder

@Suite struct VolumeTests {
  private static let block = 64 << 10

  /// A data directory in which one user has one whole title of three blocks completed.
  private final class Folder {
    let path = "\(NSTemporaryDirectory())/volume-\(UUID().uuidString)"
    let writer: LedgerWriter
    let volume: Volume
    let id: ObjectID
    let link: String

    var object: String { "\(path)/\(StoredPath.object(id))" }

    init() async throws {
      for folder in ["ledger", "objects", "downloads/users"] {
        try FileManager.default.createDirectory(atPath: "\(path)/\(folder)", withIntermediateDirectories: true)
      }
      let policy = Policy(
        defaultQuota: nil, evicts: true, playingGrace: 0, capacity: nil, reserve: 0, chunkSize: VolumeTests.block,
        digest: { $0 })
      writer = LedgerWriter(try Ledger(path: "\(path)/ledger"), policy: policy) { nil }
      volume = try Volume(path: path, ledger: writer)
      let download = try await Self.start("ann", writer)
      id = download.object
      link = writer.link(of: download)
      let file = try await volume.open(try Self.find(id, writer))
      try file.write([UInt8](repeating: 7, count: 3 * VolumeTests.block), at: 0)
      let id = id
      try await writer.change { ledger, tx, change in
        _ = try ledger.record((0..<3).map { StoredBlock(index: $0, checksum: 1) }, of: id, in: tx, &change)
        try ledger.finish(id, in: tx, &change)
      }
      try await volume.link([download])
      try await writer.change { ledger, tx, change in try ledger.complete([download.id], in: tx, &change) }
    }

    func end() async {
      await volume.finish()
      await writer.finish()
      writer.ledger.environment.close()
      try? FileManager.default.removeItem(atPath: path)
    }

    /// The title, for somebody else besides.
    func start(_ user: String) async throws -> Download { try await Self.start(user, writer) }

    private static func start(_ user: String, _ writer: LedgerWriter) async throws -> Download {
      let request = StartRequest(
        user: try #require(UserID(user)), title: try Title(contentID: "a", quality: "720p"), key: "a.mp4", bucket: "b",
        found: OriginObject(
          version: ObjectVersion(bucket: "b", key: "a.mp4", etag: "\"1\"", size: 3 * VolumeTests.block),
          lastModifiedSeconds: 0, digest: nil), trouble: nil)
      let outcome = try await writer.change { ledger, tx, change in try ledger.start(request, in: tx, &change) }
      guard case .created(let download) = outcome else { throw StartFailure.temporary("not started: \(outcome)") }
      return download
    }

    func found() throws -> StoredObject { try Self.find(id, writer) }

    private static func find(_ id: ObjectID, _ writer: LedgerWriter) throws -> StoredObject {
      try #require(try writer.ledger.environment.read { tx in try writer.ledger.object(id, in: tx) })
    }
  }

  private func inode(_ path: String) throws -> UInt {
    var status = stat()
    try #require(unsafe lstat(path, &status) == 0)
    return UInt(status.st_ino)
  }

  @Test("a name comes back from a link, also from one whose file is not the whole any more", arguments: [3, 2, 0])
  func restored(blocks: Int) async throws {
    let folder = try await Folder()
    let link = "\(folder.path)/\(folder.link)"
    try #require(unsafe unlink(folder.object) == 0 && truncate(link, off_t(blocks * Self.block)) == 0)
    #expect(try await folder.volume.restore(folder.found()))
    #expect(try inode(folder.object) == inode(link), "one file, whose room is counted once")
    // Asked once more, it is there.
    #expect(try await folder.volume.restore(folder.found()))
    await folder.end()
  }

  @Test("without a link to a file nothing comes back")
  func gone() async throws {
    let folder = try await Folder()
    let link = "\(folder.path)/\(folder.link)"
    try #require(unsafe unlink(folder.object) == 0 && unlink(link) == 0 && symlink("elsewhere", link) == 0)
    #expect(try await !folder.volume.restore(folder.found()))
    #expect(!FileManager.default.fileExists(atPath: folder.object))
    await folder.end()
  }

  @Test("a file that was made anew meanwhile came from no link")
  func madeAnew() async throws {
    let folder = try await Folder()
    try #require(unsafe unlink(folder.object) == 0 && unlink("\(folder.path)/\(folder.link)") == 0)
    try await folder.writer.change { [id = folder.id] ledger, tx, change in
      _ = try ledger.damage(0..<3, of: id, cause: "a test", in: tx, &change)
    }
    _ = try await folder.volume.open(folder.found())
    #expect(try await !folder.volume.restore(folder.found()))
    #expect(FileManager.default.fileExists(atPath: folder.object))
    await folder.end()
  }

  @Test("an inspection leaves in memory what is there")
  func inspected() async throws {
    let folder = try await Folder()
    let file = try #require(try await folder.volume.openForReading(folder.id))
    try file.synchronize()
    try #require(file.readsPastMemory(true) && file.readsPastMemory(false), "TMPDIR's file system only reads to memory")
    let writer = folder.writer
    let inspection = Inspection(
      writer.ledger, root: folder.volume.root, link: { writer.link(of: $0) }, found: { _ in })
    #expect(try inspection.compare(folder.found(), blocks: [0..<3]).count == 1, "their checksums are made up")
    for block in 0..<3 { #expect(file.isResident(at: block * Self.block)) }
    await folder.end()
  }

  @Test("a link that was made right before the power went is its download's, also once the title has lost blocks")
  func linkedBeforeTheCut() async throws {
    let folder = try await Folder()
    let writer = folder.writer
    let download = try await folder.start("bob")
    let path = writer.link(of: download)
    try await folder.volume.link([download])
    let inspection = Inspection(
      writer.ledger, root: folder.volume.root, link: { writer.link(of: $0) }, found: { _ in })
    #expect(try inspection.judgeName(path) == nil)
    try await writer.change { [id = folder.id] ledger, tx, change in
      _ = try ledger.damage(0..<3, of: id, cause: "a test", in: tx, &change)
    }
    #expect(try inspection.judgeName(path) == nil)
    await folder.end()
  }

  @Test("no second file is made for an object that lost its name besides all its blocks, while a link holds the first")
  func openedByLink() async throws {
    let folder = try await Folder()
    try await folder.writer.change { [id = folder.id] ledger, tx, change in
      _ = try ledger.damage(0..<3, of: id, cause: "a test", in: tx, &change)
    }
    try #require(unsafe unlink(folder.object) == 0)
    let file = try await folder.volume.open(folder.found())
    #expect(file.size == 3 * Self.block)
    #expect(try inode(folder.object) == inode("\(folder.path)/\(folder.link)"))
    await folder.end()
  }

  enum Harm: CaseIterable { case cut, removed }

  @Test(
    "to a file that somebody cut short or removed nothing is written, and of what was written nothing is recorded",
    arguments: Harm.allCases, [false, true])
  func stale(harm: Harm, isWritten: Bool) async throws {
    let folder = try await Folder()
    let id = folder.id
    try await folder.writer.change { ledger, tx, change in
      _ = try ledger.damage(2..<3, of: id, cause: "a test", in: tx, &change)
    }
    let file = try await folder.volume.open(folder.found())
    let bytes = [UInt8](repeating: 7, count: Self.block)
    if isWritten { try file.write(bytes, at: 2 * Self.block) }
    switch harm {
    case .cut: try #require(unsafe truncate(folder.object, 100) == 0)
    case .removed: try #require(unsafe unlink(folder.object) == 0 && unlink("\(folder.path)/\(folder.link)") == 0)
    }
    if isWritten {
      #expect(throws: DiskError.self) { try file.synchronize() }
    } else {
      let why: (any Error)? = await withCheckedContinuation { continuation in
        folder.volume.write(
          BlockWrite(object: id, file: file, index: 2, offset: 2 * Self.block, bytes: bytes),
          BlockReport(
            written: {}, stored: { _, _ in continuation.resume(returning: nil) },
            lost: { _, _, why in continuation.resume(returning: why) }))
      }
      #expect((why as? DiskError)?.isStale == true, "\(String(describing: why))")
      if harm == .cut { #expect(file.size == 100) }
    }
    await folder.end()
  }

  @Test("what became of a block is told also when its beginning is made durable in the same round")
  func beginningsAndBlocks() async throws {
    let folder = try await Folder()
    let id = folder.id
    try await folder.writer.change { ledger, tx, change in
      _ = try ledger.damage(0..<3, of: id, cause: "a test", in: tx, &change)
    }
    let file = try await folder.volume.open(folder.found())
    let bytes = [UInt8](repeating: 7, count: Self.block)
    let heard = Atomic<Int>(0)
    func write(_ count: Int, isStart: Bool, _ told: @escaping @Sendable () -> Void) {
      folder.volume.write(
        BlockWrite(
          object: id, file: file, index: 1, offset: Self.block, bytes: Array(bytes[..<count]), isStart: isStart),
        BlockReport(written: {}, stored: { _, _ in told() }, lost: { _, _, _ in told() }))
    }
    for round in 1...50 {
      for count in [100, 200] { write(count, isStart: true) { Issue.record("nobody asked") } }
      write(Self.block, isStart: false) { heard.add(1, ordering: .sequentiallyConsistent) }
      let deadline = ContinuousClock.now + .seconds(30)
      while heard.load(ordering: .sequentiallyConsistent) < round {
        try #require(ContinuousClock.now < deadline, "round \(round): nobody says what became of it")
        try await Task.sleep(for: .milliseconds(1))
      }
    }
    await folder.end()
  }
}
