// The volume over a data directory of its own: what it does when the ledger cannot be asked.

import Cache
import Foundation
import LMDB
import Testing

@testable import larder

@Suite struct UnreadableLedgerTests {
  private let object = {
    let version = ObjectVersion(bucket: "b", key: "k.mp4", etag: "\"1\"", size: 65536)
    let origin = OriginObject(version: version, lastModifiedSeconds: 0, digest: nil)
    return StoredObject(id: ObjectID(1), origin: origin, blockSize: 65536, created: Timestamp(milliseconds: 1))
  }()
  private let download = {
    var download = Download(
      id: DownloadID(upper: 1, lower: 1), user: UserID("ann")!, title: try! Title(contentID: "a", quality: "720p"),
      status: .pending, key: "k.mp4", totalBytes: 65536, created: Timestamp(milliseconds: 1))
    download.object = ObjectID(1)
    return download
  }()

  /// Throws what `body` throws, unless that is the disk's "there is no such file".
  private func expectNoAnswer(_ what: String, _ body: () async throws -> Void) async {
    do {
      try await body()
      Issue.record("\(what): a ledger that cannot be asked was taken for a no")
    } catch let error as DiskError {
      Issue.record("\(what): \(error)")
    } catch {}
  }

  @Test("a ledger that cannot be asked is no answer: nothing is taken for unwanted or gone")
  func unreadableLedger() async throws {
    let box = try EmptyBox()
    let (ledger, volume) = (box.ledger, box.volume)
    let sums = try #require(Sums(of: object, checksums: [7]))
    // A ledger that knows of nothing says no: nothing is made.
    try await volume.link([download])
    try await volume.write(sums)
    #expect(try await !volume.restore(object))
    await #expect(throws: DiskError.self) { try await volume.open(object) }
    #expect(try FileManager.default.subpathsOfDirectory(atPath: "\(box.path)/objects") == [])
    ledger.environment.close()
    await expectNoAnswer("link") { try await volume.link([download]) }
    await expectNoAnswer("write") { try await volume.write(sums) }
    await expectNoAnswer("restore") { _ = try await volume.restore(object) }
    await expectNoAnswer("open") { _ = try await volume.open(object) }
    await box.finish()
  }
}
