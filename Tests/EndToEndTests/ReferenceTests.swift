// The references are of the program as it is: the events of the log, and the API's paths and codes.

import Cache
import Foundation
import Testing

@LaneC @Suite("References") struct ReferenceTests {
  private static let operating = Paths.package + "/Sources/larder/Documentation.docc/Operating.md"
  private static let document = Paths.package + "/etc/openapi.yaml"

  /// All that the program is compiled from.
  private static func sources() throws -> [String] {
    let root = Paths.package + "/Sources/larder"
    let files = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return try files.filter { $0.hasSuffix(".swift") }.map {
      try String(contentsOfFile: root + "/" + $0, encoding: .utf8)
    }
  }

  @Test("the table of events has each event that the log can have, with its levels, and no other")
  func events() throws {
    var logged: [String: Set<String>] = ["log.dropped": ["warning"], "request.answered": ["info"]]
    // What an administrator does is named by the deed.
    for deed in ["evict", "pin", "unpin", "cancel", "retry"] { logged["admin.\(deed)"] = ["notice"] }
    for text in try Self.sources() {
      for match in text.matches(of: /log\.(debug|info|notice|warning|fault)\(\s*"([a-z.]+)"/) {
        logged[String(match.2), default: []].insert(match.1 == "fault" ? "error" : String(match.1))
      }
    }
    let text = try String(contentsOfFile: Self.operating, encoding: .utf8)
    let start = try #require(text.range(of: "| `event` | level | means |\n| --- | --- | --- |\n")).upperBound
    let end = try #require(text.range(of: "\n\n", range: start..<text.endIndex)).lowerBound
    var listed: [String: Set<String>] = [:]
    for row in text[start..<end].split(separator: "\n") {
      let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      for name in cells[0].split(separator: ",") {
        listed[name.trimmingCharacters(in: CharacterSet(charactersIn: "` "))] = Set(
          cells[1].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
      }
    }
    for name in Set(logged.keys).union(listed.keys).sorted() { #expect(logged[name] == listed[name], "\(name)") }
    #expect(listed.count > 30)
  }

  /// The values of an enumeration in the API's document, a line each.
  private static func words(of schema: String, in document: String) throws -> Set<String> {
    let start = try #require(document.range(of: "\n    \(schema):\n")).upperBound
    let lines = document[start...].split(separator: "\n").drop { !$0.hasSuffix("enum:") }.dropFirst()
    let listed = lines.prefix { $0.hasPrefix("        - ") || $0.hasPrefix("      - ") }
    return Set(listed.map { $0.drop { $0 == " " || $0 == "-" } }.map(String.init))
  }

  @Test("the API's document has each reason and each event that there is")
  func words() throws {
    let document = try String(contentsOfFile: Self.document, encoding: .utf8)
    #expect(try Self.words(of: "DownloadErrorCode", in: document) == Set(Trouble.Code.allCases.map(\.word)))
    #expect(try Self.words(of: "AuditEvent", in: document) == Set(AuditEntry.Event.allCases.map(\.word)))
    let statuses = try #require(document.firstMatch(of: /\n    Status:\n.*\n      enum: \[(.*)\]\n/)).1
    #expect(statuses == Download.Status.allCases.map(\.word).joined(separator: ", "))
  }

  @Test("the API's document has each path and code that the reference has, and no other")
  func document() throws {
    let document = try String(contentsOfFile: Self.document, encoding: .utf8)
    let paths = Set(document.matches(of: /(?m)^  (\/[^:]*):$/).map { String($0.1) })
    let text = try String(contentsOfFile: Self.operating, encoding: .utf8)
    // `GET`, `HEAD /api/…`, also with an example's query behind it; where an example has an id, nothing is said.
    let named = text.matches(of: /(?:GET|HEAD|POST|PUT|DELETE) (\/(?:api|metrics|healthz|readyz)[a-z\/{}-]*)/)
    let shortened = text.matches(of: /…\/([a-z-]+)[`,]/).map { "/api/downloads/{id}/\($0.1)" }
    #expect(paths.count > 15)
    #expect(Set(named.map { String($0.1) }.filter { !$0.hasSuffix("/") }).union(shortened).union(["/readyz"]) == paths)

    let codes = try Self.words(of: "ProblemCode", in: document)
    let section = try #require(text.range(of: "## Errors of requests\n")).upperBound
    let rows = text[section...].prefix(upTo: try #require(text.range(of: "\n`type` is always")).lowerBound)
    var told: Set<String> = []
    for row in rows.split(separator: "\n") where row.hasPrefix("| ") {
      told.formUnion(row.split(separator: "|")[1].matches(of: /`([a-z_]+)`/).map { String($0.1) })
    }
    #expect(told.subtracting(["code"]) == codes)
    // What the program writes in place of a code, wherever it refuses something.
    let written = try Self.sources().flatMap { text in
      text.matches(of: /code: "([a-z_]+)"/).map { String($0.1) }
        + text.matches(of: /\n    \.[a-zA-Z]+, "([a-z_]+)",/).map { String($0.1) }
    }
    #expect(Set(written).subtracting(codes).isEmpty, "\(Set(written).subtracting(codes))")
  }
}
