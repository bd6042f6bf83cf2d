// A small world by seed: a few users and titles, an origin whose objects change, rules that change, a clock that sometimes
// steps back. Each step is done to the ledger and to the naive box, and then the two are compared.

import LMDB
import Testing

@testable import Cache

struct World {
  let seed: UInt64
  let ledger: Ledger
  private var random: SplitMix64
  private var box: NaiveBox
  private var catalog: [String: ObjectVersion] = [:]
  private var objects: [ObjectID] = []
  private var shown: [ObjectID: Int] = [:]
  /// The links on the disk.
  private var links: Set<String> = []
  private(set) var tally: [String: Int] = [:]
  private var step = 0

  private static let users: [UserID] = ["ann", "bob", "cyd", "user/with%odd.name"]
  private static let titles: [Title] = ["a", "b", "c", "d", "e", "../f", "g"]
  private static let sizes = [
    0, 1, block - 1, block, block + 1, 2 * block, 2 * block, 3 * block + 7, 5 * block, 130 * block,
  ]

  init(seed: UInt64, ledger: Ledger) {
    self.seed = seed
    self.ledger = ledger
    random = SplitMix64(seed: seed)
    box = NaiveBox(now: Timestamp(milliseconds: 1_700_000_000_000))
    setRules()
  }

  // MARK: Dice

  private mutating func roll(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
  private mutating func pick<C: Collection>(_ choices: C) -> C.Element? { choices.randomElement(using: &random) }
  private mutating func anyClaim() -> NaiveBox.Claim? { pick(box.claims.suffix(12)) }

  private mutating func setRules() {
    for user in Self.users {
      box.rules.quotas[user] = .some(pick([nil, 4 * block, 6 * block, 8 * block + 7, 0]) ?? nil)
    }
    box.rules.evicts = roll(0..<5) > 0
    box.rules.grace = pick([0, 1, 40, 400]) ?? 0
    box.rules.capacity = pick([nil, 5 * block, 8 * block, 12 * block + 1]) ?? nil
    box.rules.disk = pick([nil, 7 * block, 16 * block]) ?? nil
    box.rules.reserve = pick([0, 1, block]) ?? 0
  }

  private var policy: Policy {
    .generous.with {
      $0.quotas = box.rules.quotas
      $0.evicts = box.rules.evicts
      $0.playingGrace = box.rules.grace
      $0.capacity = box.rules.capacity
      $0.reserve = box.rules.reserve
      $0.chunkSize = block
    }
  }

  private func link(_ claim: NaiveBox.Claim) -> String {
    StoredPath.link(user: claim.user, title: claim.title, fileExtension: "mp4", digest: policy.digest)
  }

  private func origin(_ version: ObjectVersion) -> OriginObject {
    OriginObject(version: version, lastModifiedSeconds: 0, digest: nil)
  }

  /// What the origin holds under a key, or has from now on.
  private mutating func version(_ key: String, isNew: Bool = false) -> ObjectVersion {
    if !isNew, let known = catalog[key] { return known }
    let version = ObjectVersion(
      bucket: "b", key: key, etag: "\"\(random.next())\"", size: Self.sizes[roll(0..<Self.sizes.count)])
    catalog[key] = version
    return version
  }

  // MARK: Steps

  /// One step, checked.
  mutating func live(in tx: borrowing WriteTransaction, auditing: Bool) throws {
    step += 1
    box.now.milliseconds += Int64(pick([1, 1, 1, 5, 60]) ?? 1)
    // Days in which nothing happens: what is wanted on both sides of them is wanted over a span.
    if roll(0..<25) == 0 { box.now.milliseconds += Int64(pick([86_399_000, 86_400_000, 20 * 86_400_000]) ?? 0) }
    if roll(0..<60) == 0 { box.now.milliseconds -= Int64(pick([3, 300]) ?? 0) }
    let before = box
    var change = Change(now: box.now, policy: policy, freeBytes: box.free)
    let action = try act(in: tx, &change)
    tally[action, default: 0] += 1
    // Mostly the volume removes at once; after a cut of the power what is pending goes later.
    if roll(0..<4) > 0 { links.subtract(change.discards.map(\.path)) }
    try compare(before, change, in: tx, full: auditing, "seed \(seed), step \(step): \(action)")
  }

  private mutating func act(in tx: borrowing WriteTransaction, _ change: inout Change) throws -> String {
    switch roll(0..<100) {
    case 0..<28: return try start(in: tx, &change)
    case 28..<36:
      let first = try ledger.queue(limit: roll(1..<4), in: tx).map(\.download)
      try ledger.begin(first, in: tx, &change)
      for id in first { box.begin(id) }
      return "begin"
    case 36..<62: return try fill(in: tx, &change)
    case 62..<80: return try wish(in: tx, &change)
    case 80..<82:
      guard let user = pick(Self.users) else { break }
      let before = box
      let answer = try ledger.removeAll(of: user, in: tx, &change)
      box.removeAll(of: user)
      try #require(answer.deleted == before.claims.count { $0.user == user && !$0.isDeleted })
      try #require(answer.freed == before.usage(user).total)
      return "remove all"
    case 82..<84:
      guard let claim = anyClaim() else { break }
      try ledger.fail([claim.id], Trouble(.contentNotFound, "gone"), in: tx, &change)
      box.fail(claim.id, .contentNotFound)
      return "fail"
    case 84..<90:
      var plays: [DownloadID: Timestamp] = [:]
      for _ in 0..<roll(1..<4) {
        guard let claim = anyClaim() else { continue }
        plays[claim.id] = box.now.adding(milliseconds: Int64(roll(-3..<2)))
      }
      // Plays of one change are in no order; each that shares a copy with another would make the outcome depend on it.
      guard Set(plays.keys.compactMap { id in box.claims.first { $0.id == id }?.copy }).count == plays.count else {
        break
      }
      try ledger.touch(plays, in: tx, &change)
      for (id, moment) in plays { box.touch(id, moment) }
      return "touch"
    case 90..<97:
      let pending = try ledger.pendingDiscards(in: tx)
      let some = roll(0..<2) == 0 ? pending : pending.filter { _ in Bool.random(using: &random) }
      links.subtract(some.map(\.path))
      try ledger.settle(some, in: tx)
      for id in box.discards.keys where some.contains(where: { $0.path == StoredPath.object(id) }) {
        box.discards[id] = nil
      }
      return "settle"
    default:
      if roll(0..<3) == 0 { setRules() } else if let key = pick(catalog.keys.sorted()) { _ = version(key, isNew: true) }
      return "the world changes"
    }
    return "nothing"
  }

  private mutating func start(in tx: borrowing WriteTransaction, _ change: inout Change) throws -> String {
    guard let user = pick(Self.users), let title = pick(Self.titles) else { return "nothing" }
    // Two titles share a key.
    let key = title.contentID == "g" ? "k-a" : "k-\(title.contentID)"
    let found: ObjectVersion? = roll(0..<6) == 0 ? nil : version(key)
    let request = StartRequest(
      user: user, title: title, key: key, bucket: "b", found: found.map(origin),
      trouble: found == nil ? Trouble(.originUnreachable, "no route") : nil)
    let outcome = try ledger.start(request, in: tx, &change)
    let download = outcome.download
    let answer = box.start(
      user, title, key: key, found, id: download?.id ?? DownloadID(upper: 0, lower: 0), copy: download?.object ?? .none)
    noteCopies()
    let real: NaiveBox.Answer =
      switch outcome {
      case .created: .created
      case .existing: .existing
      case .refused(.quotaExceeded): .quotaExceeded
      case .refused(.storageFull): .storageFull
      case .crowded: fatalError("the world is too small for that many downloads")
      case .gone: fatalError("only a retry finds that its download is gone")
      }
    try #require(real == answer, "seed \(seed), step \(step): start of \(found?.size ?? -1) bytes")
    if case .refused(.quotaExceeded(let limit, let used, let reserved, let needed)) = outcome {
      try #require(Usage(used: used, reserved: reserved) == box.usage(user) && needed == found?.size ?? needed)
      try #require(.some(.some(limit)) == box.rules.quotas[user] && used + reserved + needed > limit)
    }
    return "start: \(real)"
  }

  private mutating func fill(in tx: borrowing WriteTransaction, _ change: inout Change) throws -> String {
    // Also objects that are gone: a writer in flight comes too late.
    let filling = box.copies.filter { !$0.isComplete }.map(\.id)
    guard let id = roll(0..<8) == 0 ? pick(objects.suffix(10)) : pick(filling.isEmpty ? box.copies.map(\.id) : filling)
    else { return "nothing" }
    let copy = box.copies.first { $0.id == id }
    switch roll(0..<12) {
    case 0..<5:
      let count = copy?.blockCount ?? 3
      let blocks = Set((0..<count).filter { _ in Int.random(in: 0..<3, using: &random) > 0 })
      let stored = try ledger.record(
        blocks.map { StoredBlock(index: $0, checksum: UInt32($0)) }, of: id, in: tx, &change)
      try #require((stored != nil) == (copy?.isComplete == false))
      box.record(blocks, id)
      return "record"
    case 5..<10:
      // The whole way: the rest arrives, it is compared, linked, completed.
      if roll(0..<2) == 0, let copy, !copy.isComplete {
        let rest = Set(0..<copy.blockCount)
        try ledger.record(rest.map { StoredBlock(index: $0, checksum: 0) }, of: id, in: tx, &change)
        box.record(rest, id)
      }
      try ledger.finish(id, in: tx, &change)
      box.finish(id)
      let owners = try ledger.owners(of: id, in: tx)
      try #require(owners == box.owners(id).map(\.id).sorted())
      let some = owners.filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
      // Links are made before; also for some that were deleted meanwhile, whose turn may come first.
      let late = box.claims.suffix(12).filter { _ in Int.random(in: 0..<6, using: &random) == 0 }.filter {
        $0.isDeleted || $0.status == .failed
      }
      for claim in late + box.owners(id).filter({ some.contains($0.id) && copyIsComplete(id) }) {
        links.insert(link(claim))
      }
      try ledger.complete(late.map(\.id), in: tx, &change)
      links.subtract(change.discards.map(\.path))
      try ledger.complete(some, in: tx, &change)
      for owner in some { box.complete(owner) }
      return "complete"
    case 10:
      let again = try ledger.mismatch(id, "the digest differs", in: tx, &change)
      try #require(again == (copy?.isComplete == false && copy?.mismatches == 0))
      box.mismatch(id)
      return again ? "refetch" : "mismatch"
    default:
      guard roll(0..<2) == 0, let key = copy?.version.key else {
        guard let claim = box.claims.last(where: { !$0.isDeleted && $0.isUnfinished && $0.copy == nil }) else {
          return "nothing"
        }
        let version = version("k-\(claim.title.contentID == "g" ? "a" : claim.title.contentID)")
        try ledger.identify(claim.id, as: origin(version), in: tx, &change)
        box.identify(claim.id, as: version, copy: try ledger.download(claim.id, in: tx)?.object ?? .none)
        noteCopies()
        return "identify"
      }
      let version = version(key, isNew: roll(0..<3) > 0)
      let owners = box.owners(id).map(\.id)
      try #require(try ledger.renew(id, as: origin(version), in: tx, &change) == nil)
      let fresh = try owners.compactMap { try ledger.download($0, in: tx)?.object }.first { $0 != .none }
      box.renew(id, as: version, copy: fresh ?? .none)
      noteCopies()
      return "renew"
    }
  }

  private mutating func wish(in tx: borrowing WriteTransaction, _ change: inout Change) throws -> String {
    guard let claim = anyClaim(), let wish = pick([Wish.pause, .resume, .pin, .unpin, .cancel, .delete, .delete]) else {
      return "nothing"
    }
    let user = roll(0..<10) == 0 ? pick(Self.users) ?? claim.user : claim.user
    let outcome = try ledger.apply(wish, to: claim.id, of: user, in: tx, &change)
    let answer = box.wish(wish, claim.id, by: user)
    let real: Bool? =
      switch outcome {
      case .done: true
      case .conflict: false
      case .notFound: nil
      }
    try #require(real == answer, "seed \(seed), step \(step): \(wish) of one that is \(claim.status)")
    return "\(wish)"
  }

  private func copyIsComplete(_ id: ObjectID) -> Bool { box.copies.contains { $0.id == id && $0.isComplete } }

  private mutating func noteCopies() {
    for copy in box.copies where !objects.contains(copy.id) { objects.append(copy.id) }
  }

  // MARK: Comparing

  private mutating func compare(
    _ before: NaiveBox, _ change: Change, in tx: borrowing WriteTransaction, full: Bool, _ place: String
  ) throws {
    // Every download that changed was noted, as it is now; nothing else was touched.
    for (index, claim) in box.claims.enumerated() {
      if full {
        let download = try ledger.download(claim.id, in: tx)
        try #require(download.map(Self.claim) == claim, "\(place)")
      } else if index >= before.claims.count || before.claims[index] != claim || change.downloads[claim.id] != nil {
        try #require(change.downloads[claim.id].map(Self.claim) == claim, "\(place)")
      }
    }
    for copy in box.copies where full || !before.copies.contains(copy) {
      guard let object = try ledger.object(copy.id, in: tx) else {
        Issue.record("\(place): the object \(copy.id) is gone")
        continue
      }
      try #require(object.origin.version == copy.version && (object.state == .complete) == copy.isComplete, "\(place)")
      try #require(object.storedBytes == copy.bytes(copy.blocks) && object.lastUsed == copy.lastUsed, "\(place)")
      try #require(object.shownBytes >= shown[copy.id] ?? 0, "\(place): progress went back")
      shown[copy.id] = object.shownBytes
    }
    let gone = Set(before.copies.map(\.id)).subtracting(box.copies.map(\.id))
    try #require(Set(change.goneObjects).isSuperset(of: gone), "\(place)")
    for id in gone {
      try #require(change.discards.contains { $0.path == StoredPath.object(id) }, "\(place)")
    }
    let figures = try ledger.boxUsage(in: tx)
    try #require(figures == box.usage, "\(place)")
    for user in Self.users {
      let usage = try ledger.usage(of: user, in: tx)
      try #require(usage == box.usage(user), "\(place): \(user)")
      if case let limit?? = box.rules.quotas[user] {
        try #require(usage.total <= max(limit, before.usage(user).total), "\(place): \(user) is over the quota")
      }
    }
    let occupied = figures.complete + figures.filling
    let was = before.usage.complete + before.usage.filling
    if let capacity = box.rules.capacity { try #require(occupied <= max(capacity, was), "\(place): over capacity") }
    if let disk = box.rules.disk {
      try #require(occupied <= max(disk - box.rules.reserve, was), "\(place): the reserve is eaten into")
    }
    if full { try compareWhole(in: tx, place) }
  }

  private func compareWhole(in tx: borrowing WriteTransaction, _ place: String) throws {
    let findings = try ledger.auditFindings(in: tx)
    try #require(findings.isEmpty, "\(place): \(findings.map(\.description))")
    let waiting = box.claims.filter { !$0.isDeleted && ($0.status == .pending || $0.status == .downloading) }
    let queue = try ledger.queue(limit: .max, in: tx)
    try #require(
      queue
        == waiting.map { QueueEntry(download: $0.id, object: $0.copy ?? .none) }.sorted { $0.download < $1.download },
      "\(place)")
    for user in Self.users {
      let withDeleted = step % 2 == 0
      let listed = try ledger.list(of: user, DownloadFilter(includesDeleted: withDeleted, limit: .max), in: tx)
      let ids = box.claims.filter { $0.user == user && (withDeleted || !$0.isDeleted) }.map(\.id)
      try #require(listed.downloads.map(\.id) == ids.sorted().reversed(), "\(place)")
    }
    // Every completed download has its link; any other link is on its way out, or would be replaced.
    let pending = Set(try ledger.pendingDiscards(in: tx).map(\.path))
    let live = box.claims.filter { !$0.isDeleted }
    let completed = Set(live.filter { $0.status == .completed }.map(link))
    let missing = completed.subtracting(links)
    try #require(missing.isEmpty, "\(place): \(missing)")
    let stray = links.subtracting(completed).subtracting(pending).subtracting(live.filter(\.isUnfinished).map(link))
    try #require(stray.isEmpty, "\(place): \(stray)")
    // What is to be removed is in use by no one.
    try #require(pending.isSuperset(of: box.discards.keys.map(StoredPath.object)), "\(place)")
    try #require(pending.isDisjoint(with: completed), "\(place)")
  }

  private static func claim(_ download: Download) -> NaiveBox.Claim {
    NaiveBox.Claim(
      id: download.id, user: download.user, title: download.title, status: download.status, isPinned: download.pinned,
      copy: download.object == .none ? nil : download.object, size: download.totalBytes, created: download.created,
      completed: download.completed, lastPlayed: download.lastPlayed, isDeleted: !download.isLive,
      reason: download.trouble?.code)
  }
}
