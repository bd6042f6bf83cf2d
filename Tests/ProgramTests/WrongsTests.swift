// The article on what can go wrong promises a test for each row: the tests that it names are there. So are those that the
// other articles and the READMEs name.

import Foundation
import Testing

@Suite("What can go wrong") struct WrongsTests {
  private static let package = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The tests of each suite, by the target and the suite: two targets may have a suite of one name.
  private struct Index {
    var tests: [String: [String: Set<String>]] = [:]

    init() throws {
      let folder = WrongsTests.package.appending(path: "Tests").path
      for name in try FileManager.default.subpathsOfDirectory(atPath: folder) where name.hasSuffix(".swift") {
        guard let target = name.split(separator: "/").first.map(String.init), target.hasSuffix("Tests") else {
          continue
        }
        var suite: String?
        var isTest = false
        for line in try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8).split(separator: "\n") {
          // Suites stand at the beginning of a line and their tests two characters behind it; most lines are neither.
          if line.utf8.first != UInt8(ascii: " ") {
            guard let match = line.firstMatch(of: /(?:struct|extension|class) (\w+Tests)\b/) else { continue }
            suite = String(match.1)
            tests[target, default: [:]][String(match.1), default: []].formUnion([])
          } else if line.hasPrefix("  @Test") {
            isTest = true
          } else if isTest, line.hasPrefix("  "), line.utf8.dropFirst(2).first != UInt8(ascii: " "),
            let suite, let match = line.firstMatch(of: /\bfunc (\w+)\(/)
          {
            tests[target]?[suite]?.insert(String(match.1))
            isTest = false
          }
        }
      }
    }

    /// The tests of a suite in one of the targets; nil when none has it.
    func tests(of suite: String, in targets: [String]) -> Set<String>? {
      let found = targets.compactMap { tests[$0]?[suite] }
      return found.isEmpty ? nil : found.reduce(into: []) { $0.formUnion($1) }
    }
  }

  /// Where a suite is looked for when its row names no target.
  private static let usual = ["EndToEndTests", "ProgramTests"]

  /// What the rows of an article's tables name and is not there. A name that stands alone is a test of the suite before it
  /// in its row, or of one that its section names; a target before a suite is that suite's.
  private func missing(in article: String, _ index: Index) -> (rows: Int, missing: [String]) {
    let words: Set<String> = ["and", "on", "ext4", "XFS"]
    var (rows, missing) = (0, [String]())
    for section in article.split(separator: "\n#") {
      let mentioned = section.matches(of: /\b\w+Tests\b/).map { String($0.0) }
      for row in section.split(separator: "\n") where row.hasPrefix("| ") {
        guard let last = row.split(separator: "|").last, last != " test ", !last.contains("---") else { continue }
        rows += 1
        var named = 0
        var inRow: String?
        var targets: [String] = []
        var isNamed = false
        for match in last.matches(of: /\w+/) {
          let word = String(match.0)
          if word.hasSuffix("Tests") {
            named += 1
            if !isNamed { targets = Self.usual }
            isNamed = false
            inRow = word
            for target in targets where targets != Self.usual && index.tests[target]?[word] == nil {
              missing.append("\(target)/\(word)")
            }
            if index.tests(of: word, in: targets) == nil { missing.append(word) }
          } else if index.tests["\(word)Tests"] != nil {
            if !isNamed { targets = [] }
            targets.append("\(word)Tests")
            isNamed = true
          } else if !words.contains(word) {
            named += 1
            let isThere =
              inRow.map { index.tests(of: $0, in: targets)?.contains(word) == true }
              ?? mentioned.contains { index.tests(of: $0, in: Self.usual)?.contains(word) == true }
            if !isThere { missing.append("\(inRow ?? "") \(word)") }
          }
        }
        if named == 0 { missing.append(String(row)) }
      }
    }
    return (rows, missing)
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOf: Self.package.appending(path: path), encoding: .utf8)
  }

  @Test("each test that a row names is a test of that suite, and each row names one")
  func names() throws {
    let article = try text("Sources/larder/Documentation.docc/What-can-go-wrong.md")
    let (rows, missing) = missing(in: article, try Index())
    #expect(missing.isEmpty)
    #expect(rows > 80)
  }

  @Test("a suite, a test or a target that is not there is noticed, and so is a row without a test")
  func notThere() throws {
    let head = "## Heading\n\nThe tests are `DamageTests`.\n\n| the disk | test |\n| --- | --- |\n"
    let index = try Index()
    func missing(_ cell: String) -> [String] { self.missing(in: "\(head)| breaks | \(cell) |\n", index).missing }
    for good in [
      "changedByte, truncated", "`DamageTests.scrub`, `MendingTests` stuck", "S3 `DigestTests`",
      "S3 and Cache `LargeObjectTests`", "`CrashTests.powerCuts` and `lossIsBounded`, on ext4 and XFS",
    ] {
      #expect(missing(good).isEmpty, "\(good)")
    }
    #expect(missing("`NoSuchTests`") == ["NoSuchTests"])
    #expect(missing("changedBytes") == [" changedBytes"])
    #expect(missing("`MendingTests` stuck, changedByte") == ["MendingTests changedByte"])
    #expect(missing("`DamageTests.filled`") == ["DamageTests filled"], "a helper is no test")
    #expect(missing("S3 `MendingTests`") == ["S3Tests/MendingTests", "MendingTests"])
    #expect(missing("S3 and Cache `DigestTests`") == ["CacheTests/DigestTests"])
    #expect(missing("`DigestTests`") == ["DigestTests"], "its target is not named")
    #expect(missing("") == ["| breaks |  |"])
  }

  /// Names such as `SuiteTests`, `SuiteTests.test` and `SuiteTests/test`, of whatever target.
  private func strangers(in text: String, _ index: Index) -> [String] {
    text.matches(of: /\b([A-Z]\w*Tests)(?:[.\/](\w+))?/).filter { match in
      let (suite, test) = (String(match.1), match.2.map(String.init))
      // A target, or a folder of one.
      if index.tests[suite] != nil, test?.first?.isLowercase != true { return false }
      guard let tests = index.tests(of: suite, in: Array(index.tests.keys)) else { return true }
      return test.map { !tests.contains($0) } ?? false
    }.map { String($0.0) }
  }

  @Test("the tests that the other articles and the READMEs name are there")
  func elsewhere() throws {
    let index = try Index()
    #expect(strangers(in: "`NoTests`, `DamageTests.filled`", index) == ["NoTests", "DamageTests.filled"])
    let folder = "Sources/larder/Documentation.docc"
    let articles = try FileManager.default.contentsOfDirectory(atPath: Self.package.appending(path: folder).path)
      .filter { $0.hasSuffix(".md") }.map { "\(folder)/\($0)" }
    #expect(articles.count > 5)
    for path in articles + ["README.md", "Tests/Simulation/README.md", "Tests/Benchmark/README.md"] {
      // A target with a pattern behind it is no suite: `EndToEndTests.*Load`.
      let strangers = strangers(in: try text(path).replacing(/Tests\.\*/, with: "Tests "), index)
      #expect(strangers.isEmpty, "\(path)")
    }
  }
}
