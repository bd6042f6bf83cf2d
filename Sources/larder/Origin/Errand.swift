// What the fill engine does for one object, top to bottom: ask, fetch, compare, link, complete. It survives everything
// that mends by waiting, and says in the ledger what does not.

import Cache
import LMDB
import Loop
import S3
import Synchronization

/// The way of one object from the queue to `completed`.
@EventLoop
final class Errand {
  enum Subject: Hashable {
    /// A download waits for the origin to tell which version there is.
    case version(of: DownloadID)
    /// An object is to be brought in.
    case object(ObjectID)
  }

  private let subject: Subject
  private let writer: LedgerWriter
  private let volume: Volume
  private let origin: OriginClient
  private let rate: RateLimit
  private let settings: FillSettings
  private let log: EventLog
  private let renewals: Renewals
  private let bell = Bell()
  private var attempts = 0
  private var isStopped = false
  /// The same for the disk's threads.
  private let stopFlag = StopFlag()
  private var isResting = false
  private var onlookers: [CheckedContinuation<Void, Never>] = []

  /// The fill, while there is one.
  private(set) var run: FillRun?
  /// Why it waits, when no fill can say it.
  private(set) var trouble: Trouble?
  private(set) var isOver = false
  /// Its place among the titles that are fetched at the same time.
  let turn = Turn()
  var task: Task<Void, Never>?
  /// Called before the ledger decides who has to go.
  var willDecide: @EventLoop () -> Void = {}

  init(
    _ subject: Subject, writer: LedgerWriter, volume: Volume, origin: OriginClient, rate: RateLimit,
    renewals: Renewals, settings: FillSettings, log: EventLog
  ) {
    self.subject = subject
    self.writer = writer
    self.volume = volume
    self.origin = origin
    self.rate = rate
    self.renewals = renewals
    self.settings = settings
    self.log = log
  }

  func stop() {
    isStopped = true
    stopFlag.raise()
    run?.stop()
    turn.end()
    bell.ring()
    // A question to the origin is not waited for.
    task?.cancel()
  }

  /// Waits until it is over, or waits itself for something that may take long.
  func untilRest() async {
    guard !isOver, !isResting else { return }
    await withCheckedContinuation { onlookers.append($0) }
  }

  private func tellOnlookers() {
    let told = onlookers
    onlookers = []
    for onlooker in told { onlooker.resume() }
  }

  /// Ends a wait for the origin early.
  func hurry() {
    run?.hurry()
    bell.ring()
  }

  func run() async {
    defer {
      isOver = true
      tellOnlookers()
    }
    while !isStopped {
      do {
        switch subject {
        case .version(let download): return try await identify(download)
        case .object(let object): return try await bringIn(object)
        }
      } catch {
        // The ledger or the disk refused: nothing is lost, so it is tried again.
        log.warning("fill.trouble", "\(error)")
        await pause(.storageError, "\(error)", asked: nil)
      }
    }
  }

  // MARK: The version

  private func identify(_ id: DownloadID) async throws {
    while !isStopped {
      guard let download = try read({ ledger, tx in try ledger.download(id, in: tx) }), download.waitsForVersion else {
        return
      }
      switch await origin.head(download.key) {
      case .found(let found):
        willDecide()
        return try await writer.change { ledger, tx, change in
          try ledger.identify(id, as: found, in: tx, &change)
        }
      case let other:
        if try await isFinal(other.outcome, for: { _, _ in [id] }) { return }
      }
    }
  }

  /// Fails the downloads when the answer will not mend by waiting; else waits.
  private func isFinal(
    _ outcome: FetchOutcome, for owners: @escaping @Sendable (Ledger, borrowing WriteTransaction) throws -> [DownloadID]
  ) async throws -> Bool {
    switch outcome {
    case .unreachable(let why): await pause(.originUnreachable, why, asked: nil)
    case .troubled(let why, let asked): await pause(.originError, why, asked: asked)
    case .missing: return try await fail(owners, Trouble(.contentNotFound, "the origin has no such title or quality"))
    case .denied(let why): return try await fail(owners, Trouble(.accessDenied, why))
    case .delivered, .changed, .abandoned: break
    }
    return false
  }

  private func fail(
    _ owners: @escaping @Sendable (Ledger, borrowing WriteTransaction) throws -> [DownloadID], _ trouble: Trouble
  ) async throws -> Bool {
    try await writer.change { ledger, tx, change in
      try ledger.fail(try owners(ledger, tx), trouble, in: tx, &change)
    }
    return true
  }

  // MARK: The object

  private func bringIn(_ id: ObjectID) async throws {
    while !isStopped {
      guard
        let (object, present) = try read({ ledger, tx in
          try ledger.object(id, in: tx).map { ($0, try ledger.map(of: $0, in: tx)) }
        })
      else { return }
      if object.state == .complete { return try await finish(object) }
      guard object.origin.version.bucket == origin.bucket else {
        // Another bucket's answer says nothing of this object.
        let why = "it is of the bucket \(object.origin.version.bucket), and \(origin.bucket) is configured now"
        await pause(.originError, why, asked: nil)
        continue
      }
      try await writer.change { ledger, tx, change in
        try ledger.begin(try ledger.owners(of: id, in: tx), in: tx, &change)
      }
      let file = try await volume.open(object)
      switch await fetch(object, present, file) {
      case .stopped: return
      case .whole:
        switch try await compare(object, file) {
        case .stopped: return
        case .different(let mismatch):
          log.warning("fill.mismatch", mismatch)
          guard try await writer.change({ try $0.mismatch(id, mismatch, in: $1, &$2) }) else { return }
        case .same:
          try await writer.change { ledger, tx, change in try ledger.finish(id, in: tx, &change) }
          log.info("fill.complete", "\(object.origin.version.key): \(object.size) bytes are whole and verified")
        }
      case .changed: try await renew(object)
      case .failed(let trouble):
        _ = try await fail({ ledger, tx in try ledger.owners(of: id, in: tx) }, trouble)
      }
    }
  }

  private func fetch(_ object: StoredObject, _ present: BlockMap, _ file: ObjectFile) async -> FillRun.Ending {
    let run = FillRun(
      object, present: present, file: file, origin: origin, volume: volume, rate: rate, settings: settings,
      turn: turn)
    // An order to stop that came while the file was opened.
    guard !isStopped else { return .stopped }
    self.run = run
    defer { self.run = nil }
    trouble = nil
    return await run.run()
  }

  private enum Comparison {
    case same, stopped
    case different(String)
  }

  /// Whether the whole is what the origin says it is; else what differs.
  private func compare(_ object: StoredObject, _ file: ObjectFile) async throws -> Comparison {
    guard let offered = object.origin.digest, let algorithm = DigestAlgorithm(number: offered.algorithm) else {
      return .same
    }
    // A long title takes minutes; who wants to stop does not wait for that.
    let flag = stopFlag
    let actual = try await volume.digest(
      file, size: object.size, algorithm, partBytes: offered.partBytes
    ) { !flag.isRaised }
    guard let actual else { return .stopped }
    guard actual != offered.bytes else { return .same }
    if offered.partBytes > 0, await !origin.hasEqualParts(object.origin.version, partBytes: offered.partBytes) {
      let why = "its parts differ in size, so its composite \(algorithm) cannot be compared"
      log.notice("fill.uncompared", "\(object.origin.version.key): \(why)")
      return .same
    }
    return .different("\(object.origin.version.key): the origin's \(algorithm) does not match what it sent")
  }

  /// The origin holds another version: ask which, and begin again with it.
  private func renew(_ object: StoredObject) async throws {
    let id = object.id
    var random = SystemRandomNumberGenerator()
    let rest = renewals.pace.wait(
      for: object.origin.version.key, at: Clock.steady, retry: settings.retry, using: &random)
    if rest > 0 {
      await pause(.originError, "the origin changes it again and again", for: rest)
      guard !isStopped else { return }
    }
    switch await origin.head(object.origin.version.key) {
    case .found(let found) where found.version == object.origin.version:
      // It said 412 for the version that it still names: wait rather than run in a circle.
      await pause(.originError, "the origin contradicts itself about its version", asked: nil)
    case .found(let found):
      log.notice("fill.renew", "\(object.origin.version.key): the origin has a new version, beginning again")
      willDecide()
      try await writer.change { ledger, tx, change in try ledger.renew(id, as: found, in: tx, &change) }
    case let other:
      _ = try await isFinal(other.outcome) { ledger, tx in try ledger.owners(of: id, in: tx) }
    }
  }

  /// Links the whole object for every owner that waits for it.
  private func finish(_ object: StoredObject) async throws {
    let waiting = try read { ledger, tx in
      try ledger.owners(of: object.id, in: tx).compactMap { try ledger.download($0, in: tx) }
        .filter { $0.status.isUnfinished }
    }
    try await Self.link(waiting, volume: volume, writer: writer)
  }

  /// Makes the promised links and then says so in the ledger.
  static func link(_ downloads: [Download], volume: Volume, writer: LedgerWriter) async throws {
    for download in downloads {
      try await volume.link(download.object, at: writer.link(of: download))
    }
    let ids = downloads.map(\.id)
    guard !ids.isEmpty else { return }
    try await writer.change { ledger, tx, change in try ledger.complete(ids, in: tx, &change) }
  }

  // MARK: Waiting

  private func pause(_ code: Trouble.Code, _ why: String, asked: Int64?) async {
    var random = SystemRandomNumberGenerator()
    let wait = settings.retry.wait(attempt: attempts, asked: asked, using: &random)
    attempts += 1
    await pause(code, why, for: wait)
  }

  private func pause(_ code: Trouble.Code, _ why: String, for wait: Int64) async {
    let until = Clock.steady.adding(milliseconds: wait)
    trouble = Trouble(code, why, nextAttempt: until)
    isResting = true
    defer { isResting = false }
    tellOnlookers()
    if code.yieldsTurn { turn.giveUp() }
    if !isStopped { await bell.wait(until: until) }
    await turn.take()
  }

  private func read<T>(_ body: (Ledger, borrowing ReadTransaction) throws -> T) throws -> T {
    try writer.ledger.environment.read { tx in try body(writer.ledger, tx) }
  }
}

/// Says to another thread that nobody waits any longer for what it does.
final class StopFlag: Sendable {
  private let raised = Atomic<Bool>(false)

  var isRaised: Bool { raised.load(ordering: .relaxed) }

  func raise() { raised.store(true, ordering: .relaxed) }
}

/// What all errands know together of titles that began again.
@EventLoop
final class Renewals {
  var pace = RenewalPace()
}
