// Lists of the catalogue: who makes them, and in which order.

import Cache
import Foundation
import Logging
import Loop
import S3
import Testing

@testable import larder

@Suite struct CatalogueListTests {
  init() { EventLoop.runInBackground() }

  @Test("a list is made beside the loop, one of a user at a time")
  @EventLoop func turns() async throws {
    let box = try EmptyBox()
    let (metrics, log) = (Metrics(), EventLog(LogSettings(level: .critical, isJSON: false)))
    let origin = try OriginClient(
      OriginSettings(
        endpoint: try Endpoint("http://127.0.0.1:9", region: "here", bucket: "b", addressing: .path), credentials: nil,
        connectTimeout: .seconds(1), stallTimeout: .seconds(1), caFile: nil),
      metrics: metrics, log: log)
    let path = "\(box.path)/catalogue.json"
    let kept = #"{"titles":[{"content_id":"a","qualities":{"720p":{"key":"k","size":7}},"title":"A"}]}"#
    try Data(kept.utf8).write(to: URL(filePath: path))
    let hourly = RetryPolicy(initial: 3_600_000, limit: 3_600_000)
    let catalogue = Catalogue(path: path, origin: origin, log: log)
    await catalogue.use(key: "catalogue.json", refresh: .seconds(3600), retry: hourly)

    let gate = DispatchSemaphore(value: 0)
    catalogue.worker.post { gate.wait() }
    var made: [String] = []
    var documents: Set<String> = []
    let policy = Policy(
      defaultQuota: 5, evicts: true, playingGrace: 0, capacity: nil, reserve: 0, chunkSize: 1 << 20, digest: { $0 })
    let asked = ["ann", "ann", "bob", "ann"].enumerated().map { place, name in
      EventLoop.spawn {
        guard let user = UserID(name) else { return }
        do {
          let bytes = try await catalogue.list(for: user, under: policy, by: box.ledger)
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
    await catalogue.use(key: "", refresh: .seconds(3600), retry: hourly)
    await catalogue.worker.stop()
    origin.shutDown()
    await box.finish()
  }
}
