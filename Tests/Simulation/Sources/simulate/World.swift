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
}

@EventLoop
final class World {
  private static let block = 64 << 10
  private static let keys = ["a", "b", "c", "d", "e", "../f"]
  private static let sizes = [
    0, 1, 5000, block - 1, block, block + 1, 2 * block, 2 * block + 4096, 3 * block + 7, 5 * block,
  ]

  private let seed: UInt64
  private let ledgerPath: String
  private var dice: Dice
  private let machine: Machine
  private let disk: Disk
  private let origin: PretendOrigin
  private let checkers: Checkers
  private var policy: Policy
  private var fills: FillSettings
  private var box: PretendBox?
  /// Grows with every start; what was asked of an earlier box is answered by nobody.
  private var life = 0
  private var isDead = false
  private var cutAfterCalls: Int?
  private var cutAfterTurns: Int?
  private var commitFaults = 0
  private var isSlow = false
  private var cuts = 0
  private var plays = 0
  private var refusals = 0
  private var steps = 0
  private let isCalm: Bool
  private let mapSize: Int

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

  private let slowness: Slowness

  /// How long the disk's threads take.
  private final class Slowness {
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
    unsafe CommitFaults.next = { [unowned self] in EventLoop.assumeIsolated { commitFault() } }
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
      commits: checkers.commits, cuts: cuts, completions: checkers.completions, plays: plays)
  }

  private func begin() throws {
    let checkers = checkers
    life += 1
    commitFaults = 0
    disk.weather.names = 0
    disk.weather.folderSync = 0
    disk.weather.isReadOnly = false
    let reference = Reference()
    var opened: PretendBox?
    while opened == nil {
      do {
        opened = try PretendBox(ledgerPath: ledgerPath, mapSize: mapSize, policy: policy, fills: fills) { change in
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

  private final class Reference: @unchecked Sendable {
    weak var ledger: Ledger?
  }

  /// Lets things happen until `isOver`, or nothing is left to happen.
  private func run(until isOver: () -> Bool) throws {
    while checkers.violation == nil, !isOver(), try turn() {}
  }

  private func turn() throws -> Bool {
    let went = machine.step()
    if let left = cutAfterTurns {
      cutAfterTurns = left - 1
      if left <= 0 { die() }
    }
    if isDead {
      try comeBack()
    } else if let box {
      try checkers.recount(in: box.ledger, fully: checkers.commits % 16 == 0)
    }
    return went
  }

  // MARK: Cuts

  private func passed(_ call: String) {
    guard let left = cutAfterCalls, !isDead else { return }
    cutAfterCalls = left - 1
    if left <= 0 { die() }
  }

  private func commitFault() -> Int32? {
    passed("commit")
    if isDead { return EIO }
    return commitFaults > 0 && dice.roll(1000) < commitFaults ? dice.pick([ENOSPC, EIO]) : nil
  }

  private func die() {
    guard !isDead else { return }
    Trace.say("the power goes")
    isDead = true
    disk.isDead = true
    cutAfterCalls = nil
    cutAfterTurns = nil
    cuts += 1
  }

  private func comeBack() throws {
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
  private func unwind() throws {
    guard let old = box else { return }
    life += 1
    box = nil
    try bringDown(old)
  }

  private func bringDown(_ old: PretendBox) throws {
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
    old.ledger.environment.close()
  }

  /// Stops in order and starts again.
  private func restart() throws {
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
  private var charged: BoxUsage {
    (try? box?.read { ledger, tx in try ledger.boxUsage(in: tx) }) ?? BoxUsage()
  }

  // MARK: The end

  private func end() throws {
    Trace.say("all faults end")
    cutAfterCalls = nil
    cutAfterTurns = nil
    for key in Self.keys {
      if case .some(.none) = origin.keys[key] { origin.publish(key) }
    }
    calm()
    try rest()
    try playAll()
    if let box { try checkers.checkRest(box.ledger) }
    guard checkers.violation == nil else { return }
    try restart()
    try rest()
    if let box, checkers.violation == nil { try checkers.checkOrder(box.ledger) }
  }

  private func calm() {
    disk.weather = Disk.Weather()
    origin.weather = .fair
    commitFaults = 0
    slowness.isSlow = false
    disk.foreign = 0
  }

  private func rest() throws {
    let limit = machine.turns + 100_000
    while checkers.violation == nil, try turn() {
      if machine.turns > limit { throw Violation(promise: "liveness", text: "it never comes to rest") }
    }
  }

  // MARK: What happens

  private func act() {
    Trace.note(UInt64(steps))
    switch dice.roll(isCalm ? 80 : 100) {
    case 0..<24: start()
    case 24..<44: play()
    case 44..<66: wish()
    case 66..<68: changeRules()
    case 68..<71:
      let key = dice.pick(Self.keys)
      Trace.say("the origin changes \(key)")
      if dice.roll(4) == 0 { origin.remove(key) } else { origin.publish(key) }
    case 71..<75:
      if dice.roll(2) == 0 { cutAfterCalls = dice.roll(20) } else { cutAfterTurns = dice.roll(60) }
    case 75: do { try restart() } catch { checkers.expect(false, "liveness", "\(error)") }
    case 76: disk.dropCaches()
    case 77:
      unsafe Stage.clockOffset += Int64(dice.pick([-60_000, -500, 500, 60_000, 3_600_000, -3_600_000]))
      Trace.say("the clock steps")
    case 78: box?.use(policy, fills)
    case 79: slowness.isSlow.toggle()
    case 80..<89:
      origin.weather = dice.roll(5) < 2 ? .fair : dice.pick(PretendOrigin.Weather.allCases)
      Trace.say("the origin is \(origin.weather)")
    case 89..<94: changeDisk()
    case 94..<96: disk.harm()
    default:
      disk.foreign = dice.roll(3) == 0 ? 0 : dice.roll(disk.size)
      checkers.limitsChanged(charged)
    }
  }

  private func changeDisk() {
    disk.weather = Disk.Weather()
    commitFaults = 0
    switch dice.roll(10) {
    case 0: disk.weather.write = 200
    case 1: disk.weather.shortWrite = 500
    case 2: disk.weather.sync = 300
    case 3: disk.weather.folderSync = 300
    case 4: disk.weather.names = 300
    case 5: disk.weather.isReadOnly = true
    case 6: disk.weather.isFull = true
    case 7: commitFaults = 200
    case 8:
      disk.weather.open = 200
      disk.weather.read = 200
    default: break
    }
    Trace.say("the disk has \(disk.weather)")
  }

  private func changeRules() {
    for user in Checkers.users {
      policy.quotas[user.text] = .some(dice.pick([nil, 4, 6, 8, 0].map { $0.map { $0 * Self.block + 7 } }))
    }
    policy.evicts = dice.roll(5) > 0
    policy.playingGrace = dice.pick([0, 1, 1000, 20_000])
    policy.capacity = dice.pick([nil, 5, 8, 12].map { $0.map { $0 * Self.block + 1 } })
    policy.reserve = dice.pick([0, 1, Self.block])
    checkers.policy = policy
    checkers.limitsChanged(charged)
    box?.use(policy, fills)
    Trace.say("new rules")
  }

  private func anyDownload() -> Download? {
    let known = checkers.downloads.values.sorted { $0.id < $1.id }.suffix(10)
    return known.isEmpty ? nil : dice.pick(Array(known))
  }

  private func start() {
    guard let box else { return }
    let user = dice.pick(Checkers.users)
    let name = dice.pick(Self.keys)
    // One title is another's under a second name.
    let content = name == "e" && dice.roll(2) == 0 ? "second" : name
    guard let title = try? Title(contentID: content, quality: "720p") else { return }
    let mine = life
    Trace.say("\(user.text) starts \(content)")
    EventLoop.spawn { [self] in
      let reply = await box.start(user, title, key: name)
      answered(reply, mine, "start")
      if case .download(let download, isNew: true) = reply, mine == life {
        checkers.expect(checkers.downloads[download.id] != nil, "5", "a start was answered before it was committed")
      }
    }
  }

  private func answered(_ reply: Reply, _ mine: Int, _ what: String) {
    guard mine == life else { return }
    Trace.say("  answer to \(what): \(reply)".prefix(160).description)
    guard case .download(let told, _) = reply, let box, !isDead else { return }
    let record = try? box.read { ledger, tx in try ledger.download(told.id, in: tx) }
    checkers.expect(record != nil, "5", "\(what) was answered, and is not in the ledger")
    if !told.isLive, what == "delete" || what == "cancel" {
      checkers.expect(
        record.flatMap { $0 }?.isLive == false, "6", "\(what) was answered as deleted, and is not in the ledger")
      let path = policy.link(of: told)
      let isTakenUp = checkers.downloads.values.contains {
        $0.isLive && $0.user == told.user && $0.title == told.title
      }
      checkers.expect(
        isTakenUp || disk.stuck.contains(path) || disk.weather.isReadOnly || disk.find(path) == nil, "6",
        "\(path) is still there when its delete is answered")
    }
  }

  private func wish() {
    guard let box else { return }
    let mine = life
    if dice.roll(20) == 0 {
      let user = dice.pick(Checkers.users)
      Trace.say("\(user.text) removes all")
      for download in checkers.downloads.values where download.user == user { checkers.unwanted.insert(download.id) }
      wantsNothing.insert(user)
      EventLoop.spawn { [self] in answered(await box.removeAll(user), mine, "remove all") }
      return
    }
    guard let download = anyDownload() else { return }
    let user = dice.roll(12) == 0 ? dice.pick(Checkers.users) : download.user
    let name = "\(download.title.contentID) of \(download.user.text)"
    if dice.roll(7) == 0 {
      Trace.say("\(user.text) retries \(name)")
      EventLoop.spawn { [self] in answered(await box.retry(user, download.id), mine, "retry") }
      return
    }
    let wish = dice.pick([Wish.pause, .pause, .resume, .resume, .pin, .unpin, .cancel, .delete, .delete])
    if wish == .cancel || wish == .delete, user == download.user { checkers.unwanted.insert(download.id) }
    Trace.say("\(user.text): \(wish) \(name)")
    EventLoop.spawn { [self] in answered(await box.apply(wish, user, download.id), mine, "\(wish)") }
  }

  /// Users that removed all they have: what they start meanwhile may go too.
  private var wantsNothing: Set<UserID> {
    get { checkers.leaving }
    set { checkers.leaving = newValue }
  }

  private func play() {
    guard let download = anyDownload() else { return }
    let user = dice.roll(12) == 0 ? dice.pick(Checkers.users) : download.user
    let wish = Viewing(
      offset: dice.number(), portion: 1 + dice.roll(Self.block), portions: 1 + dice.roll(6),
      rest: UInt64(dice.pick([1, 30, 700])))
    EventLoop.spawn { [self] in await play(download, user, wish) }
  }

  private struct Viewing {
    var offset: UInt64
    var portion: Int
    var portions: Int
    var rest: UInt64
  }

  /// As `API.play`, `Playable.prepare` and `Outgoing.pump` do it: what is known to be bad or missing is waited for, and
  /// no byte goes out of a block that was not compared since it came from the disk.
  private func play(_ download: Download, _ user: UserID, _ wish: Viewing) async {
    let mine = life
    let wasDeleted = checkers.downloads[download.id]?.isLive == false
    guard let box, let playable = await box.open(user, download.id), mine == life, !isDead else { return }
    checkers.expect(!wasDeleted && user == download.user, "6", "a deleted title is played")
    guard let reader = playable.reader, playable.object.size > 0 else { return }
    reader.begin()
    var position = Int(wish.offset % UInt64(playable.object.size))
    let first = reader.block(at: position)
    if reader.isDamaged || !reader.isVerified(first) {
      guard case .ready = await reader.ready(first) else {
        refusals += 1
        return
      }
    }
    plays += 1
    var warmedEnd = 0
    for _ in 0..<wish.portions {
      guard mine == life, !isDead, position < playable.object.size else { return }
      let block = reader.block(at: position)
      let bytes = playable.object.bytes(ofBlock: block)
      let piece = position..<min(bytes.upperBound, position + wish.portion)
      let isCold = position >= warmedEnd && !disk.isResident(reader.file.descriptor, piece)
      if isCold || !reader.isVerified(block) {
        warmedEnd = bytes.upperBound
        guard case .ready = await reader.ready(block) else { return }
        continue
      }
      var given = [UInt8](repeating: 0, count: piece.count)
      let isWhole = unsafe try? Self.read(reader.file, &given, position)
      guard mine == life, !isDead, let isWhole else { return }
      checkers.expect(isWhole || disk.hasHarmed, "1", "the file of a completed title is too short")
      guard isWhole else { return }
      playable.touch()
      checkers.played(given, at: position, of: playable)
      position = piece.upperBound
      try? await EventLoop.sleep(for: .milliseconds(Int64(wish.rest)))
    }
  }

  /// Everything that is completed is played from end to end.
  private func playAll() throws {
    for download in checkers.downloads.values.sorted(by: { $0.id < $1.id })
    where download.isLive && download.status == .completed {
      EventLoop.spawn { [self] in
        await play(download, download.user, Viewing(offset: 0, portion: Self.block, portions: 100, rest: 1))
      }
      try rest()
    }
  }

  @unsafe private static func read(
    _ file: ObjectFile, _ bytes: inout [UInt8], _ offset: Int
  ) throws(DiskError) -> Bool {
    let result: Result<Bool, DiskError> = unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(DiskError) { return .success(unsafe try file.read(into: buffer, at: offset)) } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
