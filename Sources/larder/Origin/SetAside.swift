// Fills that wait for their next try without a place of their own. What waits because of its own object keeps no more than
// memory and a descriptor, but there are only so many places for that; who needs its place last gives it to a title that
// could use it, and comes back when it is due.

import Cache

/// What was set aside, why, and until when.
struct SetAside {
  private struct Entry {
    var trouble: Trouble
    var due: Timestamp
    /// How often it was set aside since it last came to an end.
    var rounds: Int
  }

  private var entries: [Errand.Subject: Entry] = [:]
  /// Of downloads that nobody wants any longer nobody tells: what has been due for so long is dropped, in milliseconds.
  private static let quiet: Int64 = 600_000
  /// How many are kept before that.
  private static let limit = 1024

  /// Sets one aside until its next try, and longer from one time to the next: its own patience begins anew when it does.
  mutating func put(_ subject: Errand.Subject, _ trouble: Trouble, at now: Timestamp, retry: RetryPolicy) {
    if entries.count >= Self.limit {
      entries = entries.filter { $0.value.due.adding(milliseconds: Self.quiet) > now }
    }
    var random = SystemRandomNumberGenerator()
    let rounds = entries[subject]?.rounds ?? 0
    let wait = now.adding(milliseconds: retry.wait(attempt: rounds, asked: nil, using: &random))
    let due = max(wait, trouble.nextAttempt ?? now)
    entries[subject] = Entry(
      trouble: Trouble(trouble.code, trouble.message, nextAttempt: due), due: due, rounds: rounds + 1)
  }

  /// Whether it is not due yet.
  func isWaiting(_ subject: Errand.Subject, at now: Timestamp) -> Bool {
    entries[subject].map { $0.due > now } ?? false
  }

  /// Why it does not come in; nil when it was not set aside.
  func trouble(of subject: Errand.Subject) -> Trouble? { entries[subject]?.trouble }

  /// When the first of those that are not due yet will be.
  func nextDue(after now: Timestamp) -> Timestamp? { entries.values.map(\.due).filter { $0 > now }.min() }

  /// It came to an end.
  mutating func forget(_ subject: Errand.Subject) { entries[subject] = nil }

  /// All of them may be tried now.
  mutating func forgetAll() { entries = [:] }
}
