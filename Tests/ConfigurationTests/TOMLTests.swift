// TOML as the standard has it: what is read, what is refused and where, and that every key knows its line.

import Testing

@testable import Configuration

extension Node.Entry {
  /// The entry that a path of keys leads to.
  static func find(_ path: some Collection<String>, in entries: [Node.Entry]) -> Node.Entry? {
    guard let entry = entries.first(where: { $0.key == path.first }) else { return nil }
    if path.count == 1 { return entry }
    guard case .table(let inner) = entry.value else { return nil }
    return find(path.dropFirst(), in: inner)
  }
}

@Suite struct TOMLTests {
  /// Each text has the path's key on the line given.
  @Test(arguments: [
    ("[downloads]\nactive = 1", "downloads.active", 2),
    ("downloads.active = 1", "downloads.active", 1),
    ("\n\n  downloads . \"active\" = 1", "downloads.active", 3),
    ("'downloads'.'active' = 1", "downloads.active", 1),
    ("\"down\\u006Coads\".active = 1", "downloads.active", 1),
    ("\"\\U00000064ownloads\".active = 1", "downloads.active", 1),
    ("[ downloads ] # [log]\n\n\tactive=1", "downloads.active", 3),
    ("downloads = { connections = 1, active = 2 }", "downloads.active", 1),
    (
      "# active = 1\n[server]\nlisten = [\n  \"[downloads]\", # active\n  'x', ]\n[downloads]\nactive = 1",
      "downloads.active", 7
    ),
    ("a = \"\"\"\n[downloads]\nactive = 1\n\"\"\"\n[downloads]\nactive = 1", "downloads.active", 6),
    ("a = '''\n[downloads]\nactive = 1\n'''\n[downloads]\nactive = 1", "downloads.active", 6),
    ("a = \"\"\"x\"\"\"\"\"\n[downloads]\nactive = 1", "downloads.active", 3),
    ("a = \"\"\"\\\"\"\"\n\"\"\"\n[downloads]\nactive = 1", "downloads.active", 4),
    ("a = '''''x'''''\n[downloads]\nactive = 1", "downloads.active", 3),
    ("a = \"\\\"\"\n[downloads]\nactive = 1", "downloads.active", 3),
    ("a = 'C:\\'\n[downloads]\nactive = 1", "downloads.active", 3),
    ("a = \"# no comment\" # comment = \"\n[downloads]\nactive = 1", "downloads.active", 3),
    ("a = 1979-05-27 07:32:00\r\n[downloads]\r\nactive = 1\r\n", "downloads.active", 3),
    ("a = [[1, 2], [\n'a', { b = 1 }\n]]\n[downloads]\nactive = 1", "downloads.active", 5),
    ("a = []\nb = {}\nc = ''\nd = \"\"\n[downloads]\nactive = 1", "downloads.active", 6),
    ("[[a]]\nactive = 1\n[[a]]\n[downloads]\nactive = 1", "downloads.active", 5),
    ("[quota.users]\n\"a\" = 1\n\"b.c\" = \"x\"", "quota.users.b.c", 3),
    ("[quota]\ndefault = 1\nusers = { \"a\" = \"1GiB\", \"b\" = 2 }", "quota.users.b", 3),
    ("quota.default = 1\nquota.users.\"a\" = 1", "quota.users.a", 2),
    ("[quota]\nusers.\"a\" = 1\nusers.\"a b\" = 1", "quota.users.a b", 3),
    ("[quota]\n\"users\".'ü' = 1", "quota.users.ü", 2),
    ("[quota]\n[quota.\"users\"]\n\"q\\\"q\" = 1", "quota.users.q\"q", 3),
    ("[quota.users]\n1234 = 1\n-_ = 1", "quota.users.-_", 3),
    ("quota = { users = { a = 1 } }", "quota.users.a", 1),
    ("\u{FEFF}quota.default = 1", "quota.default", 1),
  ])
  func lines(text: String, path: String, line: Int) throws {
    // Only the last of three parts may hold dots itself.
    let parts = path.split(separator: ".", maxSplits: 2).map(String.init)
    #expect(Node.Entry.find(parts, in: try parseTOML(text))?.line == line)
  }

  @Test(arguments: [
    ("0", Node.integer(0)), ("+1_000", .integer(1000)), ("-17", .integer(-17)), ("0xDEAD_beef", .integer(0xDEAD_BEEF)),
    ("0o755", .integer(0o755)), ("0b1010", .integer(10)), ("9223372036854775807", .integer(.max)),
    ("-9223372036854775808", .integer(.min)), ("-0", .integer(0)),
    ("\"\"", .text("")), ("''", .text("")), ("\"a # b\" # c", .text("a # b")), ("'a\\b'", .text("a\\b")),
    ("\"\\b\\t\\n\\f\\r\\\"\\\\\\u00e9\\U0001F3AC\"", .text("\u{8}\t\n\u{C}\r\"\\é🎬")), ("\"\\u0000\"", .text("\0")),
    ("\"\"\"\na\nb\"\"\"", .text("a\nb")), ("\"\"\"a\\\n  \n  b\"\"\"", .text("ab")),
    ("\"\"\"a\\  \r\n b\"\"\"", .text("ab")),
    ("\"\"\"a\"\"b\"\"\"\"\"", .text("a\"\"b\"\"")), ("'''\r\na\\\r\n'''", .text("a\\\r\n")),
    ("''''a''''", .text("'a'")),
    ("[]", .array([])), ("[ 1, # x\n 'a',\n]", .array([.integer(1), .text("a")])),
    ("[[],[[]]]", .array([.array([]), .array([.array([])])])), ("{}", .table([])),
    ("{ b = [\n'c'] }", .table([.init(key: "b", line: 1, value: .array([.text("c")]))])),
    ("true", .boolean(true)), ("false", .boolean(false)), ("1.5", .other("a number with a fraction")),
    ("-1e10", .other("a number with a fraction")), ("6.626e-34", .other("a number with a fraction")),
    ("inf", .other("a number with a fraction")), ("-nan", .other("a number with a fraction")),
    ("1979-05-27", .other("a date or a time")), ("07:32:00.5", .other("a date or a time")),
    ("1979-05-27T07:32:00-07:00", .other("a date or a time")), ("1979-05-27 07:32:00Z # x", .other("a date or a time")),
  ])
  func values(text: String, value: Node) throws {
    #expect(try parseTOML("a = \(text)").first?.value == value)
    #expect(try parseTOML("a=\(text)\nb = 1").last?.value == .integer(1))
  }

  @Test(arguments: [
    "[a]\n[b]\n[a.c]", "[a.b.c]\n[a]\nd = 1\n[a.b]", "a.b = 1\na.c = 2", "[a]\nb.c = 1\n[a.b.d]",
    "[[a]]\n[a.b]\n[[a]]\n[a.b]",
    "[[a]]\nb = 1\n[[a.c]]\n[[a.c]]", "[a.b.c]\n[a]\nb.d = 1", "\"\" = 1", "''.\"\" = 1", "1.2 = 3",
    "a = 1\r\n\r\n[b]\r\n",
    "a = 1 # é\n", "[ a . 'b' ]", "#\tx\na=1", "a = {b = [\n1\n]}", "a = { b.c = 1, 'b'.d = 2 }",
  ])
  func tables(text: String) throws { #expect(try !parseTOML(text).isEmpty) }

  @Test(arguments: [
    "a = 1\na = 2", "[a]\n[a]", "a = 1\n[a]", "a = 1\n[a.b]", "[a]\nb = 1\n[a.b]", "a = {}\n[a]", "a = {}\n[a.b]",
    "a = {}\na.b = 1", "a = []\n[[a]]", "[a]\n[[a]]", "[[a]]\n[a]", "a.b = 1\n[a]", "[a.b]\n[a]\nb.c = 1",
    "[a.b.c]\n[a]\nb.c.d = 1", "a.b = 1\na.b.c = 2", "a = 1\n'a' = 2", "a = {b = 1, b = 2}", "a = {b.c = 1, b = 2}",
    "[a]\nb.c = 1\n[a.b]", "[[a.b]]\n[a]\nb.c = 1", "a = 1\na.b = 1", "a = {b = {}, b.c = 1}",
  ])
  func twice(text: String) {
    let error = #expect(throws: SyntaxError.self) { try parseTOML(text) }
    #expect(error?.message.contains(" is written twice (first on line ") == true, "\(text)")
    #expect(error?.line == text.split(separator: "\n").count)
  }

  @Test(arguments: [
    "[", "]", "=", "a", "a =", "a = [", "a = {", "a = \"", "a = \"\\", "a = '''", "a.", ".a = 1", "a..b = 1", "\"",
    "a = [}",
    "a = {]", "[[", "a = \"\\u12", "a = \"\\UFFFFFFFF\"", "a = \"\\uD800\"", "a = \"\\u+123\"", "[a", "[a]]", "[[a]",
    "[ [a]]", "[]", "[a.]", "[a] b = 1", "a = 1 b = 2", "a = 1,", "a b = 1", "a = info", "a = 01", "a = 1_", "a = _1",
    "a = 1__0", "a = 0x", "a = +0x1", "a = 0xG", "a = 0b2", "a = 9223372036854775808", "a = -9223372036854775809",
    "a = TRUE",
    "a = \"\\x41\"", "a = \"\\ \"", "a = \"x\ny\"", "a = 'x\ny'", "a = [1 2]", "a = [,]", "a = [1,,2]", "a = {b = 1,}",
    "a = {,}", "a = {b = 1\n}", "a = {b = 1 c = 2}", "a = {b}", "\"\"\"a\"\"\" = 1", "'''a''' = 1", "a = \"\u{1}\"",
    "# \u{1}",
    "# \u{7F}", "a = 1\rb = 2", "a = \"\u{0}\"", "é = 1", "a = \"\"\"\u{B}\"\"\"", "a = \"\"\"\r\"\"\"", "a\n= 1",
    "a = # x\n1",
    "a = 1979-05-27T&*:20:03Z", "a = -", "a = +-1", "a = 0x-1", "a = \"\"\"x\\ y\"\"\"", "a = '''x'''''''",
    "a = \"x\"y",
    "a = \u{FEFF}1", "a = \u{E9}",
  ])
  func refused(text: String) {
    let errors = #expect(throws: ConfigurationErrors.self) { try Configuration.parse(text: "\n" + text, file: "f") }
    #expect(errors?.problems.map(\.cause) == [.syntax], "\(text)")
    let lines = 2...(1 + text.split(separator: "\n", omittingEmptySubsequences: false).count)
    #expect(lines.contains(errors?.problems.first?.line ?? 0), "\(text)")
  }

  @Test(arguments: [
    Array(repeating: "a", count: 100_000).joined(separator: ".") + " = 1",
    "[" + Array(repeating: "a", count: 100_000).joined(separator: ".") + "]",
    "a = " + String(repeating: "[", count: 100_000), "a = " + String(repeating: "{ a = ", count: 100_000),
    "a = " + String(repeating: "[\n{ a = ", count: 50_000),
    Array(repeating: "a", count: 17).joined(separator: ".") + " = 1",
  ])
  func tooDeep(text: String) {
    let error = #expect(throws: SyntaxError.self) { try parseTOML(text) }
    #expect(error?.message == "values nested deeper than 16")
  }

  @Test func largeFilesAreRead() throws {
    #expect(try parseTOML(String(repeating: "[[a]]\n", count: 50_000)).count == 1)
    #expect(try parseTOML((0..<20_000).map { "a\($0) = [\($0)]" }.joined(separator: "\n")).count == 20_000)
  }
}
