// For how long a title that cannot reach the origin keeps its turn.

import Cache
import Testing

@testable import larder

@Suite("Waiting for the network") struct NetworkWaitTests {
  /// Says at which of these moments, in seconds, a turn is given up that was got at the given one.
  private func yields(
    at seconds: [Int64], heard: Int64? = nil, since: Int64 = 0, _ wait: inout NetworkWait
  ) -> [Bool] {
    seconds.map {
      wait.yields(
        at: Timestamp(milliseconds: $0 * 1000), heard: heard.map { Timestamp(milliseconds: $0 * 1000) },
        since: Timestamp(milliseconds: since * 1000), patience: 60_000)
    }
  }

  @Test("while nobody is answered, a turn is kept, and then another title finds out whether it is the network")
  func outage() {
    var wait = NetworkWait()
    #expect(yields(at: [100, 101, 130, 159, 160], heard: 99, &wait) == [false, false, false, false, true])
    // With its next turn it has as long again.
    #expect(yields(at: [200, 250, 259, 260], heard: 99, since: 200, &wait) == [false, false, false, true])
  }

  @Test("when another was answered since the first failure, the next failure is its own")
  func alone() {
    var wait = NetworkWait()
    #expect(yields(at: [100], heard: 100, &wait) == [false])
    #expect(yields(at: [101], heard: 100, &wait) == [false])
    #expect(yields(at: [105], heard: 104, &wait) == [true])
    #expect(yields(at: [110], heard: 104, since: 109, &wait) == [true])
    // Something came for it: the next failure may be the network's again.
    wait = NetworkWait()
    #expect(yields(at: [120], heard: 119, &wait) == [false])
  }
}
