// Who is served next when the loop has more to do than a moment's work: each user in turn, however many connections ask
// for one of them. A turn of the loop that has taken long already begins no further requests of the API; what streams to
// players is not held up by those who only ask.

import Cache
import Loop

/// Lets requests begin at once while the loop has time, and else one user after the other.
@EventLoop
final class FairTurns {
  /// By user; nil stands for all who need no token.
  private var waiting: [UserID?: [CheckedContinuation<Void, Never>]] = [:]
  private var order: [UserID?] = []
  private let timer = Timer()
  private var isServing = false

  /// A turn of the loop that is older than this begins no more requests.
  private static let budget = Duration.milliseconds(2)

  /// Returns when a request of this user may begin.
  func wait(_ user: UserID?) async {
    if !isServing, EventLoop.now.duration(to: EventLoop.exactNow) < Self.budget { return }
    await withCheckedContinuation { turn in
      if waiting[user] == nil { order.append(user) }
      waiting[user, default: []].append(turn)
      guard !isServing else { return }
      isServing = true
      serveLater()
    }
  }

  /// In the next turn of the loop: descriptors come first.
  private func serveLater() {
    timer.start(after: .zero) { [weak self] in
      self?.serve(until: EventLoop.exactNow.advanced(by: Self.budget))
    }
  }

  /// Lets one begin, and the next when that one has come as far as it can without a wait.
  private func serve(until end: EventLoop.Instant) {
    guard !order.isEmpty else {
      isServing = false
      return
    }
    let user = order.removeFirst()
    if var turns = waiting.removeValue(forKey: user) {
      let turn = turns.removeFirst()
      if !turns.isEmpty {
        waiting[user] = turns
        order.append(user)
      }
      turn.resume()
    }
    EventLoop.submit { [self] in
      if EventLoop.exactNow < end { serve(until: end) } else { serveLater() }
    }
  }
}
