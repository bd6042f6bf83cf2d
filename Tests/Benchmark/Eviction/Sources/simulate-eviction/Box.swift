// Larder's box without its disk: who owns what, as in the ledger, and the program's own `Eviction` and `BoxLimits` deciding
// who has to go. A title is fetched in no time. `LedgerBox` does the same with the real ledger, and must agree.

import Cache

/// The rules of a box.
struct Rules {
  var capacity: Int
  /// Bytes for each user; nil for no limit.
  var quota: Int?
  /// In milliseconds.
  var grace: Int64 = 600_000
  /// Whether a user deletes a title as soon as it was played: then everything lies in the box unowned.
  var dropsAtOnce = false
}

/// The box, with its order among what no one owns and among what is owned. The contract's is ``LastWanted`` for the latter.
struct Box<Unowned: Order, Owned: Order>: Policy {
  private let rules: Rules
  private var usage = BoxUsage()
  private var unownedOrder = Unowned()
  private var ownedOrder = Owned()

  // Objects, by their number.
  private var holdings: [Holding]
  private var isHeld: [Bool]
  private var owners: [[Int32]]
  private var unowned: Ranking

  // Downloads, by a number that is used again.
  private var downloads: [Download] = []
  private var free: [Int32] = []
  private var claims: [UInt64: Int32] = [:]
  /// All of them, in the order in which they go; by recency when that is ``LastWanted``, where it need not be sorted.
  private var owned = Ranking()
  private var recency = Ends()
  private var recencyLinks = Links(count: 0)
  private static var ownedGoByRecency: Bool { Owned.self == LastWanted.self }

  // Users: what they are charged, and their downloads, least recently wanted first.
  private var used: [Int]
  private var queues: [Ends]
  private var links = Links(count: 0)

  private struct Download {
    var user: Int32
    var object: Int32
    var lastWanted: Int64
  }

  init(_ rules: Rules, objects: Int, users: Int) {
    self.rules = rules
    holdings = Array(repeating: Holding(), count: objects)
    isHeld = Array(repeating: false, count: objects)
    owners = Array(repeating: [], count: objects)
    unowned = Ranking(count: objects)
    used = Array(repeating: 0, count: users)
    queues = Array(repeating: Ends(), count: users)
  }

  mutating func want(_ event: Event) -> Bool {
    let object = Int(event.object)
    let wasHeld = isHeld[object]
    var download = claims[claim(event)]
    if download == nil {
      guard admit(event) else { return false }
      download = begin(event)
    }
    holdings[object].wants += 1
    holdings[object].lastWanted = event.moment
    holdings[object].next = event.next
    play(download!, at: event.moment)
    if rules.dropsAtOnce { drop(event) }
    return wasHeld
  }

  mutating func drop(_ event: Event) {
    guard let download = claims[claim(event)] else { return }
    end(download)
  }

  private func claim(_ event: Event) -> UInt64 { UInt64(event.user) << 32 | UInt64(event.object) }

  // MARK: Admission, as in Ledger+Admission

  private mutating func admit(_ event: Event) -> Bool {
    var victims: [EvictionCandidate] = []
    if let quota = rules.quota, used[Int(event.user)] + event.bytes > quota {
      guard event.bytes <= quota, let found = ownVictims(event, over: quota) else { return false }
      victims = found
    }
    var plan = RoomPlan()
    if !isHeld[Int(event.object)] {
      let limits = BoxLimits(capacity: rules.capacity, reserve: 0, free: nil)
      let short = limits.shortfall(for: event.bytes, in: usage, fills: 0)
      if short > 0 {
        guard let found = roomPlan(short, besides: victims, at: event.moment) else { return false }
        plan = found
      }
    }
    for object in plan.objects where unowned.contains(number(object)) {
      unownedOrder.evicted(unowned.rank(of: number(object)))
    }
    for victim in victims { end(number(victim)) }
    for victim in plan.downloads {
      if !Self.ownedGoByRecency { ownedOrder.evicted(owned.rank(of: number(victim))) }
      end(number(victim))
    }
    for object in plan.objects { giveUp(number(object)) }
    return true
  }

  private func ownVictims(_ event: Event, over quota: Int) -> [EvictionCandidate]? {
    var next = queues[Int(event.user)].oldest
    return Eviction.forQuota(
      needed: used[Int(event.user)] + event.bytes - quota, isProtected: { isProtected($0, at: event.moment) },
      mayGo: { _ in true },
      next: {
        guard next != Links.none else { return nil }
        defer { next = links.newer(than: next) }
        return candidate(next)
      })
  }

  private mutating func roomPlan(_ short: Int, besides victims: [EvictionCandidate], at now: Int64) -> RoomPlan? {
    let leaving = Set(victims.map(\.download))
    func ownersLeft(_ object: ObjectID) -> Int {
      owners[Int(number(object))].count - victims.count { $0.object == object }
    }
    var orphans: [(object: ObjectID, bytes: Int)] = []
    for victim in victims where ownersLeft(victim.object) == 0 { orphans.append((victim.object, victim.bytes)) }
    // What is looked at is taken out, and what may stay is put back.
    var unownedSeen: [Ranking.Entry] = []
    var ownedSeen: [Ranking.Entry] = []
    var recent = recency.oldest
    func nextOwned() -> Int32? {
      if Self.ownedGoByRecency {
        guard recent != Links.none else { return nil }
        defer { recent = recencyLinks.newer(than: recent) }
        return recent
      }
      guard let entry = owned.popFirst() else { return nil }
      ownedSeen.append(entry)
      return entry.member
    }
    var passed: [ObjectID: Int] = [:]
    let plan = Eviction.forRoom(
      needed: short, isProtected: { isProtected($0, at: now) }, mayGo: { _ in true },
      nextUnowned: {
        guard let entry = unowned.popFirst() else { return orphans.isEmpty ? nil : orphans.removeFirst() }
        unownedSeen.append(entry)
        return (id(entry.member), holdings[Int(entry.member)].bytes)
      },
      nextOwned: {
        // An object has its turn with the last of its owners.
        while let download = nextOwned() {
          let last = candidate(download)
          passed[last.object, default: 0] += 1
          if passed[last.object] == owners[Int(number(last.object))].count, ownersLeft(last.object) > 0 {
            return OwnedObject(id: last.object, bytes: last.bytes, lastWanted: last.lastWanted)
          }
        }
        return nil
      },
      owners: { object in
        owners[Int(number(object.id))].map { candidate($0) }.filter { !leaving.contains($0.download) }
      })
    for entry in unownedSeen { unowned.insert(entry.member, rank: entry.rank) }
    for entry in ownedSeen { owned.insert(entry.member, rank: entry.rank) }
    return plan
  }

  private func isProtected(_ moment: Timestamp, at now: Int64) -> Bool { moment.milliseconds > now - rules.grace }

  // MARK: Records and what follows from them

  private mutating func begin(_ event: Event) -> Int32 {
    let object = Int(event.object)
    if !isHeld[object] {
      isHeld[object] = true
      holdings[object] = Holding(bytes: event.bytes, fetched: event.moment)
      usage.complete += event.bytes
    } else if owners[object].isEmpty {
      unowned.remove(event.object)
    }
    let download = Download(user: event.user, object: event.object, lastWanted: event.moment)
    let number: Int32
    if let used = free.popLast() {
      number = used
      downloads[Int(number)] = download
    } else {
      number = Int32(downloads.count)
      downloads.append(download)
      owned.grow()
      links.grow()
      recencyLinks.grow()
    }
    claims[claim(event)] = number
    owners[object].append(number)
    used[Int(event.user)] += holdings[object].bytes
    links.append(number, to: &queues[Int(event.user)])
    if Self.ownedGoByRecency {
      recencyLinks.append(number, to: &recency)
    } else {
      owned.insert(number, rank: 0)
    }
    return number
  }

  private mutating func play(_ number: Int32, at moment: Int64) {
    let (user, object) = (Int(downloads[Int(number)].user), Int(downloads[Int(number)].object))
    downloads[Int(number)].lastWanted = moment
    links.remove(number, from: &queues[user])
    links.append(number, to: &queues[user])
    if Self.ownedGoByRecency {
      // Each owner's own last play counts.
      recencyLinks.remove(number, from: &recency)
      recencyLinks.append(number, to: &recency)
    } else {
      let rank = ownedOrder.rank(holdings[object])
      for owner in owners[object] { owned.change(owner, to: rank) }
    }
  }

  private mutating func end(_ number: Int32) {
    let download = downloads[Int(number)]
    let object = Int(download.object)
    claims[UInt64(download.user) << 32 | UInt64(download.object)] = nil
    links.remove(number, from: &queues[Int(download.user)])
    if Self.ownedGoByRecency { recencyLinks.remove(number, from: &recency) } else { owned.remove(number) }
    used[Int(download.user)] -= holdings[object].bytes
    owners[object].remove(at: owners[object].firstIndex(of: number)!)
    free.append(number)
    if owners[object].isEmpty { unowned.insert(download.object, rank: unownedOrder.rank(holdings[object])) }
  }

  private mutating func giveUp(_ object: Int32) {
    unowned.remove(object)
    isHeld[Int(object)] = false
    usage.complete -= holdings[Int(object)].bytes
  }

  // MARK: The program's names for them

  private func candidate(_ number: Int32) -> EvictionCandidate {
    let download = downloads[Int(number)]
    return EvictionCandidate(
      download: DownloadID(upper: 0, lower: UInt64(number)), object: id(download.object),
      bytes: holdings[Int(download.object)].bytes, lastWanted: Timestamp(milliseconds: download.lastWanted))
  }

  private func id(_ object: Int32) -> ObjectID { ObjectID(UInt64(object) + 1) }
  private func number(_ object: ObjectID) -> Int32 { Int32(object.number - 1) }
  private func number(_ candidate: EvictionCandidate) -> Int32 { Int32(candidate.download.lower) }
}
