// The promises of the program, checked while a world is lived through. They believe nothing that the program says of
// itself but what it commits: what a record makes is added up anew, what a file holds is compared with the origin's pool.

import Cache
import Glibc
import LMDB
import Loop

/// A promise that was broken.
struct Violation: Error {
  /// As design.md counts them, or what else was expected.
  let promise: String
  let text: String
}

/// What is known of a world from outside.
@EventLoop
final class Checkers {
  let origin: PretendOrigin
  let disk: Disk
  var policy: Policy
  private(set) var violation: Violation?
  /// Every download as its last commit left it.
  private(set) var downloads: [DownloadID: Download] = [:]
  /// The version of every object that was ever held by a download.
  private var versions: [ObjectID: ObjectVersion] = [:]
  /// Objects that are in the ledger.
  private var alive: Set<ObjectID> = []
  private var complete: Set<ObjectID> = []
  /// Objects that were whole and lack blocks; also when they are gone since.
  private var mending: Set<ObjectID> = []
  /// Objects that were not whole and were given up while their folder was elsewhere: how much of them is there nobody can
  /// see, and they go for what the ledger knew of.
  private var unseen: Set<ObjectID> = []
  private var files: [ObjectIdentifier: (id: ObjectID, inode: Inode)] = [:]
  /// Downloads that their users asked to be removed.
  var unwanted: Set<DownloadID> = []
  /// Users who asked for all they have to be removed.
  var leaving: Set<UserID> = []
  /// What each user's usage may be while the quota is lower.
  private var ceilings: [UserID: Int] = [:]
  private var capacity = Int.max
  private var reserve = 0
  /// Whether commits came since the last recount, and what their number was at the last full one.
  private var isStale = false
  private var audited = 0
  private(set) var commits = 0
  private(set) var completions = 0

  /// Commits from one full audit to the next: looking costs as much as living.
  private static let auditing = 8

  static let users = ["ann", "bob", "user/with%odd.name"].compactMap { UserID($0) }

  init(origin: PretendOrigin, disk: Disk, policy: Policy) {
    self.origin = origin
    self.disk = disk
    self.policy = policy
    disk.created = { [unowned self] path, inode in EventLoop.assumeIsolated { created(path, inode) } }
    disk.written = { [unowned self] inode, range in EventLoop.assumeIsolated { written(inode, range) } }
    limitsChanged(BoxUsage())
  }

  func expect(_ truth: Bool, _ promise: String, _ text: @autoclosure () -> String) {
    guard !truth, violation == nil else { return }
    violation = Violation(promise: promise, text: text())
    Trace.say("VIOLATION of \(promise): \(text())")
  }

  // MARK: Limits

  /// The rules changed: what is above a lower limit may stay, and no more may come.
  func limitsChanged(_ box: BoxUsage) {
    for user in Self.users {
      ceilings[user] = max(policy.quota(of: user) ?? .max, usage(user).total)
    }
    capacity = max(policy.capacity ?? .max, counted(box))
    let besides = BoxLimits.besides(objects: alive.subtracting(complete).count, bytes: box.filling)
    let promised = box.filling - box.fillingStored + besides
    reserve = min(policy.reserve, max(0, disk.free - promised))
  }

  /// What there may be of video without anything new: bytes that vanished are counted too, and come again.
  private func counted(_ box: BoxUsage) -> Int {
    max(occupied + box.filling - box.fillingStored, box.complete + box.filling)
  }

  private func usage(_ user: UserID) -> Usage {
    var usage = Usage()
    for download in downloads.values where download.user == user && download.isLive {
      switch download.status {
      case .completed: usage.used += download.totalBytes ?? 0
      case .pending, .downloading, .paused: usage.reserved += download.totalBytes ?? 0
      case .failed, .cancelled: break
      }
    }
    return usage
  }

  /// Bytes of video in files that can be found.
  private var occupied: Int {
    files.values.reduce(0) {
      $0 + ($1.inode.links > 0 && !isAstray($1.id, $1.inode) && !unseen.contains($1.id) ? $1.inode.held : 0)
    }
  }

  /// Whether the disk lost the object's name and no completed download's link leads to the file: what is left is a link that
  /// could not be removed, or one that never became durable. Nobody can tell whose bytes these are.
  private func isAstray(_ id: ObjectID, _ inode: Inode) -> Bool {
    let path = StoredPath.object(id)
    guard disk.vanished.contains(path), disk.find(path) !== inode else { return false }
    return !downloads.values.contains {
      $0.isLive && $0.status == .completed && $0.object == id && disk.find(policy.link(of: $0)) === inode
    }
  }

  // MARK: The disk

  private func created(_ path: String, _ inode: Inode) {
    guard !path.hasSuffix(".sums.new") else { return }
    guard path.hasPrefix("objects/"), let number = UInt64(path.dropFirst(8), radix: 16) else {
      return expect(false, "1", "a file \(path) was made")
    }
    files[ObjectIdentifier(inode)] = (ObjectID(number), inode)
  }

  private func edition(_ id: ObjectID) -> Edition? { versions[id].flatMap { origin.editions[$0.etag] } }

  private func written(_ inode: Inode, _ range: Range<Int>) {
    guard let (id, _) = files[ObjectIdentifier(inode)], let edition = edition(id) else { return }
    if !origin.spoilt.contains(edition.etag) {
      expect(
        range.upperBound <= edition.size && equal(inode.bytes, edition, range), "4",
        "object \(id.number): bytes \(range) are not those of \(edition.etag)")
    }
    expect(
      policy.capacity == nil || occupied <= capacity, "3",
      "\(occupied) bytes of video, where the capacity is \(policy.capacity ?? -1)")
    expect(
      disk.free + disk.stolen >= reserve, "3",
      "\(disk.free) bytes are free, where \(reserve) are to be left")
  }

  /// The same for a file that the disk may have spoilt: the rest of it is right.
  private func isRight(_ inode: Inode, _ bytes: [UInt8], _ edition: Edition, _ range: Range<Int>) -> Bool {
    if inode.spoilt.isEmpty { return equal(bytes, edition, range) }
    var start = range.lowerBound
    while start < range.upperBound {
      let end = min(range.upperBound, (start / Inode.page + 1) * Inode.page)
      if !inode.spoilt.contains(start / Inode.page), !equal(bytes, edition, start..<end) { return false }
      start = end
    }
    return true
  }

  private func equal(_ bytes: [UInt8], _ edition: Edition, _ range: Range<Int>) -> Bool {
    guard bytes.count >= range.upperBound else { return false }
    return unsafe bytes.withUnsafeBytes { held in
      unsafe range.isEmpty
        || memcmp(held.baseAddress! + range.lowerBound, edition.content.baseAddress! + range.lowerBound, range.count)
          == 0
    }
  }

  // MARK: Commits

  /// A commit is done; the program has not acted on it.
  func committed(_ change: Change, in ledger: Ledger) {
    commits += 1
    isStale = true
    Trace.note(UInt64(change.downloads.count))
    let admitted = change.downloads.values.contains { $0.object != .none && downloads[$0.id]?.object != $0.object }
    for id in change.damagedObjects {
      complete.remove(id)
      mending.insert(id)
    }
    for id in change.goneObjects {
      expect(!complete.contains(id) || admitted, "2", "the whole object \(id.number) was given up for nothing")
      if disk.away != nil, !complete.contains(id) { unseen.insert(id) }
      alive.remove(id)
      complete.remove(id)
    }
    for download in change.downloads.values.sorted(by: { $0.id < $1.id }) {
      let old = downloads[download.id]
      downloads[download.id] = download
      Trace.say(
        "  commit \(download.id.description.suffix(5)) of \(download.user.text): \(download.status.word)\(download.isLive ? "" : ", deleted"), object \(download.object.number)\(download.trouble.map { ", \($0.code.word)" } ?? "")"
      )
      if download.object != .none, versions[download.object] == nil {
        versions[download.object] = try? ledger.environment.read { tx in
          try ledger.object(download.object, in: tx)?.origin.version
        }
        // It may be gone already by a later change of the same commit.
        if versions[download.object] != nil { alive.insert(download.object) }
      }
      let isKept = (try? ledger.environment.read { try ledger.download(download.id, in: $0) != nil }) ?? false
      expect(isKept, "5", "a change was heard of before it was committed")
      judge(download, old, change.now)
    }
  }

  private func judge(_ new: Download, _ old: Download?, _ now: Timestamp) {
    let name = "\(new.title.contentID) of \(new.user.text)"
    expect(old?.deleted == nil || new.deleted != nil, "6", "the deleted \(name) came back")
    if new.deleted != nil, old?.deleted == nil {
      if new.trouble?.code == .evicted, let old {
        expect(policy.evicts, "3", "\(name) was evicted, and eviction is off")
        expect(!old.pinned && old.status == .completed, "3", "\(name) was evicted, pinned or unfinished")
      } else {
        expect(
          unwanted.contains(new.id) || leaving.contains(new.user), "2", "\(name) was removed, and nobody asked for that"
        )
      }
    }
    if new.status == .failed, old?.status != .failed, let trouble = new.trouble {
      switch trouble.code {
      case .contentNotFound:
        expect(origin.saidMissing.contains(new.key), "2", "\(name) failed as missing, and it is not")
      case .accessDenied: expect(origin.saidDenied.contains(new.key), "2", "\(name) failed as denied, and it is not")
      case .integrityMismatch:
        let edition: Edition? = old.flatMap { self.edition($0.object) }
        // A part that is denied where the whole is not excuses no mismatch.
        let isWrong =
          edition.map {
            $0.digest == Edition.Digest.wrong || origin.spoilt.contains($0.etag) || origin.untold.contains($0.etag)
          } ?? false
        expect(isWrong, "2", "\(name) failed by its digest, and that is right")
      case .quotaExceeded, .storageFull: break
      default: expect(false, "2", "\(name) failed because of \(trouble.code.word), which mends by waiting")
      }
    }
    if let old, old.status == .completed, new.status != .completed {
      expect(disk.hasHarmed, "2", "\(name) was completed, and is \(new.status.word) now")
    }
    if new.status == .completed, old?.status != .completed { completed(new, name) }
  }

  /// Completed: the bytes, the names and the digest, all as a cut would leave them.
  private func completed(_ download: Download, _ name: String) {
    completions += 1
    guard let edition = edition(download.object) else {
      return expect(false, "1", "\(name) is completed without an object")
    }
    complete.insert(download.object)
    let (path, link) = (StoredPath.object(download.object), disk.findOnPlate(policy.link(of: download)))
    // A name that the disk lost after the link was made comes back from there.
    guard let file = disk.findOnPlate(path) ?? (disk.vanished.contains(path) ? link : nil) else {
      return expect(false, "1", "\(name) is completed, and the name of its object is not durable")
    }
    expect(link === file, "1", "\(name) is completed, and its link is not durable")
    expect(
      (file.plate.count == edition.size || !file.spoilt.isEmpty)
        && isRight(file, file.plate, edition, 0..<edition.size), "1",
      "\(name) is completed, and its bytes are not durable, or wrong")
    expect(
      edition.digest != .wrong || origin.untold.contains(edition.etag), "1", "\(name) is completed against its digest")
  }

  // MARK: The ledger

  /// After every commit: what the records make, added up anew; after some of them, and when it is asked for, everything.
  func recount(in ledger: Ledger, fully isAsked: Bool = false) throws {
    guard isStale || isAsked else { return }
    isStale = false
    let fully = isAsked || commits >= audited + Self.auditing
    if fully { audited = commits }
    try ledger.environment.read { tx in
      for user in Self.users {
        let made = usage(user)
        let held = try ledger.usage(of: user, in: tx)
        expect(made == held, "8", "\(user.text) is charged \(held), where the downloads make \(made)")
        let ceiling = max(policy.quota(of: user) ?? .max, ceilings[user] ?? 0)
        expect(made.total <= ceiling, "3", "\(user.text) has \(made.total) bytes, where the quota is \(ceiling)")
        ceilings[user] = max(policy.quota(of: user) ?? .max, made.total)
      }
      var box = BoxUsage()
      let owned = Set(downloads.values.lazy.filter(\.isLive).map(\.object))
      for id in alive.sorted() {
        guard let object = try ledger.object(id, in: tx) else {
          alive.remove(id)
          continue
        }
        if object.state == .complete {
          box.complete += object.size
          if !owned.contains(id) { box.unowned += object.size }
          complete.insert(id)
          mending.remove(id)
        } else {
          box.filling += object.size
          box.fillingStored += object.storedBytes
        }
      }
      let held = try ledger.boxUsage(in: tx)
      box.discarded = held.discarded
      expect(box == held, "8", "the box is charged \(held), where its objects make \(box)")
      capacity = min(capacity, max(policy.capacity ?? .max, counted(box)))
      if fully {
        let findings = try ledger.auditFindings(in: tx)
        expect(findings.isEmpty, "8", findings.map(\.description).joined(separator: "; "))
        try checkBlocks(ledger, tx)
        for download in downloads.values {
          let record = try ledger.download(download.id, in: tx)
          expect(record == download, "5", "the record of \(download.id) is not what was committed")
        }
      }
    }
    if fully { checkLinks() }
  }

  /// Every recorded block is on the plate, and is the origin's.
  private func checkBlocks(_ ledger: Ledger, _ tx: borrowing ReadTransaction) throws {
    for id in alive.sorted() {
      guard let object = try ledger.object(id, in: tx), let edition = edition(id) else { continue }
      let checksums = try ledger.checksums(of: object, in: tx)
      guard checksums.contains(where: { $0 != nil }) else { continue }
      guard let file = disk.findOnPlate(StoredPath.object(id)) else {
        expect(
          disk.vanished.contains(StoredPath.object(id)), "5",
          "object \(id.number) has blocks, and its name is not durable")
        continue
      }
      for (block, checksum) in checksums.enumerated() where checksum != nil {
        let range = object.bytes(ofBlock: block)
        guard !origin.spoilt.contains(edition.etag) else { continue }
        expect(
          isRight(file, file.plate, edition, range), object.state == .complete ? "1" : "5",
          "object \(id.number), block \(block): recorded, and not durable, or wrong")
      }
    }
  }

  /// What lies in downloads/ is whole.
  private func checkLinks() {
    for (path, inode) in disk.files(below: "downloads") {
      guard let (id, _) = files[ObjectIdentifier(inode)], let edition = edition(id) else {
        expect((disk.foreigners + disk.strays).contains { $0 === inode }, "1", "\(path) is no object's file")
        continue
      }
      if mending.contains(id) { continue }
      expect(
        (inode.bytes.count == edition.size || !inode.spoilt.isEmpty)
          && isRight(inode, inode.bytes, edition, 0..<edition.size), "1",
        "\(path) is not whole, or wrong")
    }
  }

  // MARK: Players

  /// Bytes that a player was given.
  func played(_ bytes: [UInt8], at offset: Int, of reader: ObjectReader) {
    guard let edition = origin.editions[reader.object.origin.version.etag] else { return }
    let isRight = unsafe bytes.withUnsafeBytes { given in
      unsafe given.isEmpty
        || offset + given.count <= edition.size
          && memcmp(given.baseAddress!, edition.content.baseAddress! + offset, given.count) == 0
    }
    // Before the whole was compared with the origin's digest, a block is as good as the answer that brought it.
    if !isRight, reader.state == .filling, origin.spoilt.contains(edition.etag) { return }
    expect(isRight, "1", "a player was given \(bytes.count) wrong bytes of \(edition.etag) at \(offset)")
  }

  // MARK: After a cut, and at the end

  /// The ledger after a start: what was committed before, and nothing else.
  func compareAfterStart(_ ledger: Ledger) throws {
    let found = try ledger.environment.read { tx in
      try Self.users.flatMap {
        try ledger.list(of: $0, DownloadFilter(includesDeleted: true, limit: .max), in: tx).downloads
      }
    }
    for download in found {
      expect(downloads[download.id] == download, "5", "\(download.title.contentID) is not what was committed before")
    }
    expect(found.count == downloads.count, "5", "\(found.count) downloads, where \(downloads.count) were committed")
    try recount(in: ledger, fully: true)
  }

  /// All faults have ended and everything has come to rest.
  func checkRest(_ ledger: Ledger) throws {
    for download in downloads.values.sorted(by: { $0.id < $1.id }) where download.isLive {
      expect(
        download.status != .pending && download.status != .downloading, "liveness",
        "\(download.title.contentID) of \(download.user.text) is \(download.status.word) for ever")
      expect(
        download.status != .failed || download.trouble != nil, "liveness",
        "\(download.title.contentID) of \(download.user.text) failed without a reason")
    }
    try recount(in: ledger, fully: true)
  }

  /// A round of the scrub is through: what the ledger says is there is what the disk gives back.
  func checkScrubbed(_ ledger: Ledger) throws {
    try ledger.environment.read { tx in
      for id in alive.sorted() {
        guard let object = try ledger.object(id, in: tx), object.state == .complete, let edition = edition(id) else {
          continue
        }
        let file = disk.find(StoredPath.object(id))
        expect(
          object.size == 0 || file.map { equal($0.bytes, edition, 0..<edition.size) } ?? false, "1",
          "object \(id.number) is spoilt, and the scrub did not find it")
      }
    }
  }

  /// After one more start and rest the disk holds what the ledger names, and nothing else.
  func checkOrder(_ ledger: Ledger) throws {
    try ledger.environment.read { tx in
      let pending = try ledger.pendingDiscards(in: tx)
      expect(pending.isEmpty, "6", "\(pending.map(\.path)) are never removed")
      for (path, _) in disk.files(below: "objects") {
        let id = UInt64(path.dropFirst(8).prefix { $0 != "." }, radix: 16).map { ObjectID($0) }
        let object = try id.flatMap { try ledger.object($0, in: tx) }
        expect(object != nil, "6", "\(path) lies on the disk for ever, and the ledger does not know it")
      }
      for id in complete {
        guard let object = try ledger.object(id, in: tx), object.state == .complete else { continue }
        let path = StoredPath.object(id)
        expect(
          disk.find(path) != nil || disk.vanished.contains(path), "1", "the file of the object \(id.number) is gone")
      }
    }
    var links = Set(disk.files(below: "downloads").map(\.path))
    for download in downloads.values where download.isLive {
      let isThere = links.remove(policy.link(of: download)) != nil
      expect(isThere || download.status != .completed, "1", "the link of \(download.title.contentID) is gone")
      // A pause may come between the link and its record.
      expect(!isThere || download.status != .failed, "6", "the failed \(download.title.contentID) has a link")
    }
    expect(links.isEmpty, "6", "\(links.sorted()) lie on the disk for ever")
  }
}
