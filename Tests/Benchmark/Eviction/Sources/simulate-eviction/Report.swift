// What the numbers look like: a table with a row for each contender and a column for each capacity.

import Glibc

/// The scores of one contender at one capacity, one for each world.
struct Result {
  var name: String
  var capacity: Int
  var scores: [Score]
}

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
  var results: [Result] = []

  /// Hit ratio and byte hit ratio in per cent, the means of all worlds; then how far each is from the first row.
  func print() {
    let capacities = results.map(\.capacity).reduce(into: [Int]()) { if !$0.contains($1) { $0.append($1) } }
    let names = results.map(\.name).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let width = names.map(\.count).max()!
    Swift.print(pad("", width) + capacities.map { pad(size($0), 20, isRight: true) }.joined())
    for name in names {
      var line = pad(name, width)
      for capacity in capacities {
        let scores = scores(name, capacity)
        let (hits, bytes) = (Estimate(scores.map(\.hitRatio)), Estimate(scores.map(\.byteHitRatio)))
        line += pad("\(percent(hits.mean)) / \(percent(bytes.mean))", 20, isRight: true)
      }
      Swift.print(line)
    }
    guard results[0].scores.count > 1 else { return }
    Swift.print(
      "\nPoints of the byte hit ratio beyond \(names[0]), with the standard error of \(results[0].scores.count) worlds")
    for name in names.dropFirst() {
      var line = pad(name, width)
      for capacity in capacities {
        let gains = zip(scores(name, capacity), scores(names[0], capacity)).map { $0.byteHitRatio - $1.byteHitRatio }
        let gain = Estimate(gains)
        line += pad("\(percent(gain.mean, isSigned: true)) ± \(percent(gain.error ?? 0))", 20, isRight: true)
      }
      Swift.print(line)
    }
  }

  /// A line for each score of the first world.
  func printRaw() {
    for result in results {
      let score = result.scores[0]
      Swift.print(
        "\(result.name)\t\(result.capacity)\t\(score.wants)\t\(score.hits)\t\(score.bytes)\t\(score.hitBytes)")
    }
  }

  private func scores(_ name: String, _ capacity: Int) -> [Score] {
    results.first { $0.name == name && $0.capacity == capacity }!.scores
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
