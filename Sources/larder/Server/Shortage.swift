// When no connection is free: which of those that are open may go, so that newcomers always get in.
//
// nginx drops its idle connections when they run short, and Larder does the same and goes on to readers that have stalled:
// a player that was paused asks again for where it stopped. No address has a limit of its own, since one address may stand
// for a whole hotel; instead the address that holds the most gives first, and a newcomer never takes a place from an
// address that holds less than its own.

import Loop

/// Why a connection may go for a newcomer; what costs its client the least comes first.
enum Expendable: Int, Comparable {
  /// Between two requests, or after its last answer.
  case idle
  /// Its request has been on the way for a while.
  case arriving
  /// It has taken nothing of its answer for a while.
  case stalled

  static func < (one: Expendable, other: Expendable) -> Bool { one.rawValue < other.rawValue }
}

/// Finds the connection that goes next.
@EventLoop
struct Shortage {
  private struct Candidate {
    let connection: HTTPConnection
    let reason: Expendable
    let since: UInt64
    /// Connections of its address, as a power of two: small differences are none.
    let weight: Int
  }

  /// Those that may go, the next one last.
  private var candidates: [Candidate] = []
  private var weights: [UInt64: Int] = [:]
  private var lookedAt: UInt64 = 0
  /// How many of them one look remembers.
  private static let kept = 1024

  nonisolated init() {}

  /// The connection to drop for a newcomer from `network`; nil when each is busy, or belongs to somebody who has less.
  mutating func next(
    among connections: some Collection<HTTPConnection>, for network: UInt64, now: UInt64
  ) -> HTTPConnection? {
    if lookedAt == 0 || now >= lookedAt + Limits.reclaimMilliseconds { look(connections, now) }
    let own = weights[network] ?? 0
    // Light ones stand behind heavy ones: when the next one is too light for this newcomer, so are all others.
    while let candidate = candidates.last, candidate.weight >= own {
      candidates.removeLast()
      // It may have come to life, or to its end, since the look.
      if candidate.connection.expendable(now)?.reason == candidate.reason { return candidate.connection }
    }
    return nil
  }

  /// There is room again.
  mutating func end() {
    guard lookedAt > 0 else { return }
    candidates = []
    weights = [:]
    lookedAt = 0
  }

  private mutating func look(_ connections: some Collection<HTTPConnection>, _ now: UInt64) {
    lookedAt = max(now, 1)
    var counts: [UInt64: Int] = [:]
    for connection in connections { counts[connection.network, default: 0] += 1 }
    weights = counts.mapValues { Int.bitWidth - $0.leadingZeroBitCount }
    candidates = connections.compactMap { connection in
      connection.expendable(now).map { found in
        Candidate(
          connection: connection, reason: found.reason, since: found.since, weight: weights[connection.network] ?? 0)
      }
    }
    candidates.sort { one, other in
      (one.weight, -one.reason.rawValue, other.since) < (other.weight, -other.reason.rawValue, one.since)
    }
    candidates.removeFirst(max(0, candidates.count - Self.kept))
  }
}
