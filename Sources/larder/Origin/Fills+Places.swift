// Who may be under way at the same time, also while it has to wait; what waits because of itself makes way for others.

import Cache
import Loop

extension Fills {
  /// Whether one more may be under way, also when it has to wait.
  var hasPlace: Bool {
    errands.values.count { !$0.isMend && !$0.isStopped } < settings.active + Self.patience
  }

  /// The fill that waits because of itself and whose next try is furthest off.
  var leastUrgent: (subject: Errand.Subject, errand: Errand, trouble: Trouble)? {
    errands.compactMap { subject, errand -> (subject: Errand.Subject, errand: Errand, trouble: Trouble)? in
      guard !errand.isMend, !errand.isStopped, !errand.turn.isHeld, errand.turn.wantedSince == nil,
        let trouble = errand.run?.trouble ?? errand.trouble, trouble.nextAttempt != nil
      else { return nil }
      if case .object(let id) = subject, audiences[id] != nil { return nil }
      return (subject, errand, trouble)
    }.max { $0.trouble.nextAttempt! < $1.trouble.nextAttempt! }
  }

  /// It gives its place to a title that could use it.
  func setOneAside() {
    guard let (subject, errand, trouble) = leastUrgent else { return }
    aside.put(subject, trouble, at: Clock.steady, retry: settings.retry)
    errand.isSetAside = true
    errand.stop()
  }

  func wakeForNextDue() {
    let now = Clock.steady
    let next = [aside.nextDue(after: now), round.isWanted ? round.due : nil].compactMap(\.self)
    guard let due = next.min() else { return waker.stop() }
    waker.start(after: .milliseconds(due.milliseconds - now.milliseconds)) { [weak self] in self?.schedule() }
  }
}
