// Who waits for the rate, and how long: in the order of the loop's own timers, whatever the machine's speed.

import Cache
import Loop
import Testing

@testable import larder

@Suite("The rate of all transfers") struct RateLimitTests {
  init() { EventLoop.runInBackground() }

  /// A transfer that takes bytes, and asks again when it is told to.
  @EventLoop
  private final class Taker {
    let rate: RateLimit
    let isPlayed: Bool
    /// How many portions it got.
    private(set) var taken = 0
    /// Called when it got one.
    var resumed: @EventLoop () -> Void = {}

    init(_ rate: RateLimit, isPlayed: Bool = false) {
      self.rate = rate
      self.isPlayed = isPlayed
    }

    /// Takes a portion, or waits until it may.
    func take(_ bytes: Int = 16 << 10) {
      let isAllowed = rate.allows(bytes, isPlayed: isPlayed) { [weak self] in self?.take(bytes) }
      guard isAllowed else { return }
      taken += 1
      resumed()
    }
  }

  /// Whether something happens before a timer of so many milliseconds fires: the loop's timers fire in the order of their
  /// moments, also on a machine that is late with all of them.
  ///
  /// - Parameter begin: does what it is to come from, and is given what is to be called when it happens.
  @EventLoop
  private func happens(
    within milliseconds: Int, _ begin: (@escaping @EventLoop () -> Void) -> Void
  ) async -> Bool {
    let timer = Timer()
    let happened = await withCheckedContinuation { (answer: CheckedContinuation<Bool, Never>) in
      var isAnswered = false
      let tell = { @EventLoop (happened: Bool) in
        guard !isAnswered else { return }
        isAnswered = true
        answer.resume(returning: happened)
      }
      timer.start(after: .milliseconds(milliseconds)) { tell(false) }
      begin { tell(true) }
    }
    timer.stop()
    return happened
  }

  @Test("what waits at the rate of playing goes on when playing ends, however little that rate is")
  @EventLoop func playingEnds() async {
    let rate = RateLimit(RateSettings(most: nil, whilePlaying: 1))
    var isPlaying = true
    rate.somebodyPlays = { isPlaying }
    let taker = Taker(rate)
    taker.take()
    taker.take()
    #expect(taker.taken == 1, "hours of debt")
    let goesOn = await happens(within: 1000) { tell in
      taker.resumed = tell
      isPlaying = false
    }
    #expect(goesOn)
  }

  @Test("what is played waits for its own bytes only, and not behind those who wait longer")
  @EventLoop func playedFirst() async {
    let rate = RateLimit(RateSettings(most: 8_000_000, whilePlaying: 1))
    rate.somebodyPlays = { true }
    let (unplayed, played) = (Taker(rate), Taker(rate, isPlayed: true))
    unplayed.take()
    unplayed.take()
    #expect(unplayed.taken == 1)
    let goesOn = await happens(within: 100) { tell in
      played.resumed = tell
      played.take()
    }
    #expect(goesOn)
    #expect(unplayed.taken == 1)
  }

  @Test("a new rate holds at once for all who wait by the one before")
  @EventLoop func raised() async {
    let rate = RateLimit(RateSettings(most: 1, whilePlaying: nil))
    let takers = [Taker(rate), Taker(rate)]
    for taker in takers { taker.take() }
    takers[0].take()
    #expect(takers.map(\.taken) == [1, 0])
    let goOn = await happens(within: 1000) { tell in
      for taker in takers { taker.resumed = { if takers.map(\.taken) == [2, 1] { tell() } } }
      rate.set(RateSettings(most: 10_000_000, whilePlaying: nil))
    }
    #expect(goOn)
  }

  @Test("a refusal by the rate of all costs nothing of the rate while playing")
  @EventLoop func bothOrNone() async {
    let rate = RateLimit(RateSettings(most: 1_000_000, whilePlaying: 500_000))
    rate.somebodyPlays = { true }
    let (played, unplayed) = (Taker(rate, isPlayed: true), Taker(rate))
    // The rate of all is in debt for 0.1 s.
    played.take(100_000)
    #expect(!rate.allows(100_000_000, isPlayed: false) {})
    let goesOn = await happens(within: 1000) { tell in
      unplayed.resumed = tell
      unplayed.take(1)
    }
    #expect(goesOn)
  }
}
