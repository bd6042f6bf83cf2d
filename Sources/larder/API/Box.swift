// Everything that the API's answers are made of, in one hand: the ledger and its writer, the fills, the origin, the rules.

import Cache
import Glibc
import HTTP
import LMDB
import Loop

/// The parts of the running daemon that requests work with.
@EventLoop
final class Box {
  let writer: LedgerWriter
  let volume: Volume
  let origin: OriginClient
  let fills: Fills
  let catalogue: Catalogue
  let titles: OpenTitles
  let losses: Losses
  let events: EventHub
  let metrics: Metrics
  let questions: OriginQuestions
  let space: FreeSpace
  private let quotas = QuotaSums()
  let log: EventLog
  var door: Door
  var policy: Policy
  var keyOf: (Title) -> String
  /// Plays that are not in the ledger yet.
  private var plays = AccessLog()
  private let playTimer = Timer()
  /// The one that runs.
  private(set) var repair: Repair?
  /// Records that cannot be read and were told of.
  private var unreadable: Set<String> = []
  /// On the loop's clock; 0 before the first.
  private var lastPlay: UInt64 = 0

  init(
    writer: LedgerWriter, volume: Volume, origin: OriginClient, fills: Fills, catalogue: Catalogue, door: Door,
    policy: Policy, losses: Losses, metrics: Metrics, log: EventLog, keyOf: @escaping (Title) -> String
  ) {
    self.writer = writer
    self.volume = volume
    self.origin = origin
    self.fills = fills
    self.catalogue = catalogue
    self.door = door
    self.policy = policy
    self.metrics = metrics
    self.log = log
    self.keyOf = keyOf
    self.losses = losses
    titles = OpenTitles(
      Shelf(ledger: writer.ledger, volume: volume, fills: fills, losses: losses, log: log))
    events = EventHub()
    space = FreeSpace { [volume] in volume.freeBytes }
    questions = OriginQuestions { [origin] in await origin.head($0) }
    metrics.read(.quotaBytes) { [quotas] in
      [quotas.last?.limit, quotas.last?.usage.used, quotas.last?.usage.reserved]
    }
    metrics.read(.quotaUsers) { [quotas] in [quotas.last?.users] }
    titles.played = { [unowned self] in played($0) }
    fills.heardOfBlocks = { [unowned self] in titles.heardOfBlocks(of: $0) }
    fills.willDecide = { [unowned self] in flushPlays() }
    fills.isAnythingPlayed = { [unowned self] in !titles.viewers.isEmpty }
    fills.rate.somebodyPlays = { [unowned self] in isPlaying }
    events.currentViews = { [unowned self] user, last in
      let filter = DownloadFilter(
        statuses: [.pending, .downloading, .paused], before: last, limit: UserBounds().unfinished)
      return attempt("the downloads of \(user.text)") { ledger, tx in
        let (downloads, next, unreadable) = try ledger.list(
          of: user, filter, examining: Limits.examinedRecords, in: tx)
        sayUnreadable(unreadable)
        return (try downloads.map { try view($0, in: tx) }, next)
      } ?? ([], nil)
    }
    events.unfinished = { [unowned self] ids in
      attempt("unfinished downloads") { ledger, tx in
        try ids.compactMap { try ledger.download($0, in: tx) }.filter { $0.isLive && $0.status.isUnfinished }
          .map { try view($0, in: tx) }
      }
    }
  }

  /// Reads the ledger as it is now; nothing of it may be kept beyond the closure.
  func read<T>(_ body: (Ledger, borrowing ReadTransaction) throws -> T) throws -> T {
    try writer.ledger.environment.read { tx in try body(writer.ledger, tx) }
  }

  /// The same for what can do without: nil, with a line in the log, when it cannot be read.
  private func attempt<T>(_ what: String, _ body: (Ledger, borrowing ReadTransaction) throws -> T) -> T? {
    do { return try read(body) } catch {
      sayUnreadable(what, error)
      return nil
    }
  }

  /// Downloads whose records cannot be read are left out and not lost from sight.
  func sayUnreadable(_ downloads: [DownloadID: CorruptRecord]) {
    for (id, error) in downloads { sayUnreadable("download \(id)", error) }
  }

  /// That is said once.
  func sayUnreadable(_ what: String, _ error: any Error) {
    if unreadable.insert(what).inserted { log.fault("ledger.unreadable", "\(what): \(error)") }
  }

  /// Changes the ledger. Plays that came before count in what is decided.
  func change<T: Sendable>(_ body: @escaping LedgerWriter.Body<T>) async throws -> T {
    flushPlays()
    return try await writer.change(body)
  }

  /// The download as the API shows it.
  func view(_ download: Download) throws -> DownloadView { try read { _, tx in try view(download, in: tx) } }

  /// The same as of one look at the ledger, so that several of them go together. Where its object's record cannot be read,
  /// its own says what it can.
  func view(_ download: Download, in tx: borrowing ReadTransaction) throws -> DownloadView {
    var object: StoredObject?
    do { object = try writer.ledger.object(download.object, in: tx) } catch let error as CorruptRecord {
      sayUnreadable("object \(download.object.hexadecimal)", error)
    }
    let live =
      download.status.isUnfinished
      ? fills.live(download) : (bytesPerSecond: 0, trouble: object.flatMap { fills.trouble(of: $0.id) })
    return DownloadView(
      download: download, downloadedBytes: object?.shownBytes(of: download) ?? download.endedBytes,
      bytesPerSecond: live.bytesPerSecond, trouble: live.trouble ?? download.trouble,
      filePath: download.status == .completed && download.isLive ? policy.link(of: download) : nil)
  }

  /// What a commit means to everything that remembers: nothing given up is served, nothing new waits unseen.
  func committed(_ change: Change) {
    for (id, download) in change.downloads {
      titles.changed(download)
      if change.news.contains(id) {
        tell(download)
        count(download)
      }
      // When that cannot be read, the errand asks again until it can, and says meanwhile what is wrong.
      if download.isLive, download.waitsForBytes,
        attempt(
          "object \(download.object.hexadecimal)",
          { ledger, tx in
            try download.object != .none && ledger.object(download.object, in: tx)?.state == .complete
          }) ?? true
      {
        fills.link(download)
      }
      if change.news.contains(id), events.isHeard(by: download.user),
        let view = attempt("download \(id)", { _, tx in try view(download, in: tx) })
      {
        events.publish(view)
      }
    }
    for object in change.goneObjects { fills.forget(object) }
    for (cause, count) in change.evictions { metrics.count(.evictions, cause.rawValue, by: count) }
    for object in change.damagedObjects {
      fills.lookAgain(object)
      titles.damaged(object)
    }
    if change.queueChanged { fills.queueChanged() }
  }

  /// One line for each turn in a download's life.
  private func tell(_ download: Download) {
    let title = "\(download.title.contentID) in \(download.title.quality)"
    var about: [EventLog.Subject: String] = [.download: download.id.description, .user: download.user.text]
    if let trouble = download.trouble { about[.code] = trouble.code.word }
    switch download.status {
    case _ where download.trouble?.code == .evicted:
      log.notice("download.evicted", "\(title) was evicted: \(download.trouble?.message ?? "")", about)
    case _ where !download.isLive: log.info("download.removed", "\(title) was cancelled or deleted", about)
    case .completed: log.info("download.completed", "\(title) is completed", about)
    case .failed: log.warning("download.failed", "\(title) failed: \(download.trouble?.message ?? "")", about)
    case .pending, .downloading, .paused, .cancelled:
      log.debug("download.changed", "\(title) is \(download.status.word)", about)
    }
  }

  /// The most bytes of video that may be kept: what is configured, else what lies here and was free when somebody last
  /// asked, less the reserve. Nil when that cannot be told.
  var capacity: Int? {
    if let capacity = policy.capacity { return capacity }
    guard let free = space.bytes, let usage = try? read({ ledger, tx in try ledger.boxUsage(in: tx) }) else {
      return nil
    }
    return max(0, usage.complete + usage.fillingStored + usage.discarded + free - min(free, policy.reserve))
  }

  /// What a scrape reads.
  func scrape() async -> Reply {
    await space.ask()
    await quotas.refresh(self)
    return metrics.reply()
  }

  /// What was promised when a download was accepted: that it will be completed.
  private func count(_ download: Download) {
    guard download.isLive else { return }
    switch download.status {
    case .completed: metrics.count(.promisesKept)
    case .failed: if let code = download.trouble?.code { metrics.count(.promisesBroken, code.word) }
    case .pending, .downloading, .paused, .cancelled: break
    }
  }

  /// What `route` answers, or what went wrong in it.
  func answer(_ request: APIRequest, _ route: (APIRequest) async throws -> Reply) async -> Reply {
    do {
      return try await route(request)
    } catch let rejection as Rejection {
      return .problem(rejection.problem, rejection.fields)
    } catch {
      log.fault("request.failed", "\(error)", [.request: "\(request.number)"])
      return .problem(Rejection.failed(error, request.number).problem)
    }
  }

  // MARK: Plays

  private func played(_ download: DownloadID) {
    plays.touch(download, at: Clock.now)
    lastPlay = EventLoop.now.milliseconds
    guard !playTimer.isActive else { return }
    playTimer.start(after: .milliseconds(500)) { [weak self] in self?.flushPlays() }
  }

  /// Inspects everything and mends what differs; one at a time.
  ///
  /// - Throws: ``RepairUnderWay``, or what keeps the inspection from its end.
  func repair(
    _ report: InspectionReport, bytesPerSecond: Int?, tell: @escaping @EventLoop (String) async -> Bool
  ) async throws -> InspectionSummary {
    guard repair == nil else { throw RepairUnderWay() }
    let root = try DataDirectory.open(volume.path)
    defer { close(root) }
    let repair = Repair(self, root: root, report: report, bytesPerSecond: bytesPerSecond, tell: tell)
    self.repair = repair
    defer { self.repair = nil }
    return try await repair.run()
  }

  /// Whether somebody plays, or something is fetched: what can wait does.
  var isBusy: Bool { fills.isFetching || isPlaying }

  /// Whether bytes went out to a player during the last seconds.
  var isPlaying: Bool { lastPlay > 0 && EventLoop.now.milliseconds < lastPlay + 5000 }

  /// Hands the plays since the last time to the ledger.
  func flushPlays() {
    guard !plays.isEmpty else { return }
    playTimer.stop()
    let drained = plays.drain()
    writer.submit { ledger, tx, change in
      try ledger.touch(drained, in: tx, &change)
    } done: { [log] result in
      if case .failure(let error) = result { log.fault("play.record", "plays could not be recorded: \(error)") }
    }
  }
}

extension StoredObject {
  /// What of it counts for the download: all once completed, and never all before.
  func shownBytes(of download: Download) -> Int { download.status == .completed ? size : shownBytes }
}

/// Somebody else mends already.
struct RepairUnderWay: Error, CustomStringConvertible {
  let description = "a repair is under way already; wait for its end"
}
