// The one writer of the ledger. Changes come from the loop and from the disk's threads; whatever waits shares one durable
// commit, and nobody hears of a change before it is durable.

import Cache
import Glibc
import LMDB
import Loop
import Synchronization

/// Runs changes of the ledger on a thread of their own, in the order in which they came.
final class LedgerWriter: Sendable {
  /// Decides and writes; may run twice when the map had to grow, so it must not have effects of its own.
  typealias Body<T> = @Sendable (Ledger, borrowing WriteTransaction, inout Change) throws -> T

  /// One change on its way: `attempt` may be called more than once, `conclude` exactly once.
  private struct Job: Sendable {
    var attempt: @Sendable (borrowing WriteTransaction) throws -> Void
    var conclude: @Sendable ((any Error)?) -> Void
  }

  let ledger: Ledger
  private let worker: BatchWorker<Job>
  private let policy: Mutex<Policy>
  private let freeBytes: @Sendable () -> Int?
  /// Bytes of files that are removed and not yet struck off the ledger's list.
  let unsettled = ByteCounter()
  /// Of these, bytes of files that could not be removed.
  let stuck = ByteCounter()
  /// What is open, and what is being sent to players.
  let held = HeldObjects()
  private let committed: Mutex<Listener?>
  private let room: LedgerRoom

  /// Who hears of commits.
  ///
  /// A struct, since a closure that is a Mutex's own value is wrapped anew each time it is looked at, and stays so: it
  /// would grow with every change, and calling it would cost more each time.
  private struct Listener: Sendable {
    let hear: @Sendable (Change) -> Void
  }

  /// - Parameters:
  ///   - freeBytes: what the file system has free for us now; asked once a change.
  init(_ ledger: Ledger, policy: Policy, freeBytes: @escaping @Sendable () -> Int?) {
    self.ledger = ledger
    self.policy = Mutex(policy)
    self.freeBytes = freeBytes
    self.committed = Mutex(nil)
    let room = LedgerRoom(ledger.environment)
    self.room = room
    self.worker = BatchWorker(name: "ledger") { jobs in
      room.restore()
      Self.commit(jobs, to: ledger)
    }
  }

  /// Hears of room for the ledger that was lost or came back, on the writer's thread; true for lost.
  func onRoom(_ heard: @escaping @Sendable (_ isShort: Bool) -> Void) { room.onChange(heard) }

  /// Hears of other processes that make the ledger grow, on the writer's thread.
  func onReader(_ heard: @escaping @Sendable (ForeignReader) -> Void) { room.onReader(heard) }

  /// Hears of every change right after its commit, on the writer's thread and in order of the commits.
  func onCommit(_ heard: @escaping @Sendable (Change) -> Void) { committed.withLock { $0 = Listener(hear: heard) } }

  /// Where the download's hard link belongs.
  func link(of download: Download) -> String { policy.withLock { $0.link(of: download) } }

  /// The rules for changes from now on.
  func use(_ new: Policy) { policy.withLock { $0 = new } }

  /// Waits for everything that was submitted, and ends the thread.
  func finish() async { await worker.finish() }

  /// Makes a change and returns what it decided, once that is durable.
  func change<T: Sendable>(_ body: @escaping Body<T>) async throws -> T {
    let result: Result<T, any Error> = await withCheckedContinuation { continuation in
      submit(body) { continuation.resume(returning: $0) }
    }
    return try result.get()
  }

  /// Makes a change; `done` is called on the writer's thread once it is durable, or with the error that kept it out.
  func submit<T: Sendable>(_ body: @escaping Body<T>, done: @escaping @Sendable (Result<T, any Error>) -> Void) {
    let outcome = Outcome<T>()
    worker.submit(
      Job(
        attempt: { [self] tx in
          var change = Change(
            now: Clock.now, policy: policy.withLock { $0 }, freeBytes: freeBytes().map { $0 - unsettled.value },
            stuckBytes: stuck.value, isHeld: { [held] in held.isSending($0) }, admitsNew: !room.isShort)
          let value = try body(ledger, tx, &change)
          outcome.settled.withLock { $0 = (value, change) }
        },
        conclude: { [self] error in
          if let error { return done(.failure(error)) }
          guard let (value, change) = outcome.settled.withLock({ $0 }) else {
            preconditionFailure("a change was concluded before it was attempted")
          }
          committed.withLock { $0 }?.hear(change)
          done(.success(value))
        }))
  }

  /// Whether what was given up and is still there, because it cannot be removed or somebody is being sent it, takes the
  /// room that was promised to what is on its way: then that waits. Where nothing is owed, promised is promised.
  func owesRoom() throws -> Bool {
    let stuck = stuck.value
    guard stuck + held.namelessBytes > 0 else { return false }
    let policy = policy.withLock { $0 }
    // A capacity that was lowered is no debt.
    let limits = BoxLimits(
      capacity: stuck > 0 ? policy.capacity : nil, reserve: policy.reserve,
      free: freeBytes().map { $0 - unsettled.value }, stuck: stuck)
    return try ledger.environment.read { tx in try ledger.isShort(by: limits, in: tx) }
  }

  // MARK: On the writer's thread

  /// One commit for all; when one of them fails it is kept apart, so that it spoils no other.
  private static func commit(_ jobs: [Job], to ledger: Ledger) {
    do {
      try inOneTransaction(jobs, ledger)
      for job in jobs { job.conclude(nil) }
    } catch {
      if ledger.environment.isGivenUp { LedgerLoss.end(because: error) }
      guard jobs.count > 1 else { return jobs[0].conclude(error) }
      for job in jobs { commit([job], to: ledger) }
    }
  }

  private static func inOneTransaction(_ jobs: [Job], _ ledger: Ledger) throws {
    while true {
      do {
        guard ledger.environment.isInPlace() else { throw LedgerLoss.NotInPlace() }
        try ledger.environment.write { tx in
          for job in jobs { try job.attempt(tx) }
        }
        // Taken away in this moment: what was committed is gone with it, so nobody is told that it is there.
        guard ledger.environment.isInPlace() else { throw LedgerLoss.NotInPlace() }
        return
      } catch let error as LMDBError where error.isMapFull {
        try ledger.environment.setMapSize(ledger.environment.mapSize() * 2)
      }
    }
  }
}

/// A count of bytes that several threads change.
final class ByteCounter: Sendable {
  private let bytes = Atomic<Int>(0)

  var value: Int { bytes.load(ordering: .relaxed) }

  func add(_ more: Int) { bytes.add(more, ordering: .relaxed) }
}

/// Where a change leaves what it decided until the commit.
private final class Outcome<T: Sendable>: Sendable {
  let settled = Mutex<(T, Change)?>(nil)
}
