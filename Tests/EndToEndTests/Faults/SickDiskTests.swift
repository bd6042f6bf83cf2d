// A disk that refuses, forgets or dawdles under a running box: fills wait and go on by themselves, what the box holds is
// played, and no wish is granted that cannot be kept.

import Foundation
import Glibc
import Testing

@LaneE @Suite("A sick disk") struct SickDiskTests {
  /// What a disk may say, and to which call.
  static let refusals: [(DiskCall, Int32)] = [
    (.objectWrite, ENOSPC), (.objectWrite, EDQUOT), (.objectWrite, EIO), (.objectWrite, EROFS),
    (.objectWrite, ESTALE), (.objectSync, EIO), (.objectSync, EDQUOT), (.objectSync, ESTALE), (.objectOpen, ENOSPC),
    (.objectOpen, EROFS), (.folderSync, EIO),
    (.link, EDQUOT), (.link, EROFS), (.mkdir, ENOSPC),
  ]

  @Test("a fill waits with storage_error, everything else goes on, and when the disk is well it completes by itself")
  func fillsWait() throws {
    for (call, code) in Self.refusals {
      let box = try FaultyBox()
      let titles = try FaultTitles.shared()
      let held = try box.start("ann", titles[0])
      try box.complete(held)
      try box.disk.plan(DiskRule(call: call, action: .fail(code)))
      let id = try box.start("bob", titles[1])
      let waiting = try box.bob.wait(id, forError: "storage_error")
      #expect(["pending", "downloading"].contains(waiting.status?.text), "\(call) \(code)")
      #expect(waiting.error?.retryable?.bool == true && waiting.error?.next_attempt_at?.text != nil)
      // Where only the name is refused, the bytes are there and play.
      let early = try box.bob.play(id)
      let isRight = early.status == 200 ? early.body == titles[1].bytes : [409, 503].contains(early.status)
      #expect(isRight, "\(call) \(code): \(early)")
      #expect(try box.bob.storage().reserved == titles[1].size, "it stays reserved")
      #expect(try box.ann.play(held).body == titles[0].bytes)
      try box.disk.mend()
      try box.complete(id)
      try box.settle()
      #expect(box.endings.isEmpty)
    }
  }

  /// A box that has just been started with a whole title of so many blocks and some bytes, of which nothing was compared.
  private func unread(blocks: Int) throws -> (FaultyBox, Title, String) {
    let box = try FaultyBox(["storage": ["scrub_rate": "0"]])
    let title = Title(size: blocks * Self.block + 77)
    try box.box.origin.put(title)
    let id = try box.start("ann", title)
    try box.complete(id)
    #expect(try box.box.terminate() == .exited(0))
    try box.start()
    return (box, title, id)
  }

  private static let block = 256 << 10

  @Test("what memory forgets as soon as it was compared is compared again: the disk may have others by then")
  func forgottenOnceCompared() throws {
    let (box, title, id) = try unread(blocks: 3)
    // Not the block that is compared before the head goes out.
    let (first, victim) = (2 * Self.block - 10, 2 * Self.block + 1000)
    try box.disk.plan(DiskRule(call: .objectRead, action: .spoil(victim)))
    let connection = try Connection(port: box.box.port)
    var headers = try box.ann.authorization
    headers["Range"] = "bytes=\(first)-"
    try connection.send(request("GET", "/api/downloads/\(id)/play", headers: headers))
    // The block before it is read, and sent; this one is read, and read again.
    try eventually("it is read again") { box.disk.count(.objectRead) >= 4 ? true : nil }
    // Others ask while what came from the disk lies in memory, and nobody has compared it yet.
    for _ in 0..<8 {
      let part = try box.ann.play(id, headers: ["Range": "bytes=\(victim)-\(victim)"])
      #expect(part.status == 206 && part.body == title.bytes[victim...victim], "\(part)")
    }
    #expect(try connection.receive().body == title.bytes[first..<title.size])
    #expect(try box.box.logged(event: "storage.damaged").message?.text?.contains("found by play") == true)
    try box.settle()
  }

  @Test("what memory never keeps plays all the same: whole, from the middle, in parts, and to a slow client")
  func neverInMemory() throws {
    let block = Self.block
    let (box, title, id) = try unread(blocks: 12)
    try box.disk.plan(DiskRule(call: .objectRead, action: .forget))
    for _ in 0..<2 { #expect(try box.ann.play(id).body == title.bytes) }
    let ranges = [0...0, block - 1...block, 3 * block + 5...5 * block - 7, title.size - 9...title.size - 1]
    for range in ranges {
      let part = try box.ann.play(id, headers: ["Range": "bytes=\(range.lowerBound)-\(range.upperBound)"])
      #expect(part.status == 206 && part.body == title.bytes[range], "\(range): \(part)")
    }
    let parts = try box.ann.play(id, headers: ["Range": "bytes=10-\(block + 20),\(7 * block - 3)-\(8 * block)"])
    #expect(parts.status == 206)
    for range in [10...block + 20, 7 * block - 3...8 * block] {
      #expect(parts.body.array.contains(title.bytes[range].array), "\(range)")
    }
    let slow = try Connection(port: box.box.port)
    slow.readSlowly()
    let reads = box.disk.count(.objectRead)
    try slow.send(request("GET", "/api/downloads/\(id)/play", headers: try box.ann.authorization))
    #expect(try slow.receive().body == title.bytes)
    #expect(box.disk.count(.objectRead) >= reads + 2 * 13, "each block is compared, and read again to be sent")
    #expect(try box.box.metric("larder_blocks_mended_total") == 0)
    try box.settle()
  }

  @Test("who plays a title whose name came back from a link waits for one block, and not for all before it")
  func relinkedAtTheEnd() throws {
    let block = 256 << 10
    let title = Title(size: 192 * block)
    let box = try FaultyBox(["storage": ["scrub_rate": "0"]])
    try box.box.origin.put(title)
    let id = try box.start("ann", title)
    try box.complete(id)
    #expect(try box.box.terminate() == .exited(0))
    let objects = box.data + "/objects"
    let name = try #require(FileManager.default.contentsOfDirectory(atPath: objects).first { $0.count == 16 })
    try FileManager.default.removeItem(atPath: "\(objects)/\(name)")
    try box.start()
    // All of it takes longer than anybody waits for a block.
    try box.disk.plan(DiskRule(call: .objectRead, action: .delay(70)))
    let last = 191 * block
    let answer = try box.ann.play(id, headers: ["Range": "bytes=\(last)-"])
    #expect(answer.status == 206 && answer.body == title.bytes[last...title.size - 1], "\(answer)")
    try box.settle()
    #expect(box.endings.isEmpty)
  }

  @Test(
    "a title that the disk refuses to open is not called lost: it plays when the disk is well",
    arguments: [(EMFILE, "Too many open files"), (EACCES, "Permission denied"), (EIO, "Input/output error")])
  func unopened(errno: Int32, words: String) throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    let id = try box.start("ann", titles[0])
    try box.complete(id)
    _ = try box.box.terminate()
    try box.start()
    try box.disk.plan(DiskRule(call: .objectLook, action: .fail(errno)))
    let answer = try box.ann.play(id)
    #expect(answer.status == 503 && answer.code == "storage_error", "\(answer)")
    #expect(answer.json?.detail?.text?.contains(words) == true, "\(answer)")
    #expect(answer.json?.detail?.text?.contains("lost") == false, "\(answer)")
    #expect(answer["retry-after"] != nil)
    try box.box.logged(event: "play.open")
    #expect(box.box.log.allSatisfy { $0.event?.text != "storage.damaged" })
    try box.disk.mend()
    #expect(try box.ann.play(id).body == titles[0].bytes)
    try box.settle()
    #expect(box.endings.isEmpty)
  }

  @Test("a block that cannot be read however often it is brought back: an honest 503, and ever rarer tries")
  func unreadable() throws {
    let box = try FaultyBox([
      "storage": ["scrub_rate": "0"], "downloads": ["retry_initial": "\"1s\"", "retry_max": "\"1h\""],
    ])
    let titles = try FaultTitles.shared()
    let (broken, sound) = (try box.start("ann", titles[0]), try box.start("bob", titles[1]))
    for id in [broken, sound] { try box.complete(id) }
    #expect(try box.box.terminate() == .exited(0))
    try box.start()
    try box.disk.plan(DiskRule(call: .objectRead, action: .fail(EIO)))
    let before = box.box.proxy.requests.count
    let end = now() + 5
    var plays = 0
    repeat {
      let answer = try box.ann.play(broken)
      #expect(answer.status == 503 && answer.code == "storage_error" && answer["retry-after"] != nil, "\(answer)")
      plays += 1
      usleep(10_000)
    } while now() < end
    // The waits are anything up to 2 s, 4 s, 8 s and so on; without them it would be hundreds.
    let fetches = box.box.proxy.requests.dropFirst(before).count { $0.method == "GET" }
    #expect((1...20).contains(fetches), "\(fetches) requests during \(plays) plays")
    let told = try box.ann.download(broken)
    #expect(told.status?.text == "completed" && told.error?.code?.text == "storage_error", "\(told)")
    #expect(told.error?.next_attempt_at?.text != nil)
    try box.disk.mend()
    #expect(try box.bob.play(sound).body == titles[1].bytes)
    // A reload tries at once what waits.
    box.box.reload()
    try box.complete(broken)
    try box.settle()
    #expect(box.endings.isEmpty)
  }

  @Test("a read that fails once, whichever of a play it is, is made again before the origin is asked")
  func unreadOnce() throws {
    let (box, title, id) = try unread(blocks: 2)
    let before = box.box.proxy.traffic
    var number = 1
    while true {
      try box.disk.plan(.only(number, .objectRead, .fail(EIO)))
      #expect(try box.ann.play(id).body == title.bytes, "read \(number)")
      if box.disk.count(.objectRead) < number { break }
      number += 1
      // What was compared before is not read again.
      #expect(try box.box.terminate() == .exited(0))
      try box.start()
    }
    #expect(number > 3, "each block was read")
    #expect(box.box.proxy.traffic == before)
    try box.settle()
    #expect(box.endings.isEmpty)
  }

  @Test("a block that cannot be read before it is written anew is fetched again, and no other")
  func unreadUntilWritten() throws {
    let (box, title, id) = try unread(blocks: 2)
    let before = box.box.proxy.traffic
    // The one that is read first: when it is written all others can be read.
    try box.disk.plan(DiskRule(call: .objectRead, action: .remap(EIO)))
    #expect(try box.ann.play(id).body == title.bytes)
    #expect(box.box.proxy.traffic - before == 256 << 10, "one block")
    let told = try box.box.logged(event: "storage.damaged")
    #expect(told.message?.text?.contains("Input/output error; fetching it again") == true, "\(told)")
    #expect(try box.box.metric("larder_blocks_mended_total") == 1)
    try box.settle()
    #expect(box.endings.isEmpty)
  }

  @Test(
    "a wish that the ledger cannot keep is refused and changes nothing, and all reading goes on",
    arguments: [
      (DiskCall.ledgerWrite, ENOSPC, 507, "storage_full"), (.ledgerWrite, EDQUOT, 507, "storage_full"),
      (.ledgerWrite, EIO, 500, "internal"), (.ledgerWrite, EROFS, 500, "internal"), (.ledgerSync, EIO, 500, "internal"),
      (.ledgerSync, ENOSPC, 507, "storage_full"),
    ])
  func wishesAreRefused(call: DiskCall, errno: Int32, status: Int, code: String) throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    let id = try box.start("ann", titles[0])
    try box.complete(id)
    let before = try box.ann.storage()
    try box.disk.plan(DiskRule(call: call, action: .fail(errno)))
    let wishes = [
      try box.bob.tryStart(titles[1]), try box.ann.ask("DELETE", "/api/downloads/\(id)/delete"),
      try box.ann.ask("PUT", "/api/downloads/\(id)/pin"), try box.ann.ask("POST", "/api/downloads/cleanup/all"),
    ]
    for answer in wishes {
      #expect(answer.status == status && answer.code == code, "\(answer)")
      #expect(answer.json?.detail?.text?.contains("nothing was changed") == true, "\(answer)")
    }
    #expect(try box.ann.play(id).body == titles[0].bytes)
    #expect(try box.ann.download(id).pinned?.bool == false)
    #expect(try box.ann.storage() == before)
    #expect(try box.bob.storage().reserved == 0)
    #expect(try box.ann.expect(200, "GET", "/healthz").status?.text == "ok")
    try box.disk.mend()
    try box.delete(id)
    try box.complete(try box.start("bob", titles[1]))
    try box.settle()
    #expect(box.endings.isEmpty)
  }

  @Test("short writes are continued, and one that ends a commit early is refused")
  func shortWrites() throws {
    let box = try FaultyBox(plan: [DiskRule(call: .objectWrite, action: .short(1000))])
    let titles = try FaultTitles.shared()
    let id = try box.start("ann", titles[1])
    try box.complete(id)
    try box.disk.plan(DiskRule(call: .ledgerWrite, action: .short(100)))
    #expect(try box.ann.ask("PUT", "/api/downloads/\(id)/pin").status == 500)
    try box.disk.mend()
    try box.pin(id)
    try box.settle()
  }

  @Test("after a failed fdatasync nothing of what was written before it is believed: it is fetched again")
  func failedSync() throws {
    let title = Title(size: 6 << 20)
    let box = try FaultyBox(["downloads": ["chunk_size": "\"256KiB\"", "max_rate": "\"8MiB\""]])
    try box.box.origin.put(title)
    // Linux drops the pages that it could not write, and calls later syncs of the same file a success.
    try box.disk.plan(
      [2, 5, 9].map { .only($0, .objectSync, .lose(EIO)) })
    let id = try box.start("ann", title)
    try box.complete(id)
    #expect(box.disk.count(.objectSync) >= 9)
    #expect(box.box.proxy.traffic > title.size, "what was lost came again")
    try box.settle()
  }

  @Test("a sync that takes for ever holds up its own fill and nobody else")
  func slowDisk() throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    let held = try box.start("ann", titles[0])
    try box.complete(held)
    try box.disk.plan(DiskRule(call: .objectSync, action: .hold))
    let id = try box.start("ann", titles[1])
    try eventually("a sync is waited for") { box.disk.count(.objectSync) > 0 ? true : nil }
    #expect(try box.ann.play(held).body == titles[0].bytes)
    try box.pin(held)
    #expect(try box.bob.expect(200, "GET", "/api/downloads").downloads?.array?.isEmpty == true)
    #expect(try box.ann.download(id).downloaded_bytes?.int == 0, "nothing counts before it is durable")
    try box.disk.mend()
    try box.complete(id)
    try box.settle()
  }

  @Test("a file that cannot be removed is removed once the disk is well, without a restart")
  func removedLater() throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    let id = try box.start("ann", titles[0])
    try box.complete(id)
    let link = try box.data + "/" + #require(try box.ann.download(id).file_path?.text)
    try box.disk.plan(DiskRule(call: .unlink, action: .fail(EIO)))
    try box.delete(id)
    #expect(FileManager.default.fileExists(atPath: link))
    #expect(try box.ann.play(id).status == 404)
    try box.disk.mend()
    try eventually("the link is gone", explain: box.box.report) {
      FileManager.default.fileExists(atPath: link) ? nil : true
    }
    try box.settle()
  }

  @Test("a file that cannot be removed counts against the capacity: what was let in for it waits until it is gone")
  func stuckFile() throws {
    let titles = try FaultTitles.shared()
    let (first, second) = (titles[0], titles[1])
    let capacity = max(first.size, second.size) + 1000
    let box = try FaultyBox(["storage": ["capacity": "\(capacity)"], "quota": ["playing_grace": "\"0s\""]])
    let held = try box.start("ann", first)
    try box.complete(held)
    try box.disk.plan(DiskRule(call: .unlink, action: .fail(EIO)))
    let id = try box.start("bob", second)
    try box.wasEvicted(held)
    let waiting = try box.bob.wait(id, forError: "storage_error")
    #expect(waiting.downloaded_bytes?.int == 0 && waiting.error?.next_attempt_at?.text != nil, "\(waiting)")
    #expect(try box.bob.tryStart(titles[2]).code == "storage_full")
    // Also after a restart.
    #expect(try box.box.terminate() == .exited(0))
    try box.box.start()
    try box.bob.wait(id, forError: "storage_error")
    let files = try FileManager.default.contentsOfDirectory(atPath: box.data + "/objects")
    let bytes = try files.filter { !$0.hasSuffix(".sums") }.reduce(0) {
      try $0 + (FileManager.default.attributesOfItem(atPath: "\(box.data)/objects/\($1)")[.size] as? Int ?? 0)
    }
    #expect(bytes <= capacity, "\(files)")
    try box.disk.mend()
    try box.complete(id)
    try box.settle()
  }

  @Test("when the write that makes a commit fails, the box ends with 70, and the next one knows what the disk knows")
  func metaWrite() throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    let id = try box.start("ann", titles[0])
    try box.complete(id)
    try box.disk.plan(DiskRule(call: .ledgerMeta, action: .fail(EIO)))
    #expect((try? box.bob.tryStart(titles[1])) == nil, "no answer is better than a wrong one")
    #expect(try box.box.program?.wait() == .exited(70))
    #expect(box.box.program?.errors.contains("the ledger cannot be written, and its state is not known") == true)
    // On a disk that stays sick it says why it cannot start.
    #expect((try? box.box.start()) == nil)
    #expect(try box.box.program?.wait() == .exited(70))
    #expect(box.box.program?.errors.contains("the ledger at") == true)
    try box.disk.mend()
    try box.box.start()
    try box.complete(try box.start("bob", titles[1]))
    try box.settle()
  }

  @Test("a ledger that is cut off under the box ends it with 70 and a line that says so")
  func cutLedger() throws {
    let box = try FaultyBox()
    let id = try box.start("ann", FaultTitles.shared()[0])
    try box.complete(id)
    #expect(unsafe truncate(box.data + "/ledger/data.mdb", 0) == 0)
    #expect((try? box.ann.download(id)) == nil)
    #expect(try box.box.program?.wait() == .exited(70))
    let lines = box.box.program?.errors.split(separator: "\n").filter { $0.hasPrefix("larder: ") } ?? []
    #expect(lines.count == 1 && lines[0].contains("cannot be read"), "\(box.box.report)")
    #expect(lines.first?.contains("\(box.data)/ledger") == true && lines.first?.contains("verify --rebuild") == true)
  }
}
