// Whether the process may have as many descriptors as its settings can come to use. A connection that cannot be accepted,
// or a title that cannot be opened, is found out now and not in the evening.

import Loop

/// What the settings come to in descriptors.
struct DescriptorBudget: Sendable {
  /// `max_connections`.
  let connections: Int
  /// `downloads.active` and `downloads.connections`.
  let active: Int
  let transfers: Int

  /// Besides connections and what is sent over them: open titles; transfers, those of errands that wait, and questions;
  /// files of fills; the administration socket and its connections, listeners, the ledger, the threads' own, a name being
  /// looked up.
  private var others: Int {
    // Fills, and as many mends: of each, those that are under way and those that wait with a transfer and a file.
    Limits.turnedAway + Limits.openTitles + Limits.originQuestions + 192
      + 2 * (active * transfers + active + 2 * Fills.patience)
  }

  /// Descriptors in the worst case: each connection plays a title that nobody else plays.
  var needed: Int { 2 * connections + others }

  /// What becomes of `max_connections` with so many descriptors, and the warning to go with it.
  ///
  /// - Throws: when hardly anybody could be served.
  func effectiveConnections(limit: Int) throws(StartFailure) -> (connections: Int, warning: String?) {
    guard needed > limit else { return (connections, nil) }
    let possible = (limit - others) / 2
    guard possible >= min(connections, Limits.fewestConnections) else {
      throw .configuration(
        "the process may have \(limit) descriptors (RLIMIT_NOFILE), which leaves none for connections; it needs \(needed) "
          + "for max_connections = \(connections): raise LimitNOFILE of the service, or ulimit -n")
    }
    return (
      possible,
      "server.max_connections: \(possible) connections instead of \(connections), because the process may have \(limit) "
        + "descriptors (RLIMIT_NOFILE) and needs \(needed): raise LimitNOFILE of the service, or ulimit -n"
    )
  }
}
