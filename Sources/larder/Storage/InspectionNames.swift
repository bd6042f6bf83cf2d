// The part of an inspection that looks at names: whether each completed download has its link, and whether each name on
// the disk belongs to something in the ledger.

import Cache
import LMDB

extension Inspection {
  // MARK: Links

  func inspectLinks() throws {
    var after: DownloadID?
    repeat {
      let (downloads, next) = try read { ledger, tx in
        try ledger.liveDownloads(after: after, limit: Self.page, in: tx)
      }
      for download in downloads {
        let path = link(download)
        noteIfCut(download, path)
        guard download.status == .completed else { continue }
        count(links: 1)
        if let finding = try judgeLink(of: download) { try suspect(finding) }
      }
      try advance()
      after = next
    } while after != nil
  }

  /// Whether a completed download's link is its object's file.
  func judgeLink(of download: Download) throws -> Finding? {
    guard download.isLive, download.status == .completed else { return nil }
    let inspected = InspectedLink(
      download: download.id, user: download.user, object: download.object, path: link(download))
    do throws(DiskError) {
      // An object without a file is a finding of its own, and its link may be what it is mended from.
      guard let object = try FileIdentity(StoredPath.object(download.object), below: root), object.kind == .file else {
        return nil
      }
      guard let found = try FileIdentity(inspected.path, below: root) else { return .linkMissing(inspected) }
      return found.isSame(as: object) ? nil : .linkForeign(inspected)
    } catch { return .unreadable(path: inspected.path, error) }
  }

  // MARK: Names

  /// What larder itself puts into the data directory.
  private static let known: Set<String> = ["ledger", "objects", "downloads", "auth.key", LostAndFound.folder]

  func inspectNames() throws {
    try names(in: ".") { name in
      if !Self.known.contains(name), !name.hasPrefix("ledger.broken-") { note(unknown: name) }
    }
    try names(in: "objects") { try consider("objects/\($0)") }
    try names(in: "downloads") { if $0 != "users" { try consider("downloads/\($0)") } }
    try names(in: "downloads/users") { user in
      let folder = "downloads/users/\(user)"
      var isEmpty = true
      if (try? FileIdentity(folder, below: root))?.kind == .folder {
        try names(in: folder) { name in
          isEmpty = false
          try consider("\(folder)/\(name)")
        }
      }
      // With names in it, each of them is judged.
      if isEmpty { try consider(folder) }
    }
  }

  private func names(in folder: String, _ body: (String) throws -> Void) throws {
    // Nothing of larder's has such a name. It is noted, and left where it is.
    var foreign: Set<String> = []
    func keep(foreign name: String) {
      foreign.insert(name)
      note(unknown: folder == "." ? name : "\(folder)/\(name)")
    }
    do {
      try FolderNames.each(in: folder, below: root, foreign: keep) { names in
        for name in names.sorted() where !foreign.contains(name) { try body(name) }
        try advance()
      }
    } catch let error as DiskError { try suspect(.unreadable(path: folder, error)) }
  }

  private func consider(_ path: String) throws {
    if let finding = try judgeName(path) { try suspect(finding) }
  }

  /// Whether a name in `objects` or below `downloads` belongs to something.
  func judgeName(_ path: String) throws -> Finding? {
    do { return try judge(path) } catch let error as DiskError { return .unreadable(path: path, error) }
  }

  private func judge(_ path: String) throws -> Finding? {
    guard let identity = try FileIdentity(path, below: root) else { return nil }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let belongs: Bool
    switch (parts[0], parts.count) {
    case ("objects", 1), ("downloads", 1), (".", 1): belongs = try canRead(path)
    case ("objects", 2): belongs = try belongsToObject(parts[1], identity)
    case ("downloads", 2): belongs = try parts[1] == "users" && canRead(path)
    case ("downloads", 3) where identity.kind == .folder:
      guard try isEmpty(path) else { return nil }
      // The folder is made right before the first link in it.
      return .folderEmpty(path: path)
    case ("downloads", 4): belongs = try belongsToDownload(path, folder: parts[2], file: parts[3], identity)
    default: belongs = false
    }
    return belongs ? nil : .stray(path: path, bytes: identity.kind == .file ? identity.size : 0)
  }

  /// For a folder that could not be read a moment ago.
  private func canRead(_ folder: String) throws -> Bool {
    try FolderNames.each(in: folder, below: root) { _ in }
    return true
  }

  private func isEmpty(_ folder: String) throws -> Bool {
    var isEmpty = true
    try FolderNames.each(in: folder, below: root) { _ in isEmpty = false }
    return isEmpty
  }

  private func belongsToObject(_ name: String, _ identity: FileIdentity) throws -> Bool {
    guard identity.kind == .file, let id = StoredPath.objectID(ofFile: name) else { return false }
    return try read { ledger, tx in
      // An object that cannot be read is the auditor's finding, and its file is not given away before that is mended.
      do { if try ledger.object(id, in: tx) != nil { return true } } catch is CorruptRecord { return true }
      return try ledger.isDiscarded(StoredPath.object(id), in: tx)
    }
  }

  private func belongsToDownload(
    _ path: String, folder: String, file: String, _ identity: FileIdentity
  ) throws -> Bool {
    if try read({ ledger, tx in try ledger.isDiscarded(path, in: tx) }) { return true }
    let name: LinkName
    do throws(LinkName.Fault) { name = try LinkName(folder: folder, file: file) } catch {
      return try error == .cut && isCutLink(path)
    }
    return try read { ledger, tx in
      do {
        guard let download = try ledger.liveDownload(of: name.user, name.title, in: tx) else { return false }
        return try isLink(path, of: download, ledger, tx)
      } catch is CorruptRecord { return true }
    }
  }

  /// What a cut name belongs to can only be found from the other side.
  private func isCutLink(_ path: String) throws -> Bool {
    if cutLinks[path] == nil, cutLinksRead.adding(milliseconds: 500) < Clock.steady {
      // It may be of a download that was made since; rare enough for a walk.
      try readCutLinks()
    }
    guard let id = cutLinks[path] else { return false }
    return try read { ledger, tx in
      do {
        return try ledger.download(id, in: tx).map { try isLink(path, of: $0, ledger, tx) } ?? false
      } catch is CorruptRecord { return true }
    }
  }

  private func readCutLinks() throws {
    cutLinks = [:]
    var after: DownloadID?
    repeat {
      let (downloads, next) = try read { ledger, tx in
        try ledger.liveDownloads(after: after, limit: Self.page, in: tx)
      }
      for download in downloads { noteIfCut(download, link(download)) }
      after = next
    } while after != nil
    cutLinksRead = Clock.steady
  }

  private func noteIfCut(_ download: Download, _ path: String) {
    if path.utf8.contains(UInt8(ascii: "~")) { cutLinks[path] = download.id }
  }

  /// A link is made before its download is completed, and only of an object that is whole: which it was, too, when it has
  /// lost blocks since and the power went before the download was completed.
  private func isLink(
    _ path: String, of download: Download, _ ledger: Ledger, _ tx: borrowing ReadTransaction
  ) throws -> Bool {
    guard download.isLive, link(download) == path else { return false }
    return try download.status == .completed
      || download.status.isUnfinished && ledger.object(download.object, in: tx).map { $0.state != .filling } ?? false
  }
}
