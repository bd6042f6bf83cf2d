// Who has a turn: one look at the queue after the other, `downloads.active` titles at a time.

import Cache
import LMDB
import Loop

extension Fills {
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
    try ledger.environment.read { tx in
      for (subject, errand) in errands {
        try reading(subject) {
          switch subject {
          case .version(let id):
            if try ledger.download(id, in: tx)?.waitsForVersion != true { errand.stop() }
          case .object(let id):
            var owners: [Download] = []
            for owner in try ledger.owners(of: id, in: tx) {
              try reading(.version(of: owner)) {
                if let found = try ledger.download(owner, in: tx) { owners.append(found) }
              }
            }
            let isWanted = owners.contains { $0.waitsForBytes }
            if !isWanted, try ledger.object(id, in: tx)?.state != .mending { errand.stop() }
            toBegin += owners.filter { $0.status == .pending }.map(\.id)
          }
        }
      }
      // What was whole goes before what never was, and takes no turn away from it: it is little, and somebody misses it.
      try startMends(in: tx)
      giveTurns(atMost: newcomerWasLast ? 1 : 0)
      // What came in ahead of its turn because somebody played it waits for one when nobody does any more.
      for errand in errands.filter({ isCounted($1, $0) }).values.sorted(by: { $0.turn.number > $1.turn.number })
      where holding > settings.active { errand.turn.giveUp() }
    }
    let unfounded = try await lookAtQueue()
    giveTurns(atMost: .max)
    wakeForNextDue()
    if !toBegin.isEmpty || !unfounded.isEmpty {
      let ids = toBegin
      try await writer.change { ledger, tx, change in
        try ledger.begin(ids, in: tx, &change)
        try ledger.unbind(unfounded, in: tx, &change)
      }
    }
  }

  /// Gives free turns to those who wait for one, the longest first: to mends all, and to so many fills. Those and what never
  /// had a turn go alternately, so that neither waits for ever for the other, however long the tries last.
  private func giveTurns(atMost count: Int) {
    var count = count
    let waiting = errands.values.filter { $0.turn.wantedSince != nil && !$0.turn.isHeld }
    for errand in waiting.sorted(by: { $0.turn.wantedSince! < $1.turn.wantedSince! }) {
      if errand.isMend {
        if mending < settings.active { errand.turn.give() }
      } else if count > 0, holding < settings.active {
        errand.turn.give()
        count -= 1
        newcomerWasLast = false
      }
    }
  }

  /// A record that cannot be read stops what it is about and nothing else; that is said once.
  func reading(_ subject: Errand.Subject, _ body: () throws -> Void) throws {
    do { try body() } catch let error as CorruptRecord { sayUnreadable(subject, error) }
  }

  func sayUnreadable(_ subject: Errand.Subject, _ error: any Error) {
    if unreadable.insert(subject).inserted { log.fault("fill.unreadable", "\(subject): \(error)") }
  }

  /// Whether one more may begin.
  var hasTurn: Bool { holding < settings.active && (hasPlace || leastUrgent != nil) }

  private var holding: Int { errands.count { isCounted($1, $0) } }

  /// Whether an errand takes up a turn: not what is mended, nor what somebody plays.
  private func isCounted(_ errand: Errand, _ subject: Errand.Subject) -> Bool {
    !errand.isMend && holdsTurn(errand, subject)
  }

  func holdsTurn(_ errand: Errand, _ subject: Errand.Subject) -> Bool {
    guard errand.turn.isHeld else { return false }
    if case .object(let id) = subject, audiences[id] != nil { return false }
    return true
  }
}
