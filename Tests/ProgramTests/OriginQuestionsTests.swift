// Fairness before the origin: nobody waits behind another user's loop, and nobody asks what is being asked already.

import Cache
import Loop
import Testing

@testable import larder

@Suite("Questions to the origin") struct OriginQuestionsTests {
  init() { EventLoop.runInBackground() }

  /// An origin whose answers come when the test says so.
  @EventLoop
  private final class Origin {
    private(set) var asked: [String] = []
    private var waiting: [[UInt8]: CheckedContinuation<OriginAnswer, Never>] = [:]

    func head(_ key: String) async -> OriginAnswer {
      asked.append(key)
      return await withCheckedContinuation { waiting[Array(key.utf8)] = $0 }
    }

    func answer(_ key: String) { waiting.removeValue(forKey: Array(key.utf8))?.resume(returning: .unreachable(key)) }
  }

  /// What became of each question.
  @EventLoop
  private final class Outcomes {
    var answered: [String] = []
    var refused: [String] = []
  }

  @EventLoop
  private func ask(_ key: String, _ user: UserID, _ questions: OriginQuestions, _ outcomes: Outcomes) {
    EventLoop.spawn {
      do throws(Rejection) {
        guard case .unreachable(key) = try await questions.ask(key, for: user) else { return }
        outcomes.answered.append("\(user.text) \(key)")
      } catch { outcomes.refused.append("\(user.text) \(key)") }
    }
  }

  /// Lets all that can go on go on.
  @EventLoop
  private func settle() async {
    for _ in 0..<20 { await EventLoop.spawn {}.value }
  }

  @Test("an answer that is there at once is heard: a transfer that cannot even begin is one")
  @EventLoop func immediacy() async throws {
    let ann = try #require(UserID("ann"))
    let questions = OriginQuestions(total: 1, perUser: 1) { .unreachable($0) }
    let outcomes = Outcomes()
    for key in ["a", "a", "b"] { ask(key, ann, questions, outcomes) }
    await settle()
    #expect(outcomes.answered == ["ann a", "ann a", "ann b"])
    #expect(questions.inFlight == 0)
  }

  @Test("a loop of one user waits behind itself; another user's question goes at once, and turns go round")
  @EventLoop func fairness() async throws {
    let ann = try #require(UserID("ann"))
    let bob = try #require(UserID("bob"))
    let cat = try #require(UserID("cat"))
    let origin = Origin()
    let questions = OriginQuestions(total: 4, perUser: 3, waitingPerUser: 5) { await origin.head($0) }
    let outcomes = Outcomes()
    for number in 0..<10 { ask("a\(number)", ann, questions, outcomes) }
    await settle()
    #expect(origin.asked == ["a0", "a1", "a2"], "her own bound, and not all places")
    #expect(outcomes.refused == ["ann a8", "ann a9"], "three are asked, five wait")
    ask("b0", bob, questions, outcomes)
    ask("b1", bob, questions, outcomes)
    ask("c0", cat, questions, outcomes)
    await settle()
    #expect(origin.asked.last == "b0", "the last place")
    for key in ["a0", "a1", "a2", "b0"] {
      origin.answer(key)
      await settle()
    }
    #expect(Array(origin.asked.dropFirst(4)) == ["a3", "b1", "c0", "a4"], "each user in turn")
    for _ in 0..<10 {
      for key in origin.asked { origin.answer(key) }
      await settle()
    }
    #expect(outcomes.answered.count == 11)
    #expect(questions.inFlight == 0)
    ask("d", ann, questions, outcomes)
    await settle()
    #expect(origin.asked.last == "d", "nothing is left over")
    origin.answer("d")
    await settle()
    #expect(outcomes.answered.last == "ann d")
  }

  @Test("the same question is asked once for all who want to know, and again afterwards")
  @EventLoop func sameQuestion() async throws {
    let origin = Origin()
    let questions = OriginQuestions(total: 4, perUser: 2, waitingPerUser: 1) { await origin.head($0) }
    let outcomes = Outcomes()
    for number in 0..<50 { ask("k", try #require(UserID("user\(number % 7)")), questions, outcomes) }
    await settle()
    #expect(origin.asked == ["k"])
    origin.answer("k")
    await settle()
    #expect(outcomes.answered.count == 50 && outcomes.refused.isEmpty)
    ask("k", try #require(UserID("ann")), questions, outcomes)
    await settle()
    #expect(origin.asked == ["k", "k"])
    origin.answer("k")
    await settle()
    #expect(questions.inFlight == 0)
  }

  @Test("keys that only look alike are two questions")
  @EventLoop func lookalikes() async throws {
    let origin = Origin()
    let questions = OriginQuestions(total: 4, perUser: 2, waitingPerUser: 1) { await origin.head($0) }
    let outcomes = Outcomes()
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    ask(composed, try #require(UserID("ann")), questions, outcomes)
    ask(decomposed, try #require(UserID("bob")), questions, outcomes)
    await settle()
    #expect(origin.asked.map { Array($0.utf8) } == [composed, decomposed].map { Array($0.utf8) })
    origin.answer(composed)
    await settle()
    #expect(outcomes.answered.count == 1 && outcomes.answered.first?.hasPrefix("ann ") == true)
    origin.answer(decomposed)
    await settle()
    #expect(outcomes.answered.count == 2)
  }
}
