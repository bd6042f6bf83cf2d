// Whether something new may come in, and who has to go for it. Everything is decided before anything is changed, so that
// a refusal leaves no trace and nobody is evicted in vain.

public import LMDB

/// Why a title was not admitted.
public enum Refusal: Error, Sendable, Hashable {
  /// It does not fit the user's quota even after eviction.
  case quotaExceeded(limit: Int, used: Int, reserved: Int, needed: Int)
  /// The box has no room that it may free.
  case storageFull(needed: Int)

  /// The same as a download's trouble.
  public var trouble: Trouble {
    switch self {
    case .quotaExceeded(let limit, let used, let reserved, let needed):
      Trouble(
        .quotaExceeded,
        "\(needed) bytes do not fit the quota of \(limit): \(used) are used and \(reserved) reserved; delete something")
    case .storageFull(let needed):
      Trouble(.storageFull, "the box has no room for \(needed) bytes; delete something or ask the administrator")
    }
  }
}

/// What became of the question whether something new may come in.
private enum Admission {
  case refused(Refusal)
  /// Who goes for the user's quota, and what leaves the disk.
  case granted(own: [EvictionCandidate], room: RoomPlan)
}

/// What a start would come to, for whoever asks before.
public struct Prospect: Sendable {
  /// Whether it would be admitted.
  public var fits: Bool
  /// The user's own downloads that would go for it, in the order in which they go. What others would lose is not theirs
  /// to know.
  public var evicted: [Download]
}

extension Ledger {
  /// Makes room for `size` more bytes on the user's account and `room` more on the disk; nil when that was done.
  ///
  /// - Parameters:
  ///   - room: nil when the box holds or fetches the object already.
  func admit(
    _ user: UserID, size: Int, room: Int?, in tx: borrowing WriteTransaction,
    _ change: inout Change
  ) throws -> Refusal? {
    let ownVictims: [EvictionCandidate]
    let plan: RoomPlan
    switch try admission(of: user, size: size, room: room, in: tx, change) {
    case .refused(let refusal): return refusal
    case .granted(let own, let room):
      ownVictims = own
      plan = room
    }
    // Those of the victims are theirs, and counted with them.
    for id in plan.objects where try object(id, in: tx)?.owners == 0 { change.evictions[.unowned, default: 0] += 1 }
    for victim in ownVictims {
      try evict(victim.download, .quota, cause: "the quota of \(user.text) was full", in: tx, &change)
    }
    for victim in plan.downloads { try evict(victim.download, .room, cause: "the box was full", in: tx, &change) }
    for id in plan.objects {
      guard let object = try object(id, in: tx) else { continue }
      try record(
        .objectEvicted, nil, object: id, bytes: object.size, cause: "the box was full, no one owned it", in: tx, change)
      try put(nil, over: object, in: tx, &change)
    }
    return nil
  }

  /// What a start of a title that the box neither holds nor fetches would come to now; nothing is done.
  ///
  /// - Parameter size: the title's, in bytes.
  public func prospect(
    of size: Int, for user: UserID, in tx: borrowing WriteTransaction, _ change: borrowing Change
  ) throws -> Prospect {
    guard change.admitsNew, size <= StoredObject.largestSize,
      case .granted(let own, let plan) = try admission(of: user, size: size, room: size, in: tx, change)
    else { return Prospect(fits: false, evicted: []) }
    let evicted = try (own + plan.downloads).compactMap { try download($0.download, in: tx) }
    return Prospect(fits: true, evicted: evicted.filter { $0.user == user })
  }

  /// Decides about `size` more bytes on the user's account and `room` more on the disk, and changes nothing.
  private func admission(
    of user: UserID, size: Int, room: Int?, in tx: borrowing WriteTransaction, _ change: borrowing Change
  ) throws -> Admission {
    let usage = try usage(of: user, in: tx)
    var ownVictims: [EvictionCandidate] = []
    if let limit = try limit(of: user, under: change.policy, in: tx).bytes, usage.total + size > limit {
      let refusal = Refusal.quotaExceeded(
        limit: limit, used: usage.used, reserved: usage.reserved, needed: size)
      guard size <= limit, change.policy.evicts else { return .refused(refusal) }
      guard let victims = try ownVictimsFor(user, bytes: usage.total + size - limit, in: tx, change) else {
        return .refused(refusal)
      }
      ownVictims = victims
    }
    var plan = RoomPlan()
    if let room {
      guard let found = try roomFor(room, besides: ownVictims, in: tx, change) else {
        return .refused(.storageFull(needed: room))
      }
      plan = found
    }
    return .granted(own: ownVictims, room: plan)
  }

  private func ownVictimsFor(
    _ user: UserID, bytes: Int, in tx: borrowing WriteTransaction, _ change: borrowing Change
  ) throws -> [EvictionCandidate]? {
    let prefix = Key.user(user)
    var key = prefix
    let index = table(.userLRU)
    return try Eviction.forQuota(
      needed: bytes, isProtected: change.isProtected, mayGo: { try isReadable($0, in: tx) },
      next: {
        guard let row = try tx.row(in: index, after: key, prefix: prefix) else { return nil }
        key = row.key
        return try EvictionCandidate(key: row.key, value: row.value)
      })
  }

  /// Whether all that changes with the end of a download can be read, and says what its row says. What cannot stays, as
  /// if it might not be evicted, and frees nothing: it would come first again and again, and keep everybody out.
  private func isReadable(_ candidate: EvictionCandidate, in tx: borrowing WriteTransaction) throws -> Bool {
    guard let found = try changeable(candidate.download, in: tx), found.isEvictable, found.object == candidate.object
    else { return false }
    return try object(found.object, in: tx)?.size == candidate.bytes
  }

  /// The same of an object that no one owns.
  private func isReadable(unowned id: ObjectID, in tx: borrowing WriteTransaction) throws -> Bool {
    do { return try object(id, in: tx)?.owners == 0 } catch is CorruptRecord { return false }
  }

  /// What leaves the disk so that `bytes` more fit; the owners of `victims` are counted as gone already. What is being
  /// played from stays, since its blocks would not come free.
  private func roomFor(
    _ bytes: Int, besides victims: [EvictionCandidate],
    in tx: borrowing WriteTransaction, _ change: borrowing Change
  ) throws -> RoomPlan? {
    let policy = change.policy
    let limits = BoxLimits(
      capacity: policy.capacity, reserve: policy.reserve, free: change.freeBytes, stuck: change.stuckBytes)
    let short = limits.shortfall(for: bytes, in: try boxUsage(in: tx), fills: try tx.count(table(.fills)))
    guard short > 0 else { return RoomPlan() }
    let leaving = Set(victims.map(\.download))
    var orphans: [(object: ObjectID, bytes: Int)] = []
    var orphaned: Set<ObjectID> = []
    for victim in victims where !orphaned.contains(victim.object) {
      let owners = try object(victim.object, in: tx)?.owners ?? 0
      guard owners == victims.count(where: { $0.object == victim.object }) else { continue }
      orphaned.insert(victim.object)
      if !change.isHeld(victim.object) { orphans.append((victim.object, victim.bytes)) }
    }
    var unownedKey: [UInt8] = []
    var ownedKey: [UInt8] = []
    return try Eviction.forRoom(
      needed: short, isProtected: change.isProtected, mayGo: { try isReadable($0, in: tx) },
      nextUnowned: {
        while let row = try tx.row(in: table(.unowned), after: unownedKey) {
          unownedKey = row.key
          let id = ObjectID(Key.number(in: row.key, at: 8))
          // What somebody is being sent leaves its blocks only when they have it all.
          if change.isHeld(id) { continue }
          guard try isReadable(unowned: id, in: tx) else { continue }
          return (id, try Key.size(in: row.value, at: 0, table: "unowned"))
        }
        return orphans.isEmpty ? nil : orphans.removeFirst()
      },
      nextOwned: {
        guard policy.evicts else { return nil }
        while let row = try tx.row(in: table(.boxLRU), after: ownedKey) {
          ownedKey = row.key
          let id = ObjectID(Key.number(in: row.key, at: 8))
          if orphaned.contains(id) || change.isHeld(id) { continue }
          return OwnedObject(
            id: id, bytes: try Key.size(in: row.value, at: 0, table: "lru_box"),
            lastWanted: Timestamp(milliseconds: Int64(clamping: Key.number(in: row.key, at: 0))))
        }
        return nil
      },
      owners: { object in
        try candidates(for: object.id, bytes: object.bytes, in: tx).filter { !leaving.contains($0.download) }
      })
  }

  /// Whether what is on its way has less room than it was promised.
  public func isShort(by limits: BoxLimits, in tx: borrowing some Reading & ~Copyable) throws -> Bool {
    let fills = try tx.count(table(.fills))
    return limits.shortfall(for: 0, in: try boxUsage(in: tx), fills: max(0, fills - 1)) > 0
  }

  private func evict(
    _ id: DownloadID, _ kind: EvictionCause, cause: String, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    guard let old = try download(id, in: tx) else { return }
    change.evictions[kind, default: 0] += 1
    try record(.evicted, old, bytes: old.totalBytes ?? 0, cause: cause, in: tx, change)
    let reason = Trouble(.evicted, "removed to make room: \(cause); start it again to get it back")
    try remove(old, as: old.status, because: reason, in: tx, &change)
  }

  /// Ends a download's life: its link goes, its charge is released, its record stays with `deletedAt` set.
  func remove(
    _ old: Download, as status: Download.Status, because trouble: Trouble? = nil, in tx: borrowing WriteTransaction,
    _ change: inout Change
  ) throws {
    var new = old
    new.deleted = change.now
    new.updated = change.now
    new.object = .none
    new.pinned = false
    new.status = status
    // What held an unfinished one up is over with it; why one has failed stays true.
    new.trouble = trouble ?? (old.status.isUnfinished ? nil : old.trouble)
    if old.status.isUnfinished {
      new.endedBytes = try object(old.object, in: tx)?.shownBytes ?? 0
    }
    // Also of an unfinished one: its link may have been made a moment ago. What is not there is soon removed.
    if old.status != .failed { try discard(change.policy.link(of: old), bytes: 0, in: tx, &change) }
    try put(new, over: old, in: tx, &change)
  }
}

extension Change {
  /// Whether a download last wanted at `moment` is within `playing_grace`.
  ///
  /// A moment in the near future counts too: a play may be noted after the change was, and a clock may step back a
  /// little. One further ahead is a clock that was wrong, and protects nothing.
  func isProtected(_ moment: Timestamp) -> Bool {
    moment > now.adding(milliseconds: -policy.playingGrace) && moment < now.adding(milliseconds: policy.playingGrace)
  }

  /// Whether a play at `moment` takes the place of the `known` one: it is later, or the known one lies in the future
  /// because the clock stepped back, and would hide every play until then.
  func outdates(_ known: Timestamp, _ moment: Timestamp) -> Bool { known < moment || known > max(now, moment) }
}
