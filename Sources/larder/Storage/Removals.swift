// Taking away what the ledger has given up. It runs on the disk's thread, in the order in which it was decided, so that a
// path that is used again is linked after its removal. What cannot be removed is tried again until it can.

import CSystem
import Cache
import Glibc
import Loop
import Synchronization

/// The files and links that have to go.
final class Removals: Sendable {
  private let root: Int32
  private let disk: Worker
  private let ledger: LedgerWriter
  private let folders: UserFolders
  /// What could not be removed yet, by path. Its bytes are in `unsettled`, and what it has on the disk is in `stuck`.
  private let stubborn = Mutex<[String: Stubborn]>([:])
  private let isScheduled = Atomic<Bool>(false)
  /// How many times in a row something could not be removed.
  private let failures = Atomic<Int>(0)
  private let isOver = Atomic<Bool>(false)

  private struct Stubborn {
    let discard: Discard
    let bytesOnDisk: Int
  }

  /// - Parameter root: of the data directory; it stays open as long as this lives.
  init(root: Int32, disk: Worker, ledger: LedgerWriter, folders: UserFolders) {
    self.root = root
    self.disk = disk
    self.ledger = ledger
    self.folders = folders
  }

  /// Removes what the ledger has given up and then strikes it off there. What cannot be removed stays on the list, and is
  /// tried again after a second, then after two, and so on up to a minute.
  ///
  /// - Parameters:
  ///   - mayBeGone: they are left from before a crash, which may have come between the removal and its record.
  ///   - done: called with how many were struck off at once.
  func remove(_ discards: [Discard], mayBeGone: Bool, done: @escaping @Sendable (Int) -> Void) {
    guard !discards.isEmpty else { return done(0) }
    // Until they are struck off, the ledger counts their bytes as still to come free: they must not come twice, and what
    // cannot be removed does not come at all.
    let doubted = discards.reduce(0) { $0 + $1.bytes }
    if mayBeGone { ledger.unsettled.add(doubted) }
    disk.post { [self] in
      if !mayBeGone { ledger.unsettled.add(doubted) }
      attempt(discards, done)
    }
  }

  /// Nothing is tried again from now on: the next start takes up what is left.
  func finish() { isOver.store(true, ordering: .relaxed) }

  /// A path is in use again: what was to be removed there is not removed any more. On the disk's thread.
  func keep(_ path: String) {
    guard let kept = forget(path) else { return }
    ledger.unsettled.add(-kept.bytes)
  }

  private func forget(_ path: String) -> Discard? {
    let known = stubborn.withLock { $0.removeValue(forKey: path) }
    if let known { ledger.stuck.add(-known.bytesOnDisk) }
    return known?.discard
  }

  private func attempt(_ discards: [Discard], _ done: @escaping @Sendable (Int) -> Void) {
    var folders: Set<String> = []
    var removed: [Discard] = []
    var left: [Discard] = []
    // Links first: a title's bytes are there as long as any of its names.
    for discard in discards.filter({ $0.object == nil }) + discards.filter({ $0.object != nil }) {
      let bytes = bytesOnDisk(discard)
      guard !isStillNamed(discard, left), unlink(discard.path) else {
        left.append(discard)
        continue
      }
      if let id = discard.object { ledger.held.unlinked(id, bytes: bytes) }
      removed.append(discard)
      folders.insert(String(discard.path[..<discard.path.lastIndex(of: "/")!]))
    }
    // A user's folder goes with its last title; ENOTEMPTY is the usual answer.
    for folder in folders where folder != "objects" {
      guard unsafe unlinkat(root, folder, AT_REMOVEDIR) == 0 else { continue }
      self.folders.forget(folder)
      folders.remove(folder)
      folders.insert("downloads/users")
    }
    // A name is gone only when its folder says so on the disk; struck off before, it could come back for good.
    let isDurable = folders.allSatisfy { folder in
      do throws(DiskError) {
        do throws(DiskError) { try DataDirectory.synchronize(folder, below: root) } catch {
          // A user's folder went in an earlier try, which may have ended before that was durable. That of the objects never
          // goes: somebody has it elsewhere, and the file with it.
          guard error.code == ENOENT, folder != "objects" else { throw error }
          try DataDirectory.synchronize("downloads/users", below: root)
        }
        return true
      } catch { return false }
    }
    if !isDurable { (removed, left) = ([], discards) }
    for discard in removed { _ = forget(discard.path) }
    if left.isEmpty { failures.store(0, ordering: .relaxed) } else { tryLater(left) }
    if removed.isEmpty { done(0) } else { settle(removed, done) }
  }

  /// Strikes off what is gone; when the ledger refuses, later. Nothing is removed a second time for that: something new
  /// may stand there by then.
  private func settle(_ removed: [Discard], _ done: @escaping @Sendable (Int) -> Void) {
    ledger.submit { ledger, tx, _ in
      try ledger.settle(removed, in: tx)
    } done: { [self] result in
      guard case .success = result else {
        done(0)
        return later { self.settle(removed) { _ in } }
      }
      ledger.unsettled.add(-removed.reduce(0) { $0 + $1.bytes })
      done(removed.count)
    }
  }

  /// Whether a link that cannot be removed may be one more name of an object: then its bytes stay, and so does its name.
  private func isStillNamed(_ discard: Discard, _ left: [Discard]) -> Bool {
    let isStuck = { (other: Discard) in other.object == nil }
    guard discard.object != nil,
      left.contains(where: isStuck) || stubborn.withLock({ $0.values.contains { isStuck($0.discard) } })
    else { return false }
    var status = stat()
    return unsafe fstatat(root, discard.path, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_nlink > 1
  }

  /// What a file takes of the disk now. An object that lost blocks has more there than the ledger counts.
  private func bytesOnDisk(_ discard: Discard) -> Int {
    var status = stat()
    guard discard.object != nil, unsafe fstatat(root, discard.path, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      return discard.bytes
    }
    return max(discard.bytes, min(Int(status.st_size), Int(status.st_blocks) * 512))
  }

  /// Whether nothing is left at the path; an object's checksums go with it.
  private func unlink(_ path: String) -> Bool {
    let tails = path.hasPrefix("objects/") ? ["", ".sums", ".sums.new"] : [""]
    return tails.filter { unsafe unlinkat(root, path + $0, 0) < 0 && errno != ENOENT }.isEmpty
  }

  private func tryLater(_ left: [Discard]) {
    for discard in left {
      let bytes = bytesOnDisk(discard)
      let stuck = Stubborn(discard: discard, bytesOnDisk: bytes)
      let before = stubborn.withLock { $0.updateValue(stuck, forKey: discard.path) }
      ledger.stuck.add(bytes - (before?.bytesOnDisk ?? 0))
    }
    guard !isScheduled.exchange(true, ordering: .relaxed) else { return }
    later { self.tryAgain() }
  }

  /// Does `body` on the disk's thread after a while, which is longer the more often something failed.
  private func later(_ body: @escaping @Sendable () -> Void) {
    let wait = min(60_000, 1000 << min(6, failures.add(1, ordering: .relaxed).oldValue))
    EventLoop.submit { [self] in
      guard !isOver.load(ordering: .relaxed) else { return }
      await Bell().wait(until: Clock.steady.adding(milliseconds: Int64(wait)))
      if !isOver.load(ordering: .relaxed) { disk.post(body) }
    }
  }

  private func tryAgain() {
    isScheduled.store(false, ordering: .relaxed)
    let discards = stubborn.withLock { $0.values.map(\.discard) }
    if !discards.isEmpty { attempt(discards) { _ in } }
  }
}
