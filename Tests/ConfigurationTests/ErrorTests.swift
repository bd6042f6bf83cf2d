// Each mistake is told with its file, line and key, and with what to do.

import Testing

@testable import Configuration

/// All that is wrong with a text, one line each.
func complaints(_ text: String) -> [String] {
  do throws(ConfigurationErrors) {
    _ = try Configuration.parse(text: text, file: "f")
    return []
  } catch {
    return error.problems.map(\.description)
  }
}

/// The one thing that is wrong with a text.
func problem(_ text: String) throws -> ConfigurationProblem {
  let errors = try #require(
    #expect(throws: ConfigurationErrors.self, "\(text)") { try Configuration.parse(text: text, file: "f") })
  try #require(errors.problems.count == 1, "\(errors)")
  return errors.problems[0]
}

@Suite struct ErrorTests {
  /// Values of every TOML type but those that a setting of the type takes.
  @Test(arguments: Setting.all.map(\.key)) func wrongTypes(key: String) throws {
    let setting = try #require(Setting.all.first { $0.key == key })
    let values = [
      ("integer", "1"), ("float", "1.0"), ("bool", "true"), ("text", "\"x\""), ("array", "[1, \"x\", true]"),
      ("table", "{ x = 1.5 }"), ("date", "1979-05-27"), ("time", "07:32:00"), ("instant", "1979-05-27T07:32:00Z"),
      ("float", "inf"),
    ]
    let taken =
      switch setting.type {
      case "whole number": ["integer"]
      case "size": ["integer", "text"]
      case "array of texts": ["array"]
      case "table of sizes by user id": ["table"]
      case "boolean": ["bool"]
      default: ["text"]
      }
    for (type, value) in values where !taken.contains(type) {
      let problem = try problem("\n[\(setting.section)]\n\n\(setting.name) = \(value)")
      #expect(problem.cause == .wrongType, "\(problem)")
      #expect(problem.key == setting.key)
      #expect(problem.line == 4)
      #expect(!problem.advice.isEmpty)
    }
  }

  @Test(arguments: [
    ("server.max_connections", ["1", "65536"], ["0", "65537", "-1", "9223372036854775807"]),
    ("server.idle_timeout", ["\"100ms\"", "\"1d\""], ["\"99ms\"", "\"86400001ms\"", "\"0s\"", "\"106751991168d\""]),
    ("server.header_timeout", ["\"100ms\"", "\"24h\""], ["\"99ms\"", "\"25h\""]),
    ("origin.connect_timeout", ["\"100ms\"", "\"24h\""], ["\"99ms\"", "\"25h\""]),
    ("origin.stall_timeout", ["\"100ms\"", "\"24h\""], ["\"99ms\"", "\"25h\""]),
    ("storage.capacity", ["0", "9223372036854775807", "\"1TB\""], ["-1", "\"99999999999999TB\""]),
    ("storage.reserve", ["0", "\"1B\""], ["-1", "\"8388608TiB\""]),
    ("storage.scrub_rate", ["0", "\"1MiB\""], ["-1"]),
    ("storage.scrub_interval", ["\"1s\"", "\"365d\""], ["\"999ms\"", "\"366d\""]),
    ("downloads.active", ["1", "64"], ["0", "65"]), ("downloads.connections", ["1", "64"], ["0", "65"]),
    (
      "downloads.chunk_size", ["65536", "\"64KiB\"", "\"1GiB\""],
      ["65535", "\"63KiB\"", "1073741825", "\"2GiB\"", "-1"]
    ),
    ("downloads.max_rate", ["0", "\"10MB\""], ["-1"]),
    ("downloads.rate_while_playing", ["0", "\"1MB\""], ["-1"]),
    ("downloads.retry_initial", ["\"1ms\"", "\"60s\""], ["\"0ms\"", "\"25h\""]),
    ("downloads.retry_max", ["\"500ms\"", "\"1d\""], ["\"0s\"", "\"2d\""]),
    ("quota.default", ["0", "\"20GiB\""], ["-1"]),
    ("quota.playing_grace", ["\"0s\"", "\"30d\""], ["\"31d\"", "\"721h\""]),
    ("quota.users.a", ["0", "\"1GiB\""], ["-1", "\"9999999999999999999B\""]),
    ("catalog.refresh", ["\"1s\"", "\"30d\""], ["\"999ms\"", "\"31d\""]),
  ])
  func ranges(key: String, good: [String], bad: [String]) throws {
    for value in good { #expect(complaints("\(key) = \(value)") == []) }
    for value in bad {
      let problem = try problem("\n\(key) = \(value)")
      #expect(problem.cause == .outOfRange, "\(problem)")
      #expect(problem.key == key)
      #expect(problem.line == 2)
      let setting = Setting.all.first { key.hasPrefix($0.key) }
      #expect(setting.map { problem.advice == "use \($0.range)" } == true, "\(problem)")
    }
    // Every key with a range of numbers is above.
    let ranged = Setting.all.filter { ["whole number", "size", "duration"].contains($0.type) }.count
    #expect(ranged == 19)
  }

  @Test(arguments: [
    ("server.listen", ["[]", "[\"0.0.0.0\"]", "[\"localhost:1\"]", "[\"1.2.3.4:5\", \"1.2.3.4:5\"]"]),
    ("server.listen", ["[\"[::1]:5\", \"[0::1]:5\"]"]),
    ("server.admin_socket", ["\"x\"", "\"/" + String(repeating: "s", count: 107) + "\""]),
    ("server.idle_timeout", ["\"75\"", "\"1.5s\"", "\"75 s\"", "\"75S\"", "\"\""]),
    ("auth.secret_file", ["\"key\"", "\"./key\"", "\"~/key\"", "\"/a\\nb\""]), ("auth.jwks_file", ["\"k\""]),
    ("auth.issuer", ["\"a\\tb\""]), ("auth.audience", ["\"a\\u007Fb\""]),
    ("auth.required_role", ["\"\"", "\"a\\u0001\"", "\"" + String(repeating: "r", count: 129) + "\""]),
    ("storage.path", ["\"\"", "\"data\"", "\"/" + String(repeating: "p", count: 4095) + "\""]),
    ("storage.capacity", ["\"1.5GiB\"", "\"10 MB\"", "\"5mb\"", "\"\"", "\"-1\"", "\"10\""]),
    ("origin.endpoint", ["\"\"", "\"h\"", "\"http://h/b\""]), ("origin.region", ["\"\"", "\"us east\""]),
    ("origin.bucket", ["\"\"", "\"a/b\"", "\".a\"", "\"-\"", "\"b\u{FC}\""]),
    ("origin.addressing", ["\"Path\"", "\"\"", "\"host\""]), ("origin.key_template", ["\"\"", "\"{quality}\""]),
    ("origin.catalog_key", ["\"a\\nb\""]), ("origin.credentials_file", ["\"c\""]), ("origin.ca_file", ["\"c\""]),
    ("origin.profile", ["\"\"", "\"[default]\""]), ("quota.eviction", ["\"LRU\"", "\"lfu\""]),
    ("quota.users.\"\"", ["1"]), ("quota.users.a", ["\"1 GiB\""]),
    ("log.level", ["\"warn\"", "\"INFO\"", "\"\""]), ("log.format", ["\"JSON\"", "\"yaml\""]),
  ])
  func invalidValues(key: String, values: [String]) throws {
    for value in values {
      let problem = try problem("# a comment\n\(key) = \(value)")
      #expect(problem.cause == .invalidValue, "\(problem)")
      #expect(problem.key == key)
      #expect(problem.line == 2)
      #expect(!problem.description.contains("\n"))
    }
  }

  @Test(arguments: [
    (
      "[downloads]\nchunk-size = 1",
      "f:2: downloads.chunk-size: there is no such key in [downloads]; did you mean chunk_size?"
    ),
    (
      "[downloads]\nfrobnicate = 1",
      "f:2: downloads.frobnicate: there is no such key in [downloads]; its keys are active, conn"
    ),
    ("[server]\nactive = 1", "f:2: server.active: there is no such key in [server]; active belongs to [downloads]"),
    (
      "[download]\nactive = 1",
      "f:1: download: there is no such section; did you mean [downloads]? the sections are server"
    ),
    ("[frobnicate]", "f:1: frobnicate: there is no such section; the sections are server, auth, "),
    ("active = 1", "f:1: active: active stands outside of its section; write it below [downloads]"),
    ("[users]\na = 1", "f:1: users: users stands outside of its section; write it as [quota.users]"),
    ("x = 1", "f:1: x: there is no such key outside of a section; the sections are "),
    ("server = 1", "f:1: server: the number 1 where a section belongs; write [server] on a line of its own"),
    ("[[server]]\n", "f:1: server: an array where a section belongs; "),
    ("[server.tls]\n", "f:1: server.tls: there is no such key in [server]; its keys are "),
    ("[server]\n\"a\\nb\" = 1", "f:2: server.\"a\\nb\": there is no such key in [server]"),
    (
      "[log]\nlevel = \"warn\"",
      "f:2: log.level: \"warn\" is no value of it; did you mean \"warning\"? use one of \"trace\", \"debug\""
    ),
    ("[log]\nformat = \"xml\"", "f:2: log.format: \"xml\" is no value of it; use one of \"text\", \"json\""),
    ("downloads.chunk_size = \"1KiB\"", "f:1: downloads.chunk_size: 1KiB is out of range; use 64KiB to 1GiB"),
    (
      "downloads.active = 4.0",
      "f:1: downloads.active: a number with a fraction where a whole number belongs; write 1 to 64"
    ),
    (
      "origin.key_template = '{content_id}{qualty}'",
      "f:1: origin.key_template: there is no placeholder \"{qualty}\"; did you mean {quality}?"
    ),
    (
      "server.listen = [\"localhost:80\"]",
      "f:1: server.listen: \"localhost:80\" is no address to listen on; write an IP address and a port from 0 to 65535, as \"127.0.0.1:80\""
    ),
    ("quota.users.\"a b\" = true", "f:1: quota.users.\"a b\": true or false where a size belongs; "),
    ("[quota]\nusers = 5", "f:2: quota.users: the number 5 where a table belongs; write [quota.users] and below it"),
    (
      "[downloads]\nretry_max = \"1s\"\nactive = 2\nretry_initial = \"2s\"",
      "f:4: downloads.retry_initial: retry_initial (2s) is longer than retry_max (1s); make"
    ),
    (
      "[downloads]\nretry_max = \"1ms\"",
      "f:2: downloads.retry_max: retry_initial (500ms) is longer than retry_max (1ms); make"
    ),
    (
      "origin.endpoint = \"http://10.0.0.1\"\norigin.addressing = \"virtual\"",
      "f:2: origin.addressing: \"virtual\" puts the bucket"
    ),
    (
      "[server]\nidle_timeout = 75",
      "f:2: server.idle_timeout: the number 75 where a duration belongs; write a text as \"90s\"; use 100ms to 1d"
    ),
  ])
  func words(text: String, beginning: String) {
    let all = complaints(text)
    #expect(all.count == 1)
    #expect(all.first?.hasPrefix(beginning) == true, "\(all)")
  }

  @Test func aRefusedRetryIsSaidOnce() {
    #expect(complaints("downloads.retry_max = \"0s\"\ndownloads.retry_initial = \"2m\"").count == 1)
  }

  @Test func allAreToldByLine() {
    let text = """
      [quota.users]
      b = "1 GiB"
      a = -1
      [log]
      level = "loud"
      [server]
      listen = ["x", "0.0.0.0:1", 5]
      nonsense = 1
      [downloads]
      active = 1000
      """
    let places = complaints(text).map { $0.split(separator: ": ").prefix(2).joined(separator: " ") }
    #expect(
      places == [
        "f:2 quota.users.b", "f:3 quota.users.a", "f:5 log.level", "f:7 server.listen", "f:7 server.listen",
        "f:8 server.nonsense", "f:10 downloads.active",
      ])
  }

  @Test(arguments: [
    ("[log]\nlevel = \"info\"\nlevel = \"debug\"", 3), ("[log]\n[server]\n[log]", 3), ("a = \n", 1), ("\n\n[log\n", 3),
    ("\n[log]\nlevel = info", 3), ("log.level = \"info\"\n\nlog.level = \"x\"", 3), ("\n\na = \"x\ny\"", 3),
    ("x = { a = 1, a = 2 }", 1), ("\na = 01", 2), ("\na = \"\\q\"", 2), ("\na = 9223372036854775808", 2),
    ("\n\u{1} = 1", 2),
  ])
  func syntax(text: String, line: Int) throws {
    let problem = try problem(text)
    #expect(problem.cause == .syntax)
    #expect(problem.line == line, "\(problem)")
    #expect(problem.key == nil)
    #expect(problem.description.hasPrefix("f:\(line): "))
    #expect(!problem.description.contains("\n"))
  }

  @Test func longAndStrangeNamesStayShort() throws {
    let long = try problem("[server]\n\"" + String(repeating: "x", count: 100_000) + "\\u001B\" = 1")
    #expect(long.description.utf8.count < 400)
    #expect(try problem("\"\\u001B[31m\" = 1").description.utf8.allSatisfy { $0 >= 0x20 })
  }

  @Test func usersMayBeNamedInEveryWay() throws {
    let longest = String(repeating: "u", count: 128)
    let text = """
      quota.users."user_abc123" = "50GiB"
      quota.users.'a.b' = 0
      quota.users.\(longest) = 5
      quota.users."\\u00FC" = "1TB"
      """
    let users = try Configuration.parse(text: text, file: "f").quota.users
    #expect(users == ["user_abc123": 50 << 30, "a.b": 0, longest: 5, "ü": 1_000_000_000_000])
    #expect(complaints("quota.users.\(longest)u = 5").count == 1)
    #expect(complaints("quota.users.\"\u{FC}\" = 1\nquota.users.\"u\u{308}\" = 2").count == 1)
    let inline = try Configuration.parse(text: "[quota]\ndefault = 7\nusers = { \"a\" = \"1GiB\" }", file: "f").quota
    #expect(inline.limit(of: "a") == 1 << 30)
    #expect(inline.limit(of: "b") == 7)
  }
}
