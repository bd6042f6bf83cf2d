// What is done about each kind of difference. Between the last look and the deed things may have moved on: so each deed
// goes by the ledger as it is now, and does nothing where nothing is wrong any more.

import Cache
import Glibc
import LMDB
import Loop

extension Repair {
  func mend(_ finding: Finding) async throws -> MendOutcome {
    switch finding {
    // Made anew before everything else.
    case .ledger: .failed("it was found too late")
    case .fileMissing(let object): try await restore(object)
    case .fileUnreadable, .unreadable: .failed("mend the file system or the permissions, and verify again")
    case .fileLong(let object, _): try await cut(object)
    case .blocksLost(let object, let blocks, let loss):
      try await forget(blocks.flatMap { Array($0) }, of: object, Self.fault(loss))
    case .blocksAwaited(let object, _): begin(object)
    case .sumsMissing(let object), .sumsWrong(let object, _): try await seal(object)
    case .linkMissing(let link): try await relink(link)
    case .linkForeign(let link): try await replace(link)
    case .stray(let path, _): try await takeAway(path)
    case .folderEmpty(let path): try await removeFolder(path)
    }
  }

  private func current(_ id: ObjectID) throws -> StoredObject? {
    try box.read { ledger, tx in try ledger.object(id, in: tx) }
  }

  // MARK: Bytes

  private static func fault(_ loss: BlockLoss) -> String {
    switch loss {
    case .different: BlockVerdict.different.fault ?? ""
    case .short: BlockVerdict.short.fault ?? ""
    case .unreadable(let error): BlockVerdict.unreadable(error).fault ?? ""
    }
  }

  private func begin(_ object: InspectedObject) -> MendOutcome {
    wait(for: object, finding: 1)
    return .begun("fetched again")
  }

  /// Has the ledger forget the blocks, so that they are fetched again.
  private func forget(_ blocks: [Int], of object: InspectedObject, _ fault: String) async throws -> MendOutcome {
    try await box.losses.report(blocks, of: object.id, foundBy: .verify, fault)
    switch try current(object.id)?.state {
    case nil: return .mended("given up, since no one owned it")
    case .filling: return .mended("missing again, and fetched with the rest of the title")
    case .complete: return .mended("it was mended meanwhile")
    case .mending: return begin(object)
    }
  }

  private func restore(_ object: InspectedObject) async throws -> MendOutcome {
    guard let now = try current(object.id) else { return .mended("given up meanwhile") }
    let root = root
    let inTheWay = try await worker.run { () throws(DiskError) in try FileIdentity(object.path, below: root) }
    if let inTheWay {
      guard inTheWay.kind != .file else { return .mended("it is there again") }
      _ = try await take(object.path) { _ in
        try FileIdentity(object.path, below: root).map { $0.kind != .file } ?? false
      }
    }
    if now.size == 0 {
      _ = try await box.volume.open(now)
      return .mended("made anew, since it is empty")
    }
    try await box.losses.recover(now, box.volume, foundBy: .verify)
    return try settled(object)
  }

  /// What became of an object whose bytes are gone.
  private func settled(_ object: InspectedObject) throws -> MendOutcome {
    switch try current(object.id)?.state {
    case nil: .mended("given up, since no one owned it")
    case .filling: .mended("missing, and fetched with the rest of the title")
    case .complete: .failed("the ledger still counts it as complete")
    case .mending: begin(object)
    }
  }

  private func cut(_ object: InspectedObject) async throws -> MendOutcome {
    guard let now = try current(object.id) else { return .mended("given up meanwhile") }
    // Opening for writing cuts what is too long.
    let file = try await box.volume.open(now)
    try await worker.run { () throws(DiskError) in try file.synchronize() }
    return .mended("cut to its size")
  }

  private func seal(_ object: InspectedObject) async throws -> MendOutcome {
    let sums = try box.read { ledger, tx -> Sums? in
      guard let now = try ledger.object(object.id, in: tx), now.state == .complete else { return nil }
      return Sums(of: now, checksums: try ledger.checksums(of: now, in: tx))
    }
    guard let sums else { return .mended("written when it is whole again") }
    try await box.volume.write(sums)
    return .mended("written again")
  }

  // MARK: Links

  private func relink(_ link: InspectedLink) async throws -> MendOutcome {
    let (download, object) = try box.read { ledger, tx in
      let download = try ledger.download(link.download, in: tx)
      return (download, try download.flatMap { try ledger.object($0.object, in: tx) })
    }
    guard let download, download.isLive, download.status == .completed, let object else {
      return .mended("its download ended meanwhile")
    }
    guard object.state == .complete else {
      // A file below `downloads` is always whole: it is linked with the last block.
      wait(for: InspectedObject(object), finding: 1)
      return .begun("linked when its object is whole again")
    }
    try await box.volume.link([download])
    // A download that ended since has left nobody to take the link away; this does.
    _ = try await box.change { ledger, tx, change in try ledger.complete([download.id], in: tx, &change) }
    return .mended("linked again")
  }

  private func replace(_ link: InspectedLink) async throws -> MendOutcome {
    let root = root
    let known = try box.read { ledger, tx in
      try ledger.object(link.object, in: tx).map { ($0, try ledger.checksums(of: $0, in: tx)) }
    }
    let isCopy = await worker.run {
      guard let (object, checksums) = known, let file = try? ObjectFile.reading(link.path, below: root),
        file.size == object.size
      else { return false }
      let check = BlockCheck()
      return checksums.enumerated().allSatisfy { index, checksum in
        checksum.map { check.checkPastMemory(file, object.bytes(ofBlock: index), checksum: $0) == .good } ?? false
      }
    }
    guard !isCopy else { return try await relink(link) }
    let ledger = box.writer.ledger
    let place = try await take(link.path) { look in
      // Its download may have ended since, and another one have its link there.
      let now = try ledger.environment.read { tx in try ledger.download(link.download, in: tx) }
      guard case .linkForeign? = try now.flatMap({ try look.judgeLink(of: $0) }) else { return false }
      return true
    }
    guard let place else { return try await relink(link) }
    return switch try await relink(link) {
    case .mended(let text): .mended("\(text), and what stood there is \(place) now")
    case let other: other
    }
  }

  // MARK: Strays

  private func takeAway(_ path: String) async throws -> MendOutcome {
    let place = try await take(path) { look in
      guard case .stray? = try look.judgeName(path) else { return false }
      return true
    }
    guard let place else { return .mended("it belongs to something now") }
    let root = root
    if path.split(separator: "/").count == 4 {
      // A user's folder goes with its last name; ENOTEMPTY is the usual answer.
      await box.volume.disk.run { _ = unsafe unlinkat(root, LostAndFound.parent(of: path), AT_REMOVEDIR) }
    }
    return .mended("it is \(place) now")
  }

  /// Moves what stands at a path to lost+found, when it still has to go.
  ///
  /// A title that is just being completed may take the name into use, and a link of it that was moved would hold its bytes
  /// for ever. So what takes long comes before and after, and the last look and the rename are one step on the disk's
  /// thread, where links are made and removed.
  ///
  /// - Returns: where it is now; nil when it does not have to go any more.
  private func take(_ path: String, when hasToGo: @escaping @Sendable (Inspection) throws -> Bool) async throws
    -> String?
  {
    let (ledger, writer, root) = (box.writer.ledger, box.writer, root)
    let folder = try await worker.run { () throws(DiskError) in try LostAndFound.prepare(for: path, below: root) }
    let place = try await box.volume.disk.run { () throws -> String? in
      let look = Inspection(ledger, root: root, link: { writer.link(of: $0) }, found: { _ in })
      return try hasToGo(look) ? LostAndFound.move(path, to: folder, below: root) : nil
    }
    guard let place else { return nil }
    tally.moved += 1
    try await worker.run { () throws(DiskError) in try LostAndFound.settle(path, at: place, below: root) }
    return place
  }

  private func removeFolder(_ path: String) async throws -> MendOutcome {
    let root = root
    // On the disk's thread: a link may be about to come into it.
    let isGone = try await box.volume.disk.run { () throws(DiskError) in
      guard unsafe unlinkat(root, path, AT_REMOVEDIR) == 0 || errno == ENOENT else {
        // Somebody's title has come into it.
        if errno == ENOTEMPTY || errno == EEXIST { return false }
        throw DiskError("remove \(path)", errno)
      }
      return true
    }
    guard isGone else { return .mended("it is in use now") }
    try await worker.run { () throws(DiskError) in try DataDirectory.synchronize("downloads/users", below: root) }
    return .mended("removed")
  }
}
