// What happens when the disk turns out to have lost bytes: the ledger forgets them, the diary says so, and the fill engine
// brings them again. Whoever reads a block and finds it bad comes here.

import Cache
import LMDB
import Loop

/// Reports lost blocks to the ledger.
@EventLoop
struct Losses {
  /// Who found out.
  enum Finder: String, Sendable, CaseIterable {
    case play, scrub, fill, verify
  }

  let writer: LedgerWriter
  let metrics: Metrics
  let log: EventLog

  /// Marks blocks as missing; what they were is remembered, so that only the same can take their place.
  ///
  /// - Parameter fault: what is wrong with the first of them.
  func report(_ blocks: [Int], of id: ObjectID, foundBy finder: Finder, _ fault: String) async throws {
    guard let first = blocks.first else { return }
    let others = blocks.count > 1 ? " and \(blocks.count - 1) more" : ""
    let cause = "block \(first)\(others), found by \(finder.rawValue): \(fault)"
    let key = try await writer.change { ledger, tx, change -> String? in
      let key = try ledger.object(id, in: tx)?.origin.version.key
      return try ledger.damage(blocks, of: id, cause: cause, in: tx, &change) ? key : nil
    }
    // Several readers may find the same.
    guard let key else { return }
    metrics.count(.integrityFailures, finder.rawValue, by: blocks.count)
    log.warning("storage.damaged", "\(key) (object \(id.hexadecimal)) lost \(cause); fetching it again")
  }

  /// Blocks of what was whole came again.
  func mended(_ blocks: Int) { metrics.count(.blocksMended, by: blocks) }

  /// The object's file is gone: an owner's link may still hold it; what that lacks, or else every block, is lost.
  func recover(_ object: StoredObject, _ volume: Volume, foundBy finder: Finder) async throws {
    let length = try await volume.restore(object)
    if length != nil {
      log.warning(
        "storage.relinked",
        "the file of \(object.origin.version.key) (object \(object.id.hexadecimal)) was gone, and came back from a link"
      )
    }
    let lost = (0..<object.blockCount).filter { object.bytes(ofBlock: $0).upperBound > length ?? 0 }
    try await report(
      lost, of: object.id, foundBy: finder, length == nil ? "the file is gone" : "the file ends before it")
  }
}
