// Names in the data directory: an object's own, its owners' links, what lies beside it, and how they go. A name is there
// or gone only when its folder says so on the disk.

import Cache
import Glibc
import LMDB
import Loop

extension Volume {
  /// Whether the ledger still has the object; asked on the disk's thread before a name is made for it.
  ///
  /// When it was given up, its removal is done perhaps, and nobody would remove what were made now. What is given up from
  /// here on is removed after this, since that thread keeps the order.
  ///
  /// - Throws: when the ledger cannot be asked, which is no "no": who takes it for one loses bytes.
  static func isHeld(_ id: ObjectID, by writer: LedgerWriter) throws -> Bool {
    try writer.ledger.environment.read { tx in try writer.ledger.object(id, in: tx) != nil }
  }

  /// Gives an object whose file is gone its name back from one of its owners' links.
  ///
  /// What the ledger knows of the blocks is not to be believed of the file that comes back.
  ///
  /// - Returns: whether the file of the object's name is one that an owner's link leads to.
  func restore(_ object: StoredObject) async throws -> Bool {
    let root = root
    return try await disk.run { [ledger] in
      try Self.restore(object, by: ledger, below: root)
    }
  }

  /// The same, on the disk's thread.
  ///
  /// Also from a link to less than the whole: its blocks are looked at like all others, and what is missing is written
  /// behind them. A second file would be fetched from its first byte, while the link holds the room of the first.
  static func restore(
    _ object: StoredObject, by writer: LedgerWriter, below root: Int32
  ) throws -> Bool {
    let name = StoredPath.object(object.id)
    guard try isHeld(object.id, by: writer) else { return false }
    let isKnown = size(name, below: root) != nil
    if !isKnown {
      let links = try completedLinks(to: object.id, by: writer)
        .compactMap { link in size(link, below: root).map { (path: link, size: $0) } }
      guard let link = links.max(by: { min($0.size, object.size) < min($1.size, object.size) }) else { return false }
      guard unsafe linkat(root, link.path, root, name, 0) == 0 else {
        // The bytes are there: a disk that takes no names now is no reason to fetch them again.
        throw DiskError("link \(name)", errno)
      }
    }
    do throws(DiskError) { try DataDirectory.synchronize("objects", below: root) } catch {
      // A name that a cut may take would be believed by whoever looks next.
      if !isKnown { _ = unsafe unlinkat(root, name, 0) }
      throw error
    }
    // Whoever brings it back may have been faster, and have made a new one.
    return try !isKnown || completedLinks(to: object.id, by: writer).contains { isSame(name, $0, below: root) }
  }

  /// The links of those who have the object completed.
  private static func completedLinks(to id: ObjectID, by writer: LedgerWriter) throws -> [String] {
    try writer.ledger.environment.read { tx in
      try writer.ledger.owners(of: id, in: tx).compactMap { try writer.ledger.readable($0, in: tx) }
        .filter { $0.status == .completed }.map { writer.link(of: $0) }
    }
  }

  /// Bytes of the file of that name; nil when there is none, or it is no file.
  static func size(_ path: String, below root: Int32) -> Int? {
    var status = stat()
    guard unsafe fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return nil
    }
    return Int(status.st_size)
  }

  /// Writes what is to be known of a whole object without the ledger beside its file, and makes it durable.
  func write(_ sums: Sums) async throws {
    let root = root
    try await disk.run { [ledger] () throws in
      guard try Self.isHeld(sums.object.id, by: ledger) else { return }
      let name = StoredPath.sums(sums.object.id)
      // Whole or not at all: what was there before stays until the new one is durable.
      let descriptor = unsafe openat(root, "\(name).new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
      guard descriptor >= 0 else { throw DiskError("make \(name)", errno) }
      let file = ObjectFile(owning: descriptor)
      try file.write(sums.encoded, at: 0)
      try file.synchronize()
      guard unsafe renameat(root, "\(name).new", root, name) == 0 else { throw DiskError("name \(name)", errno) }
      try DataDirectory.synchronize("objects", below: root)
    }
  }

  /// Links whole objects for these downloads and makes the links durable; see ``LinkMaker``.
  func link(_ downloads: [Download]) async throws {
    try await withCheckedThrowingContinuation { continuation in
      links.make(downloads) { continuation.resume(with: $0) }
    }
  }

  /// Removes what the ledger has given up; see ``Removals``.
  func remove(_ discards: [Discard], mayBeGone: Bool = false, done: @escaping @Sendable (Int) -> Void = { _ in }) {
    removals.remove(discards, mayBeGone: mayBeGone, done: done)
  }

  /// Waits until the disk's thread has done what was handed to it before: a file that was given up is then gone.
  func caughtUp() async { await disk.run {} }

  /// Whether two names are of one file.
  static func isSame(_ one: String, _ other: String, below root: Int32) -> Bool {
    var (first, second) = (stat(), stat())
    return unsafe fstatat(root, one, &first, AT_SYMLINK_NOFOLLOW) == 0
      && fstatat(root, other, &second, AT_SYMLINK_NOFOLLOW) == 0
      && first.st_ino == second.st_ino && first.st_dev == second.st_dev
  }
}
