// What the origin asked not to be asked for.

import Testing

@testable import Cache

@Suite struct PostponementsTests {
  private let now = Timestamp(milliseconds: 1_000_000)

  @Test("a key may be asked for again when its time is over, or when it was answered otherwise; others at once")
  func rest() {
    var postponed = Postponements()
    postponed.note("a", "busy", asked: 5000, at: now)
    #expect(postponed.rest(of: "a", at: now)?.milliseconds == 5000)
    #expect(postponed.rest(of: "a", at: now.adding(milliseconds: 4999))?.why == "busy")
    #expect(postponed.rest(of: "a", at: now.adding(milliseconds: 5000)) == nil)
    #expect(postponed.rest(of: "b", at: now) == nil)
    postponed.note("a", "", asked: nil, at: now)
    #expect(postponed.rest(of: "a", at: now) == nil)
  }

  @Test("no origin is believed for longer than an hour, and no key is taken for one that only looks like it")
  func limits() {
    var postponed = Postponements()
    postponed.note("\u{e9}", "busy", asked: .max, at: now)
    #expect(postponed.rest(of: "\u{e9}", at: now)?.milliseconds == 3_600_000)
    #expect(postponed.rest(of: "e\u{301}", at: now) == nil)
  }
}
