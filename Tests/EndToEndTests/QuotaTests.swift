// Limits: exact, at every moment, whoever asks at the same time.

import Foundation
import Glibc
import Testing

@LaneB @Suite("Quotas") struct QuotaTests {
  private func titles(_ count: Int, size: Int, at box: Box) throws -> [Title] {
    try (0..<count).map { _ in
      let title = Title(size: size)
      try box.origin.put(title)
      return title
    }
  }

  @Test("of 32 starts at the same moment exactly as many are taken as fit")
  func concurrentStarts() throws {
    let size = 300_000
    let fitting = 10
    let quota = size * fitting + size / 2
    let box = try Box(["quota": ["default": "\(quota)", "eviction": "\"none\""]])
    let ann = try box.user("ann")
    let titles = try titles(32, size: size, at: box)
    let connections = try titles.map { _ in try Connection(port: box.port) }
    for (title, connection) in zip(titles, connections) {
      try connection.send(
        request("POST", "/api/downloads/start", headers: ann.authorization, body: User.startBody(title)))
    }
    var taken: [String] = []
    for connection in connections {
      let answer = try connection.receive()
      let storage = try ann.storage()
      #expect((storage.used ?? .max) + (storage.reserved ?? .max) <= quota)
      if answer.status == 201 {
        taken.append(try #require(answer.json?.id?.text))
      } else {
        #expect(answer.status == 507)
        #expect(answer.code == "quota_exceeded")
        #expect(answer.json?.limit_bytes?.int == quota)
        #expect(answer.json?.needed_bytes?.int == size)
        let sum = (answer.json?.used_bytes?.int ?? 0) + (answer.json?.reserved_bytes?.int ?? 0)
        #expect(sum == fitting * size, "\(answer)")
      }
    }
    #expect(taken.count == fitting)
    for id in taken { try ann.wait(id, for: "completed") }
    #expect(try ann.storage() == .of(quota, used: fitting * size, reserved: 0))
  }

  @Test("who would go is told before, and is who goes then")
  func foresight() throws {
    let size = 200_000
    let quota = 3 * size + 1000
    let box = try Box(["quota": ["default": "\(quota)", "playing_grace": "\"0s\""]])
    let ann = try box.user("ann")
    let titles = try titles(4, size: size, at: box)
    let ids = try titles[..<3].map { try ann.fetch($0) }
    func foresee(_ bytes: Int) throws -> JSON {
      try ann.expect(200, "GET", "/api/downloads/storage?needed_bytes=\(bytes)")
    }
    #expect(try ann.expect(200, "GET", "/api/downloads/storage").names?.contains("fits") == false)
    #expect(try foresee(1000).fits?.bool == true)
    #expect(try foresee(1000).would_evict?.array == [])
    #expect(try foresee(quota + 1).fits?.bool == false)
    #expect(try foresee(quota + 1).would_evict?.array == [])
    for wrong in ["", "-1", "1.5", "+1", "x", "1125899906842625", "99999999999999999999"] {
      let answer = try ann.ask("GET", "/api/downloads/storage?needed_bytes=\(wrong.replacing("+", with: "%2B"))")
      #expect(answer.status == 400 && answer.code == "invalid_request", "\(wrong): \(answer)")
    }
    // A play moves the first behind the second.
    #expect(try ann.play(ids[0], headers: ["Range": "bytes=0-0"]).status == 206)
    let foreseen = try foresee(size)
    #expect(foreseen.fits?.bool == true)
    #expect(foreseen.would_evict?.array?.map(\.id?.text) == [ids[1]])
    #expect(foreseen.would_evict?.array?.first?.content_id?.text == titles[1].contentID)
    #expect(foreseen.would_evict?.array?.first?.bytes?.int == size)
    #expect(foreseen.used_bytes?.int == 3 * size)
    #expect(try ann.storage() == .of(quota, used: 3 * size, reserved: 0), "looking changes nothing")
    _ = try ann.fetch(titles[3])
    #expect(try ids.map { try ann.download($0).deleted_at == .null } == [true, false, true])
  }

  @Test("what was played longest ago goes first, what is pinned stays, and no more goes than must")
  func evictionOrder() throws {
    let size = 200_000
    let quota = 4 * size + 1000
    let box = try Box(["quota": ["default": "\(quota)", "playing_grace": "\"0s\""]])
    let ann = try box.user("ann")
    let titles = try titles(8, size: size, at: box)
    var ids = try titles[..<4].map { try ann.fetch($0) }

    // 0 is played last of all, 1 is pinned: now the order is 2, 3, 0.
    #expect(try ann.play(ids[0], headers: ["Range": "bytes=0-0"]).status == 206)
    try ann.wait(ids[0], "last_played_at") { $0.last_played_at?.text != nil }
    #expect(try ann.expect(200, "PUT", "/api/downloads/\(ids[1])/pin").pinned?.bool == true)

    ids.append(try ann.fetch(titles[4]))
    try expectEvicted([2], of: ids, ann)
    #expect(try ann.storage() == .of(quota, used: 4 * size, reserved: 0))
    ids.append(try ann.fetch(titles[5]))
    try expectEvicted([2, 3], of: ids, ann)
    ids.append(try ann.fetch(titles[6]))
    try expectEvicted([2, 3, 0], of: ids, ann)

    // Unpinned again, 1 is the oldest.
    #expect(try ann.expect(200, "DELETE", "/api/downloads/\(ids[1])/pin").pinned?.bool == false)
    ids.append(try ann.fetch(titles[7]))
    try expectEvicted([2, 3, 0, 1], of: ids, ann)
    for index in 4..<8 {
      #expect(try ann.play(ids[index]).body == titles[index].bytes)
    }
  }

  private func expectEvicted(_ expected: Set<Int>, of ids: [String], _ user: User) throws {
    for (index, id) in ids.enumerated() {
      let download = try user.download(id)
      if expected.contains(index) {
        #expect(download.deleted_at?.text != nil, "\(index)")
        #expect(download.error?.code?.text == "evicted", "\(index)")
        #expect(try user.play(id).status == 404, "\(index)")
      } else {
        #expect(download.deleted_at == .null, "\(index)")
        #expect(download.status?.text == "completed", "\(index)")
      }
    }
  }

  @Test("when even evicting everything would not be enough, nothing is evicted")
  func allOrNothing() throws {
    let box = try Box(["quota": ["default": "1000000", "playing_grace": "\"0s\""]])
    let ann = try box.user("ann")
    let small = try titles(3, size: 300_000, at: box)
    let ids = try small.map { try ann.fetch($0) }
    try ann.expect(200, "PUT", "/api/downloads/\(ids[0])/pin")
    let large = try titles(1, size: 800_000, at: box)[0]
    let answer = try ann.tryStart(large)
    #expect(answer.status == 507)
    #expect(answer.json?.used_bytes?.int == 900_000)
    #expect(answer.json?.reserved_bytes?.int == 0)
    #expect(answer.json?.needed_bytes?.int == 800_000)
    try expectEvicted([], of: ids, ann)
    #expect(try ann.storage() == .of(1_000_000, used: 900_000, reserved: 0))
  }

  @Test("a title within its grace is not evicted, and one user's wish never evicts another's title")
  func grace() throws {
    let box = try Box(["quota": ["default": "500000", "playing_grace": "\"10m\""]])
    let ann = try box.user("ann")
    let bob = try box.user("bob")
    let titles = try titles(3, size: 300_000, at: box)
    let his = try bob.fetch(titles[0])
    let hers = try ann.fetch(titles[0])
    #expect(try ann.tryStart(titles[1]).code == "quota_exceeded", "completed just now counts as played just now")
    try box.change(["quota": ["playing_grace": "\"0s\""]])
    box.reload()
    try box.logged("the reload") { $0.message?.text?.contains("configuration reloaded") == true }
    _ = try ann.fetch(titles[1])
    #expect(try ann.download(hers).error?.code?.text == "evicted")
    #expect(try bob.download(his).deleted_at == .null)
    #expect(try bob.play(his).body == titles[0].bytes)
  }

  @Test("the box's own capacity holds over all users")
  func capacity() throws {
    let box = try Box(["storage": ["capacity": "1000000"], "quota": ["default": "0", "playing_grace": "\"10m\""]])
    let ann = try box.user("ann")
    let bob = try box.user("bob")
    let titles = try titles(4, size: 400_000, at: box)
    let first = try ann.fetch(titles[0])
    _ = try bob.fetch(titles[1])
    let full = try bob.tryStart(titles[2])
    #expect(full.status == 507)
    #expect(full.code == "storage_full")
    let storage = try ann.expect(200, "GET", "/api/downloads/storage")
    #expect(storage.limit_bytes == .null && storage.available_bytes == .null, "no limit")
    // What nobody owns goes first.
    try ann.expect(200, "DELETE", "/api/downloads/\(first)/delete")
    let third = try bob.fetch(titles[2])
    #expect(try bob.play(third).body == titles[2].bytes)
    #expect(try bob.tryStart(titles[3]).code == "storage_full")
  }

  @Test(
    "a title of the quota's exact size fits, one byte more does not, and a user's own quota goes before the default")
  func exactFit() throws {
    let box = try Box(["quota": ["default": "100000"], "quota.users": ["\"ann\"": "200000"]])
    let ann = try box.user("ann")
    let bob = try box.user("bob")
    let exact = try titles(1, size: 100_000, at: box)[0]
    let more = try titles(1, size: 100_001, at: box)[0]
    #expect(try bob.tryStart(more).code == "quota_exceeded")
    _ = try bob.fetch(exact)
    #expect(try bob.storage() == .of(100_000, used: 100_000, reserved: 0))
    _ = try ann.fetch(more)
    #expect(try ann.storage() == .of(200_000, used: 100_001, reserved: 0))
  }
}
