// A data directory with nothing in it, and what stands on it.

import Cache
import Foundation

@testable import larder

/// A ledger, its writer and a volume in a folder of their own, which goes with it.
final class EmptyBox: Sendable {
  let path = "\(NSTemporaryDirectory())/box-\(UUID().uuidString)"
  let ledger: Ledger
  let writer: LedgerWriter
  let volume: Volume

  init() throws {
    try DataDirectory.prepare(path)
    let policy = Policy(
      defaultQuota: nil, evicts: true, playingGrace: 0, capacity: nil, reserve: 0, chunkSize: 1 << 20, digest: { $0 })
    ledger = try Ledger(path: "\(path)/ledger")
    writer = LedgerWriter(ledger, policy: policy) { nil }
    volume = try Volume(path: path, ledger: writer)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Waits until its threads have ended.
  func finish() async {
    await volume.finish()
    await writer.finish()
  }
}
