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

  /// Marks blocks as missing, those of them that were there; what they were is remembered, so that only the same can take
  /// their place.
  ///
  /// - Parameter fault: what is wrong with the first of them.
  func report(_ blocks: [Int], of id: ObjectID, foundBy finder: Finder, _ fault: String) async throws {
    let loss = try await writer.change { ledger, tx, change -> Loss? in
      guard let object = try ledger.object(id, in: tx) else { return nil }
      let present = try ledger.map(of: object, in: tx)
      // Several readers may find the same, and what never was there cannot be lost.
      let lost = blocks.filter { (0..<object.blockCount).contains($0) && present.contains($0) }
      guard let first = lost.first else { return nil }
      let others = lost.count > 1 ? " and \(lost.count - 1) more" : ""
      let cause = "block \(first)\(others), found by \(finder.rawValue): \(fault)"
      try ledger.damage(lost, of: id, cause: cause, in: tx, &change)
      let isGivenUp = try ledger.object(id, in: tx) == nil
      return Loss(key: object.origin.version.key, blocks: lost.count, cause: cause, isGivenUp: isGivenUp)
    }
    guard let loss else { return }
    metrics.count(.integrityFailures, finder.rawValue, by: loss.blocks)
    let rest = loss.isGivenUp ? "it was given up, since nobody owns it" : "fetching it again"
    log.warning("storage.damaged", "\(loss.key) (object \(id.hexadecimal)) lost \(loss.cause); \(rest)")
  }

  /// What became of a report.
  private struct Loss {
    let key: String
    let blocks: Int
    let cause: String
    let isGivenUp: Bool
  }

  /// Blocks of what was whole came again.
  func mended(_ blocks: Int) { metrics.count(.blocksMended, by: blocks) }

  /// The object's file is gone, and every block counts as lost. An owner's link may still hold it, or what somebody put in
  /// its place: it comes back from there, and who fetches looks first which of the blocks are in it.
  func recover(_ object: StoredObject, _ volume: Volume, foundBy finder: Finder) async throws {
    try await report(Array(0..<object.blockCount), of: object.id, foundBy: finder, "the file is gone")
    guard try await volume.restore(object) else { return }
    log.warning(
      "storage.relinked",
      "the file of \(object.origin.version.key) (object \(object.id.hexadecimal)) was gone, and came back from a link")
  }
}
