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
  /// Where each family begins.
  private let starts: [Int]
  private var sources: [Metric: Source] = [:]

  init() {
    var starts: [Int] = []
    var count = 0
    for row in Metric.table {
      starts.append(count)
      count += row.count
    }
    self.starts = starts
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
      let values = sources[metric]?() ?? numbers[start..<start + row.count].map { $0 }
      for (index, value) in values.prefix(row.count).enumerated() {
        guard let value else { continue }
        let label = row.label.map { "{\($0.name)=\"\($0.values[index])\"}" } ?? ""
        text += "\(row.name)\(label) \(value)\n"
      }
    }
    return Array(text.utf8)
  }

  /// As an answer.
  func reply() -> Reply { .bytes(.ok, .metrics, text()) }
}
