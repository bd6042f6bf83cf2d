// What a reader believes of a file to which somebody else writes.

import Cache
import Foundation
import LMDB
import Logging
import Loop
import S3
import Testing

@testable import larder

@Suite struct ObjectReaderTests {
  init() { EventLoop.runInBackground() }

  /// As the chunks of an empty box bring about.
  private static let block = 256 << 10

  /// A whole object of two blocks, and its file.
  private func object(in box: EmptyBox) async throws -> (StoredObject, ObjectFile) {
    let request = StartRequest(
      user: try #require(UserID("ann")), title: try Title(contentID: "a", quality: "720p"), key: "a.mp4", bucket: "b",
      found: OriginObject(
        version: ObjectVersion(bucket: "b", key: "a.mp4", etag: "\"1\"", size: 2 * Self.block), lastModifiedSeconds: 0,
        digest: nil), trouble: nil)
    let outcome = try await box.writer.change { ledger, tx, change in try ledger.start(request, in: tx, &change) }
    guard case .created(let download) = outcome else { throw StartFailure.temporary("not started: \(outcome)") }
    let id = download.object
    let made = try #require(try box.ledger.environment.read { tx in try box.ledger.object(id, in: tx) })
    let bytes = [UInt8](repeating: 7, count: made.size)
    try await box.volume.open(made).write(bytes, at: 0)
    let checksum = unsafe bytes[..<made.blockSize].withUnsafeBytes { unsafe CRC32C.checksum(of: $0) }
    try await box.writer.change { ledger, tx, change in
      let all = (0..<made.blockCount).map { StoredBlock(index: $0, checksum: checksum) }
      _ = try ledger.record(all, of: id, in: tx, &change)
      try ledger.finish(id, in: tx, &change)
    }
    let whole = try #require(try box.ledger.environment.read { tx in try box.ledger.object(id, in: tx) })
    return (whole, try #require(try await box.volume.openForReading(id)))
  }

  /// The threads that read for players, none of which goes on before it is told to.
  private final class HeldReaders {
    private let gate = DispatchSemaphore(value: 0)
    private let isDone = DispatchSemaphore(value: 0)

    @EventLoop init() {
      for _ in 0..<4 { EventLoop.spawn { [gate] in await DiskReaders.read { gate.wait() } } }
    }

    /// Lets them read all that they were given. Whoever waits for it does not hear of it yet: the loop stands meanwhile.
    @EventLoop func readAll() {
      for _ in 0..<4 { EventLoop.spawn { [isDone] in await DiskReaders.read { _ = isDone.signal() } } }
      for _ in 0..<4 { gate.signal() }
      for _ in 0..<4 { isDone.wait() }
    }
  }

  @Test("a block that was compared before somebody wrote to the file is not taken for good after that")
  @EventLoop func overtaken() async throws {
    let box = try EmptyBox()
    let (metrics, log) = (Metrics(), EventLog(LogSettings(level: .critical, isJSON: false)))
    let endpoint = try Endpoint("http://127.0.0.1:9", region: "here", bucket: "b", addressing: .path)
    let origin = try OriginClient(
      OriginSettings(
        endpoint: endpoint, credentials: nil, connectTimeout: .seconds(1), stallTimeout: .seconds(1), caFile: nil),
      metrics: metrics, log: log)
    let losses = Losses(writer: box.writer, metrics: metrics, log: log)
    let fills = Fills(
      writer: box.writer, volume: box.volume, origin: origin, losses: losses,
      settings: FillSettings(
        active: 1, connections: 1, chunkSize: 1 << 20, retry: RetryPolicy(initial: 1, limit: 1)),
      rate: RateSettings(), log: log)
    let (object, file) = try await object(in: box)
    let reader = ObjectReader(
      object, file, shelf: Shelf(ledger: box.ledger, volume: box.volume, fills: fills, losses: losses, log: log))
    if case .ready = await reader.ready(1) {} else { Issue.record("as it is, it is good") }
    // The file's times tell two writes apart that are a tick of the kernel's clock from each other, and an answer's begin
    // counts once in a millisecond.
    try await EventLoop.sleep(for: .milliseconds(30))

    let readers = HeldReaders()
    var outcome: BlockReadiness?
    let task = EventLoop.spawn {
      outcome = await reader.ready(0, before: Clock.steady.adding(milliseconds: 1000))
    }
    readers.readAll()
    let foreign = try #require(FileHandle(forWritingAtPath: "\(box.path)/\(StoredPath.object(object.id))"))
    try foreign.write(contentsOf: Data(repeating: 0, count: 100))
    try foreign.close()
    reader.begin()
    #expect(!reader.isVerified(1), "it heard of the write")
    await task.value
    if case .ready = outcome { Issue.record("its bytes are somebody else's") }
    #expect(!reader.isVerified(0))
    if case .ready = await reader.ready(1) {} else { Issue.record("nobody wrote to the other block") }

    await fills.stop()
    origin.shutDown()
    await box.finish()
  }
}
