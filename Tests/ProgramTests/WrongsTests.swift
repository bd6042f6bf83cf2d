// The article on what can go wrong promises a test for each row: the tests that it names are there.

import Foundation
import Testing

@Suite("What can go wrong") struct WrongsTests {
  private static let package = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The functions of each suite below `Tests`.
  private func suites() throws -> [String: Set<String>] {
    var found: [String: Set<String>] = [:]
    let tests = Self.package.appending(path: "Tests").path
    for name in try FileManager.default.subpathsOfDirectory(atPath: tests) where name.hasSuffix(".swift") {
      guard !name.hasPrefix("Fuzz/"), !name.hasPrefix("Simulation/") else { continue }
      var suite: String?
      for line in try String(contentsOfFile: "\(tests)/\(name)", encoding: .utf8).split(separator: "\n") {
        if let match = line.firstMatch(of: /(?:struct|extension|class) (\w+Tests)\b/) {
          suite = String(match.1)
          found[String(match.1), default: []].formUnion([])
        } else if let suite, let match = line.firstMatch(of: /func (\w+)\(/) {
          found[suite, default: []].insert(String(match.1))
        }
      }
    }
    return found
  }

  /// A name that stands alone is a test of the suite before it in its row, or of one that its section names.
  @Test("each test that a row names is a test of that suite")
  func names() throws {
    let suites = try suites()
    let article = try String(
      contentsOf: Self.package.appending(path: "Sources/larder/Documentation.docc/What-can-go-wrong.md"),
      encoding: .utf8)
    let others: Set<String> = ["S3", "Cache", "LMDB", "and", "on", "ext4", "XFS"]
    var rows = 0
    for section in article.split(separator: "\n#") {
      let mentioned = section.matches(of: /\b\w+Tests\b/).map { String($0.0) }
      for row in section.split(separator: "\n") where row.hasPrefix("| ") {
        guard let last = row.split(separator: "|").last, last != " test ", !last.contains("---") else { continue }
        rows += 1
        var inRow: String?
        for match in last.matches(of: /\w+/) {
          let word = String(match.0)
          if word.hasSuffix("Tests") {
            #expect(suites[word] != nil, "no suite \(word)")
            inRow = word
          } else if !others.contains(word) {
            let meant = inRow.map { [$0] } ?? mentioned
            #expect(meant.contains { suites[$0]?.contains(word) == true }, "no test \(word) in \(meant): \(row)")
          }
        }
      }
    }
    #expect(rows > 80)
  }
}
