// The page as files: each as it is, with what keeps it to itself, and nothing else beside them.

import Foundation
import Testing

@LaneC @Suite("The page's files") struct PageFileTests {
  private let folder = "\(Paths.package)/Sources/larder/Page"

  private func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains(".") }
  }

  @Test("each file is served as it is, without a token, with a tag of its content and a strict policy")
  func files() throws {
    let box = try Box()
    let types = ["html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"]
    let names = try names()
    #expect(names.count > 15)
    var tags: Set<String> = []
    for name in names {
      let path = name == "index.html" ? "/" : "/page/\(name)"
      let answer = try box.ask("GET", path)
      #expect(answer.status == 200, "\(path): \(answer)")
      let file = try Bytes(file: "\(folder)/\(name)")
      #expect(answer.body == file)
      let type = types[String(name.split(separator: ".").last ?? "")] ?? "text/javascript; charset=utf-8"
      #expect(answer["content-type"] == type)
      #expect(answer["cache-control"] == "no-cache")
      #expect(answer["x-content-type-options"] == "nosniff")
      #expect(answer["referrer-policy"] == "no-referrer")
      #expect(
        answer["content-security-policy"]
          == "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
          + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
      let tag = try #require(answer["etag"])
      #expect(tag.wholeMatch(of: /"[0-9a-f]{32}"/) != nil, "\(tag)")
      tags.insert(tag)

      let head = try box.ask("HEAD", path)
      #expect(head.status == 200 && head["etag"] == tag && head["content-length"] == "\(answer.body.count)")
      for value in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
        let unchanged = try box.ask("GET", path, headers: ["If-None-Match": value])
        #expect(
          unchanged.status == 304 && unchanged["etag"] == tag && unchanged["content-length"] == nil, "\(unchanged)")
      }
      #expect(try box.ask("GET", path, headers: ["If-None-Match": "\"x\""]).body == answer.body)
      #expect(try box.ask("GET", path, headers: ["If-Match": "\"x\""]).status == 412)
      let refused = try box.ask("POST", path, body: "{}")
      #expect(refused.status == 405 && refused["allow"] == "GET, HEAD")
    }
    #expect(tags.count == names.count)
    #expect(try box.ask("GET", "/?any=thing").status == 200)
  }

  @Test(
    "nothing else is there",
    arguments: [
      "/index.html", "/page", "/page/", "/page/none.js", "/page/Embed/PageFiles.c", "/favicon.ico", "//",
      "/page//app.js",
    ])
  func unknown(path: String) throws {
    let box = try Box()
    let answer = try box.ask("GET", path)
    #expect(answer.status == 404 && answer.code == "not_found" && answer["content-type"] == "application/problem+json")
  }

  @Test("what the files name is there, and nothing in them points elsewhere")
  func references() throws {
    let names = Set(try names())
    for name in names {
      let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
      for match in text.matches(of: /["'(]\/page\/([^"')]*)/) {
        #expect(names.contains(String(match.output.1)), "\(name) names \(match.output.1)")
      }
      let elsewhere = text.matches(of: /https?:\/\/[^\s"'`<>)]*/).map { String($0.output) }
      #expect(elsewhere.allSatisfy { $0 == "http://www.w3.org/2000/svg" }, "\(name): \(elsewhere)")
      #expect(!text.contains(" style="), "\(name): the policy lets no style attribute through")
    }
  }

  @Test("every reason code of the reference has words for people")
  func reasons() throws {
    let words = try String(contentsOfFile: "\(folder)/reasons.js", encoding: .utf8)
    let reference = try String(
      contentsOfFile: "\(Paths.package)/Sources/larder/Documentation.docc/Interface.md", encoding: .utf8)
    var codes: Set<String> = []
    for (section, column) in [("## Errors of requests", 1), ("## Errors of downloads", 0)] {
      let rows = reference.components(separatedBy: section).last?.components(separatedBy: "\n## ").first ?? ""
      for row in rows.split(separator: "\n") where row.hasPrefix("| ") {
        let cells = row.dropFirst().split(separator: "|")
        codes.formUnion(cells[column].matches(of: /`([a-z_]+)`/).map { String($0.output.1) })
      }
    }
    codes.remove("code")
    #expect(codes.count > 22, "\(codes)")
    for code in codes { #expect(words.contains("\n  \(code): ['"), "\(code)") }
  }

  @Test("a title that is a web page is none of the box's", arguments: ["html", "svg", "js"])
  func titlesAreNoPages(fileExtension: String) throws {
    let box = try Box(["origin": ["key_template": "\"{content_id}/{quality}.\(fileExtension)\""]])
    let title = Title(size: 1000)
    try box.origin.put(title.bytes, key: "\(title.contentID)/\(title.quality).\(fileExtension)")
    let ann = try box.user("ann")
    let answer = try ann.play(try ann.fetch(title))
    #expect(answer.status == 200 && answer.body == title.bytes)
    #expect(answer["content-type"] == "application/octet-stream")
  }
}
