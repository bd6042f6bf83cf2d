// For how long trouble counts that comes and goes.

import Cache
import Testing

@testable import larder

@Suite struct TroubleSpellTests {
  @Test("trouble that comes and goes is one, and is over when it went well for 2 s")
  func comesAndGoes() {
    var spell = TroubleSpell()
    for (at, isTroubled, lasts) in [
      (0, false, 0), (100, true, 0), (1100, true, 1000), (1200, false, 1100), (3100, false, 3000), (3150, true, 3050),
      // Each look without trouble counts from the first of them.
      (3200, false, 3100), (5199, false, 5099), (5200, false, 0), (5300, true, 0), (6000, true, 700),
    ] as [(Int64, Bool, Int64)] {
      #expect(spell.look(isTroubled: isTroubled, at: Timestamp(milliseconds: at)) == lasts, "at \(at) ms")
    }
  }
}
