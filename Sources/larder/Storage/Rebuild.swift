// A new ledger where the old one cannot be opened: from what lies beside each whole object and from the users' links. No
// block is read for it; whoever reads one compares it, as always, and the repair that follows reads them all.

import Cache
import Configuration
import Glibc
import HTTP
import LMDB
import Loop

/// The sums say that they are of another object.
private struct Foreign: Error {}

/// Makes a ledger anew: `larder verify --rebuild`.
struct Rebuild {
  private let path: String
  private let policy: Policy

  init(_ configuration: Configuration) {
    path = configuration.storage.path
    policy = Policy(configuration)
  }

  /// Where the new one grows until it takes the old one's place.
  private static let draft = "ledger.new"

  /// What was taken over, and what could not be.
  private struct Tally {
    var objects = 0
    var links = 0
    var users: Set<UserID> = []
    var unfinished = 0
    var highest = ObjectID.none
    /// Device and inode of each object's file.
    var files: [FileIdentity: ObjectID] = [:]
  }

  /// Rebuilds, unless the ledger opens fine.
  ///
  /// - Parameter tell: hears of what could not be taken over, and of the end.
  func run(_ tell: (String) -> Void) throws {
    do throws(DiskError) {
      // The folder alone may be what is missing.
      try DataDirectory.prepare(path)
    } catch { throw StartFailure.configuration("storage.path: \(error)") }
    let lock = try hold()
    defer { withExtendedLifetime(lock) {} }
    try refuseWhatIsFine()
    let root: Int32
    do throws(DiskError) { root = try DataDirectory.open(path) } catch {
      throw StartFailure.configuration("storage.path: \(error)")
    }
    defer { close(root) }
    do {
      try build(root, tell)
    } catch let error as DiskError {
      throw error.isOutOfSpace
        ? StartFailure.temporary("the new ledger: \(error); free some room and try again")
        : StartFailure.fault("the new ledger: \(error)")
    }
  }

  private func hold() throws(StartFailure) -> Descriptor {
    do { return try DataDirectory.lock(path) } catch { throw .temporary("\(error)") }
  }

  private func refuseWhatIsFine() throws(StartFailure) {
    do throws(StartFailure) { _ = try LedgerOpening.open(path, readOnly: true, checking: .whole) } catch {
      // What no new ledger would mend.
      guard error.status == 70 else { throw error }
      return
    }
    throw StartFailure(
      status: 64, description: "the ledger at \(path)/ledger is sound, so there is nothing to rebuild; try --repair")
  }

  // MARK: Building

  private func build(_ root: Int32, _ tell: (String) -> Void) throws {
    let folder = "\(path)/\(Self.draft)"
    try clear(root)
    guard unsafe mkdirat(root, Self.draft, 0o750) == 0 else { throw DiskError("make \(folder)", errno) }
    var tally = Tally()
    // Nobody may come in between the two renames and take the new one for free.
    let held = try DataDirectory.lock(path, folder: Self.draft)
    defer { withExtendedLifetime(held) {} }
    do {
      let ledger = try Ledger(path: folder)
      defer { ledger.environment.close() }
      try takeObjects(into: ledger, root, &tally, tell)
      try takeLinks(into: ledger, root, &tally, tell)
      let highest = tally.highest
      _ = try change(ledger) { tx, change in try ledger.recompute(above: highest, in: tx, &change) }
    }
    // What else lies in the old folder and can be kept.
    _ = unsafe linkat(root, "ledger/catalog.json", root, "\(Self.draft)/catalog.json", 0)
    let old = Self.unusedName(below: root)
    guard unsafe renameat(root, "ledger", root, old) == 0 else { throw DiskError("rename ledger to \(old)", errno) }
    guard unsafe renameat(root, Self.draft, root, "ledger") == 0 else {
      throw DiskError("rename \(Self.draft) to ledger", errno)
    }
    try DataDirectory.synchronize(".", below: root)
    tell(
      """
      rebuilt: \(tally.objects) objects and \(tally.links) downloads of \(tally.users.count) users; the old ledger is \
      \(old) now
      """)
    if tally.unfinished > 0 {
      tell("lost: \(tally.unfinished) objects were not finished, or nothing whole says what they are; start them again")
    }
    tell("lost: what was paused, failed or deleted, the diary, and when titles were played")
  }

  /// Takes away what an earlier attempt left.
  private func clear(_ root: Int32) throws {
    try FolderNames.each(in: Self.draft, below: root) { names in
      for name in names { _ = unsafe unlinkat(root, "\(Self.draft)/\(name)", 0) }
    }
    _ = unsafe unlinkat(root, Self.draft, AT_REMOVEDIR)
  }

  private func change<R>(
    _ ledger: Ledger, _ body: (borrowing WriteTransaction, inout Change) throws -> R
  ) throws -> R {
    while true {
      var change = Change(now: Clock.now, policy: policy, freeBytes: nil)
      do { return try ledger.environment.write { tx in try body(tx, &change) } } catch let error as LMDBError
        where error.isMapFull
      { try ledger.environment.setMapSize(ledger.environment.mapSize() * 2) }
    }
  }

  private func takeObjects(
    into ledger: Ledger, _ root: Int32, _ tally: inout Tally, _ tell: (String) -> Void
  ) throws {
    try FolderNames.each(in: "objects", below: root) { names in
      var whole: [Sums] = []
      for name in names.sorted() {
        guard let id = StoredPath.objectID(ofFile: name) else { continue }
        tally.highest = max(tally.highest, id)
        // What lies beside it is read with it.
        guard name == id.hexadecimal, let file = try FileIdentity("objects/\(name)", below: root), file.kind == .file
        else { continue }
        do {
          guard let sums = try SumsFile.read(id, below: root) else {
            tally.unfinished += 1
            continue
          }
          guard sums.object.id == id else { throw Foreign() }
          whole.append(sums)
          tally.files[file.byInode] = id
        } catch let error as CorruptRecord {
          tell("objects/\(name): its checksums cannot be used (\(error.reason))")
          tally.unfinished += 1
        } catch let error as DiskError {
          tell("objects/\(name): its checksums cannot be used (\(error))")
          tally.unfinished += 1
        } catch is Foreign {
          tell("objects/\(name): its checksums cannot be used (another object's)")
          tally.unfinished += 1
        }
      }
      let taken = whole
      try change(ledger) { tx, change in
        for sums in taken { try ledger.restore(sums, in: tx, &change) }
      }
      tally.objects += taken.count
    }
  }

  private func takeLinks(
    into ledger: Ledger, _ root: Int32, _ tally: inout Tally, _ tell: (String) -> Void
  ) throws {
    try FolderNames.each(in: "downloads/users", below: root) { folders in
      for folder in folders.sorted() {
        guard try FileIdentity("downloads/users/\(folder)", below: root)?.kind == .folder else { continue }
        try FolderNames.each(in: "downloads/users/\(folder)", below: root) { names in
          var found: [RestoredLink] = []
          for name in names.sorted() {
            let path = "downloads/users/\(folder)/\(name)"
            guard let file = try FileIdentity(path, below: root), file.kind == .file else { continue }
            guard let object = tally.files[file.byInode] else {
              tell("\(path): it is the file of no whole object")
              continue
            }
            do throws(LinkName.Fault) {
              let name = try LinkName(folder: folder, file: name)
              found.append(
                RestoredLink(name: name, path: path, object: object, modified: Timestamp(milliseconds: file.modified)))
            } catch { tell("\(path): \(error)") }
          }
          let links = found
          let refused = try change(ledger) { tx, change in
            try links.filter { try !ledger.restore($0, in: tx, &change) }
          }
          for link in refused { tell("\(link.path): \(LinkName.Fault.foreign)") }
          let kept = Set(links).subtracting(refused)
          tally.links += kept.count
          tally.users.formUnion(kept.map(\.name.user))
        }
      }
    }
  }

  /// Where the old ledger goes: by the second, and by a number where that has been taken. Nobody else makes such names, since
  /// the data directory is locked.
  private static func unusedName(below root: Int32) -> String {
    let moment = "ledger.broken-\(compact(Clock.now))"
    var (name, number) = (moment, 1)
    var status = stat()
    while unsafe fstatat(root, name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
      number += 1
      name = "\(moment)-\(number)"
    }
    return name
  }

  /// The moment as part of a name: `20261122T133311Z`.
  private static func compact(_ moment: Cache.Timestamp) -> String {
    HTTP.Timestamp.string(milliseconds: Int(moment.milliseconds)).prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
  }
}

extension FileIdentity {
  /// What tells a file from all others and stays so: without its size and times.
  fileprivate var byInode: FileIdentity { FileIdentity(device: device, inode: inode) }
}
