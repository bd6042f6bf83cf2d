// What administrators do to a running box, what its users are told of it, and that the diary has their name.

import Foundation
import Glibc
import Testing

@LaneC @Suite("Administrators' deeds") struct AdminDeedTests {
  private let block = 256 << 10

  private func run(_ box: Box, _ arguments: String...) throws -> (ending: Ending, output: String, errors: String) {
    try Program.run(Paths.larder, arguments + ["--config", box.configurationFile])
  }

  /// The newest entry, which must be this.
  private func expectNewest(
    _ box: Box, _ event: String, download: String? = nil, user: String = "ann",
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let entry = try #require(try box.diary("?limit=1").first, sourceLocation: location)
    #expect(entry.event?.text == event && entry.by?.text == Box.operatorName, "\(entry)", sourceLocation: location)
    #expect(entry.user?.text == user && entry.download?.text == download, "\(entry)", sourceLocation: location)
  }

  @Test("evict removes a completed one with its file, tells its user why, and lets an open response finish")
  func evict() throws {
    let box = try Box(["storage": ["scrub_rate": "0"]])
    let ann = try box.user("ann")
    let (title, idle) = (Title(size: 40 * block), Title(size: 1000))
    for title in [title, idle] { try box.origin.put(title) }
    let (id, other) = (try ann.fetch(title), try ann.fetch(idle))
    let (link, otherLink) = (box.link(ann, title), box.link(ann, idle))
    let (object, otherObject) = (try box.object(of: link), try box.object(of: otherLink))
    let player = try Connection(port: box.port)
    player.readSlowly()
    try player.send(request("GET", "/api/downloads/\(id)/play", headers: ann.authorization))
    #expect(try player.receiveHead().status == 200)

    let evicted = try run(box, "evict", id, other)
    #expect(evicted.ending == .exited(0) && evicted.output.contains("evicted") && evicted.output.contains("ann"))
    #expect(evicted.output.split(separator: "\n").count == 2 && evicted.errors.isEmpty, "\(evicted)")
    let gone = try ann.download(id)
    #expect(gone.deleted_at?.text != nil && gone.error?.code?.text == "evicted")
    #expect(gone.error?.message?.text?.contains("administrator (\(Box.operatorName))") == true, "\(gone)")
    #expect(try ann.play(id).status == 404 && ann.play(other).status == 404)
    #expect(!box.exists(link) && !box.exists(otherLink) && !box.exists(otherObject))
    #expect(box.exists(object), "it is still being sent")
    #expect(try ann.storage().used == 0)
    #expect(try box.document("status").storage?.unowned_bytes?.int == title.size)
    #expect(try player.receive(count: title.size) == title.bytes, "who was being sent it has it all")
    #expect(try box.metric("larder_evictions_total", ["cause": "administrator"]) == 2)
    let diary = try box.diary("?event=evicted,object_evicted")
    #expect(diary.map { $0.event?.text } == ["object_evicted", "evicted", "evicted"])
    #expect(diary.allSatisfy { $0.by?.text == Box.operatorName } && diary[2].download?.text == id)
    try box.logged("the deed") { $0.event?.text == "admin.evict" && $0.download?.text == id }

    let again = try run(box, "evict", id)
    #expect(again.ending == .exited(1) && again.output.isEmpty && again.errors.contains("no such download"), "\(again)")
    let back = try ann.fetch(title)
    #expect(try ann.play(back).body == title.bytes)
  }

  @Test("pin, cancel and retry are done to anybody's; what is refused is said, and the others are done")
  func others() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let (film, missing, slow) = (Title(size: 1000), Title(size: 2000), Title(size: 24 * block))
    for title in [film, slow] { try box.origin.put(title) }
    let id = try ann.fetch(film)
    #expect(try run(box, "pin", id).ending == .exited(0))
    #expect(try ann.download(id).pinned?.bool == true)
    try expectNewest(box, "pinned", download: id)
    let pinned = try run(box, "evict", id)
    #expect(pinned.ending == .exited(1) && pinned.errors.contains("pinned"), "\(pinned)")
    #expect(try run(box, "pin", id, "--remove").ending == .exited(0))
    #expect(try ann.download(id).pinned?.bool == false)
    try expectNewest(box, "unpinned", download: id)

    box.proxy.hold(after: box.proxy.traffic + 8 * block)
    let coming = try ann.start(slow)
    let unknown = "01J9ZK3V5Q7XW8Y2R4T6B8N0MC"
    let cancelled = try run(box, "cancel", "../evil", unknown, id, coming)
    #expect(cancelled.ending == .exited(1) && cancelled.errors.split(separator: "\n").count == 3, "\(cancelled)")
    #expect(cancelled.errors.contains("completed, which does not go with cancel"), "\(cancelled)")
    #expect(cancelled.output.contains("\(coming) of ann") && cancelled.output.contains("cancelled"), "\(cancelled)")
    #expect(try ann.download(coming).status?.text == "cancelled")
    try expectNewest(box, "cancelled", download: coming)
    box.proxy.release()

    box.proxy.goDown()
    let lost = try ann.start(missing)
    try box.proxy.comeBack()
    try ann.wait(lost, for: "failed")
    let hopeless = try run(box, "retry", lost)
    #expect(hopeless.ending == .exited(1) && hopeless.errors.contains("the origin has no"), "\(hopeless)")
    try box.origin.put(missing)
    let retried = try run(box, "retry", lost, "--json")
    #expect(retried.ending == .exited(0), "\(retried)")
    let answer = try JSON(retried.output.utf8)
    #expect(answer.id?.text == lost && answer.user?.text == "ann" && answer.status?.text != "failed")
    let entry = try #require(try box.diary("?event=started").first)
    #expect(entry.download?.text == lost && entry.by?.text == Box.operatorName, "\(entry)")
    try ann.wait(lost, for: "completed")
    #expect(try run(box, "retry", lost).ending == .exited(1), "a completed one has nothing to retry")
  }

  @Test("a user's quota is set, holds at once and after a restart, and is left to the configuration again")
  func quota() throws {
    let box = try Box(["quota": ["default": "\"1MiB\"", "eviction": "\"none\""]])
    let ann = try box.user("ann")
    let (small, large) = (Title(size: 3 * block), Title(size: 5 * block))
    for title in [small, large] { try box.origin.put(title) }
    #expect(try box.print("quota", "ann").contains("default"), "of one who has nothing yet, too")
    let id = try ann.fetch(small)
    #expect(try ann.tryStart(large).code == "quota_exceeded")
    let set = try box.document("quota", "ann", "2MiB")
    #expect(set.limit_bytes?.int == 2 << 20 && set.limit_from?.text == "administrator" && set.user?.text == "ann")
    #expect(set.used_bytes?.int == small.size && set.downloads?.int == 1)
    try expectNewest(box, "quota_set")
    #expect(try ann.storage() == .of(2 << 20, used: small.size, reserved: 0))
    let second = try ann.fetch(large)
    // Lowered below what is there it removes nothing, and the next start is refused.
    _ = try box.document("quota", "ann", "1KiB")
    #expect(try ann.download(id).status?.text == "completed" && ann.download(second).status?.text == "completed")
    let other = Title(size: 1)
    try box.origin.put(other)
    #expect(try ann.tryStart(other).json?.limit_bytes?.int == 1024)

    #expect(try box.terminate() == .exited(0))
    #expect(try box.document("users").users?.array?.first?.limit_from?.text == "administrator", "from the ledger")
    try box.change(["quota.users": ["ann": "\"9MiB\""]])
    try box.start()
    #expect(try ann.storage().limit == 1024 && ann.tryStart(other).code == "quota_exceeded")
    _ = try box.document("quota", "ann", "none")
    #expect(try ann.storage().limit == nil && ann.storage().available == nil)
    _ = try ann.fetch(other)
    let left = try box.document("quota", "ann", "default")
    #expect(left.limit_bytes?.int == 9 << 20 && left.limit_from?.text == "configuration")
    try expectNewest(box, "quota_set")
    // Nobody has to have anything, and a name may hold what paths do not.
    #expect(try box.document("quota", "a/b c%", "3MB").limit_bytes?.int == 3_000_000)
    let users = try box.document("users").users?.array ?? []
    #expect(
      users.contains { $0.user?.text == "a/b c%" && $0.downloads?.int == 0 && $0.used_bytes?.int == 0 }, "\(users)")
    let verified = try box.verify()
    #expect(verified.isClean, "\(verified)")
  }

  @Test("the socket refuses what is no order")
  func refusals() throws {
    let box = try Box()
    for (method, target, body, status) in [
      ("POST", "/users/ann/quota", "", 400), ("POST", "/users/ann/quota", "{}", 400),
      ("POST", "/users/ann/quota", "{\"limit_bytes\":0}", 400),
      ("POST", "/users/ann/quota", "{\"limit_bytes\":\"1MiB\"}", 400),
      ("POST", "/users/ann/quota", "{\"limit_bytes\":1.5}", 400),
      ("POST", "/users/\(String(repeating: "a", count: 129))/quota", "{\"limit_bytes\":1}", 400),
      ("GET", "/users/ann/quota", "", 405), ("GET", "/downloads/x/evict", "", 405), ("POST", "/status", "{}", 405),
      ("POST", "/downloads/x/evict", "", 404), ("POST", "/downloads/x/praise", "", 404),
      ("GET", "/api/admin/status", "", 404),
    ] {
      let answer = try box.order(method, target, body: body)
      #expect(answer.status == status && answer.code != nil, "\(method) \(target) \(body): \(answer)")
    }
    #expect(try box.diary().isEmpty)
  }
}
