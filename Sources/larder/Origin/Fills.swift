// Who is fetched when: the queue's oldest titles, `downloads.active` at a time, and what becomes of each.

import Cache
import LMDB
import Loop

/// The fill engine: takes downloads from the ledger's queue until each is completed or has failed.
@EventLoop
final class Fills {
  private let writer: LedgerWriter
  private let volume: Volume
  private let origin: OriginClient
  private let losses: Losses
  private let log: EventLog
  let rate: RateLimit
  private let renewals = Renewals()
  /// Called before the ledger decides who has to go: what is played must be known there.
  var willDecide: @EventLoop () -> Void = {}
  private var settings: FillSettings

  /// What is under way: an object being brought in, or a download whose version the origin has yet to tell.
  private var errands: [Errand.Subject: Errand] = [:]
  /// Those who play an object that is not whole yet.
  private var audiences: [ObjectID: Audience] = [:]
  private var isScheduling = false
  private var scheduleAgain = false
  private var isStopped = false
  private var isFirstLook = true
  /// The damaged object that was begun last: the next one is looked for behind it.
  private var lastMend = ObjectID.none
  /// Why damaged objects are not whole that gave their place to others.
  private var setAside: [ObjectID: Trouble] = [:]
  /// Grows with every change of the ledger that the queue may look different after.
  private var news: UInt64 = 0
  /// What was brought in for nothing: nothing happened meanwhile, and it is wanted as before. It is not tried again before
  /// something happens: whatever stands in a damaged ledger, this does not run in a circle.
  private var fruitless: Set<Errand.Subject> = []

  /// Downloads of whole objects whose link is being made, and who waits for that.
  private var linking: [DownloadID: [CheckedContinuation<Void, Never>]] = [:]
  /// What was said of records that cannot be read.
  private var unreadable: Set<Errand.Subject> = []

  /// How many errands may wait for a sick origin besides the active ones: as many fills, and as many mends.
  nonisolated static let patience = 64
  /// How far one look into the queue goes.
  private static let look = 1024

  init(
    writer: LedgerWriter, volume: Volume, origin: OriginClient, losses: Losses, settings: FillSettings,
    rate: RateSettings, log: EventLog
  ) {
    self.writer = writer
    self.volume = volume
    self.origin = origin
    self.losses = losses
    self.settings = settings
    self.rate = RateLimit(rate)
    self.log = log
    self.rate.isYielding = { [unowned self] in
      audiences.contains { $1.isWaiting && errands[.object($0)]?.run?.isServing ?? false }
    }
  }

  /// New settings hold for what starts from now on; the rate at once.
  func use(_ settings: FillSettings, rate: RateSettings) {
    self.settings = settings
    self.rate.set(rate)
    schedule()
  }

  /// Tries everything that waits for the origin now: credentials or the way to it may have changed.
  func hurry() {
    for errand in errands.values { errand.hurry() }
  }

  /// Another bucket or endpoint is configured: what is on the way from the one before is given up, and each title sees anew
  /// whether it can go on.
  func originMoved() {
    for errand in errands.values { errand.run?.stop() }
  }

  /// What the box knows of an object or download beyond the ledger: how fast, and why not.
  func live(_ download: Download) -> (bytesPerSecond: Int, trouble: Trouble?) {
    let subject: Errand.Subject = download.object == .none ? .version(of: download.id) : .object(download.object)
    guard let errand = errands[subject] else { return (0, nil) }
    return (errand.run?.bytesPerSecond ?? 0, errand.run?.trouble ?? errand.trouble)
  }

  /// Why a damaged object is not whole again; nil while it is worked on, or is whole.
  func trouble(of object: ObjectID) -> Trouble? {
    guard let errand = errands[.object(object)] else { return setAside[object] }
    return errand.run?.trouble ?? errand.trouble
  }

  /// Why nothing is done about a damaged object just now; nil while it is worked on.
  func obstacle(to object: ObjectID) -> String? {
    if let trouble = trouble(of: object) { return trouble.message }
    let hasTurn = errands[.object(object)]?.turn.isHeld ?? false
    return hasTurn ? nil : "it has its turn after others"
  }

  /// Whether bytes of the object came in during the last seconds.
  func isReceiving(_ object: ObjectID) -> Bool { (errands[.object(object)]?.run?.bytesPerSecond ?? 0) > 0 }

  /// Called when blocks of an object came in.
  var heardOfBlocks: @EventLoop (ObjectID) -> Void = { _ in }

  /// An object lost blocks: a fill of it goes by an old map.
  func lookAgain(_ object: ObjectID) { errands[.object(object)]?.lookAgain() }

  // MARK: What is played while it comes in

  /// Those who play the object.
  func audience(of id: ObjectID) -> Audience {
    if let known = audiences[id] { return known }
    let audience = Audience()
    audience.changed = { [weak self] in self?.audienceChanged(id) }
    audiences[id] = audience
    return audience
  }

  private func audienceChanged(_ id: ObjectID) {
    errands[.object(id)]?.run?.audienceChanged()
    rate.yieldingChanged()
    guard audiences[id]?.isEmpty ?? false else { return }
    audiences[id] = nil
    schedule()
  }

  /// Somebody waits for blocks of an object: it is brought in at once, whatever else waits for its turn.
  ///
  /// - Returns: false when nobody wants it to come in: it is whole or gone, or all its downloads are paused.
  @discardableResult
  func attend(_ id: ObjectID) -> Bool {
    guard !isStopped else { return false }
    if let errand = errands[.object(id)] {
      guard !errand.isStopped else { return false }
      errand.turn.give()
      return true
    }
    let ledger = writer.ledger
    let wanted: StoredObject.State?? = try? ledger.environment.read { tx in
      let state = try ledger.object(id, in: tx)?.state
      guard state == .filling else { return state }
      let owners = try ledger.owners(of: id, in: tx)
      return try owners.contains { try ledger.download($0, in: tx)?.waitsForBytes ?? false } ? state : nil
    }
    guard let state = wanted ?? nil, state != .complete else { return false }
    start(.object(id), isMend: state == .mending)
    return true
  }

  /// Whether bytes come in, or could at any moment.
  var isFetching: Bool { errands.values.contains { $0.run != nil && $0.run?.trouble == nil } }

  /// The objects that are being brought in.
  var activeObjects: [ObjectID] {
    errands.keys.compactMap { if case .object(let id) = $0 { id } else { nil } }
  }

  /// An object is gone: whatever fetches it ends.
  func forget(_ object: ObjectID) {
    setAside[object] = nil
    errands[.object(object)]?.stop()
  }

  /// Ends everything and waits until nothing is under way.
  func stop() async {
    isStopped = true
    for errand in errands.values { errand.stop() }
    while let errand = errands.values.first { await errand.task?.value }
  }

  // MARK: Scheduling

  /// The queue may look different.
  func queueChanged() {
    news += 1
    fruitless = []
    schedule()
  }

  /// Looks at the queue and starts what has its turn; calls that come while it looks make it look once more.
  func schedule() {
    guard !isScheduling else {
      scheduleAgain = true
      return
    }
    isScheduling = true
    EventLoop.spawn { [self] in
      repeat {
        scheduleAgain = false
        do { try await look() } catch { log.fault("fill.schedule", "the queue cannot be read: \(error)") }
      } while scheduleAgain && !isStopped
      isScheduling = false
    }
  }

  private func look() async throws {
    guard !isStopped else { return }
    let ledger = writer.ledger
    var toBegin: [DownloadID] = []
    var unfounded: [DownloadID] = []
    try ledger.environment.read { tx in
      for (subject, errand) in errands {
        try reading(subject) {
          switch subject {
          case .version(let id):
            if try ledger.download(id, in: tx)?.waitsForVersion != true { errand.stop() }
          case .object(let id):
            let owners = try ledger.owners(of: id, in: tx).compactMap { try ledger.download($0, in: tx) }
            let isWanted = owners.contains { $0.waitsForBytes }
            if !isWanted, try ledger.object(id, in: tx)?.state != .mending { errand.stop() }
            toBegin += owners.filter { $0.status == .pending }.map(\.id)
          }
        }
      }
      // What was whole goes before what never was, and takes no turn away from it: it is little, and somebody misses it.
      try startMends(in: tx)
      for errand in errands.values.filter({ $0.turn.wantedSince != nil })
        .sorted(by: { $0.turn.wantedSince! < $1.turn.wantedSince! })
      where !errand.turn.isHeld && (errand.isMend ? mending : holding) < settings.active { errand.turn.give() }
      // What came in ahead of its turn because somebody played it waits for one when nobody does any more.
      for errand in errands.filter({ isCounted($1, $0) }).values.sorted(by: { $0.turn.number > $1.turn.number })
      where holding > settings.active { errand.turn.giveUp() }
      for entry in try ledger.queue(limit: Self.look, in: tx) {
        let subject: Errand.Subject = entry.object == .none ? .version(of: entry.download) : .object(entry.object)
        // What is whole needs only its link, no turn and no origin. A commit that makes it so starts that by itself
        // (`link`), so only the first look after a crash has to search beyond what has its turn.
        guard hasTurn || isFirstLook else { break }
        guard errands[subject] == nil, linking[entry.download] == nil, !fruitless.contains(subject) else { continue }
        var (isThere, isWhole) = (true, false)
        if entry.object != .none {
          try reading(subject) {
            let object = try ledger.object(entry.object, in: tx)
            isThere = object != nil
            isWhole = isFirstLook && object?.state == .complete
          }
        }
        guard isThere else {
          unfounded.append(entry.download)
          continue
        }
        guard isWhole || hasTurn else { continue }
        start(subject)
      }
      isFirstLook = false
    }
    if !toBegin.isEmpty || !unfounded.isEmpty {
      let (ids, unfounded) = (toBegin, unfounded)
      try await writer.change { ledger, tx, change in
        try ledger.begin(ids, in: tx, &change)
        try ledger.unbind(unfounded, in: tx, &change)
      }
    }
  }

  /// A record that cannot be read stops what it is about and nothing else; that is said once.
  private func reading(_ subject: Errand.Subject, _ body: () throws -> Void) throws {
    do { try body() } catch let error as CorruptRecord {
      if unreadable.insert(subject).inserted { log.fault("fill.unreadable", "\(subject): \(error)") }
    }
  }

  /// An errand that waits because of its own object gives its turn to others; one that waits for the network keeps it.
  private var hasTurn: Bool {
    holding < settings.active && errands.values.count { !$0.isMend } < settings.active + Self.patience
  }

  private var holding: Int { errands.count { isCounted($1, $0) } }

  /// Whether an errand takes up a turn: not what is mended, nor what somebody plays.
  private func isCounted(_ errand: Errand, _ subject: Errand.Subject) -> Bool {
    !errand.isMend && holdsTurn(errand, subject)
  }

  private func holdsTurn(_ errand: Errand, _ subject: Errand.Subject) -> Bool {
    guard errand.turn.isHeld else { return false }
    if case .object(let id) = subject, audiences[id] != nil { return false }
    return true
  }

  // MARK: What was whole

  /// How many objects are mended at the moment: those that wait because of themselves are not.
  private var mending: Int { errands.count { $1.isMend && holdsTurn($1, $0) } }

  /// Begins with damaged objects, one after the other and round again, so that none that can be mended waits for ever
  /// behind those that cannot.
  private func startMends(in tx: borrowing ReadTransaction) throws {
    let ledger = writer.ledger
    let round =
      try ledger.mends(after: lastMend, limit: Self.look, in: tx) + ledger.mends(limit: Self.look, in: tx)
    for object in round where errands[.object(object)] == nil && !fruitless.contains(.object(object)) {
      guard mending < settings.active else { return }
      let places = settings.active + Self.patience
      guard errands.values.count(where: { $0.isMend && !$0.isStopped }) < places || makePlace() else { return }
      start(.object(object), isMend: true)
      lastMend = object
    }
  }

  /// Ends the mend that has had its place longest, when that was long enough to be sure that it is stuck.
  private func makePlace() -> Bool {
    let due = errands.filter { _, errand in
      errand.isMend && !errand.isStopped && !errand.turn.isHeld && errand.turn.wantedSince != nil
        && errand.age >= settings.retry.limit
    }
    guard let (subject, errand) = due.max(by: { $0.value.age < $1.value.age }) else { return false }
    if case .object(let id) = subject, let trouble = trouble(of: id) {
      setAside[id] = Trouble(trouble.code, trouble.message)
    }
    errand.stop()
    return true
  }

  private func start(_ subject: Errand.Subject, isMend: Bool = false) {
    let errand = Errand(
      subject, writer: writer, volume: volume, origin: origin, rate: rate, renewals: renewals, losses: losses,
      settings: settings, log: log)
    errand.isMend = isMend
    errand.willDecide = { [weak self] in self?.willDecide() }
    if case .object(let id) = subject {
      setAside[id] = nil
      errand.heardOfBlocks = { [weak self] in self?.heardOfBlocks(id) }
      errand.audience = { [weak self] in self?.audiences[id] }
    }
    errand.turn.changed = { [weak self] in self?.schedule() }
    errands[subject] = errand
    let begun = news
    errand.task = EventLoop.spawn { [self] in
      await errand.run()
      errands[subject] = nil
      if news == begun { fruitless.insert(subject) }
      schedule()
    }
    // It may have ended before it had a task to wait for.
    if errand.isOver { errands[subject] = nil }
  }

  // MARK: What is whole already

  /// What is whole needs only its link, no turn and no errand: the link is made and durable, then it is completed. What
  /// cannot be linked is left to an errand, which looks why.
  func link(_ download: Download) {
    guard !isStopped, linking[download.id] == nil else { return }
    linking[download.id] = []
    let id = download.id
    volume.links.make([download]) { [writer] made in
      if let fault = made.fault {
        EventLoop.submit { self.linked(download, fault) }
        return
      }
      writer.submit { ledger, tx, change in
        try ledger.complete([id], in: tx, &change)
      } done: { completed in
        EventLoop.submit { self.linked(download, completed.fault) }
      }
    }
  }

  private func linked(_ download: Download, _ fault: (any Error)?) {
    let onlookers = linking.removeValue(forKey: download.id) ?? []
    let subject = Errand.Subject.object(download.object)
    if fault != nil, errands[subject] == nil, !isStopped { start(subject) }
    for onlooker in onlookers { onlooker.resume() }
  }

  /// Waits until a download whose object the box holds whole has its link, or cannot have it now.
  func settle(_ download: Download) async {
    link(download)
    if linking[download.id] != nil {
      await withCheckedContinuation { linking[download.id]?.append($0) }
    }
    await errands[.object(download.object)]?.untilRest()
  }
}

extension Result {
  fileprivate var fault: Failure? {
    if case .failure(let fault) = self { fault } else { nil }
  }
}

extension Download {
  /// Whether bytes of its object are to come in for it.
  var waitsForBytes: Bool { status == .pending || status == .downloading }

  /// Whether it still waits for the origin to tell its version.
  var waitsForVersion: Bool { isLive && object == .none && waitsForBytes }
}
