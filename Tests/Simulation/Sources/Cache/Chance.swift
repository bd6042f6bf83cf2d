// The system's random numbers, from the seed: so that a world can be lived through again.

/// Stands before the standard library's generator of this name.
struct SystemRandomNumberGenerator: RandomNumberGenerator {
  mutating func next() -> UInt64 { unsafe Chance.generator.next() }
}

/// The generator of the world that is being lived through.
public enum Chance {
  nonisolated(unsafe) public static var generator = SplitMix64(seed: 0)
}
