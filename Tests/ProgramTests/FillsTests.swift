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

  @Test("a ledger that cannot be asked is no no: who waits for a block asks again")
  @EventLoop func attend() async throws {
    let box = try EmptyBox()
    let (ledger, writer, volume) = (box.ledger, box.writer, box.volume)
    let (metrics, log) = (Metrics(), EventLog(LogSettings(level: .critical, isJSON: false)))
    let endpoint = try Endpoint("http://127.0.0.1:9", region: "here", bucket: "b", addressing: .path)
    let origin = try OriginClient(
      OriginSettings(
        endpoint: endpoint, credentials: nil, connectTimeout: .seconds(1), stallTimeout: .seconds(1), caFile: nil),
      metrics: metrics, log: log)
    let fills = Fills(
      writer: writer, volume: volume, origin: origin, losses: Losses(writer: writer, metrics: metrics, log: log),
      settings: FillSettings(
        active: 1, connections: 1, chunkSize: 1 << 20, retry: RetryPolicy(initial: 1, limit: 1)),
      rate: RateSettings(), log: log)
    #expect(!fills.attend(ObjectID(1)), "there is none")
    ledger.environment.close()
    #expect(fills.attend(ObjectID(1)))
    await fills.stop()
    origin.shutDown()
    await box.finish()
  }
}
