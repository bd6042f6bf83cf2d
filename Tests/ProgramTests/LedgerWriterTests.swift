// The one writer of the ledger, over a ledger of its own.

import Cache
import Foundation
import Synchronization
import Testing

@testable import larder

@Suite struct LedgerWriterTests {
  /// A closure that a Mutex holds as it is grows by two calls each time it is looked at: the stack under the listener
  /// tells.
  @Test func hearingOfCommitsCostsTheSameEachTime() async throws {
    let path = "\(NSTemporaryDirectory())/writer-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let policy = Policy(
      defaultQuota: nil, evicts: true, playingGrace: 0, capacity: nil, reserve: 0, chunkSize: 1 << 20, digest: { $0 })
    let writer = LedgerWriter(try Ledger(path: path), policy: policy) { nil }
    let depths = Mutex<[UInt]>([])
    writer.onCommit { _ in
      var here: UInt8 = 0
      let depth = unsafe withUnsafeMutablePointer(to: &here) { UInt(bitPattern: $0) }
      depths.withLock { $0.append(depth) }
    }
    for _ in 0..<50 { try await writer.change { _, _, _ in } }
    await writer.finish()
    let heard = depths.withLock { $0 }
    #expect(heard.count == 50 && Set(heard).count == 1, "\(heard)")
  }
}
