// Titles that are being played, open and ready: a play of one costs no ledger read and no open.

import Cache
import Glibc
import LMDB
import Loop

/// The playables that are remembered, least recently used out first.
@EventLoop
final class OpenTitles {
  private let shelf: Shelf
  private var open: [DownloadID: (playable: Playable, used: UInt64)] = [:]
  private var uses: UInt64 = 0
  /// Called whenever bytes of a title go out.
  var played: @EventLoop (DownloadID) -> Void = { _ in }

  /// How many files are kept open for the next play.
  private static let limit = Limits.openTitles

  init(_ shelf: Shelf) { self.shelf = shelf }

  /// The playable of a download, when it is remembered.
  func known(_ id: DownloadID) -> Playable? {
    guard let found = open[id] else { return nil }
    uses += 1
    open[id]?.used = uses
    return found.playable
  }

  /// Opens a completed download; nil when it is not one any more.
  func playable(_ download: Download) async throws -> Playable? {
    if let known = known(download.id) { return known }
    // A delete may come while the disk is busy: its file may then be gone, which is no fault.
    var file = try await shelf.volume.openForReading(download.object)
    let current = try shelf.ledger.environment.read { tx in
      try shelf.ledger.download(download.id, in: tx).map { ($0, try shelf.ledger.object($0.object, in: tx)) }
    }
    guard case (let now, let object?)? = current, now.isLive, now.status == .completed,
      now.object == download.object
    else { return nil }
    if file == nil {
      try await shelf.losses.recover(object, shelf.volume, foundBy: .play)
      shelf.fills.mend(object.id)
      // Back from a link, it opens now; else its blocks are on their way.
      file = try await shelf.volume.openForReading(object.id)
    }
    guard let file else { throw DiskError("open \(StoredPath.object(object.id))", ENOENT) }
    let playable = Playable(download: now, reader(of: object, file), played: played)
    uses += 1
    open[download.id] = (playable, uses)
    if open.count > Self.limit, let oldest = open.min(by: { $0.value.used < $1.value.used }) {
      open[oldest.key] = nil
    }
    return playable
  }

  /// One reader serves all who own the object.
  private func reader(of object: StoredObject, _ file: ObjectFile) -> ObjectReader {
    let others = open.values.lazy.compactMap(\.playable.reader)
    return others.first { $0.object.id == object.id } ?? ObjectReader(object, file, shelf: shelf)
  }

  /// It is deleted or evicted: a response under way may finish, no new one begins.
  func forget(_ id: DownloadID) { open[id] = nil }

  /// Blocks of an object came in.
  func heardOfBlocks(of object: ObjectID) {
    for entry in open.values { entry.playable.reader.map { if $0.object.id == object { $0.heardOfBlocks() } } }
  }

  /// Blocks of an object were lost, perhaps with its file: who asks next opens it anew.
  func damaged(_ object: ObjectID) {
    for (id, entry) in open where entry.playable.reader?.object.id == object {
      entry.playable.reader?.heardOfLoss()
      open[id] = nil
    }
  }
}
