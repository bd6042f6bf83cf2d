// TOML, and configurations.
//
// Invariants: every mistake stands on a line of the text, and moves with it; a tree written down is read again as the
// same tree, but for its lines; a configuration written down is read as the same configuration and written the same;
// errors are one line each.

import Driver

@testable import Configuration

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  let bytes = unsafe Array(bytes)
  checkConfiguration(bytes)
  guard let text = String(validating: bytes, as: UTF8.self) else { return }
  let lineCount = lineCount(bytes)
  do throws(SyntaxError) {
    let tree = try parseTOML(text)
    check(tree.allSatisfy { $0.linesLie(within: 1...lineCount) }, "every key is on a line of the text")
    checkWritten(tree)
    checkMoved(text, tree)
  } catch {
    check((1...lineCount).contains(error.line), "the mistake is on a line of the text")
    check(isOneLine(error.message) && isOneLine(error.advice), "errors are one line")
    if !text.hasPrefix("\u{FEFF}") {
      var moved: SyntaxError?
      do throws(SyntaxError) { _ = try parseTOML("# above\n" + text) } catch { moved = error }
      check(moved?.line == error.line + 1, "the mistake moves with the text")
    }
  }
}

private func lineCount(_ bytes: [UInt8]) -> Int { 1 + bytes.count { $0 == 0x0A } }

private func isOneLine(_ text: String) -> Bool {
  !text.isEmpty
    && text.unicodeScalars.allSatisfy { scalar in
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: false
      default: true
      }
    }
}

// MARK: - Trees

/// What is written down from a tree is read as the same tree, unless it is nested too deeply.
private func checkWritten(_ tree: [Node.Entry]) {
  let depth = tree.map(\.value.depth).max() ?? 0
  let text = tree.map { "\(tomlKey($0.key)) = \($0.value.toml)\n" }.joined()
  if let again = try? parseTOML(text) {
    check(depth <= 16, "nesting is bounded")
    check(again.count == tree.count && zip(again, tree).allSatisfy { $0.isSame(as: $1) }, "trees go to text and back")
  } else {
    check(depth > 16, "what was written is TOML")
  }
}

/// A comment above moves every key by a line.
private func checkMoved(_ text: String, _ tree: [Node.Entry]) {
  guard !text.utf8.starts(with: "\u{FEFF}".utf8) else { return }
  check((try? parseTOML("# above\n" + text)) == tree.map { $0.moved(by: 1) }, "keys move with the text")
}

extension Node.Entry {
  fileprivate func linesLie(within lines: ClosedRange<Int>) -> Bool {
    lines.contains(line) && value.entries.allSatisfy { $0.linesLie(within: lines) }
  }

  fileprivate func isSame(as other: Node.Entry) -> Bool {
    key.utf8.elementsEqual(other.key.utf8) && value.isSame(as: other.value)
  }

  fileprivate func moved(by lines: Int) -> Node.Entry {
    Node.Entry(key: key, line: line + lines, value: value.moved(by: lines))
  }
}

extension Node {
  /// The entries of a table, and those of the tables in an array.
  fileprivate var entries: [Entry] {
    switch self {
    case .table(let entries): entries
    case .array(let items): items.flatMap(\.entries)
    case .text, .integer, .boolean, .other: []
    }
  }

  fileprivate var depth: Int {
    switch self {
    case .table(let entries): 1 + (entries.map(\.value.depth).max() ?? 0)
    case .array(let items): 1 + (items.map(\.depth).max() ?? 0)
    case .text, .integer, .boolean, .other: 1
    }
  }

  fileprivate var toml: String {
    switch self {
    case .text(let text): tomlString(text)
    case .integer(let number): "\(number)"
    case .array(let items): "[\(items.map(\.toml).joined(separator: ", "))]"
    case .table(let entries):
      "{ \(entries.map { "\(tomlKey($0.key)) = \($0.value.toml)" }.joined(separator: ", ")) }"
    case .boolean(let isSo): "\(isSo)"
    case .other("a date or a time"): "1979-05-27"
    case .other: "1.5"
    }
  }

  fileprivate func isSame(as other: Node) -> Bool {
    switch (self, other) {
    case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
    case (.array(let a), .array(let b)): a.count == b.count && zip(a, b).allSatisfy { $0.isSame(as: $1) }
    case (.table(let a), .table(let b)): a.count == b.count && zip(a, b).allSatisfy { $0.isSame(as: $1) }
    default: self == other
    }
  }

  fileprivate func moved(by lines: Int) -> Node {
    switch self {
    case .array(let items): .array(items.map { $0.moved(by: lines) })
    case .table(let entries): .table(entries.map { $0.moved(by: lines) })
    case .text, .integer, .boolean, .other: self
    }
  }
}

// MARK: - Configurations

private func checkConfiguration(_ bytes: [UInt8]) {
  do throws(ConfigurationErrors) {
    let configuration = try Configuration.parse(bytes: bytes, file: "f")
    let written = configuration.describe()
    guard let again = try? Configuration.parse(text: written, file: "f") else {
      return check(false, "what was written is a configuration")
    }
    check(again == configuration, "configurations go to text and back")
    check(again.describe().utf8.elementsEqual(written.utf8), "and are written the same")
    check(configuration.downloads.retryInitial <= configuration.downloads.retryMax, "waits grow")
    check(!configuration.server.listen.isEmpty, "there is an address")
    checkTemplate(configuration.origin.keyTemplate)
  } catch {
    let lineCount = lineCount(bytes)
    var last = 1
    for problem in error.problems {
      guard let line = problem.line else { return check(false, "every problem has its line") }
      check((last...lineCount).contains(line), "lines are the text's, and in order")
      last = line
      check(isOneLine(problem.description), "problems are one line")
    }
    check(error.fileProblem == nil, "the file was read")
  }
}

/// Filling in the placeholders' own names gives the template back.
private func checkTemplate(_ template: KeyTemplate) {
  let key = template.key(contentID: "{content_id}", quality: "{quality}")
  check(key.utf8.elementsEqual(template.text.utf8), "nothing but placeholders is filled in")
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzTOML_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
