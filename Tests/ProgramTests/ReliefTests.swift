// Who goes when answers in memory become too many.

import Testing

@testable import larder

@Suite struct ReliefTests {
  private func order(_ held: [(mebi: Int, progressed: UInt64)], for needy: Int) -> [Int] {
    Relief.order(held.map { Relief.Answer(held: $0.mebi << 20, progressed: $0.progressed) }, for: needy << 20)
  }

  @Test("those that took nothing for the longest time go first, and who holds nothing does not go")
  func longestFirst() {
    #expect(order([(1, 30), (2, 10), (0, 5), (16, 20)], for: 1) == [1, 3, 0])
  }

  @Test("a large answer goes before all others, however fast it is taken")
  func largeFirst() {
    #expect(order([(1, 30), (60, 99), (1, 10), (17, 40)], for: 1) == [3, 1, 2, 0])
  }

  @Test("nobody goes for a large answer but another large one")
  func forLarge() {
    #expect(order([(1, 30), (16, 10)], for: 64) == [])
    #expect(order([(1, 30), (17, 50), (60, 40)], for: 64) == [2, 1])
  }
}
