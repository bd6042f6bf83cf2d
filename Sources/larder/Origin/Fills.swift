// Who is fetched when: the queue's oldest titles, `downloads.active` at a time, and what becomes of each.

import Cache
import LMDB
import Loop

/// The fill engine: takes downloads from the ledger's queue until each is completed or has failed.
@EventLoop
final class Fills {
  let writer: LedgerWriter
  let volume: Volume
  let origin: OriginClient
  let losses: Losses
  let log: EventLog
  let rate: RateLimit
  private let renewals = Renewals()
  /// Called before the ledger decides who has to go: what is played must be known there.
  var willDecide: @EventLoop () -> Void = {}
  /// Whether anybody plays anything.
  var isAnythingPlayed: @EventLoop () -> Bool = { false }
  var settings: FillSettings

  /// What is under way: an object being brought in, or a download whose version the origin has yet to tell.
  var errands: [Errand.Subject: Errand] = [:]
  /// Those who play an object that is not whole yet.
  var audiences: [ObjectID: Audience] = [:]
  var isScheduling = false
  var scheduleAgain = false
  var isStopped = false
  var isFirstLook = true
  /// Whether the last turn that came free went to what never had one.
  var newcomerWasLast = true
  /// The damaged object that was begun last: the next one is looked for behind it.
  var lastMend = ObjectID.none
  /// Fills that gave their place to others, until they are due.
  var aside = SetAside()
  let waker = Timer()
  var round = QueueRound()
  /// Why damaged objects are not whole that gave their place to others.
  var stuckMends: [ObjectID: Trouble] = [:]
  /// Grows with every change of the ledger that the queue may look different after.
  var news: UInt64 = 0
  /// What was brought in for nothing: nothing happened meanwhile, and it is wanted as before. It is not tried again before
  /// something happens: whatever stands in a damaged ledger, this does not run in a circle.
  var fruitless: Set<Errand.Subject> = []

  /// Downloads of whole objects whose link is being made, and who waits for that.
  var linking: [DownloadID: [CheckedContinuation<Void, Never>]] = [:]
  /// What was said of records that cannot be read.
  var unreadable: Set<Errand.Subject> = []

  /// How many errands may wait for a sick origin besides the active ones: as many fills, and as many mends.
  nonisolated static let patience = 64
  /// So many rows of the queue are read in one go.
  static let look = 1024

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
    aside.forgetAll()
    fruitless = []
    schedule()
  }

  /// Another bucket or endpoint is configured: what is on the way from the one before is given up, and each title sees anew
  /// whether it can go on.
  func originMoved() {
    for errand in errands.values { errand.run?.stop() }
  }

  /// What the box knows of an object or download beyond the ledger: how fast, and why not.
  func live(_ download: Download) -> (bytesPerSecond: Int, trouble: Trouble?) {
    let subject: Errand.Subject = download.object == .none ? .version(of: download.id) : .object(download.object)
    guard let errand = errands[subject] else {
      return (0, download.waitsForBytes ? aside.trouble(of: subject) : nil)
    }
    return (errand.run?.bytesPerSecond ?? 0, errand.run?.trouble ?? errand.trouble)
  }

  /// Why a damaged object is not whole again; nil while it is worked on, or is whole.
  func trouble(of object: ObjectID) -> Trouble? {
    guard let errand = errands[.object(object)] else {
      return stuckMends[object] ?? aside.trouble(of: .object(object))
    }
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

  // MARK: Errands

  func start(_ subject: Errand.Subject, isMend: Bool = false) {
    let errand = Errand(
      subject, writer: writer, volume: volume, origin: origin, rate: rate, renewals: renewals, losses: losses,
      settings: settings, log: log)
    errand.isMend = isMend
    errand.willDecide = { [weak self] in self?.willDecide() }
    errand.isAnythingPlayed = { [weak self] in self?.isAnythingPlayed() ?? false }
    if case .object(let id) = subject {
      stuckMends[id] = nil
      errand.heardOfBlocks = { [weak self] in self?.heardOfBlocks(id) }
      errand.audience = { [weak self] in self?.audiences[id] }
    }
    errand.turn.changed = { [weak self] in self?.schedule() }
    errands[subject] = errand
    let begun = news
    errand.task = EventLoop.spawn { [self] in
      await errand.run()
      errands[subject] = nil
      if !errand.isSetAside {
        aside.forget(subject)
        if news == begun { fruitless.insert(subject) }
      }
      schedule()
    }
    // It may have ended before it had a task to wait for.
    if errand.isOver { errands[subject] = nil }
  }

  // MARK: What is under way

  /// Whether bytes come in, or could at any moment.
  var isFetching: Bool { errands.values.contains { $0.run != nil && $0.run?.trouble == nil } }

  /// The objects that are being brought in.
  var activeObjects: [ObjectID] {
    errands.keys.compactMap { if case .object(let id) = $0 { id } else { nil } }
  }

  /// An object is gone: whatever fetches it ends.
  func forget(_ object: ObjectID) {
    stuckMends[object] = nil
    aside.forget(.object(object))
    errands[.object(object)]?.stop()
  }

  /// Ends everything and waits until nothing is under way.
  func stop() async {
    isStopped = true
    for errand in errands.values { errand.stop() }
    while let errand = errands.values.first { await errand.task?.value }
  }
}

extension Download {
  /// Whether bytes of its object are to come in for it.
  var waitsForBytes: Bool { status == .pending || status == .downloading }

  /// Whether it still waits for the origin to tell its version.
  var waitsForVersion: Bool { isLive && object == .none && waitsForBytes }
}
