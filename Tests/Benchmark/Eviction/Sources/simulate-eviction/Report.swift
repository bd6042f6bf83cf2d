// What the numbers look like: a table with a row for each contender and a column for each capacity.

import Glibc

/// A mean and how sure it is.
struct Estimate {
  var mean: Double
  /// The standard error of the mean; nil of a single number.
  var error: Double?

  init(_ numbers: [Double]) {
    let count = Double(numbers.count)
    let mean = numbers.reduce(0, +) / count
    self.mean = mean
    guard numbers.count > 1 else { return }
    let squares = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    error = sqrt(squares / (count - 1) / count)
  }
}

/// All results of one source.
struct Report {
  /// In bytes; of a share, those of the first world.
  var capacities: [Int] = []
  private var rows: [(name: String, worlds: [[Score]])] = []

  /// What a contender reached in one more world, at each capacity.
  mutating func add(_ name: String, _ scores: [Score]) {
    if let place = rows.firstIndex(where: { $0.name == name }) {
      rows[place].worlds.append(scores)
    } else {
      rows.append((name, [scores]))
    }
  }

  /// Hit ratio and byte hit ratio in per cent, the means of all worlds; then how far each is from the first row.
  func print() {
    line("", capacities.map { size($0) })
    for row in rows {
      line(
        row.name,
        capacities.indices.map { place in
          let hits = Estimate(row.worlds.map { $0[place].hitRatio })
          let bytes = Estimate(row.worlds.map { $0[place].byteHitRatio })
          return "\(percent(hits.mean)) / \(percent(bytes.mean))"
        })
    }
    let first = rows[0]
    guard first.worlds.count > 1 else { return }
    Swift.print(
      "\nPoints of the byte hit ratio beyond \(first.name), in \(first.worlds.count) worlds, ± the standard error")
    for row in rows.dropFirst() {
      line(
        row.name,
        capacities.indices.map { place in
          let gains = zip(row.worlds, first.worlds).map { $0[place].byteHitRatio - $1[place].byteHitRatio }
          let gain = Estimate(gains)
          return "\(percent(gain.mean, isSigned: true)) ± \(percent(gain.error ?? 0))"
        })
    }
  }

  /// A line for each score of the first world.
  func printRaw() {
    for row in rows {
      for (capacity, score) in zip(capacities, row.worlds[0]) {
        Swift.print("\(row.name)\t\(capacity)\t\(score.wants)\t\(score.hits)\t\(score.bytes)\t\(score.hitBytes)")
      }
    }
  }

  private func line(_ name: String, _ cells: [String]) {
    let width = rows.map(\.name.count).max() ?? 0
    Swift.print(pad(name, width) + cells.map { pad($0, 17, isRight: true) }.joined())
  }
}

/// With two decimals.
private func percent(_ ratio: Double, isSigned: Bool = false) -> String {
  let hundredths = Int((ratio * 10_000).rounded())
  let fraction = abs(hundredths % 100)
  let sign = hundredths < 0 ? "-" : isSigned ? "+" : ""
  return "\(sign)\(abs(hundredths) / 100).\(fraction < 10 ? "0" : "")\(fraction)"
}

private func size(_ bytes: Int) -> String {
  for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB")] where bytes >= 1 << shift {
    let tenths = (bytes * 10) >> shift
    return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
  }
  return "\(bytes) B"
}

private func pad(_ text: String, _ width: Int, isRight: Bool = false) -> String {
  let spaces = String(repeating: " ", count: max(0, width - text.count))
  return isRight ? spaces + text : text + spaces
}
