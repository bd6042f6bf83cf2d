// What administrators see: the same documents at the socket, over the network with their token, and from commands, with a
// daemon and without one.

import Foundation
import Glibc
import LMDB
import Testing

@LaneC @Suite("Administration") struct AdministrationTests {
  private let block = 256 << 10

  @Test("status shows what comes in, who watches, the disk and the origin, the same at each door")
  func status() throws {
    let box = try Box(["quota": ["default": "\"100MiB\""], "storage": ["capacity": "\"1GiB\"", "scrub_rate": "0"]])
    let (ann, bob) = (try box.user("ann"), try box.user("bob"))
    let admin = try box.user("boss", roles: ["admin"])
    #expect(try admin.expect(200, "GET", "/api/admin/status").origin?.reachable == .null)
    let (film, slow) = (Title(size: 3 * block), Title(size: 24 * block))
    for title in [film, slow] { try box.origin.put(title) }
    let id = try ann.fetch(film)
    #expect(try ann.play(id, headers: ["Range": "bytes=0-\(block - 1)"]).status == 206)
    box.proxy.hold(after: box.proxy.traffic + 8 * block)
    let coming = try bob.start(slow)
    try bob.wait(coming, "some of it") { ($0.downloaded_bytes?.int ?? 0) > 0 }
    let documents = [
      try admin.expect(200, "GET", "/api/admin/status"), try #require(try box.order("GET", "/status").json),
      try box.document("status"),
    ]
    for status in documents {
      #expect(status.running?.bool == true && status.started_at?.text?.count == 24 && status.time?.text?.count == 24)
      #expect(status.listen?.array == [.text("127.0.0.1:\(box.port)")])
      #expect(status.origin?.endpoint?.text == "http://127.0.0.1:\(box.proxy.port)")
      #expect(status.origin?.bucket?.text == SeaweedFS.bucket && status.origin?.error == .null)
      #expect(status.origin?.reachable?.bool == true && status.origin?.since?.text != nil)
      let storage = try #require(status.storage)
      #expect(storage.path?.text == box.data && storage.capacity_bytes?.int == 1 << 30)
      #expect(storage.complete_bytes?.int == film.size && storage.filling_bytes?.int == slow.size)
      #expect(storage.used_bytes?.int == film.size + slow.size && storage.unowned_bytes?.int == 0)
      #expect(storage.reserve_bytes?.int == 1 << 20 && (storage.free_bytes?.int ?? 0) > 0)
      #expect((storage.filling_stored_bytes?.int ?? 0) > 0 && storage.discarded_bytes?.int == 0)
      let counts = ["pending", "downloading", "paused", "completed", "failed"].map { status.downloads?[$0]?.int }
      #expect(counts == [0, 1, 0, 1, 0])
      #expect(status.users?.int == 2 && status.scrub?.bytes_per_second?.int == 0)
      let fill = try #require(status.fills?.array?.first)
      #expect(
        status.fills?.array?.count == 1 && fill.content_id?.text == slow.contentID && fill.quality?.text == "720p")
      #expect(fill.status?.text == "downloading" && fill.users?.array == [.text("bob")])
      #expect(fill.total_bytes?.int == slow.size && (fill.downloaded_bytes?.int ?? 0) > 0)
      #expect((0..<100).contains(fill.progress?.double ?? -1) && fill.error == .null)
      let viewer = try #require(status.viewers?.array?.first)
      #expect(status.viewers?.array?.count == 1 && viewer.user?.text == "ann" && viewer.download?.text == id)
      #expect(viewer.content_id?.text == film.contentID && viewer.total_bytes?.int == film.size)
      #expect(viewer.position_bytes?.int == block && viewer.since?.text != nil)
    }
    #expect((documents[0].connections?.int ?? 0) >= 1, "the one that asks")
    box.proxy.release()
    try bob.wait(coming, for: "completed")
    // Whose download is gone watches nothing, however lately bytes went out.
    try ann.expect(200, "DELETE", "/api/downloads/\(id)/delete")
    let after = try admin.expect(200, "GET", "/api/admin/status")
    #expect(after.fills?.array == [] && after.storage?.filling_bytes?.int == 0)
    #expect(after.viewers?.array == [])
  }

  @Test("whoever's figures cannot be read hides nobody else's: in lists, on the screen, in sums")
  func unreadableUsers() throws {
    let box = try Box(["quota": ["default": "\"1MiB\""], "storage": ["scrub_rate": "0"]])
    let title = Title(size: 1000)
    try box.origin.put(title)
    for name in ["ann", "bob", "cyd", "dot"] { _ = try box.user(name).fetch(title) }
    _ = try box.document("quota", "bob", "2MiB")
    _ = try box.terminate()
    let environment = try Environment(path: box.path("ledger"), mapSize: 0, maxTables: 24)
    // The rows of these users, whose names are of one length.
    for (name, row) in [("counts", 0), ("limits", 0), ("users", 2)] {
      let table = try environment.table(name, create: false)
      try environment.write { tx in
        var cursor = try tx.cursor(table)
        #expect(try cursor.first())
        for _ in 0..<row { #expect(try cursor.next()) }
        try tx.put(table, try #require(try cursor.key), [9])
      }
    }
    environment.close()
    func names(_ document: JSON) -> [String?] { (document.users?.array ?? []).map { $0.user?.text } }
    #expect(names(try box.document("users")) == ["dot"], "without a daemon")
    try box.start()
    for _ in 0..<2 {
      #expect(names(try box.document("users")) == ["dot"])
      let top = try box.print("top")
      #expect(top.contains("\ndot ") && !top.contains("\nann "), "\(top)")
    }
    // What is known of ann and bob is added up; bob's limit is not.
    #expect(try ["used", "limit"].map { try box.metric("larder_quota_bytes", ["state": $0]) } == [3000, 2 << 20])
    #expect(try box.metric("larder_quota_users") == 3)
    for name in ["ann", "bob", "cyd"] {
      #expect(
        box.log.count {
          $0.event?.text == "ledger.unreadable" && $0.message?.text?.hasPrefix("user \(name): ") == true
        } == 1, "\(name) is named once: \(box.report)")
    }
    // Each has figures that the answer needs: how many there are of theirs, how much they may have, how much they use.
    for (name, status) in [("ann", 200), ("bob", 500), ("cyd", 500), ("dot", 200)] {
      let answer = try box.user(name).ask("GET", "/api/downloads/storage")
      #expect(answer.status == status && (status == 200 || answer.code == "internal"), "\(name): \(answer)")
    }
    #expect(try box.document("quota", "bob", "3MiB").limit_bytes?.int == 3 << 20, "a new limit mends it")
    #expect(names(try box.document("users")) == ["bob", "dot"])
  }

  @Test("the origin's health is what was last heard of it")
  func health() throws {
    let box = try Box()
    let ann = try box.user("ann")
    box.proxy.goDown()
    let id = try ann.start(Title(size: 1))
    let away = try #require(try box.order("GET", "/status").json?.origin)
    #expect(away.reachable?.bool == false && away.error?.code?.text == "origin_unreachable")
    #expect((away.error?.message?.text ?? "").count > 10)
    try box.proxy.comeBack()
    // That there is no such title is an answer like any other.
    try ann.wait(id, for: "failed")
    let back = try #require(try box.order("GET", "/status").json?.origin)
    #expect(back.reachable?.bool == true && back.error == .null && back.since != away.since)
  }

  @Test("a premium token is refused, an administrator's only looks, and nobody else gets in")
  func doors() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let admin = try box.user("boss", roles: ["admin"])
    let title = Title(size: 1000)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    for resource in ["status", "users", "downloads", "audit", "nothing"] {
      #expect(try box.ask("GET", "/api/admin/\(resource)").status == 401)
      let premium = try ann.ask("GET", "/api/admin/\(resource)")
      #expect(premium.status == 403 && premium.code == "admin_required", "\(resource): \(premium)")
    }
    for resource in ["status", "users", "downloads", "audit"] {
      #expect(try admin.ask("HEAD", "/api/admin/\(resource)").status == 200)
      let posted = try admin.ask("POST", "/api/admin/\(resource)", body: "{}")
      #expect(posted.status == 405 && posted["Allow"] == "GET, HEAD", "\(resource): \(posted)")
    }
    #expect(try admin.ask("GET", "/api/admin/nothing").status == 404)
    // What changes something is at the socket and nowhere else.
    for deed in ["evict", "pin", "unpin", "cancel", "retry"] {
      for path in ["/api/admin/downloads/\(id)/\(deed)", "/downloads/\(id)/\(deed)"] {
        #expect(try admin.ask("POST", path, body: "{}").status == 404, "\(path)")
      }
    }
    for path in ["/api/admin/users/ann/quota", "/users/ann/quota"] {
      #expect(try admin.ask("POST", path, body: "{\"limit_bytes\":1}").status == 404)
      #expect(try admin.ask("DELETE", path).status == 404)
    }
    #expect(try ann.download(id).status?.text == "completed")
  }

  @Test("wrong queries are refused and say what would be right, pages go on where they stopped")
  func queries() throws {
    let box = try Box()
    let admin = try box.user("boss", roles: ["admin"])
    let titles = (0..<5).map { Title(size: 1000 + $0) }
    var ids: [String] = []
    for (index, title) in titles.enumerated() {
      try box.origin.put(title)
      ids.append(try box.user(["ann", "bob"][index % 2]).fetch(title))
    }
    for (target, word) in [
      ("downloads?limit=0", "limit"), ("downloads?limit=101", "100"), ("downloads?status=done", "completed"),
      ("downloads?cursor=x", "cursor"), ("downloads?user=", "user"), ("downloads?include_deleted=1", "true"),
      ("users?limit=x", "limit"), ("users?cursor=", "cursor"), ("audit?limit=+1", "limit"),
      ("audit?event=party", "evicted"), ("audit?before=-1", "before"), ("audit?user=", "user"),
    ] {
      let answer = try admin.ask("GET", "/api/admin/\(target)")
      #expect(answer.status == 400 && answer.code == "invalid_request", "\(target): \(answer)")
      #expect(answer.json?.detail?.text?.contains(word) == true, "\(target): \(answer)")
    }
    func pages(_ target: String, _ list: String, _ next: (String, String)) throws -> [JSON] {
      var (found, position) = ([JSON](), "")
      while true {
        let page = try admin.expect(200, "GET", "/api/admin/\(target)\(position)")
        found += page[list]?.array ?? []
        guard let more = page[next.0], more != .null else { return found }
        position = "&\(next.1)=\(more.text ?? more.int.map { "\($0)" } ?? "")"
      }
    }
    let all = try pages("downloads?limit=2", "downloads", ("next_cursor", "cursor"))
    #expect(all.compactMap { $0.id?.text } == ids.reversed())
    #expect(all.compactMap { $0.user?.text } == ["ann", "bob", "ann", "bob", "ann"])
    let anns = try pages("downloads?limit=2&user=ann&status=completed", "downloads", ("next_cursor", "cursor"))
    #expect(anns.compactMap { $0.id?.text } == [ids[4], ids[2], ids[0]])
    let users = try pages("users?limit=1", "users", ("next_cursor", "cursor"))
    #expect(users.compactMap { $0.user?.text } == ["ann", "bob"] && users.compactMap { $0.downloads?.int } == [3, 2])
    let events = try pages("audit?limit=3&user=bob", "events", ("next_before", "before"))
    #expect(events.compactMap { $0.event?.text } == ["completed", "started", "completed", "started"])
    let numbers = try pages("audit?limit=4", "events", ("next_before", "before")).compactMap { $0.number?.int }
    #expect(numbers == Array((1...15).reversed()), "started, verified and completed, five times")
  }

  @Test("commands show the same with a daemon and without one, in columns and as JSON")
  func commands() throws {
    let box = try Box(["quota": ["default": "\"100MiB\""]])
    try box.change(["quota.users": ["bob": "\"5MiB\""]])
    box.reload()
    try box.logged(event: "configuration.reloaded")
    let (ann, bob) = (try box.user("ann"), try box.user("bob"))
    let (film, other) = (Title(size: 3 * block), Title(size: 1000))
    for title in [film, other] { try box.origin.put(title) }
    let id = try ann.fetch(film)
    _ = try bob.fetch(film)
    let gone = try ann.fetch(other)
    try ann.expect(200, "DELETE", "/api/downloads/\(gone)/delete")
    let live = try [
      box.document("downloads"), box.document("downloads", "--all"), box.document("downloads", "--user", "ann"),
      box.document("downloads", "--status", "failed,paused"), box.document("users"), box.document("audit"),
    ]
    #expect(live.map { ($0.downloads ?? $0.users ?? $0.events)?.array?.count } == [2, 3, 1, 0, 2, 9])
    #expect(live.allSatisfy { ($0.next_cursor ?? $0.next_before) == .null })
    #expect(live[2].downloads?.array?.first?.id?.text == id && live[2].downloads?.array?.first?.user?.text == "ann")
    let users = live[4].users?.array ?? []
    #expect(users.map { $0.limit_from?.text } == ["default", "configuration"])
    #expect(users.map { $0.limit_bytes?.int } == [100 << 20, 5 << 20])
    #expect(users.map { $0.available_bytes?.int } == [(100 << 20) - film.size, (5 << 20) - film.size])
    let status = try box.document("status")
    let shown = try ["status", "downloads", "users", "audit"].map { try box.print($0) }
    _ = try box.terminate()
    let still = try [
      box.document("downloads"), box.document("downloads", "--all"), box.document("downloads", "--user", "ann"),
      box.document("downloads", "--status", "failed,paused"), box.document("users"), box.document("audit"),
    ]
    #expect(still == live)
    let stopped = try box.document("status")
    #expect(stopped.running?.bool == false && stopped.started_at == .null && stopped.listen?.array == [])
    #expect(stopped.connections == .null && stopped.fills?.array == [] && stopped.viewers?.array == [])
    #expect(stopped.origin?.reachable == .null && stopped.origin?.endpoint == status.origin?.endpoint)
    #expect(stopped.names == status.names && stopped.downloads == status.downloads && stopped.users == status.users)
    for name in ["path", "used_bytes", "complete_bytes", "unowned_bytes", "capacity_bytes", "reserve_bytes"] {
      #expect(stopped.storage?[name] == status.storage?[name], "\(name)")
    }
    let then = try ["status", "downloads", "users", "audit"].map { try box.print($0) }
    #expect(Array(then.dropFirst()) == Array(shown.dropFirst()))
    #expect(shown[0].contains("running since") && then[0].contains("not running"))
    for text in shown + then { #expect(!text.contains("\u{1B}") && !text.contains("Optional"), "\(text)") }
    let lines = shown[1].split(separator: "\n")
    #expect(lines.count == 3 && lines[0].hasPrefix("ID ") && lines[2].hasPrefix(id) && lines[2].contains("completed"))
    #expect(shown[2].contains("configuration") && shown[2].contains("5.24 MB"))
    #expect(shown[3].split(separator: "\n").count == 10)
  }

  @Test("what is wrong is one line with its exit status")
  func failures() throws {
    let box = try Box(starts: false)
    for command in ["status", "downloads", "users", "audit"] {
      let empty = try box.command(command)
      #expect(empty.ending == .exited(78) && empty.errors.contains("no ledger yet"), "\(command): \(empty)")
      #expect(empty.errors.split(separator: "\n").count == 1 && empty.output.isEmpty)
    }
    for order in [["evict", "x"], ["pin", "x"], ["cancel", "x"], ["retry", "x"], ["quota", "ann"], ["top"]] {
      let result = try Program.run(Paths.larder, order + ["--config", box.configurationFile])
      #expect(result.ending == .exited(75) && result.errors.contains("admin.sock"), "\(order): \(result)")
      #expect(result.errors.split(separator: "\n").count == 1 && result.output.isEmpty)
    }
    try box.start()
    for (command, word) in [
      (["downloads", "--status", "done"], "completed"), (["downloads", "--user", ""], "user"), (["evict"], "ID"),
      (["audit", "--limit", "0"], "limit"), (["audit", "--event", "party"], "evicted"),
      (["quota", "ann", "much"], "SIZE"), (["quota", "ann", "0B"], "SIZE"), (["quota"], "USER"),
    ] {
      let result = try Program.run(Paths.larder, command + ["--config", box.configurationFile])
      #expect(result.ending == .exited(64) && result.errors.contains(word), "\(command): \(result)")
      #expect(result.errors.split(separator: "\n").count == 1 && result.output.isEmpty, "\(command): \(result)")
    }
    try box.kill()
    for order in [["evict", "x"], ["quota", "ann"], ["top"]] {
      let result = try Program.run(Paths.larder, order + ["--config", box.configurationFile])
      #expect(result.ending == .exited(75) && result.errors.contains("nobody listens at"), "\(order): \(result)")
    }
    try box.start()
    #expect(try box.print("downloads") == "no downloads\n" && box.print("users") == "no users\n")
    // A file that is no socket, where there should be one.
    let other = "\(box.directory)/other"
    try "".write(toFile: other, atomically: true, encoding: .utf8)
    try box.change(["server": ["admin_socket": "\"\(other)\""]])
    #expect(try box.document("status").running?.bool == false, "nobody listens there")
    try box.change(["server": ["admin_socket": "\"\""]])
    #expect(try box.document("status").running == .null, "nobody can tell")
  }

  @Test("after a crash and a boot root sees the box as before, also below a folder that is root's alone")
  func afterBoot() throws {
    try #require(geteuid() == 0, "it gives the data to another user: run the tests as root")
    let box = try Box()
    let ann = try box.user("ann")
    let film = Title(size: 2 * block)
    try box.origin.put(film)
    _ = try ann.fetch(film)
    try box.kill()
    // As `DynamicUser=` has it.
    #expect(unsafe chmod(box.directory, 0o700) == 0)
    for path in [""] + (try FileManager.default.subpathsOfDirectory(atPath: box.data)) {
      #expect(unsafe lchown("\(box.data)/\(path)", 54_321, 54_321) == 0)
    }
    // As a boot does.
    let lock = try FileManager.default.destinationOfSymbolicLink(atPath: box.data + "/ledger/lock.mdb")
    try #require(lock.hasPrefix("/dev/shm/larder-"))
    try FileManager.default.removeItem(atPath: (lock as NSString).deletingLastPathComponent)
    let status = try box.document("status")
    #expect(status.running?.bool == false && status.downloads?.completed?.int == 1)
    #expect(try box.command("verify").ending == .exited(0))
    let rebuild = try box.command("verify", "--rebuild")
    #expect(rebuild.ending == .exited(64), "\(rebuild)")
  }

  @Test(
    "root's repair of another user's data leaves nothing there that is root's, also where the lock's file is missing")
  func repairByRoot() throws {
    try #require(geteuid() == 0, "it gives the data to another user: run the tests as root")
    let box = try Box()
    let ann = try box.user("ann")
    let film = Title(size: 2 * block)
    try box.origin.put(film)
    _ = try ann.fetch(film)
    #expect(try box.terminate() == .exited(0))
    for path in [""] + (try FileManager.default.subpathsOfDirectory(atPath: box.data)) {
      #expect(unsafe lchown("\(box.data)/\(path)", 54_321, 54_321) == 0)
    }
    try box.remove("ledger/lock")
    let repair = try box.command("verify", "--repair")
    #expect(repair.ending == .exited(0), "\(repair)")
    for path in try FileManager.default.subpathsOfDirectory(atPath: box.data) {
      var status = stat()
      #expect(unsafe lstat("\(box.data)/\(path)", &status) == 0 && status.st_uid == 54_321, "\(path)")
    }
  }
}
