// What the quotas of all users come to together, added up when somebody wants to know: a few users at a time, so that a box
// with thousands of them plays on meanwhile.

import Cache
import Loop

/// The users' limits and usage, added up.
@EventLoop
final class QuotaSums {
  /// One addition of them all; nil when the ledger could not be read.
  private(set) var last: Sums?

  struct Sums: Equatable {
    /// Of the users who have a limit.
    var limit = 0
    var usage = Usage()
    /// Who counts for something.
    var users = 0

    mutating func add(_ usage: Usage, limit: Int?) {
      guard usage.total > 0 else { return }
      users += 1
      self.usage.used += usage.used
      self.usage.reserved += usage.reserved
      // A limit is any number that was configured.
      let (sum, overflows) = self.limit.addingReportingOverflow(limit ?? 0)
      self.limit = overflows ? .max : sum
    }
  }

  /// How many users are looked at in one turn of the loop.
  private static let page = 200

  /// Adds them up anew.
  func refresh(_ box: Box) async {
    var sums = Sums()
    var user: UserID?
    while true {
      do {
        let more = try box.read { ledger, tx in
          let (usages, more) = try ledger.usages(after: user, limit: Self.page, in: tx)
          for (user, usage) in usages {
            sums.add(usage, limit: try ledger.limit(of: user, under: box.policy, in: tx).bytes)
          }
          user = usages.last?.user
          return more
        }
        guard more, user != nil else { break }
      } catch {
        last = nil
        return
      }
      // Whoever plays gets the next turn.
      do { try await EventLoop.sleep(for: .zero) } catch { return }
    }
    last = sums
  }
}
