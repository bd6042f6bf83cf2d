// What the box counts: a scrape is of the format, says what happened, and the reference says what a scrape finds.

import Foundation
import Glibc
import Testing

@LaneC @Suite("Metrics") struct MetricsTests {
  /// A scrape as an administrator's Prometheus makes it.
  private func scrape(_ box: Box, _ admin: User) throws -> Exposition {
    let answer = try admin.ask("GET", "/metrics")
    guard answer.status == 200 else { throw RigFailure("\(answer)") }
    #expect(answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
    return try Exposition(answer.body.array)
  }

  @Test("a scrape is of the text format and keeps its conventions, before anything has happened")
  func conventions() throws {
    let box = try Box()
    let found = try scrape(box, try box.user("root", roles: ["admin"]))
    #expect(found.names.count >= 15)
    for (name, family) in found.families {
      // By the conventions: what only grows ends with _total.
      #expect((family.kind == "counter") == name.hasSuffix("_total"))
      #expect(name.hasPrefix("larder_") && family.help.hasSuffix("."))
      #expect(!family.samples.isEmpty && family.samples.allSatisfy { $0.value >= 0 }, "\(name)")
      #expect(
        Set(family.samples.map { [$0.part] + $0.labels.keys.sorted() }).count == (family.kind == "histogram" ? 3 : 1))
    }
    #expect(try found.value("larder_integrity_failures_total", ["found": "play"]) == 0)
    #expect(try found.value("larder_log_lines_dropped_total") == 0)
    let version = try box.command("--version").output.split(whereSeparator: \.isWhitespace).last.map(String.init)
    #expect(try found.value("larder_build_info", ["version": #require(version)]) == 1)
    let age = Date().timeIntervalSince1970 - Double(try found.value("larder_start_time_seconds"))
    #expect((-5...120).contains(age), "it started \(age) s ago")
  }

  @Test("counters and gauges follow what happens: starts, fills, plays, evictions, refusals, reloads")
  func follow() throws {
    let size = 400_000
    let box = try Box(["quota": ["default": "\(size + 1000)", "playing_grace": "\"0s\""]])
    let ann = try box.user("ann")
    let admin = try box.user("root", roles: ["admin"])
    let titles = (0..<2).map { _ in Title(size: size) }
    for title in titles { try box.origin.put(title) }
    let before = try scrape(box, admin)
    #expect(try before.value("larder_connections") == 1)
    #expect(try before.value("larder_storage_bytes", ["state": "complete"]) == 0)
    #expect(try before.value("larder_requests_total", ["status": "5xx"]) == 0)

    let id = try ann.fetch(titles[0])
    #expect(try ann.play(id).body == titles[0].bytes)
    #expect(try ann.play(id, headers: ["Range": "bytes=0-99"]).status == 206)
    #expect(try ann.tryStart(Title(size: 1)).status == 404)
    let after = try scrape(box, admin)
    #expect(try after.value("larder_fill_bytes_total") == size)
    #expect(try after.value("larder_starts_total", ["result": "miss"]) == 1)
    #expect(try after.value("larder_promises_kept_total") == 1)
    #expect(try after.value("larder_plays_total", ["result": "hit"]) == 2)
    #expect(try after.value("larder_plays_total", ["result": "partial"]) == 0)
    #expect(try after.count("larder_play_first_byte_seconds") == 2)
    #expect(try after.count("larder_play_seconds") == 2)
    #expect(try after.count("larder_chunk_fetch_seconds") >= 1)
    #expect(try after.value("larder_quota_bytes", ["state": "limit"]) == size + 1000)
    #expect(try after.value("larder_quota_bytes", ["state": "used"]) == size)
    #expect(try after.value("larder_quota_bytes", ["state": "reserved"]) == 0)
    #expect(try after.value("larder_quota_users") == 1)
    #expect(try after.value("larder_storage_reserve_bytes") == 1 << 20)
    #expect(try after.value("larder_play_bytes_total") == size + 100)
    #expect(try after.value("larder_storage_bytes", ["state": "complete"]) == size)
    #expect(try after.value("larder_storage_free_bytes") > 0)
    #expect(try after.value("larder_origin_errors_total", ["code": "content_not_found"]) == 1)
    #expect(try after.value("larder_evictions_total", ["cause": "quota"]) == 0)
    let answered = try ["2xx", "4xx"].map { status in
      try after.value("larder_requests_total", ["status": status])
        - before.value("larder_requests_total", ["status": status])
    }
    #expect(answered[1] == 1)
    // The scrape itself, the start, both plays; and the looks while it was fetched.
    #expect(answered[0] >= 4)

    _ = try ann.fetch(titles[1])
    box.proxy.goDown()
    #expect(try ann.tryStart(Title(size: 1)).status != 200)
    box.reload()
    _ = try box.logged(event: "configuration.reloaded")
    try box.change(["log": ["level": "\"loud\""]])
    box.reload()
    _ = try box.logged(event: "configuration.kept")
    let last = try scrape(box, admin)
    #expect(try last.value("larder_evictions_total", ["cause": "quota"]) == 1)
    #expect(try last.value("larder_evictions_total", ["cause": "room"]) == 0)
    #expect(try last.value("larder_config_reloads_total", ["result": "reloaded"]) == 1)
    #expect(try last.value("larder_config_reloads_total", ["result": "kept"]) == 1)
    #expect(try last.value("larder_origin_errors_total", ["code": "origin_unreachable"]) >= 1)
  }

  @Test("what the room of the box costs is counted apart from what a quota costs")
  func room() throws {
    let size = 400_000
    let box = try Box(["storage": ["capacity": "\(2 * size + 1000)"], "quota": ["playing_grace": "\"0s\""]])
    let ann = try box.user("ann")
    let admin = try box.user("root", roles: ["admin"])
    let titles = (0..<4).map { _ in Title(size: size) }
    for title in titles { try box.origin.put(title) }
    let first = try ann.fetch(titles[0])
    _ = try ann.fetch(titles[1])
    // Deleted, it stays on the disk as nobody's, and goes first.
    try ann.expect(200, "DELETE", "/api/downloads/\(first)/delete")
    _ = try ann.fetch(titles[2])
    let one = try scrape(box, admin)
    #expect(try one.value("larder_evictions_total", ["cause": "unowned"]) == 1)
    #expect(try one.value("larder_evictions_total", ["cause": "room"]) == 0)
    _ = try ann.fetch(titles[3])
    let two = try scrape(box, admin)
    #expect(try two.value("larder_evictions_total", ["cause": "unowned"]) == 1)
    #expect(try two.value("larder_evictions_total", ["cause": "room"]) == 1)
    #expect(try two.value("larder_evictions_total", ["cause": "quota"]) == 0)
  }

  @Test("a title that is here, one that is on its way, and one that nobody has asked for before are told apart")
  func hits() throws {
    // One request after the other, so that the first bytes come first.
    let box = try Box(["downloads": ["connections": "1"]])
    let (ann, bob) = (try box.user("ann"), try box.user("bob"))
    let title = Title(size: 2 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 600_000)
    let first = try ann.start(title)
    try ann.wait(first, "some bytes") { $0.downloaded_bytes?.int ?? 0 > 0 }
    let second = try bob.start(title)
    #expect(try ann.play(first, headers: ["Range": "bytes=0-999"]).status == 206)
    box.proxy.release()
    for (user, id) in [(ann, first), (bob, second)] { try user.wait(id, for: "completed") }
    let carol = try box.user("carol")
    try carol.wait(carol.start(title), for: "completed")
    #expect(try ann.play(first).body == title.bytes)
    #expect(try ["miss", "partial", "hit"].map { try box.metric("larder_starts_total", ["result": $0]) } == [1, 1, 1])
    #expect(try ["partial", "hit"].map { try box.metric("larder_plays_total", ["result": $0]) } == [1, 1])
    #expect(try box.metric("larder_promises_kept_total") == 3)
  }

  @Test("what was accepted and fails later is a broken promise, by why; what is refused or cancelled is none")
  func promises() throws {
    let box = try Box(["quota": ["default": "100000"]])
    let ann = try box.user("ann")
    #expect(try ann.tryStart(Title(size: 10)).status == 404)
    box.proxy.goDown()
    let (large, missing) = (Title(size: 200_000), Title(size: 10))
    try box.origin.put(large)
    let (one, two) = (try ann.start(large), try ann.start(missing))
    let cancelled = try ann.start(Title(size: 20))
    try ann.expect(200, "DELETE", "/api/downloads/\(cancelled)")
    try box.proxy.comeBack()
    for id in [one, two] { try ann.wait(id, for: "failed") }
    let codes = ["quota_exceeded", "content_not_found", "access_denied", "integrity_mismatch", "storage_full"]
    #expect(try codes.map { try box.metric("larder_promises_broken_total", ["code": $0]) } == [1, 1, 0, 0, 0])
    #expect(try box.metric("larder_promises_kept_total") == 0)
  }

  @Test("the quotas of those who have something are added up")
  func quotas() throws {
    let box = try Box(["quota": ["default": "0"], "quota.users": ["\"ann\"": "1000000", "\"bob\"": "500000"]])
    let title = Title(size: 1000)
    try box.origin.put(title)
    for name in ["ann", "carol", "dora"] { _ = try box.user(name).fetch(title) }
    let dora = try box.user("dora")
    let id = try #require(try dora.expect(200, "GET", "/api/downloads").downloads?.array?.first?.id?.text)
    try dora.expect(200, "DELETE", "/api/downloads/\(id)/delete")
    let states = ["used", "reserved", "limit"]
    #expect(try states.map { try box.metric("larder_quota_bytes", ["state": $0]) } == [2000, 0, 1_000_000])
    #expect(try box.metric("larder_quota_users") == 2)
  }

  @Test("on the network only an administrator's token opens them")
  func guarded() throws {
    let box = try Box()
    let stranger = try box.ask("GET", "/metrics")
    #expect(stranger.status == 401)
    #expect(stranger["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
    for roles in [["premium"], ["other"]] {
      let answer = try box.user("ann", roles: roles).ask("GET", "/metrics")
      #expect(answer.status == 403 && answer.code == "admin_required", "\(roles): \(answer)")
    }
    let admin = try box.user("root", roles: ["admin"])
    #expect(try admin.ask("HEAD", "/metrics").status == 200)
    let posted = try admin.ask("POST", "/metrics")
    #expect(posted.status == 405 && posted["Allow"] == "GET, HEAD")
  }

  /// `LARDER_UPDATE=1 swift test --filter MetricsTests` writes the section anew after the table has changed.
  @Test("the reference lists what a scrape finds, and nothing else")
  func documented() throws {
    let box = try Box()
    let found = try scrape(box, try box.user("root", roles: ["admin"]))
    let rows = found.names.map { name in
      let family = found.families[name]
      let unit = ["bytes", "seconds"].first { name.contains("_\($0)") } ?? ""
      let label = family?.samples.first?.labels.keys.first.map { label in
        // The version is another at each release; of a histogram the bounds are told.
        let values = family?.samples.compactMap { $0.labels[label] } ?? []
        return "`\(label)`" + (label == "version" ? "" : ": \(values.joined(separator: ", "))")
      }
      let cells = ["`\(name)`", family?.kind ?? "", unit, label ?? "", family?.help ?? ""]
      return "|" + cells.map { $0.isEmpty ? " |" : " \($0) |" }.joined()
    }.joined(separator: "\n")
    let path = Paths.package + "/Sources/larder/Documentation.docc/Operating.md"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let head = "| metric | kind | unit | label | meaning |\n| --- | --- | --- | --- | --- |\n"
    let start = try #require(text.range(of: head)).upperBound
    let end = try #require(text.range(of: "\n\n", range: start..<text.endIndex)).lowerBound
    if ProcessInfo.processInfo.environment["LARDER_UPDATE"] != nil {
      try (text[..<start] + rows + text[end...]).write(toFile: path, atomically: true, encoding: .utf8)
    } else {
      #expect(text[start..<end] == rows)
    }
  }
}
