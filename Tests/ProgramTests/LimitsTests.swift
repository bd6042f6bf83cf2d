// The limits as they are written down, and what the descriptors allow.

import Foundation
import Testing

@testable import larder

@Suite("Limits") struct LimitsTests {
  /// The package's directory.
  private static let package = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  @Test("the article holds the table of the code, line by line")
  func article() throws {
    let text = try String(
      contentsOfFile: Self.package + "/Sources/larder/Documentation.docc/Limits.md", encoding: .utf8)
    #expect(text.contains("## The table\n\n" + Limits.markdown + "\n"))
    for row in Limits.table { #expect(!row.limit.isEmpty && !row.beyond.isEmpty, "\(row.what)") }
  }

  @Test("connections that the descriptors do not allow are fewer, and too few are none")
  func descriptors() throws {
    let usual = DescriptorBudget(connections: 4096, active: 4, transfers: 4)
    let enough = try usual.effectiveConnections(limit: usual.needed)
    #expect(enough.connections == 4096 && enough.warning == nil)
    let fewer = try usual.effectiveConnections(limit: usual.needed - 1000)
    #expect(fewer.connections == 4096 - 500)
    #expect(fewer.warning?.contains("3596") == true && fewer.warning?.contains("LimitNOFILE") == true)
    let others = usual.needed - 2 * 4096
    #expect(try usual.effectiveConnections(limit: others + 2 * Limits.fewestConnections).connections == 16)
    #expect(throws: StartFailure.self) { try usual.effectiveConnections(limit: others + 30) }
    #expect(throws: StartFailure.self) { try usual.effectiveConnections(limit: 64) }
    // Who wants only three gets them wherever three fit.
    let three = DescriptorBudget(connections: 3, active: 1, transfers: 1)
    #expect(try three.effectiveConnections(limit: three.needed).connections == 3)
    let largest = DescriptorBudget(connections: 65536, active: 64, transfers: 64)
    #expect(try largest.effectiveConnections(limit: 262_144).warning == nil, "the unit file allows the largest")
  }

  @Test("the unit file's LimitNOFILE is what the article says")
  func unit() throws {
    let unit = try String(contentsOfFile: Self.package + "/systemd/larder.service", encoding: .utf8)
    #expect(unit.contains("\nLimitNOFILE=262144\n"))
  }
}
