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
    var unfounded: [DownloadID] = []
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
      for errand in errands.values.filter({ $0.turn.wantedSince != nil })
        .sorted(by: { $0.turn.wantedSince! < $1.turn.wantedSince! })
      where !errand.turn.isHeld && (errand.isMend ? mending : holding) < settings.active { errand.turn.give() }
      // What came in ahead of its turn because somebody played it waits for one when nobody does any more.
      for errand in errands.filter({ isCounted($1, $0) }).values.sorted(by: { $0.turn.number > $1.turn.number })
      where holding > settings.active { errand.turn.giveUp() }
      for entry in try ledger.queue(limit: Self.look, in: tx) {
        let subject: Errand.Subject = entry.object == .none ? .version(of: entry.download) : .object(entry.object)
        guard errands[subject] == nil, linking[entry.download] == nil, !fruitless.contains(subject),
          !aside.isWaiting(subject, at: Clock.steady)
        else { continue }
        // What is whole needs only its link, no turn and no origin. A commit that makes it so starts that by itself
        // (`link`), so only the first look after a crash has to search beyond what has its turn.
        guard hasTurn || isFirstLook else { break }
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
        if !isWhole, !hasPlace { setOneAside() }
        start(subject)
      }
      isFirstLook = false
    }
    wakeForNextDue()
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
    do { try body() } catch let error as CorruptRecord { sayUnreadable(subject, error) }
  }

  func sayUnreadable(_ subject: Errand.Subject, _ error: any Error) {
    if unreadable.insert(subject).inserted { log.fault("fill.unreadable", "\(subject): \(error)") }
  }

  /// An errand that waits because of its own object gives its turn to others; one that waits for the network keeps it.
  private var hasTurn: Bool { holding < settings.active && (hasPlace || leastUrgent != nil) }

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
