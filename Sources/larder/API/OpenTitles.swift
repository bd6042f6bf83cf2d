// Titles that are being played, open and ready: a play of one costs no ledger read and no open.

import Cache
import LMDB
import Loop

/// The playables that are remembered, least recently used out first.
@EventLoop
final class OpenTitles {
  private let volume: Volume
  private let ledger: Ledger
  private var open: [DownloadID: (playable: Playable, used: UInt64)] = [:]
  private var uses: UInt64 = 0
  /// Called whenever bytes of a title go out.
  var played: @EventLoop (DownloadID) -> Void = { _ in }

  /// How many files are kept open for the next play.
  private static let limit = 256

  init(volume: Volume, ledger: Ledger) {
    self.volume = volume
    self.ledger = ledger
  }

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
    let opened: Result<ObjectFile, DiskError>
    do { opened = .success(try await volume.openForReading(download.object)) } catch { opened = .failure(error) }
    let current = try ledger.environment.read { tx in
      try ledger.download(download.id, in: tx).map { ($0, try ledger.object($0.object, in: tx)) }
    }
    guard case (let now, let object?)? = current, now.isLive, now.status == .completed,
      now.object == download.object
    else { return nil }
    let playable = Playable(download: now, object: object, file: try opened.get(), played: played)
    uses += 1
    open[download.id] = (playable, uses)
    if open.count > Self.limit, let oldest = open.min(by: { $0.value.used < $1.value.used }) {
      open[oldest.key] = nil
    }
    return playable
  }

  /// It is deleted or evicted: a response under way may finish, no new one begins.
  func forget(_ id: DownloadID) { open[id] = nil }
}
