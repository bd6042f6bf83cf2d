// What watches a box by its metrics: Prometheus' own tool takes a scrape and the alert rules, and neither the rules nor the
// dashboard name what no scrape has.

import Foundation
import Testing

@LaneC @Suite("Monitoring") struct MonitoringTests {
  /// A scrape of a box that has fetched and played something.
  private func scrape() throws -> [UInt8] {
    let box = try Box()
    let title = Title(size: 300_000)
    try box.origin.put(title)
    let ann = try box.user("ann")
    #expect(try ann.play(ann.fetch(title)).body == title.bytes)
    return try box.user("root", roles: ["admin"]).ask("GET", "/metrics").body.array
  }

  private func promtool(_ command: String) throws -> (ending: Ending, output: String, errors: String) {
    try Program.run("/bin/sh", ["-c", "exec \(Paths.testEnvironment("promtool")) \(command)"])
  }

  @Test("Prometheus' tool has nothing to say against a scrape")
  func scraped() throws {
    let file = Scratch.shared.path("scrape")
    try Data(try scrape()).write(to: URL(fileURLWithPath: file))
    let good = try promtool("check metrics < \(file)")
    #expect(good.ending == .exited(0) && (good.output + good.errors).isEmpty, "\(good)")
    // The tool looks: what breaks the conventions is named.
    try "# HELP larder_things things\n# TYPE larder_things counter\nlarder_things 1\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    #expect(try promtool("check metrics < \(file)").ending != .exited(0))
  }

  @Test("the alert rules are well-formed, and each is raised by what it is for")
  func rules() throws {
    for command in [
      "check rules \(Paths.package)/etc/prometheus-alerts.yaml",
      "test rules \(Paths.package)/Tests/Monitoring/alerts.test.yaml",
    ] {
      let result = try promtool(command)
      #expect(result.ending == .exited(0) && result.output.contains("SUCCESS"), "\(result)")
    }
  }

  @Test(
    "the rules and the dashboard name nothing that a scrape does not have",
    arguments: [
      "prometheus-alerts.yaml", "grafana-dashboard.json",
    ])
  func names(file: String) throws {
    let found = try Exposition(scrape())
    var known = Set(found.names)
    for (name, family) in found.families where family.kind == "histogram" {
      known.formUnion(["bucket", "sum", "count"].map { "\(name)_\($0)" })
      known.remove(name)
    }
    let text = try String(contentsOfFile: Paths.package + "/etc/" + file, encoding: .utf8)
    let named = Set(text.matches(of: /larder_[a-z0-9_]+/).map { String($0.output) })
    #expect(named.count > 8)
    #expect(named.subtracting(known).isEmpty, "\(named.subtracting(known).sorted())")
    // And no value of a label that there is not.
    let values = Set(found.families.values.flatMap(\.samples).flatMap(\.labels.values))
    let selected = text.matches(of: /\b(?:code|status|result|found|cause|state)!?=~?\\?"([a-z0-9_|]+)\\?"/)
    for value in selected.flatMap({ $0.1.split(separator: "|") }) { #expect(values.contains(String(value))) }
    if file.hasSuffix(".json") {
      let panels = try JSON(text.utf8).panels?.array ?? []
      #expect(panels.count > 10 && panels.allSatisfy { !($0.targets?.array ?? []).isEmpty })
    }
  }
}
