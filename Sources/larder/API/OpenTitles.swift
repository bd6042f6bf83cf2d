// Titles that are being played, open and ready: a play of one costs no ledger read and no open.

import Cache
import Glibc
import LMDB
import Loop

/// The playables that are remembered, least recently used out first.
@EventLoop
final class OpenTitles {
  private let shelf: Shelf
  /// Who watches something.
  let viewers = Viewers()
  private var open: [DownloadID: Entry] = [:]
  private var uses: UInt64 = 0
  /// All that answers are still made of, also of titles that are not remembered any longer.
  private var readers: [Remembered] = []

  private final class Entry {
    let playable: Playable
    var used: UInt64

    init(_ playable: Playable, used: UInt64) {
      self.playable = playable
      self.used = used
    }
  }

  private struct Remembered {
    weak var reader: ObjectReader?
  }
  /// Called whenever bytes of a title go out.
  var played: @EventLoop (DownloadID) -> Void = { _ in }

  /// How many files are kept open for the next play.
  private static let limit = Limits.openTitles

  init(_ shelf: Shelf) { self.shelf = shelf }

  /// The playable of a download, when it is remembered.
  func known(_ id: DownloadID) -> Playable? {
    guard let found = open[id], found.playable.reader?.isOutdated != true else { return nil }
    uses += 1
    found.used = uses
    return found.playable
  }

  /// Opens a download that has bytes, or is about to have some; nil when it is not one any more.
  func playable(_ download: Download) async throws -> Playable? {
    if let known = known(download.id) { return known }
    guard let object = try current(download)?.object, let file = try await open(object),
      // While the disk was busy it may have been deleted, or have got another version.
      let (now, object) = try current(download)
    else { return nil }
    let playable = Playable(download: now, reader(of: object, file), viewers: viewers, played: played)
    uses += 1
    open[download.id] = Entry(playable, used: uses)
    if open.count > Self.limit, let oldest = open.min(by: { $0.value.used < $1.value.used }) {
      open[oldest.key] = nil
    }
    return playable
  }

  /// The download and its object as they are now; nil when there is nothing to play of that object any more.
  private func current(_ download: Download) throws -> (download: Download, object: StoredObject)? {
    try shelf.ledger.environment.read { tx in
      guard let now = try shelf.ledger.download(download.id, in: tx), now.isPlayable, now.object == download.object,
        let object = try shelf.ledger.object(now.object, in: tx)
      else { return nil }
      return (now, object)
    }
  }

  /// The object's file; nil when it is gone because its downloads are.
  private func open(_ object: StoredObject) async throws -> ObjectFile? {
    if let file = try await shelf.volume.openForReading(object.id) { return file }
    guard let held = try shelf.ledger.environment.read({ try shelf.ledger.object(object.id, in: $0) }) else {
      return nil
    }
    // Nothing has come yet, so that nothing is lost.
    if held.state == .filling, held.storedBytes == 0 { return try await shelf.volume.open(held) }
    try await shelf.losses.recover(held, shelf.volume, foundBy: .play)
    shelf.fills.attend(held.id)
    // Back from a link, it opens now; else its blocks are on their way.
    if let file = try await shelf.volume.openForReading(held.id) { return file }
    // An empty one has no block to wait for.
    if held.size == 0 { return try await shelf.volume.open(held) }
    throw DiskError("open \(StoredPath.object(held.id))", ENOENT)
  }

  /// One reader serves all who own the object.
  private func reader(of object: StoredObject, _ file: ObjectFile) -> ObjectReader {
    let others = open.values.lazy.compactMap(\.playable.reader)
    if let known = others.first(where: { $0.object.id == object.id && !$0.isOutdated }) { return known }
    let reader = ObjectReader(object, file, shelf: shelf)
    readers.removeAll { $0.reader == nil }
    readers.append(Remembered(reader: reader))
    return reader
  }

  /// A download has changed. When it is deleted, evicted, failed, or of another version now, a response under way may
  /// finish, and no new one begins.
  func changed(_ download: Download) {
    if !download.isPlayable { viewers.ended(download.id) }
    guard let known = open[download.id] else { return }
    if !download.isPlayable || known.playable.reader?.object.id != download.object { open[download.id] = nil }
  }

  /// Blocks of an object came in.
  func heardOfBlocks(of object: ObjectID) {
    for case let reader? in readers.map(\.reader) where reader.object.id == object { reader.heardOfBlocks() }
  }

  /// Blocks of an object were lost, perhaps with its file: who asks next opens it anew.
  func damaged(_ object: ObjectID) {
    for case let reader? in readers.map(\.reader) where reader.object.id == object { reader.heardOfLoss() }
    open = open.filter { $0.value.playable.reader?.object.id != object }
  }
}

extension Download {
  /// Whether its bytes may be played as far as they are there.
  var isPlayable: Bool { isLive && object != .none && (status == .completed || status.isUnfinished) }
}
