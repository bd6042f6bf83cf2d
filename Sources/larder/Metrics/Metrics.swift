// The numbers themselves: counters that cost an addition, gauges that are read when somebody asks, and the text in which
// Prometheus reads them (exposition format 0.0.4). Lives on the loop; other threads submit to it.

import Cache
import HTTP
import Loop

/// All metrics of the daemon.
@EventLoop
final class Metrics {
  /// Asked at each scrape: a number for each value of the label, nil for what cannot be told just now.
  typealias Source = @EventLoop () -> [Int?]

  /// The numbers of all families, one family after the other.
  private var numbers: [Int]
  /// In the places of a histogram's buckets their upper bounds, in microseconds; else nothing.
  private let bounds: [Int]
  /// Where each family begins, and where the last one ends.
  private let starts: [Int]
  private var sources: [Metric: Source] = [:]

  init() {
    var starts: [Int] = []
    var bounds: [Int] = []
    var count = 0
    for row in Metric.table {
      starts.append(count)
      count += row.count
      bounds += row.bounds.map { $0 == .max ? .max : $0 * 1000 }
      bounds += Array(repeating: 0, count: row.count - row.bounds.count)
    }
    self.starts = starts + [count]
    self.bounds = bounds
    numbers = Array(repeating: 0, count: count)
    let started = Int(Clock.now.milliseconds / 1000)
    read(.startTime) { [started] }
    read(.buildInfo) { [1] }
  }

  // MARK: Counting

  /// Adds to a counter without a label.
  func count(_ metric: Metric, by more: Int = 1) {
    assert(metric.definition.label == nil, "\(metric) has a label")
    numbers[starts[metric.rawValue]] += more
  }

  /// Adds to a counter, under one of its label's values.
  func count(_ metric: Metric, _ value: String, by more: Int = 1) {
    guard let index = metric.definition.label?.values.firstIndex(of: value) else {
      return assertionFailure("\(metric) has no value \(value)")
    }
    numbers[starts[metric.rawValue] + index] += more
  }

  /// A request was answered so.
  func answered(_ status: Status) {
    // 2xx is the first.
    let index = status.rawValue / 100 - 2
    if index >= 0 { numbers[starts[Metric.requests.rawValue] + index] += 1 }
  }

  /// Bytes of a title begin to go out: of a whole one, or of one that is still coming in.
  func played(isWhole: Bool) { numbers[starts[Metric.plays.rawValue] + (isWhole ? 0 : 1)] += 1 }

  /// Adds to a histogram of times.
  func observe(_ metric: Metric, microseconds: Int) {
    var bucket = starts[metric.rawValue]
    // The last bound is above everything.
    while bounds[bucket] < microseconds { bucket += 1 }
    numbers[bucket] += 1
    numbers[starts[metric.rawValue + 1] - 1] += microseconds
  }

  /// Has a metric read from `source` at each scrape instead of counted here.
  func read(_ metric: Metric, _ source: @escaping Source) { sources[metric] = source }

  // MARK: Telling

  /// Everything as a scrape reads it.
  func text() -> [UInt8] {
    var text = ""
    for metric in Metric.allCases {
      let row = metric.definition
      text += "# HELP \(row.name) \(row.help)\n# TYPE \(row.name) \(row.kind.rawValue)\n"
      let start = starts[metric.rawValue]
      if row.kind == .histogram {
        text += histogram(row, numbers[start..<start + row.count])
        continue
      }
      let values = sources[metric]?() ?? numbers[start..<start + row.count].map { $0 }
      for (index, value) in values.prefix(row.count).enumerated() {
        guard let value else { continue }
        let label = row.label.map { "{\($0.name)=\"\($0.values[index])\"}" } ?? ""
        text += "\(row.name)\(label) \(value)\n"
      }
    }
    return Array(text.utf8)
  }

  /// The lines of a histogram: each bucket counts all below it too.
  private func histogram(_ row: Metric.Definition, _ values: ArraySlice<Int>) -> String {
    var text = ""
    var total = 0
    for (bound, count) in zip(row.bounds, values) {
      total += count
      text += "\(row.name)_bucket{le=\"\(bound == .max ? "+Inf" : Self.seconds(bound * 1000))\"} \(total)\n"
    }
    return text + "\(row.name)_sum \(Self.seconds(values.last ?? 0))\n\(row.name)_count \(total)\n"
  }

  /// Microseconds as seconds, exactly.
  private static func seconds(_ microseconds: Int) -> String {
    let (whole, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    guard rest > 0 else { return "\(whole)" }
    var digits = String(1_000_000 + rest).dropFirst()
    while digits.last == "0" { digits.removeLast() }
    return "\(whole).\(digits)"
  }

  /// As an answer.
  func reply() -> Reply { .bytes(.ok, .metrics, text()) }
}
