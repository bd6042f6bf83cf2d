// The contract's accounting once more, as plainly as it can be said: claims and copies in arrays, every figure added up
// when it is asked for, every decision made by trying. It shares no rule with the ledger, so that both must be right.

@testable import Cache

/// What the contract says that a box does, without a thought for speed or disks.
struct NaiveBox: Equatable {
  /// A user's claim on a title.
  struct Claim: Equatable {
    var id: DownloadID
    var user: UserID
    var title: Title
    var status: Download.Status
    var isPinned = false
    /// The copy that it stands on.
    var copy: ObjectID?
    var size: Int?
    var created: Timestamp
    var completed: Timestamp?
    var lastPlayed: Timestamp?
    var isDeleted = false
    var reason: Trouble.Code?

    var isUnfinished: Bool { status == .pending || status == .downloading || status == .paused }
    /// "A title never played counts as played when it completed."
    var wanted: Timestamp { lastPlayed ?? completed ?? created }
  }

  /// One version of an object on the disk.
  struct Copy: Equatable {
    var id: ObjectID
    var version: ObjectVersion
    var isComplete = false
    var blocks: Set<Int> = []
    /// Also what a mismatch made worthless.
    var written: Set<Int> = []
    var mismatches = 0
    let begun: Timestamp
    var lastUsed: Timestamp

    /// "Its last use, and a day more for each whole day from when it was begun until then, up to eight weeks."
    var standing: Int64 {
      var standing = lastUsed.milliseconds
      var day = begun.milliseconds + 86_400_000
      for _ in 0..<56 where day <= lastUsed.milliseconds {
        standing += 86_400_000
        day += 86_400_000
      }
      return standing
    }

    var size: Int { version.size }
    var blockCount: Int { size / block + (size % block == 0 ? 0 : 1) }
    var isWhole: Bool { blocks.count == blockCount }

    func bytes(_ blocks: Set<Int>) -> Int { blocks.reduce(0) { $0 + min(block, size - $1 * block) } }
  }

  /// The administrator's rules.
  struct Rules: Equatable {
    var quotas: [UserID: Int?] = [:]
    var evicts = true
    var grace: Int64 = 0
    var capacity: Int?
    var reserve = 0
    /// Bytes of the file system; nil when it cannot be asked.
    var disk: Int?
  }

  enum Answer: Equatable {
    case created, existing, quotaExceeded, storageFull, tooLate
  }

  var rules = Rules()
  var now: Timestamp
  var claims: [Claim] = []
  var copies: [Copy] = []
  /// Files of copies that were given up: what of them is counted, and what is on the disk.
  var discards: [ObjectID: (counted: Int, written: Int)] = [:]

  static func == (a: NaiveBox, b: NaiveBox) -> Bool {
    a.claims == b.claims && a.copies == b.copies && a.rules == b.rules
      && a.discards.mapValues(\.counted) == b.discards.mapValues(\.counted)
  }

  // MARK: Figures

  func usage(_ user: UserID) -> Usage {
    let live = claims.filter { !$0.isDeleted && $0.user == user }
    return Usage(
      used: live.filter { $0.status == .completed }.reduce(0) { $0 + ($1.size ?? 0) },
      reserved: live.filter(\.isUnfinished).reduce(0) { $0 + ($1.size ?? 0) })
  }

  var usage: BoxUsage {
    let filling = copies.filter { !$0.isComplete }
    return BoxUsage(
      complete: copies.filter(\.isComplete).reduce(0) { $0 + $1.size },
      unowned: copies.filter { $0.isComplete && owners($0.id).isEmpty }.reduce(0) { $0 + $1.size },
      filling: filling.reduce(0) { $0 + $1.size },
      fillingStored: filling.reduce(0) { $0 + $1.bytes($1.blocks) },
      discarded: discards.values.reduce(0) { $0 + $1.counted })
  }

  /// What the file system says is free.
  var free: Int? {
    rules.disk.map { disk in
      disk - copies.reduce(0) { $0 + ($1.isComplete ? $1.size : $1.bytes($1.written)) }
        - discards.values.reduce(0) { $0 + $1.written }
    }
  }

  func owners(_ copy: ObjectID) -> [Claim] { claims.filter { !$0.isDeleted && $0.copy == copy } }

  // MARK: Admission

  private struct Room {
    var victims: [DownloadID] = []
    var copies: [ObjectID] = []
  }

  private func evictable(_ belongs: (Claim) -> Bool) -> [Claim] {
    guard rules.evicts else { return [] }
    return claims.filter {
      belongs($0) && !$0.isDeleted && $0.status == .completed && !$0.isPinned && ($0.size ?? 0) > 0
        && abs(now.milliseconds - $0.wanted.milliseconds) >= rules.grace
    }.sorted { ($0.wanted, $0.id) < ($1.wanted, $1.id) }
  }

  /// Who goes, so that `version` fits the user's quota and the box; nobody has gone yet.
  private func room(for version: ObjectVersion, _ user: UserID) -> (Answer, Room) {
    var room = Room()
    var own: [Claim] = []
    let total = usage(user).total
    if case let limit?? = rules.quotas[user], total + version.size > limit {
      let candidates = evictable { $0.user == user }
      let fit = (1...max(1, candidates.count)).first { count in
        total - candidates.prefix(count).reduce(0) { $0 + ($1.size ?? 0) } + version.size <= limit
      }
      guard let fit, !candidates.isEmpty else { return (.quotaExceeded, room) }
      own = Array(candidates.prefix(fit))
      room.victims = own.map(\.id)
    }
    if copies.contains(where: { $0.version == version }) { return (.created, room) }
    let box = usage
    func fits(without freed: Int) -> Bool {
      let kept = box.complete + box.filling - freed
      if let capacity = rules.capacity, kept + version.size > capacity { return false }
      guard let free else { return true }
      let fills = copies.count { !$0.isComplete }
      let promised =
        box.filling - box.fillingStored + BoxLimits.besides(objects: fills + 1, bytes: box.filling + version.size)
      return free + box.discarded + freed - promised - version.size >= rules.reserve
    }
    func size(_ id: ObjectID) -> Int { copies.first { $0.id == id }?.size ?? 0 }
    // What no one owns, and then what the user's own victims leave without an owner.
    let unowned = copies.filter { $0.isComplete && $0.size > 0 && owners($0.id).isEmpty }
      .sorted { ($0.standing, $0.id) < ($1.standing, $1.id) }.map(\.id)
    var orphans: [ObjectID] = []
    for victim in own {
      guard let copy = victim.copy, !orphans.contains(copy) else { continue }
      if Set(owners(copy).map(\.id)).isSubset(of: own.map(\.id)) { orphans.append(copy) }
    }
    let loose = unowned + orphans
    for count in 0...loose.count where fits(without: loose.prefix(count).reduce(0) { $0 + size($1) }) {
      room.copies = Array(loose.prefix(count))
      return (.created, room)
    }
    // Then what leaves with all its owners, in the order in which the last of them wanted it.
    let may = Set(evictable { _ in true }.map(\.id))
    func wanted(_ id: ObjectID) -> Timestamp { owners(id).map(\.wanted).max() ?? now }
    let others = copies.map(\.id).filter { id in
      !owners(id).isEmpty && Set(owners(id).map(\.id)).isSubset(of: may) && !orphans.contains(id)
    }.sorted { (wanted($0), $0) < (wanted($1), $1) }
    for count in 0...others.count {
      let left = Array(others.prefix(count))
      if fits(without: (loose + left).reduce(0) { $0 + size($1) }) {
        room.copies = loose + left
        room.victims += left.flatMap { owners($0).map(\.id).filter { id in !own.contains { $0.id == id } } }
        return (.created, room)
      }
    }
    return (.storageFull, Room())
  }

  /// Makes the room, all of it or none.
  private mutating func admit(_ version: ObjectVersion, _ user: UserID) -> Answer {
    let (answer, room) = room(for: version, user)
    guard answer == .created else { return answer }
    for id in room.victims {
      let index = index(id)
      claims[index].isDeleted = true
      claims[index].isPinned = false
      claims[index].copy = nil
      claims[index].reason = .evicted
    }
    for id in room.copies { discard(id) }
    return .created
  }

  private mutating func discard(_ id: ObjectID) {
    guard let index = copies.firstIndex(where: { $0.id == id }) else { return }
    let copy = copies.remove(at: index)
    let all = Set(0..<copy.blockCount)
    discards[id] = (copy.bytes(copy.isComplete ? all : copy.blocks), copy.bytes(copy.isComplete ? all : copy.written))
  }

  /// "An unfinished one goes with its last owner."
  private mutating func sweep() {
    for copy in copies where !copy.isComplete && owners(copy.id).isEmpty { discard(copy.id) }
  }

  // MARK: What happens

  private func index(_ id: DownloadID) -> Int { claims.firstIndex { $0.id == id } ?? claims.endIndex }

  func live(_ user: UserID, _ title: Title) -> Claim? {
    claims.first { $0.user == user && $0.title == title && !$0.isDeleted }
  }

  /// - Parameters:
  ///   - id: what a new download is called.
  ///   - copy: what a new copy is called.
  mutating func start(
    _ user: UserID, _ title: Title, key: String, _ found: ObjectVersion?, id: DownloadID, copy: ObjectID
  ) -> Answer {
    let old = live(user, title)
    if let old, old.status != .failed { return .existing }
    var claim = Claim(id: old?.id ?? id, user: user, title: title, status: .pending, created: old?.created ?? now)
    claim.isPinned = old?.isPinned ?? false
    claim.lastPlayed = old?.lastPlayed
    let whole = copies.filter { $0.isComplete && $0.version.key == key }.max { $0.id < $1.id }
    if let version = found ?? whole?.version {
      let answer = stand(&claim, on: version, copy: copy)
      guard answer == .created else { return answer }
    } else {
      claim.reason = .originUnreachable
    }
    guard old != nil else {
      claims.append(claim)
      return .created
    }
    claims[index(claim.id)] = claim
    return .existing
  }

  private mutating func stand(_ claim: inout Claim, on version: ObjectVersion, copy: ObjectID) -> Answer {
    let answer = admit(version, claim.user)
    guard answer == .created else { return answer }
    if let held = copies.first(where: { $0.version == version }) {
      claim.copy = held.id
    } else {
      copies.append(Copy(id: copy, version: version, begun: now, lastUsed: now))
      claim.copy = copy
    }
    claim.size = version.size
    claim.reason = nil
    return answer
  }

  mutating func identify(_ id: DownloadID, as version: ObjectVersion, copy: ObjectID) {
    let index = index(id)
    guard !claims[index].isDeleted, claims[index].isUnfinished, claims[index].copy == nil else { return }
    var claim = claims[index]
    let answer = stand(&claim, on: version, copy: copy)
    if answer != .created {
      claim.status = .failed
      claim.reason = answer == .quotaExceeded ? .quotaExceeded : .storageFull
    }
    claims[index] = claim
  }

  mutating func renew(_ id: ObjectID, as version: ObjectVersion, copy: ObjectID) {
    guard let old = copies.first(where: { $0.id == id }), !old.isComplete, old.version != version else { return }
    let owners = owners(id).map(\.id)
    for owner in owners {
      claims[index(owner)].copy = nil
      claims[index(owner)].size = nil
    }
    sweep()
    for owner in owners { identify(owner, as: version, copy: copy) }
  }

  mutating func begin(_ id: DownloadID) {
    let index = index(id)
    guard !claims[index].isDeleted, claims[index].status == .pending else { return }
    claims[index].status = .downloading
    claims[index].reason = nil
  }

  mutating func record(_ blocks: Set<Int>, _ id: ObjectID) {
    guard let index = copies.firstIndex(where: { $0.id == id && !$0.isComplete }) else { return }
    copies[index].blocks.formUnion(blocks)
    copies[index].written.formUnion(blocks)
  }

  mutating func finish(_ id: ObjectID) {
    guard let index = copies.firstIndex(where: { $0.id == id && !$0.isComplete && $0.isWhole }) else { return }
    copies[index].isComplete = true
    copies[index].lastUsed = now
  }

  mutating func complete(_ id: DownloadID) {
    let index = index(id)
    guard !claims[index].isDeleted, claims[index].isUnfinished,
      copies.contains(where: { $0.id == claims[index].copy && $0.isComplete })
    else { return }
    claims[index].status = .completed
    claims[index].completed = now
    claims[index].reason = nil
  }

  mutating func fail(_ id: DownloadID, _ reason: Trouble.Code) {
    let index = index(id)
    guard !claims[index].isDeleted, claims[index].isUnfinished else { return }
    claims[index].status = .failed
    claims[index].reason = reason
    claims[index].copy = nil
    sweep()
  }

  mutating func mismatch(_ id: ObjectID) {
    guard let index = copies.firstIndex(where: { $0.id == id && !$0.isComplete }) else { return }
    if copies[index].mismatches == 0 {
      copies[index].mismatches = 1
      copies[index].blocks = []
    } else {
      for owner in owners(id) { fail(owner.id, .integrityMismatch) }
    }
  }

  mutating func touch(_ id: DownloadID, _ moment: Timestamp) {
    let index = index(id)
    guard !claims[index].isDeleted else { return }
    func later(_ known: Timestamp) -> Bool { moment > known || known > now && known > moment }
    guard claims[index].lastPlayed.map(later) ?? true else { return }
    claims[index].lastPlayed = moment
    if let held = copies.firstIndex(where: { $0.id == claims[index].copy }), later(copies[held].lastUsed) {
      copies[held].lastUsed = moment
    }
  }

  /// The table of the contract's endpoints; false for a conflict, nil when there is no such download.
  mutating func wish(_ wish: Wish, _ id: DownloadID, by user: UserID) -> Bool? {
    let index = index(id)
    guard claims[index].user == user, !claims[index].isDeleted else { return nil }
    let status = claims[index].status
    switch wish {
    case .pin: claims[index].isPinned = true
    case .unpin: claims[index].isPinned = false
    case .pause:
      guard claims[index].isUnfinished else { return false }
      claims[index].status = .paused
    case .resume:
      guard claims[index].isUnfinished else { return false }
      if status == .paused { claims[index].status = .pending }
    case .cancel:
      guard status != .completed else { return false }
      let reason = claims[index].isUnfinished ? nil : claims[index].reason
      claims[index].status = .cancelled
      remove(index, reason)
    case .delete:
      guard status == .completed || status == .failed else { return false }
      remove(index, claims[index].reason)
    }
    return true
  }

  mutating func removeAll(of user: UserID) {
    for index in claims.indices where claims[index].user == user && !claims[index].isDeleted {
      let wasUnfinished = claims[index].isUnfinished
      if wasUnfinished { claims[index].status = .cancelled }
      remove(index, wasUnfinished ? nil : claims[index].reason)
    }
  }

  private mutating func remove(_ index: Int, _ reason: Trouble.Code?) {
    claims[index].isDeleted = true
    claims[index].isPinned = false
    claims[index].copy = nil
    claims[index].reason = reason
    sweep()
  }
}
