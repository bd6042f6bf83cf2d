// The daemon on the pretend machine: the program's own fills, errands, volume, writer and ledger, wired together as in
// `Daemon` and `Box`; and what the API does with them, step by step in its order.

import Cache
import Curl
import LMDB
import Loop
import S3

/// What a user is told.
enum Told {
  case download(Download, isNew: Bool)
  case refused(Refusal)
  case notFound, conflict, contentNotFound, originRefused
  case removed(Int)
  /// Our own fault, or the disk's: nothing was promised.
  case failed(String)
}

/// A running box, with the face of the program's own.
@EventLoop
final class Box {
  let ledger: Ledger
  let writer: LedgerWriter
  let volume: Volume
  let origin: OriginClient
  let fills: Fills
  let titles: OpenTitles
  let losses: Losses
  let questions: OriginQuestions
  private(set) var repair: Repair?
  /// Players' connections that are open.
  var connections: [HTTPConnection] = []
  let scrub: Scrub
  static let scrubbing = ScrubSettings(rate: 256 << 10, interval: 20_000)
  private var plays = AccessLog()
  private let playTimer = Timer()
  /// Since when starts of titles that are whole wait for their link, by number.
  private(set) var settling: [Int: Timestamp] = [:]
  private var asked = 0

  init(
    ledgerPath: String, mapSize: Int, policy: Policy, fills settings: FillSettings, accessKey: Int,
    questions bounds: (Int, Int, Int), committed heard: @escaping @Sendable (Change) -> Void
  ) throws {
    try DataDirectory.prepare("/box")
    ledger = try Ledger(path: ledgerPath, mapSize: mapSize)
    writer = LedgerWriter(ledger, policy: policy) { DataDirectory.freeBytes(rootHandle) }
    volume = try Volume(path: "/box", ledger: writer)
    let (metrics, log) = (Metrics(), EventLog())
    origin = try OriginClient(Box.originSettings(accessKey: accessKey), metrics: metrics, log: log)
    losses = Losses(writer: writer, metrics: metrics, log: log)
    fills = Fills(
      writer: writer, volume: volume, origin: origin, losses: losses, settings: settings, rate: RateSettings(),
      log: log)
    scrub = Scrub(writer: writer, volume: volume, losses: losses, settings: Box.scrubbing, log: log)
    questions = OriginQuestions(total: bounds.0, perUser: bounds.1, waitingPerUser: bounds.2) { [origin] in
      await origin.head($0)
    }
    titles = OpenTitles(Shelf(ledger: ledger, volume: volume, fills: fills, losses: losses, log: log))
    scrub.isBusy = { [unowned fills] in fills.isFetching }
    fills.heardOfBlocks = { [unowned self] in titles.heardOfBlocks(of: $0) }
    titles.played = { [unowned self] in played($0) }
    fills.willDecide = { [unowned self] in flushPlays() }
    fills.isAnythingPlayed = { [unowned self] in !titles.viewers.isEmpty }
    writer.onCommit { [volume, weak self] change in
      heard(change)
      volume.remove(change.discards)
      EventLoop.submit { self?.committed(change) }
    }
  }

  nonisolated static let bucket = "media"

  /// What the configuration and the file of credentials say.
  private static func originSettings(accessKey: Int) throws -> OriginSettings {
    let region = PretendOrigin.regions[0]
    return OriginSettings(
      endpoint: try Endpoint(
        "http://\(PretendOrigin.host(region))", region: region, bucket: bucket, addressing: .path),
      credentials: try Credentials(accessKeyID: "key\(accessKey)", secretAccessKey: "secret"),
      connectTimeout: .seconds(2), stallTimeout: .seconds(4), caFile: nil)
  }

  /// Takes up what was left undone.
  func start() throws {
    let pending = try read { ledger, tx in try ledger.pendingDiscards(in: tx) }
    volume.remove(pending, mayBeGone: true)
    fills.schedule()
    scrub.start()
  }

  /// The end, in the order of `Daemon.stop`.
  func stop() async {
    repair?.stop()
    for connection in connections { connection.close() }
    await fills.stop()
    await scrub.stop()
    flushPlays()
    await volume.finish()
    await writer.finish()
    ledger.environment.close()
    origin.shutDown()
  }

  func read<T>(_ body: (Ledger, borrowing ReadTransaction) throws -> T) throws -> T {
    try ledger.environment.read { tx in try body(ledger, tx) }
  }

  func change<T: Sendable>(_ body: @escaping LedgerWriter.Body<T>) async throws -> T {
    flushPlays()
    return try await writer.change(body)
  }

  private func committed(_ change: Change) {
    for download in change.downloads.values {
      titles.changed(download)
      if download.isLive, download.waitsForBytes,
        (try? read { ledger, tx in try ledger.object(download.object, in: tx)?.state == .complete }) == true
      {
        fills.link(download)
      }
    }
    for object in change.goneObjects {
      fills.forget(object)
      scrub.forget(object)
    }
    for object in change.damagedObjects {
      fills.lookAgain(object)
      titles.damaged(object)
    }
    if change.queueChanged { fills.queueChanged() }
  }

  private func played(_ download: DownloadID) {
    plays.touch(download, at: Clock.now)
    guard !playTimer.isActive else { return }
    playTimer.start(after: .milliseconds(500)) { [weak self] in self?.flushPlays() }
  }

  func flushPlays() {
    guard !plays.isEmpty else { return }
    playTimer.stop()
    let drained = plays.drain()
    writer.submit { ledger, tx, change in
      try ledger.touch(drained, in: tx, &change)
    } done: { _ in
    }
  }

  // MARK: The API

  func start(_ user: UserID, _ title: Title, key: String) async -> Told {
    do {
      let live = try read { ledger, tx in try ledger.liveDownload(of: user, title, in: tx) }
      if let live, live.status != .failed { return .download(live, isNew: false) }
      return try await start(user, title, key: key, reviving: live)
    } catch { return .failed("\(error)") }
  }

  func retry(_ user: UserID, _ id: DownloadID) async -> Told {
    do {
      guard let download = try read({ try $0.download(id, in: $1) }), download.isLive, download.user == user else {
        return .notFound
      }
      switch download.status {
      case .pending, .downloading: return .download(download, isNew: false)
      case .failed: return try await start(user, download.title, key: download.key, reviving: download)
      case .paused, .completed, .cancelled: return .conflict
      }
    } catch { return .failed("\(error)") }
  }

  private func start(_ user: UserID, _ title: Title, key: String, reviving failed: Download?) async throws -> Told {
    var found: OriginObject?
    var trouble: Trouble?
    switch try await questions.ask(key, for: user) {
    case .found(let object): found = object
    case .missing: return .contentNotFound
    case .denied, .refused: return .originRefused
    case .unreachable(let why): trouble = Trouble(.originUnreachable, why)
    case .troubled(let why, _): trouble = Trouble(.originError, why)
    }
    let wish = StartRequest(
      user: user, title: title, key: key, bucket: origin.bucket, found: found, trouble: trouble, revived: failed?.id)
    switch try await change({ ledger, tx, change in try ledger.start(wish, in: tx, &change) }) {
    case .refused(let refusal): return .refused(refusal)
    case .gone: return .notFound
    case .crowded: return .failed("too many")
    case .existing(let download): return .download(try await settled(download), isNew: false)
    case .created(let download): return .download(try await settled(download), isNew: true)
    }
  }

  private func settled(_ download: Download) async throws -> Download {
    let isWhole = try read { ledger, tx in try ledger.object(download.object, in: tx)?.state == .complete }
    if isWhole, download.status.isUnfinished {
      asked += 1
      let number = asked
      settling[number] = Clock.steady
      await fills.settle(download)
      settling[number] = nil
    }
    return try read { ledger, tx in try ledger.download(download.id, in: tx) } ?? download
  }

  func apply(_ wish: Wish, _ user: UserID, _ id: DownloadID) async -> Told {
    do {
      switch try await change({ ledger, tx, change in try ledger.apply(wish, to: id, of: user, in: tx, &change) }) {
      case .done(let download):
        if !download.isLive { await volume.caughtUp() }
        return .download(download, isNew: false)
      case .notFound: return .notFound
      case .conflict: return .conflict
      }
    } catch { return .failed("\(error)") }
  }

  func removeAll(_ user: UserID) async -> Told {
    do {
      let (deleted, _) = try await change { ledger, tx, change in try ledger.removeAll(of: user, in: tx, &change) }
      await volume.caughtUp()
      return .removed(deleted)
    } catch { return .failed("\(error)") }
  }

  /// The title open for playing; nil for every answer but 200.
  func open(_ user: UserID, _ id: DownloadID) async -> Playable? {
    do {
      guard let download = try read({ try $0.download(id, in: $1) }), download.user == user, download.isPlayable
      else { return nil }
      return try await titles.playable(download)
    } catch { return nil }
  }

  /// Inspects everything and mends what differs; one at a time.
  func repair(
    _ report: InspectionReport, bytesPerSecond: Int?, tell: @escaping @EventLoop (String) async -> Bool
  ) async throws -> InspectionSummary? {
    guard repair == nil else { return nil }
    let repair = Repair(self, root: rootHandle, report: report, bytesPerSecond: bytesPerSecond, tell: tell)
    self.repair = repair
    defer { self.repair = nil }
    return try await repair.run()
  }

  /// A reload of the configuration, in the order of `Daemon.reload`.
  func use(_ policy: Policy, _ settings: FillSettings, accessKey: Int) {
    writer.use(policy)
    if let fresh = try? Self.originSettings(accessKey: accessKey), origin.use(fresh) { fills.originMoved() }
    fills.use(settings, rate: RateSettings())
    fills.hurry()
  }
}
