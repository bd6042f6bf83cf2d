// Chance by seed: the same numbers in each run.

import Cache
import Glibc

/// A generator of what the models roll for.
struct Chance {
  private var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  /// 0 up to, not including, 1.
  mutating func fraction() -> Double { Double(random.next() >> 11) * 0x1p-53 }

  /// Whether something of this probability happens.
  mutating func happens(_ probability: Double) -> Bool { fraction() < probability }

  /// Any of the numbers, each as likely.
  mutating func pick(_ range: Range<Int>) -> Int { range.lowerBound + Int(fraction() * Double(range.count)) }
  mutating func pick(_ range: ClosedRange<Int>) -> Int { pick(range.lowerBound..<range.upperBound + 1) }

  /// The number of a weight, as likely as it is heavy.
  mutating func pick(weights: [Double]) -> Int {
    var rest = fraction() * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return index }
    }
    return weights.count - 1
  }
}

/// Zipf's law: the n-th most popular of `count` is wanted as often as n to the power of -`exponent`.
struct Zipf {
  private let sums: [Double]

  init(count: Int, exponent: Double) {
    var sum = 0.0
    sums = (1...count).map { rank in
      sum += pow(Double(rank), -exponent)
      return sum
    }
  }

  /// 0 for the most popular.
  func pick(_ chance: inout Chance) -> Int {
    let wanted = chance.fraction() * sums[sums.count - 1]
    var (low, high) = (0, sums.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > wanted { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
