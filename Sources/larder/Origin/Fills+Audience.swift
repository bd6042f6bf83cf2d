// What is played while it comes in: who plays what, and how that goes ahead of the queue.

import Cache
import LMDB
import Loop

extension Fills {
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
  /// - Returns: false when nobody wants it to come in: it is whole or gone, or all its downloads are paused. A ledger that
  ///   cannot be read says nothing of the kind: who waits asks again.
  @discardableResult
  func attend(_ id: ObjectID) -> Bool {
    guard !isStopped else { return false }
    if let errand = errands[.object(id)] {
      // One that was set aside a moment ago begins anew once it has ended.
      guard !errand.isStopped else { return errand.isSetAside }
      errand.turn.give()
      return true
    }
    let ledger = writer.ledger
    let wanted: StoredObject.State?
    do {
      wanted = try ledger.environment.read { tx in
        let state = try ledger.object(id, in: tx)?.state
        guard state == .filling else { return state }
        let owners = try ledger.owners(of: id, in: tx)
        return try owners.contains { try ledger.readable($0, in: tx)?.waitsForBytes ?? false } ? state : nil
      }
    } catch {
      sayUnreadable(.object(id), error)
      return true
    }
    guard let state = wanted, state != .complete else { return false }
    start(.object(id), isMend: state == .mending)
    return true
  }
}
