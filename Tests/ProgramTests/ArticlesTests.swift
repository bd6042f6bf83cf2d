// The articles beside the code: what one of them promises to list is listed.

import Foundation
import Testing

@Suite("The articles") struct ArticlesTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Sources/larder/Documentation.docc")

  private func article(_ name: String) throws -> String {
    try String(contentsOf: Self.folder.appendingPathComponent("\(name).md"), encoding: .utf8)
  }

  /// Codes of the rows of a table: what stands between backticks in one of its columns.
  private func codes(under heading: String, column: Int, of article: String) throws -> Set<String> {
    let section = try #require(article.components(separatedBy: "\n## \(heading)\n").dropFirst().first)
    let rows = try #require(section.components(separatedBy: "\n## ").first).split(separator: "\n")
      .filter { $0.hasPrefix("| ") && !$0.hasPrefix("| ---") }.dropFirst()
    return Set(
      rows.flatMap { row in
        row.split(separator: "|", omittingEmptySubsequences: false)[column].split(separator: "`")
          .filter { $0.wholeMatch(of: /[a-z_]+/) != nil }.map(String.init)
      })
  }

  @Test("every code of the interface stands in the article on what is wrong")
  func codes() throws {
    let (interface, troubles) = (try article("Interface"), try article("Troubleshooting"))
    let answers = try codes(under: "Errors of requests", column: 2, of: interface)
    let explained = try codes(under: "Codes of answers", column: 1, of: troubles)
    #expect(answers.count > 15)
    #expect(explained == answers, "\(explained.symmetricDifference(answers))")
    let downloads = try codes(under: "Errors of downloads", column: 1, of: interface)
    #expect(downloads.count > 7)
    #expect(try codes(under: "Codes of downloads", column: 1, of: troubles) == downloads)
  }

  @Test("every article is in the table of contents, and is there")
  func contents() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
      .filter { $0.hasSuffix(".md") && $0 != "larder.md" }.map { String($0.dropLast(3)) }
    let listed = try article("larder").split(separator: "\n").filter { $0.hasPrefix("- <doc:") }
      .map { String($0.dropFirst("- <doc:".count).dropLast()) }
    #expect(Set(listed) == Set(names))
    #expect(listed.count == names.count)
  }
}
