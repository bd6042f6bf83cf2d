// Histograms of times, as a scrape reads them: a bound belongs to its bucket, each bucket counts those below it too, and sums
// are exact to the microsecond.

import Loop
import Testing

@testable import larder

@Suite("Histograms") struct HistogramTests {
  init() { EventLoop.runInBackground() }

  /// The lines of one metric, by what stands behind its name.
  @EventLoop private func lines(of metric: Metric, _ metrics: Metrics) -> [String] {
    let name = metric.definition.name
    return String(decoding: metrics.text(), as: UTF8.self).split(separator: "\n")
      .filter { $0.hasPrefix(name + "_") }.map { String($0.dropFirst(name.count)) }
  }

  @Test("an observation counts from its bucket on, a bound in its own") @EventLoop func buckets() {
    let metrics = Metrics()
    let bounds = Metric.playFirstByte.definition.bounds
    #expect(bounds.prefix(2) == [5, 25] && bounds.last == .max)
    for microseconds in [0, 5000, 5001, 25_000, 99_999_999_999] {
      metrics.observe(.playFirstByte, microseconds: microseconds)
    }
    let lines = lines(of: .playFirstByte, metrics)
    #expect(lines.count == bounds.count + 2)
    #expect(lines.prefix(3) == ["_bucket{le=\"0.005\"} 2", "_bucket{le=\"0.025\"} 4", "_bucket{le=\"0.1\"} 4"])
    #expect(lines.suffix(3) == ["_bucket{le=\"+Inf\"} 5", "_sum 100000.035", "_count 5"])
    // Its neighbours know nothing of it.
    #expect(self.lines(of: .playTime, metrics).allSatisfy { $0.hasSuffix(" 0") })
    #expect(self.lines(of: .chunkTime, metrics).allSatisfy { $0.hasSuffix(" 0") })
  }

  @Test("sums are written in seconds, without what is nothing") @EventLoop func sums() {
    for (microseconds, text) in [
      (0, "0"), (1, "0.000001"), (1_000_000, "1"), (1_500_000, "1.5"), (60_000_010, "60.00001"),
    ] {
      let metrics = Metrics()
      metrics.observe(.chunkTime, microseconds: microseconds)
      #expect(lines(of: .chunkTime, metrics).contains("_sum \(text)"), "\(microseconds)")
    }
  }

  @Test("every table's row has bounds that grow, and only histograms have some")
  func table() {
    for row in Metric.table {
      #expect(row.bounds.isEmpty == (row.kind != .histogram), "\(row.name)")
      #expect(zip(row.bounds, row.bounds.dropFirst()).allSatisfy { $0 < $1 }, "\(row.name)")
    }
  }
}
