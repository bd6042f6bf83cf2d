// Chance by seed, and what is said about a world while it is lived through.

import Cache
import Loop

/// A generator of small numbers.
struct Dice {
  private var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  /// 0 up to, not including, `sides`.
  mutating func roll(_ sides: Int) -> Int { sides <= 1 ? 0 : Int(random.next() % UInt64(sides)) }

  mutating func chance(_ thousandths: Int) -> Bool { roll(1000) < thousandths }

  mutating func pick<T>(_ choices: [T]) -> T { choices[roll(choices.count)] }

  mutating func number() -> UInt64 { random.next() }
}

/// A line for each thing that happens, when somebody wants to read it; a digest of all of them always.
enum Trace {
  nonisolated(unsafe) static var isSpoken = false
  /// Of everything that was noted: two lives of one seed must have the same.
  nonisolated(unsafe) static var digest: UInt64 = 0

  static func say(_ line: @autoclosure () -> String) {
    guard unsafe isSpoken else { return }
    let now = unsafe Machine.current.now / 1_000_000
    print("\(now) ms  \(line())")
  }

  /// Every call to the disk and what it answered.
  static func detail(_ line: @autoclosure () -> String) { say("      \(line())") }

  static func note(_ number: UInt64) {
    unsafe digest = (digest ^ number &+ Machine.current.now) &* 0x9E37_79B9_7F4A_7C15
    unsafe digest ^= digest >> 29
  }
}
