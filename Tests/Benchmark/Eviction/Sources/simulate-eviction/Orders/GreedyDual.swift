// Greedy-Dual-Size-Frequency (Cherkasova 1998): what is small and wanted often stays; ages by what had to go.

/// Fewest wants for each byte first.
struct GreedyDual: Order {
  private var age: UInt64 = 0

  mutating func rank(_ holding: Holding) -> UInt64 {
    age + UInt64(Double(holding.wants) / Double(max(1, holding.bytes)) * 0x1p50)
  }

  mutating func evicted(_ rank: UInt64) { age = max(age, rank) }
}

/// The same without sizes: least frequently used with dynamic aging.
struct LeastOften: Order {
  private var age: UInt64 = 0

  mutating func rank(_ holding: Holding) -> UInt64 { age + UInt64(holding.wants) << 32 }

  mutating func evicted(_ rank: UInt64) { age = max(age, rank) }
}
