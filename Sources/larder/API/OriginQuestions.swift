// Questions to the origin that a request waits for: so many at a time, each user in turn, and the same one only once. A
// user who starts titles in a loop waits behind themselves and behind nobody else.

import Cache
import Loop

/// Asks the origin for the sake of requests.
@EventLoop
final class OriginQuestions {
  private let head: @EventLoop (String) async -> OriginAnswer
  private let total: Int
  private let perUser: Int
  private let waitingPerUser: Int
  /// Who waits for the answer to which question, by the key's bytes: keys that only look alike are two.
  private var asked: [[UInt8]: [CheckedContinuation<OriginAnswer, Never>]] = [:]
  private var asking: [UserID: Int] = [:]
  private var waiting: [UserID: [CheckedContinuation<Void, Never>]] = [:]
  /// Users who wait, whose turn is next first.
  private var order: [UserID] = []
  private(set) var inFlight = 0

  init(
    total: Int = Limits.originQuestions, perUser: Int = Limits.originQuestionsPerUser,
    waitingPerUser: Int = Limits.waitingQuestionsPerUser, _ head: @escaping @EventLoop (String) async -> OriginAnswer
  ) {
    self.total = total
    self.perUser = perUser
    self.waitingPerUser = waitingPerUser
    self.head = head
  }

  /// What the origin says of a key. Throws when too many questions of this user wait already.
  func ask(_ key: String, for user: UserID) async throws(Rejection) -> OriginAnswer {
    let question = Array(key.utf8)
    if asked[question] == nil {
      if hasRoom(for: user) {
        take(user)
      } else {
        guard waiting[user]?.count ?? 0 < waitingPerUser else {
          throw .tooManyRequests("too many of your requests wait for the origin; try again in a moment")
        }
        await withCheckedContinuation { turn in
          if waiting[user] == nil { order.append(user) }
          waiting[user, default: []].append(turn)
        }
      }
      if asked[question] != nil { give(user) }
    }
    return await withCheckedContinuation { waiter in
      let isFirst = asked[question] == nil
      asked[question, default: []].append(waiter)
      // A task of its own: whoever asked first may go, and the others still want to know. The answer may be there at once.
      guard isFirst else { return }
      EventLoop.spawn { [self] in
        let answer = await head(key)
        give(user)
        for waiter in asked.removeValue(forKey: question) ?? [] { waiter.resume(returning: answer) }
      }
    }
  }

  private func hasRoom(for user: UserID) -> Bool { inFlight < total && asking[user] ?? 0 < perUser }

  private func take(_ user: UserID) {
    inFlight += 1
    asking[user, default: 0] += 1
  }

  /// A place is free: it goes to the next user who waits and may have one more.
  private func give(_ user: UserID) {
    inFlight -= 1
    let left = (asking[user] ?? 1) - 1
    asking[user] = left == 0 ? nil : left
    guard let index = order.firstIndex(where: { hasRoom(for: $0) }) else { return }
    let next = order.remove(at: index)
    guard var turns = waiting.removeValue(forKey: next) else { return }
    take(next)
    let turn = turns.removeFirst()
    if !turns.isEmpty {
      waiting[next] = turns
      order.append(next)
    }
    turn.resume()
  }
}
