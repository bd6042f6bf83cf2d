// What was whole and lost blocks: mended beside the queue, each object in its turn.

import Cache
import LMDB
import Loop

extension Fills {
  /// How many objects are mended at the moment: those that wait because of themselves are not.
  var mending: Int { errands.count { $1.isMend && holdsTurn($1, $0) } }

  /// Begins with damaged objects, one after the other and round again, so that none that can be mended waits for ever
  /// behind those that cannot.
  func startMends(in tx: borrowing ReadTransaction) throws {
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
      stuckMends[id] = Trouble(trouble.code, trouble.message)
    }
    errand.isSetAside = true
    errand.stop()
    return true
  }
}
