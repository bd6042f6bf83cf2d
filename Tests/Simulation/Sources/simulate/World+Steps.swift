// One step of a world: what users and players ask for, what becomes of origin and disk, what the administrator changes.

import Cache
import Loop

extension World {
  func act() {
    Trace.note(UInt64(steps))
    switch dice.roll(isCalm ? 83 : 112) {
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
      stepClock()
    case 78: reload()
    case 79: slowness.isSlow.toggle()
    case 80..<83: verify()
    case 83..<92:
      origin.weather = dice.roll(5) < 2 ? .fair : dice.pick(PretendOrigin.Weather.allCases)
      Trace.say("the origin is \(origin.weather)")
    case 92..<97: changeDisk()
    case 97..<99: disk.harm()
    case 103..<106: moveBucket()
    case 106:
      Trace.say("the keys expire")
      origin.accessKey += 1
    case 107..<110: lookAfter()
    case 110..<112: moveFolder()
    default:
      disk.foreign = dice.roll(3) == 0 ? 0 : dice.roll(disk.size)
      checkers.limitsChanged(charged)
    }
  }

  private func stepClock() {
    let steps = [-60_000, -500, 500, 60_000, 3_600_000, -3_600_000] + (isCalm ? [] : [259_200_000, -259_200_000])
    let step = Int64(dice.pick(steps))
    unsafe Stage.clockOffset += step
    Trace.say("the clock steps by \(step / 1000) s")
  }

  private func moveBucket() {
    origin.region = dice.pick(PretendOrigin.regions)
    origin.isAbroadLost = dice.roll(4) == 0
    Trace.say("the bucket is in \(origin.region)\(origin.isAbroadLost ? ", abroad is lost" : "")")
  }

  /// The administrator sets a clock that is days off, writes the keys that are taken into the file of credentials, and
  /// reloads.
  func lookAfter() {
    Trace.say("somebody looks after keys and clock")
    if unsafe Stage.clockOffset.magnitude > 86_400_000 { unsafe Stage.clockOffset = 0 }
    accessKey = origin.accessKey
    reload()
  }

  func reload() { box?.use(policy, fills, accessKey: accessKey) }

  private func moveFolder() {
    if disk.away == nil { disk.takeAway() } else { disk.bringBack() }
    checkers.limitsChanged(charged)
  }

  func changeDisk() {
    disk.weather = Disk.Weather()
    commitFaults = 0
    let kind = dice.roll(11)
    if kind < 10 { wasDiskTroubled = true }
    switch kind {
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
    case 9: disk.weather.isOverQuota = true
    default: break
    }
    Trace.say("the disk has \(disk.weather)")
  }

  func changeRules() {
    for user in Checkers.users {
      policy.quotas[user] = .some(dice.pick([nil, 4, 6, 8, 0].map { $0.map { $0 * Self.block + 7 } }))
    }
    policy.evicts = dice.roll(5) > 0
    policy.playingGrace = dice.pick([0, 1, 1000, 20_000])
    policy.capacity = dice.pick([nil, 5, 8, 12].map { $0.map { $0 * Self.block + 1 } })
    policy.reserve = dice.pick([0, 1, Self.block])
    use(policy)
    Trace.say("new rules")
  }

  /// The administrator has an end with limits, and brings a larger disk.
  func makeRoom() {
    policy.quotas = [:]
    policy.capacity = nil
    disk.size += 100 * Self.block
    use(policy)
    Trace.say("there is room for everything")
  }

  private func use(_ policy: Policy) {
    checkers.policy = policy
    checkers.limitsChanged(charged)
    reload()
  }

  func anyDownload() -> Download? {
    let known = checkers.downloads.values.sorted { $0.id < $1.id }.suffix(10)
    return known.isEmpty ? nil : dice.pick(Array(known))
  }

  func start() {
    guard let box else { return }
    let user = dice.pick(Checkers.users)
    let name = dice.pick(Self.keys)
    // One title is another's under a second name.
    let content = name == "e" && dice.roll(2) == 0 ? "second" : name
    guard let title = try? Title(contentID: content, quality: "720p") else { return }
    let mine = life
    Trace.say("\(user.text) starts \(content)")
    unanswered += 1
    EventLoop.spawn { [self] in
      let reply = await box.start(user, title, key: name)
      if mine == life { unanswered -= 1 }
      answered(reply, mine, "start")
      if case .download(let download, isNew: true) = reply, mine == life {
        checkers.expect(checkers.downloads[download.id] != nil, "5", "a start was answered before it was committed")
      }
    }
  }

  func answered(_ reply: Told, _ mine: Int, _ what: String) {
    guard mine == life else { return }
    Trace.say("  answer to \(what): \(reply)".prefix(160).description)
    guard case .download(let told, _) = reply, let box, !isDead else { return }
    let record: Download?
    // Closed by now, it says nothing.
    do { record = try box.read { ledger, tx in try ledger.download(told.id, in: tx) } } catch { return }
    checkers.expect(record != nil, "5", "\(what) was answered, and is not in the ledger")
    if !told.isLive, what == "delete" || what == "cancel" {
      checkers.expect(
        record?.isLive == false, "6", "\(what) was answered as deleted, and is not in the ledger")
      let path = policy.link(of: told)
      let isTakenUp = checkers.downloads.values.contains {
        $0.isLive && $0.user == told.user && $0.title == told.title
      }
      checkers.expect(
        isTakenUp || disk.stuck.contains(path) || disk.weather.isReadOnly || disk.find(path) == nil, "6",
        "\(path) is still there when its delete is answered")
    }
  }

  func wish() {
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
      unanswered += 1
      EventLoop.spawn { [self] in
        let reply = await box.retry(user, download.id)
        if mine == life { unanswered -= 1 }
        answered(reply, mine, "retry")
      }
      return
    }
    let wish = dice.pick([Wish.pause, .pause, .resume, .resume, .pin, .unpin, .cancel, .delete, .delete])
    if wish == .cancel || wish == .delete, user == download.user { checkers.unwanted.insert(download.id) }
    Trace.say("\(user.text): \(wish) \(name)")
    EventLoop.spawn { [self] in answered(await box.apply(wish, user, download.id), mine, "\(wish)") }
  }

  /// Users that removed all they have: what they start meanwhile may go too.
  var wantsNothing: Set<UserID> {
    get { checkers.leaving }
    set { checkers.leaving = newValue }
  }
}
