// The names by which users find their titles: a hard link for each download, in its user's folder. Links that wait are
// made one after the other on the disk's thread, which keeps their order with removals; then those that were made while
// the disk was busy become durable together, however many folders they are in.

import Cache
import Glibc
import LMDB
import Loop
import Synchronization

/// Makes the links of whole objects.
final class LinkMaker: Sendable {
  /// Called on one of the disk's threads, once every link is durable or one could not be made.
  typealias Done = @Sendable (Result<Void, any Error>) -> Void

  /// Links that are there and would not survive a cut yet.
  private struct Made: Sendable {
    var folders: Set<String> = []
    /// Those of `folders` whose own names may not be durable, and how many folders had been removed when they were made.
    var unsure: Set<String> = []
    let removals: UInt64
    let done: Done
  }

  private let root: Int32
  private let disk: Worker
  private let ledger: LedgerWriter
  private let removals: Removals
  private let folders: UserFolders
  private let syncer: BatchWorker<Made>

  /// With more folders than this, the whole file system is synced at once, where that is known to do it: each folder costs a
  /// flush of the disk's cache at the least, and sixty-four of them ten times as much as all together.
  private static let fewFolders = 2

  /// - Parameter root: of the data directory; it stays open as long as this lives.
  init(root: Int32, disk: Worker, ledger: LedgerWriter, removals: Removals, folders: UserFolders) {
    self.root = root
    self.disk = disk
    self.ledger = ledger
    self.removals = removals
    self.folders = folders
    let syncsWhole = WholeSync.isKnown(root)
    syncer = BatchWorker(name: "names") { made in
      Self.synchronize(made, below: root, folders, wholly: syncsWhole)
    }
  }

  /// Waits until all that were made are durable.
  func finish() async { await syncer.finish() }

  /// Links whole objects for these downloads and makes the links durable; what stood in their place is replaced.
  ///
  /// When one of the downloads has ended meanwhile, nothing is linked for it: its removal is done perhaps, and a cut now
  /// would leave the link for ever.
  func make(_ downloads: [Download], done: @escaping Done) {
    disk.post { [self] in
      var made = Made(removals: folders.removals, done: done)
      do {
        for download in downloads { try make(download, &made) }
      } catch { return done(.failure(error)) }
      if made.folders.isEmpty { done(.success(())) } else { syncer.submit(made) }
    }
  }

  private func make(_ download: Download, _ made: inout Made) throws {
    guard try isWanted(download) else { return }
    let path = ledger.link(of: download)
    let object = StoredPath.object(download.object)
    removals.keep(path)
    // What is not the whole is for an errand to look at.
    guard let size = Volume.size(object, below: root) else { throw DiskError("link \(object)", ENOENT) }
    guard size == download.totalBytes else { throw DiskError("link \(object), which has \(size) bytes", ESTALE) }
    let folder = String(path[..<path.lastIndex(of: "/")!])
    if !folders.isDurable(folder) { try makeFolder(folder) }
    while unsafe linkat(root, object, root, path, 0) < 0 {
      switch errno {
      case ENOENT where folders.isDurable(folder):
        // Somebody else took the folder away.
        folders.forget(folder)
        try makeFolder(folder)
        continue
      case EEXIST:
        // The same link again needs only to be durable; to take it away first would leave a moment without it.
        if Volume.isSame(object, path, below: root) { break }
        guard unsafe unlinkat(root, path, 0) == 0 else { throw DiskError("replace \(path)", errno) }
        continue
      case let code: throw DiskError("link \(path)", code)
      }
      break
    }
    made.folders.insert(folder)
    // Also one that was there: it may have been made by a try whose sync failed, or that was killed before it.
    if !folders.isDurable(folder) { made.unsure.insert(folder) }
  }

  private func makeFolder(_ folder: String) throws(DiskError) {
    guard unsafe mkdirat(root, folder, 0o755) == 0 || errno == EEXIST else { throw DiskError("make \(folder)", errno) }
  }

  /// Whether the download still lives and stands on the object; asked on the disk's thread: when it has ended, its removal
  /// is done perhaps, and when it ends from here on, that is done after this.
  ///
  /// - Throws: when the ledger cannot be asked, which is no "no".
  private func isWanted(_ download: Download) throws -> Bool {
    let now = try ledger.ledger.environment.read { tx in try ledger.ledger.download(download.id, in: tx) }
    guard let now else { return false }
    return now.isLive && now.object == download.object && now.object != .none
  }

  // MARK: On the thread of names

  /// One round. A sync serves every link that was made before it began.
  private static func synchronize(_ made: [Made], below root: Int32, _ known: UserFolders, wholly syncsWhole: Bool) {
    var folders = made.reduce(into: Set<String>()) { $0.formUnion($1.folders) }
    let parent = "downloads/users"
    if made.contains(where: { !$0.unsure.isEmpty }) { folders.insert(parent) }
    var faults: [String: DiskError] = [:]
    if syncsWhole, folders.count > fewFolders {
      do throws(DiskError) { try WholeSync.run(root) } catch {
        for folder in folders { faults[folder] = error }
      }
    } else {
      for folder in folders {
        do throws(DiskError) { try DataDirectory.synchronize(folder, below: root) } catch { faults[folder] = error }
      }
    }
    for one in made {
      let needed = one.unsure.isEmpty ? one.folders : one.folders.union([parent])
      if let fault = needed.lazy.compactMap({ faults[$0] }).first {
        one.done(.failure(fault))
      } else {
        known.note(one.unsure, since: one.removals)
        one.done(.success(()))
      }
    }
  }
}

/// The users' folders whose own names are known to be durable. They are made and removed on the disk's thread only.
final class UserFolders: Sendable {
  private struct State {
    var durable: Set<String> = []
    var removals: UInt64 = 0
  }

  /// How many are remembered; beyond, all are learnt anew.
  private static let most = 4096
  private let state = Mutex(State())

  /// How many were removed until now.
  var removals: UInt64 { state.withLock { $0.removals } }

  func isDurable(_ folder: String) -> Bool { state.withLock { $0.durable.contains(folder) } }

  /// The folder is gone.
  func forget(_ folder: String) {
    state.withLock { state in
      state.durable.remove(folder)
      state.removals += 1
    }
  }

  /// The names of these are durable, unless a folder was removed since `removals`: then one of them may be another by now.
  func note(_ folders: Set<String>, since removals: UInt64) {
    guard !folders.isEmpty else { return }
    state.withLock { state in
      guard state.removals == removals else { return }
      if state.durable.count > Self.most { state.durable = [] }
      state.durable.formUnion(folders)
    }
  }
}
