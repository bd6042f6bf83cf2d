// Lists of the catalogue: who makes them, and in which order.

import Cache
import Foundation
import LMDB
import Logging
import Loop
import S3
import Testing

@testable import larder

@Suite struct CatalogueListTests {
  init() { EventLoop.runInBackground() }

  private static let kept = #"{"titles":[{"content_id":"a","qualities":{"720p":{"key":"k","size":7}},"title":"A"}]}"#
  private static let hourly = RetryPolicy(initial: 3_600_000, limit: 3_600_000)
  private static let policy = Policy(
    defaultQuota: 5, evicts: true, playingGrace: 0, capacity: nil, reserve: 0, chunkSize: 1 << 20, digest: { $0 })
  private static let log = EventLog(LogSettings(level: .critical, isJSON: false))

  /// An origin that nobody is.
  @EventLoop private static func nobody() throws -> OriginClient {
    try OriginClient(
      OriginSettings(
        endpoint: try Endpoint("http://127.0.0.1:9", region: "here", bucket: "b", addressing: .path), credentials: nil,
        connectTimeout: .seconds(1), stallTimeout: .seconds(1), caFile: nil),
      metrics: Metrics(), log: log)
  }

  @Test("a list is made beside the loop, one of a user at a time")
  @EventLoop func turns() async throws {
    let box = try EmptyBox()
    let origin = try Self.nobody()
    let path = "\(box.path)/catalogue.json"
    try Data(Self.kept.utf8).write(to: URL(filePath: path))
    let catalogue = Catalogue(path: path, origin: origin, log: Self.log)
    await catalogue.use(key: "catalogue.json", refresh: .seconds(3600), retry: Self.hourly)

    let gate = DispatchSemaphore(value: 0)
    catalogue.worker.post { gate.wait() }
    var made: [String] = []
    var documents: Set<String> = []
    let asked = ["ann", "ann", "bob", "ann"].enumerated().map { place, name in
      EventLoop.spawn {
        guard let user = UserID(name) else { return }
        do {
          let bytes = try await catalogue.list(for: user, under: Self.policy, by: box.ledger)
          documents.insert(String(decoding: bytes, as: UTF8.self))
        } catch { Issue.record("\(error)") }
        made.append("\(name) \(place)")
      }
    }
    try await EventLoop.sleep(for: .milliseconds(10))
    #expect(made == [], "the loop goes on before any is made")
    gate.signal()
    for one in asked { await one.value }
    #expect(made == ["ann 0", "bob 2", "ann 1", "ann 3"])
    #expect(
      documents == [
        #"{"titles":[{"content_id":"a","title":"A","#
          + #""qualities":{"720p":{"key":"k","size":7,"held":false,"fits":false}}}]}"#
      ])
    await catalogue.use(key: "", refresh: .seconds(3600), retry: Self.hourly)
    await catalogue.worker.stop()
    origin.shutDown()
    await box.finish()
  }

  @Test("a catalogue that is turned off while its kept copy is read stays off")
  @EventLoop func turnedOff() async throws {
    let box = try EmptyBox()
    let origin = try Self.nobody()
    let path = "\(box.path)/catalogue.json"
    try Data(Self.kept.utf8).write(to: URL(filePath: path))
    let catalogue = Catalogue(path: path, origin: origin, log: Self.log)
    let gate = DispatchSemaphore(value: 0)
    catalogue.worker.post { gate.wait() }
    let first = EventLoop.spawn {
      await catalogue.use(key: "catalogue.json", refresh: .seconds(3600), retry: Self.hourly)
    }
    while !catalogue.isConfigured { try await EventLoop.sleep(for: .milliseconds(1)) }
    await catalogue.use(key: "", refresh: .seconds(3600), retry: Self.hourly)
    gate.signal()
    await first.value
    #expect(catalogue.copy == nil)
    #expect(origin.health.isReachable == nil, "nobody was asked")
    try await EventLoop.sleep(for: .milliseconds(50))
    #expect(origin.health.isReachable == nil)
    await catalogue.worker.stop()
    origin.shutDown()
    await box.finish()
  }

  @Test("a title whose object's record cannot be read hides no other: it is not held")
  @EventLoop func unreadable() async throws {
    let box = try EmptyBox()
    let wishes = try ["a", "b"].map { name in
      StartRequest(
        user: try #require(UserID("ann")), title: try Title(contentID: name, quality: "720p"), key: name, bucket: "b",
        found: OriginObject(
          version: ObjectVersion(bucket: "b", key: name, etag: "\"1\"", size: 0), lastModifiedSeconds: 0, digest: nil),
        trouble: nil)
    }
    var objects: [ObjectID] = []
    for wish in wishes {
      let outcome = try await box.writer.change { ledger, tx, change in try ledger.start(wish, in: tx, &change) }
      guard case .created(let download) = outcome else { throw StartFailure.temporary("not started: \(outcome)") }
      let id = download.object
      try await box.writer.change { ledger, tx, change in _ = try ledger.finish(id, in: tx, &change) }
      objects.append(id)
    }
    let environment = box.ledger.environment
    let table = try environment.table("objects", create: false)
    let key = (0..<8).map { UInt8(truncatingIfNeeded: objects[0].number >> (56 - $0 * 8)) }
    try await box.writer.change { _, tx, _ in try tx.put(table, key, [9]) }
    let copy = try CatalogueCopy(
      Array(
        #"{"titles":[{"content_id":"a","qualities":{"720p":{"key":"a"}}},{"content_id":"b","qualities":{"720p":{"key":"b"}}}]}"#
          .utf8))
    let list = CatalogueListing(
      titles: copy.titles, bucket: "b", user: wishes[0].user, policy: Self.policy, ledger: box.ledger)
    let text = String(decoding: try list.document(), as: UTF8.self)
    #expect(text.components(separatedBy: #""held":false"#).count == 2, "\(text)")
    #expect(text.components(separatedBy: #""held":true"#).count == 2, "\(text)")
    await box.finish()
  }
}
