// A world by seed: users and players, an origin and a disk with their weather, a clock that steps, and cuts of the power
// at any point. It goes through its steps, then all faults end, and everything must come to rest.

import Cache
import Curl
import Glibc
import LMDB
import Loop

/// How a world went.
struct Life {
  var violation: Violation?
  var digest: UInt64
  var steps = 0
  var turns = 0
  var commits = 0
  var cuts = 0
  var completions = 0
  var plays = 0
  var playsOnTheWay = 0
}

@EventLoop
final class World {
  static let block = 64 << 10
  static let keys = ["a", "b", "c", "d", "e", "../f"]
  static let sizes = [
    0, 1, 5000, block - 1, block, block + 1, 2 * block, 2 * block + 4096, 3 * block + 7, 5 * block,
  ]

  /// No disk takes longer to make a link durable, in milliseconds.
  static let longestLink: Int64 = 20_000

  let seed: UInt64
  let ledgerPath: String
  var dice: Dice
  let machine: Machine
  let disk: Disk
  let origin: PretendOrigin
  let checkers: Checkers
  var policy: Policy
  var fills: FillSettings
  /// The key that the file of credentials has.
  var accessKey = 1
  var box: Box?
  /// Grows with every start; what was asked of an earlier box is answered by nobody.
  var life = 0
  var isDead = false
  var cutAfterCalls: Int?
  var cutAfterTurns: Int?
  var commitFaults = 0
  /// Whether the disk or the commit ever had a fault.
  var wasDiskTroubled = false
  var cuts = 0
  var plays = 0
  /// Those of titles that were still coming in.
  var playsOnTheWay = 0
  var refusals = 0
  var steps = 0
  let isCalm: Bool
  let mapSize: Int
  /// Whether somebody runs `larder verify --repair` now and then, and somebody has reason to.
  let isVerified: Bool
  /// How many questions the origin may be asked at a time, by one user, and may wait for each.
  let questions: (Int, Int, Int)
  /// Starts and retries that were not answered yet, of the box that runs.
  var unanswered = 0

  init(seed: UInt64, ledgerPath: String) {
    self.seed = seed
    self.ledgerPath = ledgerPath
    unsafe Chance.generator = SplitMix64(seed: seed ^ 0x5EED)
    unsafe Trace.digest = seed
    dice = Dice(seed: seed)
    let slow = Slowness(seed: dice.number())
    machine = Machine(seed: dice.number()) { slow.latency($0) }
    machine.takeOver()
    slowness = slow
    // A third of the worlds knows no trouble but cuts: whatever goes wrong there is nobody's fault but ours.
    isCalm = dice.roll(3) == 0
    disk = Disk(size: (dice.pick([12, 20, 40]) + 1) * Self.block, dice: Dice(seed: dice.number()))
    unsafe Stage.disk = disk
    unsafe Stage.ledgerPath = ledgerPath
    unsafe Socket.dice = Dice(seed: dice.number())
    unsafe Socket.wires = [:]
    isVerified = dice.roll(4) == 0
    questions = dice.pick([(64, 16, 64), (2, 1, 2), (1, 1, 64)])
    unsafe Stage.clockOffset = 0
    origin = PretendOrigin(dice: Dice(seed: dice.number()), sizes: Self.sizes)
    for key in Self.keys { origin.publish(key) }
    mapSize = dice.pick([128 << 10, 1 << 20])
    fills = FillSettings(
      active: 1 + dice.roll(3), connections: 1 + dice.roll(3), chunkSize: dice.pick([64, 64, 64, 130, 600]) << 10,
      retry: RetryPolicy(initial: 200, limit: 5000))
    policy = Policy(
      defaultQuota: nil, evicts: true, playingGrace: 0, capacity: nil, reserve: 0, chunkSize: fills.chunkSize
    ) { text in
      let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
      return String(hash, radix: 16) + String(repeating: "0", count: 32)
    }
    checkers = Checkers(origin: origin, disk: disk, policy: policy)
    changeRules()
    disk.passed = { [unowned self] call in EventLoop.assumeIsolated { passed(call) } }
  }

  let slowness: Slowness

  /// How long the disk's threads take.
  final class Slowness {
    var dice: Dice
    var isSlow = false
    init(seed: UInt64) { dice = Dice(seed: seed) }
    func latency(_ name: String) -> UInt64 {
      switch name {
      case "sync": UInt64(1 + dice.roll(isSlow ? 700 : 12)) * 1_000_000
      case "ledger": UInt64(dice.roll(isSlow ? 200 : 5)) * 1_000_000
      default: UInt64(dice.roll(isSlow ? 100 : 3)) * 500_000
      }
    }
  }

  // MARK: Living

  /// Lives through the world; the ledger's folder must be empty.
  func live(steps count: Int) -> Life {
    Transfers.origin = { [origin] request in origin.answer(request) }
    unsafe LedgerFaults.commit = { [unowned self] in EventLoop.assumeIsolated { commitFault() } }
    unsafe LedgerFaults.isFull = { [unowned self] in
      EventLoop.assumeIsolated { disk.weather.isFull || disk.weather.isOverQuota }
    }
    do {
      try begin()
      for _ in 0..<count where checkers.violation == nil {
        steps += 1
        act()
        let due = machine.now + UInt64(dice.pick([1, 5, 20, 20, 100, 100, 1000, 4000])) * 1_000_000
        machine.after(due - machine.now) {}
        try run { machine.now >= due }
      }
      if checkers.violation == nil { try end() }
    } catch let violation as Violation {
      checkers.expect(false, violation.promise, violation.text)
    } catch {
      checkers.expect(false, "5", "an error that nobody expected: \(error)")
    }
    if box != nil {
      isDead = true
      disk.isDead = true
      try? unwind()
    }
    disk.passed = { _ in }
    Trace.note(UInt64(checkers.completions))
    return Life(
      violation: checkers.violation, digest: unsafe Trace.digest, steps: steps, turns: machine.turns,
      commits: checkers.commits, cuts: cuts, completions: checkers.completions, plays: plays,
      playsOnTheWay: playsOnTheWay)
  }

  func begin() throws {
    let checkers = checkers
    life += 1
    unanswered = 0
    commitFaults = 0
    disk.weather.names = 0
    disk.weather.folderSync = 0
    disk.weather.isReadOnly = false
    // A mount that is missing at a start is told from an empty folder by nobody.
    disk.bringBack()
    let reference = Reference()
    var opened: Box?
    while opened == nil {
      do {
        opened = try Box(
          ledgerPath: ledgerPath, mapSize: mapSize, policy: policy, fills: fills, accessKey: accessKey,
          questions: questions
        ) { change in
          EventLoop.assumeIsolated { if let ledger = reference.ledger { checkers.committed(change, in: ledger) } }
        }
      } catch  where isDead {
        // The power went again while it started.
        disk.comeBack()
        disk.isDead = false
        isDead = false
      }
    }
    guard let made = opened else { return }
    reference.ledger = made.ledger
    box = made
    try checkers.compareAfterStart(made.ledger)
    try made.start()
  }

  final class Reference: @unchecked Sendable {
    weak var ledger: Ledger?
  }

  /// Lets things happen until `isOver`, or nothing is left to happen.
  func run(until isOver: () -> Bool) throws {
    while checkers.violation == nil, !isOver(), try turn() {}
  }

  func turn() throws -> Bool {
    let went = machine.step()
    if let left = cutAfterTurns {
      cutAfterTurns = left - 1
      if left <= 0 { die() }
    }
    if isDead {
      try comeBack()
    } else if let box {
      try checkers.recount(in: box.ledger)
      if let since = box.settling.values.min() {
        checkers.expect(
          Clock.steady < since.adding(milliseconds: Self.longestLink), "liveness",
          "a start of a title that is whole waits for more than its link")
      }
    }
    if let stranger = origin.stranger { checkers.expect(false, "strangers", "\(stranger) was asked") }
    return went
  }

  // MARK: Cuts

  func passed(_ call: String) {
    guard let left = cutAfterCalls, !isDead else { return }
    cutAfterCalls = left - 1
    if left <= 0 { die() }
  }

  func commitFault() -> Int32? {
    passed("commit")
    if isDead { return EIO }
    return commitFaults > 0 && dice.roll(1000) < commitFaults ? dice.pick([ENOSPC, EDQUOT, EIO]) : nil
  }

  func die() {
    guard !isDead else { return }
    Trace.say("the power goes")
    isDead = true
    disk.isDead = true
    cutAfterCalls = nil
    cutAfterTurns = nil
    cuts += 1
  }

  func comeBack() throws {
    try unwind()
    disk.comeBack()
    disk.isDead = false
    isDead = false
    commitFaults = 0
    Trace.say("the power comes back")
    try begin()
    checkers.limitsChanged(charged)
  }

  /// Everything that was in memory ends; nothing of it reaches the disk.
  func unwind() throws {
    guard let old = box else { return }
    life += 1
    box = nil
    try bringDown(old)
  }

  func bringDown(_ old: Box) throws {
    var isDown = false
    EventLoop.spawn {
      await old.stop()
      isDown = true
    }
    var turns = 0
    while machine.step() {
      turns += 1
      if turns > 200_000 { throw Violation(promise: "liveness", text: "the box does not stop") }
    }
    if !isDown { throw Violation(promise: "liveness", text: "the box waits for something that never comes") }
    old.writer.onCommit { _ in }
  }

  /// Stops in order and starts again.
  func restart() throws {
    Trace.say("stop and start")
    guard let old = box else { return }
    try bringDown(old)
    box = nil
    if isDead {
      disk.comeBack()
      disk.isDead = false
      isDead = false
    }
    try begin()
  }

  /// What the box's disk is charged.
  var charged: BoxUsage {
    (try? box?.read { ledger, tx in try ledger.boxUsage(in: tx) }) ?? BoxUsage()
  }

  // MARK: The end

  func end() throws {
    Trace.say("all faults end")
    cutAfterCalls = nil
    cutAfterTurns = nil
    for key in Self.keys {
      if case .some(.none) = origin.keys[key] { origin.publish(key) }
    }
    calm()
    // A round of the scrub finds whatever harm was done.
    let after = machine.now + 120_000_000_000
    machine.after(after - machine.now) {}
    try run { machine.now >= after }
    box?.scrub.use(ScrubSettings(rate: 0, interval: 1))
    // What was whole and cannot be mended by now waits for the room that the origin's new version takes: it gets that.
    if try box?.read({ try $0.mends(limit: 1, in: $1) }).isEmpty == false { makeRoom() }
    try rest()
    if let box { try checkers.checkScrubbed(box.ledger) }
    if isVerified { try mendAll() }
    try playAll()
    checkers.expect(unanswered == 0, "liveness", "\(unanswered) starts are never answered")
    checkers.expect(disk.areStraysKept, "6", "a file that is not ours is gone")
    if let box { try checkers.checkRest(box.ledger) }
    guard checkers.violation == nil else { return }
    try restart()
    box?.scrub.use(ScrubSettings(rate: 0, interval: 1))
    try rest()
    if let box, checkers.violation == nil { try checkers.checkOrder(box.ledger) }
  }

  func calm() {
    disk.weather = Disk.Weather()
    origin.weather = .fair
    origin.region = PretendOrigin.regions[0]
    disk.bringBack()
    lookAfter()
    commitFaults = 0
    slowness.isSlow = false
    disk.foreign = 0
  }

  func rest() throws {
    let limit = machine.turns + 100_000
    while checkers.violation == nil, try turn() {
      if machine.turns > limit { throw Violation(promise: "liveness", text: "it never comes to rest") }
    }
  }
}
