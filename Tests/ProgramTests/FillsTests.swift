// The fill engine over a ledger that cannot be asked.

import Cache
import Foundation
import LMDB
import Logging
import Loop
import S3
import Testing

@testable import larder

@Suite("The fill engine") struct FillsTests {
  init() { EventLoop.runInBackground() }

  /// An engine whose origin refuses every connection.
  @EventLoop private func engine(over box: EmptyBox) throws -> (OriginClient, Fills) {
    let (metrics, log) = (Metrics(), EventLog(LogSettings(level: .critical, isJSON: false)))
    let endpoint = try Endpoint("http://127.0.0.1:9", region: "here", bucket: "b", addressing: .path)
    let origin = try OriginClient(
      OriginSettings(
        endpoint: endpoint, credentials: nil, connectTimeout: .seconds(1), stallTimeout: .seconds(1), caFile: nil),
      metrics: metrics, log: log)
    let fills = Fills(
      writer: box.writer, volume: box.volume, origin: origin,
      losses: Losses(writer: box.writer, metrics: metrics, log: log),
      settings: FillSettings(
        active: 1, connections: 1, chunkSize: 1 << 20, retry: RetryPolicy(initial: 1, limit: 1)),
      rate: RateSettings(), log: log)
    return (origin, fills)
  }

  @Test("a ledger that cannot be asked is no no: who waits for a block asks again")
  @EventLoop func attend() async throws {
    let box = try EmptyBox()
    let (origin, fills) = try engine(over: box)
    #expect(!fills.attend(ObjectID(1)), "there is none")
    box.ledger.environment.close()
    #expect(fills.attend(ObjectID(1)))
    await fills.stop()
    origin.shutDown()
    await box.finish()
  }

  /// Users who all want one title of that name.
  @EventLoop private func start(_ name: String, by users: Int, in box: EmptyBox) async throws -> ObjectID {
    let title = try Title(contentID: name, quality: "720p")
    let version = ObjectVersion(bucket: "b", key: "\(name).mp4", etag: "\"1\"", size: 5000)
    let found = OriginObject(version: version, lastModifiedSeconds: 0, digest: nil)
    return try await box.writer.change { ledger, tx, change in
      for user in 0..<users {
        let wish = StartRequest(
          user: UserID("u\(user)")!, title: title, key: version.key, bucket: "b", found: found, trouble: nil)
        guard case .created = try ledger.start(wish, in: tx, &change) else { throw NotAdmitted() }
      }
      return try ledger.object(of: version, in: tx)!.id
    }
  }

  private struct NotAdmitted: Error {}

  @Test("a title behind more downloads of a stuck one than are looked at in one go gets its turn")
  @EventLoop func behindManyOwners() async throws {
    let box = try EmptyBox()
    let (origin, fills) = try engine(over: box)
    let stuck = try await start("stuck", by: Fills.look + 76, in: box)
    let well = try await start("well", by: 1, in: box)
    fills.schedule()
    let deadline = Clock.steady.adding(milliseconds: 20_000)
    while !fills.activeObjects.contains(well), Clock.steady < deadline { try await Task.sleep(for: .milliseconds(5)) }
    #expect(Set(fills.activeObjects) == [stuck, well])
    await fills.stop()
    origin.shutDown()
    await box.finish()
  }
}
