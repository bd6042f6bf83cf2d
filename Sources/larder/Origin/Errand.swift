// What the fill engine does for one title: it asks which version there is, and brings that in (in the file beside this
// one). It survives everything that mends by waiting, and says in the ledger what does not.

import Cache
import LMDB
import Loop
import Synchronization

/// The way of one object from the queue to `completed`.
@EventLoop
final class Errand {
  enum Subject: Hashable, CustomStringConvertible {
    /// A download waits for the origin to tell which version there is.
    case version(of: DownloadID)
    /// An object is to be brought in.
    case object(ObjectID)

    var description: String {
      switch self {
      case .version(let id): "download \(id)"
      case .object(let id): "object \(id.hexadecimal)"
      }
    }
  }

  let subject: Subject
  let writer: LedgerWriter
  let volume: Volume
  let origin: OriginClient
  let rate: RateLimit
  let settings: FillSettings
  let log: EventLog
  let renewals: Renewals
  let losses: Losses
  private let bell = Bell()
  private var attempts = 0
  private(set) var isStopped = false
  /// The same for the disk's threads.
  let stopFlag = StopFlag()

  /// The fill, while there is one.
  var run: FillRun?
  /// Why it waits, when no fill can say it.
  var trouble: Trouble?
  private(set) var isOver = false
  /// Whether it brings back what was whole: that takes no turn away from what never was.
  var isMend = false
  /// Whether it was stopped to make place, and is still wanted.
  var isSetAside = false
  private let began = Clock.steady
  /// Its place among the titles that are fetched at the same time.
  let turn = Turn()
  var task: Task<Void, Never>?
  /// Called before the ledger decides who has to go.
  var willDecide: @EventLoop () -> Void = {}
  /// Those who play the object meanwhile; nil for nobody.
  var audience: @EventLoop () -> Audience? = { nil }
  /// Whether anybody plays anything.
  var isAnythingPlayed: @EventLoop () -> Bool = { false }
  /// Called when blocks of the object came in.
  var heardOfBlocks: @EventLoop () -> Void = {}
  /// Whether the blocks that the disk lost were looked at once more before they are fetched.
  var hasTakenStock = false
  /// Whether it has waited before it fetches a block that is lost again and again.
  var hasRested = false
  /// Whether the last fill brought blocks that became durable.
  var hasBroughtBack = false

  init(
    _ subject: Subject, writer: LedgerWriter, volume: Volume, origin: OriginClient, rate: RateLimit,
    renewals: Renewals, losses: Losses, settings: FillSettings, log: EventLog
  ) {
    self.subject = subject
    self.writer = writer
    self.volume = volume
    self.origin = origin
    self.rate = rate
    self.renewals = renewals
    self.losses = losses
    self.settings = settings
    self.log = log
  }

  /// How long it has been under way, in milliseconds.
  var age: Int64 { Clock.steady.milliseconds - began.milliseconds }

  func stop() {
    isStopped = true
    stopFlag.raise()
    run?.stop()
    turn.end()
    bell.ring()
    // A question to the origin is not waited for.
    task?.cancel()
  }

  /// Blocks of its object were lost: what is under way goes by an old map.
  func lookAgain() {
    hasTakenStock = false
    run?.stop()
  }

  /// Ends a wait for the origin early.
  func hurry() {
    // A fill waits for itself. What the errand itself waits for later would be cut short by this ring.
    if let run { run.hurry() } else { bell.ring() }
  }

  func run() async {
    defer { isOver = true }
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
      if let rest = origin.rest(of: download.key) {
        await pause(.originError, rest.why, for: rest.milliseconds)
        continue
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
  func isFinal(
    _ outcome: FetchOutcome, for owners: @escaping @Sendable (Ledger, borrowing WriteTransaction) throws -> [DownloadID]
  ) async throws -> Bool {
    switch outcome {
    case .unreachable, .troubled: await pause(for: outcome)
    case .missing: return try await fail(owners, Trouble(.contentNotFound, "the origin has no such title or quality"))
    case .denied(let why): return try await fail(owners, Trouble(.accessDenied, why))
    case .delivered, .changed, .abandoned: break
    }
    return false
  }

  func fail(
    _ owners: @escaping @Sendable (Ledger, borrowing WriteTransaction) throws -> [DownloadID], _ trouble: Trouble
  ) async throws -> Bool {
    try await writer.change { ledger, tx, change in
      try ledger.fail(try owners(ledger, tx), trouble, in: tx, &change)
    }
    return true
  }

  // MARK: Waiting

  /// Waits for an origin that has answered nothing that would say something of the title.
  func pause(for outcome: FetchOutcome) async {
    switch outcome {
    case .unreachable(let why): await pause(.originUnreachable, why, asked: nil)
    case .troubled(let why, let asked): await pause(.originError, why, asked: asked)
    case .delivered, .changed, .missing, .denied, .abandoned: await pause(.originError, outcome.reason, asked: nil)
    }
  }

  func pause(_ code: Trouble.Code, _ why: String, asked: Int64?) async {
    var random = SystemRandomNumberGenerator()
    let wait = settings.retry.wait(attempt: attempts, asked: asked, using: &random)
    attempts += 1
    await pause(code, why, for: wait)
  }

  func pause(_ code: Trouble.Code, _ why: String, for wait: Int64) async {
    let until = Clock.steady.adding(milliseconds: wait)
    trouble = Trouble(code, why, nextAttempt: until)
    turn.rests(because: code, heard: origin.heardAt, patience: settings.retry.limit)
    if !isStopped { await bell.wait(until: until) }
    await turn.take()
    // Who was told to hurry while it waited for its turn does so now.
    bell.forget()
  }

  func read<T>(_ body: (Ledger, borrowing ReadTransaction) throws -> T) throws -> T {
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
  /// The same of blocks that were lost, each by its object and number.
  var losses = RenewalPace()
}
