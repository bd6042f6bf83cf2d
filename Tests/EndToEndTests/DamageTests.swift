// What the disk loses behind the box's back: bytes that changed, files that are short or gone. A wrong byte never goes out,
// only what is lost is fetched again, and what is there plays meanwhile.

import Foundation
import Glibc
import Testing

@LaneB @Suite("Damage at rest") struct DamageTests {
  /// The block size that the tests' usual chunks bring about.
  private let block = 256 << 10

  /// The one object of a box.
  private func object(_ box: Box) throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: box.data + "/objects").filter { $0.count == 16 }
    return box.data + "/objects/" + (try #require(names.count == 1 ? names.first : nil))
  }

  /// Writes zeros over a few bytes of a file, as a disk might.
  private func spoil(_ path: String, at offset: Int, count: Int = 7) throws {
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data(repeating: 0, count: count))
    try file.close()
  }

  /// A box with one title of six blocks, completed by one user.
  private func filled(_ settings: Settings = [:]) throws -> (Box, User, Title, String) {
    let box = try Box(settings)
    let ann = try box.user("ann")
    let title = Title(size: 5 * block + 1000)
    try box.origin.put(title)
    return (box, ann, title, try ann.fetch(title))
  }

  /// The audit has the damage with its size and cause, and then that it was mended and what that was compared with.
  private func expectDiary(
    _ box: Box, _ title: Title, lost: Int, _ cause: String, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let diary = try eventually("the audit has both", explain: box.report) {
      let diary = try box.diary("?event=damaged,mended")
      return diary.count >= 2 ? diary : nil
    }
    // The newest first.
    #expect(diary.map { $0.event?.text } == ["mended", "damaged"], "\(diary)", sourceLocation: location)
    #expect(diary[1].bytes?.int == lost && diary[0].bytes?.int == title.size, "\(diary)", sourceLocation: location)
    #expect(diary[1].cause?.text?.hasPrefix(cause) == true, "\(diary[1])", sourceLocation: location)
    let line = try box.logged("\(title.key) mended") {
      $0.event?.text == "fill.complete" && $0.message?.text?.contains("whole again") == true
    }
    let evidence = line.message?.text?.components(separatedBy: "verified by ").last ?? ""
    #expect(
      diary[0].cause?.text == "every block is there again, verified by \(evidence)", "\(diary[0])",
      sourceLocation: location)
    #expect(diary.allSatisfy { $0.object?.text != nil && $0.object == diary[0].object }, sourceLocation: location)
  }

  private func range(_ first: Int, _ last: Int) -> [String: String] { ["Range": "bytes=\(first)-\(last)"] }

  @Test(
    "a changed byte never goes out: its block alone is fetched again, while the player waits", arguments: [true, false])
  func changedByte(isRestarted: Bool) throws {
    let (box, ann, title, id) = try filled()
    if isRestarted { _ = try box.terminate() }
    try spoil(try object(box), at: 2 * block + 500)
    if isRestarted { try box.start() }
    let (before, asked) = (box.proxy.traffic, box.proxy.requests.count)
    let answer = try ann.play(id)
    #expect(answer.status == 200 && answer.body == title.bytes)
    #expect(box.proxy.traffic - before == block, "one block and no more")
    let requests = box.proxy.requests.dropFirst(asked)
    #expect(requests.map(\.range) == ["bytes=\(2 * block)-\(3 * block - 1)"], "\(requests)")
    #expect(requests.map(\.ifMatch) == [title.md5ETag], "of the version that was damaged")
    try box.logged(event: "storage.damaged")
    try expectDiary(box, title, lost: block, "block 2, found by play: ")
    let metrics = try box.user("root", roles: ["admin"]).ask("GET", "/metrics").body.text
    #expect(metrics.contains("\nlarder_integrity_failures_total{found=\"play\"} 1\n"))
    #expect(metrics.contains("\nlarder_blocks_mended_total 1\n"))
    let after = try ann.download(id)
    #expect(after.status?.text == "completed" && after.progress?.double == 100 && after.error == .null)
    #expect(try Bytes(file: object(box)) == title.bytes, "mended on the disk")
  }

  @Test("a file that was played, and that somebody wrote to since, is looked at again")
  func changedWhileOpen() throws {
    let (box, ann, title, id) = try filled()
    #expect(try ann.play(id).body == title.bytes)
    try spoil(try object(box), at: 10)
    #expect(try ann.play(id).body == title.bytes)
    try box.logged(event: "storage.damaged")
  }

  @Test("what was played and then fell out of memory is compared again before it goes out")
  func changedWhileForgotten() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 20 * block + 1000)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    for _ in 0..<2 { #expect(try ann.play(id).body == title.bytes) }
    let path = try object(box)
    var status = stat()
    #expect(unsafe stat(path, &status) == 0)
    for index in 0...20 { try spoil(path, at: index * block + 500) }
    // As a disk changes them: the time of the last write stays, and memory knows nothing of it.
    var times = [status.st_atim, status.st_mtim]
    #expect(unsafe utimensat(AT_FDCWD, path, &times, 0) == 0)
    let file = try #require(FileHandle(forReadingAtPath: path))
    #expect(fsync(file.fileDescriptor) == 0)
    #expect(posix_fadvise(file.fileDescriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
    try file.close()
    let before = box.proxy.traffic
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic - before == title.size, "each block was fetched again")
    #expect(try Bytes(file: path) == title.bytes)
  }

  @Test("with the origin out of reach, what needs the lost bytes gets an honest 503 and everything else plays")
  func offline() throws {
    let (box, ann, title, id) = try filled()
    box.proxy.goDown()
    try spoil(try object(box), at: 2 * block + 500)
    for _ in 0..<2 {
      let answer = try ann.play(id, headers: range(2 * block, 3 * block - 1))
      #expect(answer.status == 503 && answer.code == "origin_unreachable", "\(answer)")
      #expect(Int(answer["retry-after"] ?? "").map { (1...60).contains($0) } == true)
    }
    #expect(try ann.play(id).status == 503)
    #expect(try ann.play(id, headers: range(block, 4 * block)).status == 503)
    for (first, last) in [(0, 2 * block - 1), (3 * block, title.size - 1), (3 * block + 5, 3 * block + 9)] {
      let answer = try ann.play(id, headers: range(first, last))
      #expect(answer.status == 206 && answer.body == title.bytes[first...last])
    }
    let whole = try ann.download(id)
    #expect(whole.status?.text == "completed" && whole.error?.code?.text == "origin_unreachable")
    #expect(try ann.storage().used == title.size)
    // A player that asks for everything from here on gets what there is, and then no byte more.
    let connection = try Connection(port: box.port)
    try connection.send(
      request("GET", "/api/downloads/\(id)/play", headers: ann.authorization.merging(["Range": "bytes=0-"]) { $1 }))
    let head = try connection.receiveHead()
    #expect(head.status == 206)
    #expect(try connection.receive(count: 2 * block) == title.bytes[0...2 * block - 1])
    #expect(throws: (any Error).self) { try connection.receive(count: 1) }

    try box.proxy.comeBack()
    try eventually("it is mended by itself", explain: box.report) {
      try ann.play(id, headers: range(2 * block, 3 * block - 1)).status == 206 ? true : nil
    }
    #expect(try ann.play(id).body == title.bytes)
    #expect(try ann.download(id).error == .null)
  }

  @Test("a file cut short is filled up again", arguments: [0, 1, 700_000])
  func truncated(length: Int) throws {
    let (box, ann, title, id) = try filled()
    try #require(unsafe truncate(try object(box), length) == 0)
    let before = box.proxy.traffic
    #expect(try ann.play(id).body == title.bytes)
    #expect(try Bytes(file: object(box)) == title.bytes)
    #expect(box.proxy.traffic - before == title.size - length / block * block, "what was behind the end and no more")
  }

  @Test("an object whose name is gone comes back from a user's link, without a byte from the origin")
  func relinked() throws {
    let (box, ann, title, id) = try filled()
    _ = try box.terminate()
    try FileManager.default.removeItem(atPath: try object(box))
    box.proxy.goDown()
    try box.start()
    #expect(try ann.play(id).body == title.bytes)
    try box.logged(event: "storage.relinked")
  }

  @Test("an object whose name is gone and whose link is cut short comes back, and only what is behind that is fetched")
  func relinkedInPart() throws {
    let (box, ann, title, id) = try filled()
    let path = try object(box)
    let link = box.data + "/" + (try #require(ann.download(id).file_path?.text))
    _ = try box.terminate()
    try FileManager.default.removeItem(atPath: path)
    try #require(unsafe truncate(link, off_t(2 * block + 17)) == 0)
    let before = box.proxy.traffic
    try box.start()
    try eventually("it is whole again", explain: box.report) {
      let answer = try ann.play(id)
      #expect(answer.status == 503 || answer.status == 200)
      return answer.status == 200 && answer.body == title.bytes ? true : nil
    }
    #expect(box.proxy.traffic - before == title.size - 2 * block)
    // One file under both names: a second one would have taken room that nobody counts.
    let inodes = try [path, link].map {
      try FileManager.default.attributesOfItem(atPath: $0)[.systemFileNumber] as? Int
    }
    #expect(inodes[0] == inodes[1])
    #expect(try Bytes(file: link) == title.bytes)
  }

  @Test("what somebody put in the place of a user's link is not taken for the title, not by the next user either")
  func foreignLink() throws {
    let (box, ann, title, id) = try filled()
    let path = try object(box)
    let link = try #require(ann.download(id).file_path?.text)
    _ = try box.terminate()
    for name in [path, "\(box.data)/\(link)"] { try FileManager.default.removeItem(atPath: name) }
    // Longer than the title, which makes it as long when it is cut.
    try box.write(Title(size: title.size + 10).bytes, to: link)
    try box.start()
    let bob = try box.user("bob")
    let other = try bob.start(title)
    try bob.wait(other, for: "completed")
    #expect(try bob.play(other).body == title.bytes)
    try eventually("it plays again", explain: box.report) {
      let answer = try ann.play(id)
      #expect(answer.status == 503 || answer.status == 200)
      return answer.status == 200 && answer.body == title.bytes ? true : nil
    }
    #expect(try Bytes(file: box.data + "/" + (try #require(bob.download(other).file_path?.text))) == title.bytes)
  }

  @Test("who finds a file spoilt that is not the object's any more is the last to be sent from it")
  func replacedWhileOpen() throws {
    let (box, ann, title, id) = try filled()
    let path = try object(box)
    let link = box.data + "/" + (try #require(ann.download(id).file_path?.text))
    #expect(try ann.play(id).body == title.bytes)
    // As a restored backup does it.
    try FileManager.default.copyItem(atPath: path, toPath: "\(path).copy")
    try #require(unsafe rename("\(path).copy", path) == 0)
    try spoil(link, at: block + 5)
    try eventually("it plays again", explain: box.report) {
      let answer = try ann.play(id)
      #expect(answer.status == 503 || answer.status == 200)
      return answer.status == 200 && answer.body == title.bytes ? true : nil
    }
  }

  @Test("without the folder of the objects a fill waits with storage_error, and goes on by itself once it is back")
  func folderAway() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 5 * block)
    try box.origin.put(title)
    let folder = box.data + "/objects"
    try #require(unsafe rename(folder, folder + ".away") == 0)
    let id = try ann.start(title)
    try ann.wait(id, forError: "storage_error")
    try #require(unsafe rename(folder + ".away", folder) == 0)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("what is given up while the folder of the objects is away goes from the disk when it is back")
  func givenUpAway() throws {
    let (box, ann, title, id) = try filled(["storage": ["scrub_rate": "\"64MiB\"", "scrub_interval": "\"1s\""]])
    let path = try object(box)
    let folder = box.data + "/objects"
    try #require(unsafe rename(folder, folder + ".away") == 0)
    try ann.expect(200, "DELETE", "/api/downloads/\(id)/delete")
    let found = try box.logged(event: "storage.damaged")
    #expect(found.message?.text?.contains("given up") == true, "\(found)")
    // A deletion is answered when what was to be removed before it was tried.
    try ann.expect(200, "DELETE", "/api/downloads/\(try ann.start(title))")
    try #require(unsafe rename(folder + ".away", folder) == 0)
    try eventually("its file is gone", explain: box.report) {
      FileManager.default.fileExists(atPath: path) ? nil : true
    }
  }

  @Test("an object that is gone with all its links is fetched again, and its owners' links come back")
  func vanished() throws {
    let (box, ann, title, id) = try filled()
    let link = box.data + "/" + (try #require(ann.download(id).file_path?.text))
    _ = try box.terminate()
    try FileManager.default.removeItem(atPath: try object(box))
    try FileManager.default.removeItem(atPath: link)
    try box.start()
    try eventually("it plays again", explain: box.report) {
      let answer = try ann.play(id)
      #expect(answer.status == 503 || answer.status == 200)
      return answer.status == 200 && answer.body == title.bytes ? true : nil
    }
    try eventually("its link is there", explain: box.report) {
      (try? Bytes(file: link)) == title.bytes ? true : nil
    }
    #expect(try ann.storage().used == title.size)
  }

  @Test("what cannot be mended because the origin has a new version begins again with that")
  func replaced() throws {
    let (box, ann, title, id) = try filled()
    let new = title.replaced(size: 3 * block)
    try box.origin.put(new)
    try spoil(try object(box), at: 0)
    _ = try ann.play(id)
    try ann.wait(id, "the new version") { $0.total_bytes?.int == new.size && $0.status?.text == "completed" }
    #expect(try ann.play(id).body == new.bytes)
    #expect(
      try ann.storage() == Storage(limit: 20 << 30, used: new.size, reserved: 0, available: (20 << 30) - new.size))
  }

  @Test("a new version that does not fit the quota takes nothing away: what there is of the old one stays and plays")
  func replacedByTooMuch() throws {
    let (box, ann, title, id) = try filled(["quota": ["default": "\"2MiB\""]])
    let new = title.replaced(size: 9 * block)
    try box.origin.put(new)
    try spoil(try object(box), at: 0)
    #expect(try ann.play(id, headers: range(0, 9)).status == 503)
    try ann.wait(id, forError: "quota_exceeded")
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(1) && repair.summary?.mended?.int == 0, "\(repair)")
    #expect(repair.summary?.waiting_blocks?.int == 1 && "\(repair)".contains("do not fit the quota"), "\(repair)")
    let kept = try ann.wait(id, forError: "quota_exceeded")
    #expect(kept.status?.text == "completed" && kept.total_bytes?.int == title.size)
    #expect(try ann.storage().used == title.size && ann.storage().reserved == 0)
    let answer = try ann.play(id, headers: range(block, title.size - 1))
    #expect(answer.status == 206 && answer.body == title.bytes[block...title.size - 1])
    // And comes when it fits.
    try box.change(["quota": ["default": "\"4MiB\""]])
    box.reload()
    try ann.wait(id, "the new version") { $0.total_bytes?.int == new.size && $0.status?.text == "completed" }
    #expect(try ann.play(id).body == new.bytes)
  }

  @Test("a repair calls nothing mended whose download has failed meanwhile")
  func failedMeanwhile() throws {
    let (box, ann, _, id) = try filled()
    _ = try box.terminate()
    try spoil(try object(box), at: block)
    box.proxy.fault(Fault(action: .flip(at: 777)) { $0.method == "GET" && $0.range != nil })
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(1) && repair.summary?.not_mended?.int == 1, "\(repair)")
    #expect(repair.summary?.mended?.int == 0 && "\(repair)".contains("its download failed"), "\(repair)")
    try box.start()
    let failed = try ann.download(id)
    #expect(failed.status?.text == "failed" && failed.error?.code?.text == "integrity_mismatch")
  }

  @Test("a disk that gives back what it had lost is believed before the origin is asked")
  func backAgain() throws {
    let (box, ann, title, id) = try filled()
    let path = try object(box)
    try #require(unsafe rename(path, path + ".away") == 0)
    let link = box.data + "/" + (try #require(ann.download(id).file_path?.text))
    try #require(unsafe rename(link, link + ".away") == 0)
    _ = try box.terminate()
    box.proxy.goDown()
    try box.start()
    #expect(try ann.play(id).status == 503)
    _ = try box.terminate()
    try #require(unsafe rename(path + ".away", path) == 0 && rename(link + ".away", link) == 0)
    try box.start()
    try eventually("it is whole again", explain: box.report) { try ann.play(id).status == 200 ? true : nil }
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("in idle time the box finds by itself what the disk has changed, and mends it")
  func scrub() throws {
    let (box, _, title, _) = try filled(["storage": ["scrub_rate": "\"64MiB\"", "scrub_interval": "\"1s\""]])
    try box.logged(event: "scrub.finished")
    try spoil(try object(box), at: 4 * block + 3)
    let found = try box.logged(event: "storage.damaged")
    #expect(found.message?.text?.contains("found by scrub") == true)
    try eventually("it is mended", explain: box.report) {
      try Bytes(file: object(box)) == title.bytes ? true : nil
    }
  }

  @Test("what nobody owns is given up when it is found damaged, and the log says so")
  func unowned() throws {
    let (box, ann, _, id) = try filled(["storage": ["scrub_rate": "\"64MiB\"", "scrub_interval": "\"1s\""]])
    try ann.expect(200, "DELETE", "/api/downloads/\(id)/delete")
    let path = try object(box)
    try spoil(path, at: 10)
    let found = try box.logged(event: "storage.damaged")
    #expect(found.message?.text?.contains("given up") == true, "\(found)")
    #expect(found.message?.text?.contains("fetching") == false, "\(found)")
    try eventually("its file is gone", explain: box.report) {
      FileManager.default.fileExists(atPath: path) ? nil : true
    }
  }

  @Test("an unfinished file that is gone has lost what there was of it, and no more is counted")
  func vanishedFill() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 12 * block)
    try box.origin.put(title)
    box.proxy.hold(after: 4 * block)
    let id = try ann.start(title)
    try ann.wait(id, "some of it") { ($0.downloaded_bytes?.int ?? 0) >= 2 * block }
    _ = try box.terminate()
    let stored = try Inspection(data: box.data).storedBlocks()
    try FileManager.default.removeItem(atPath: try object(box))
    box.proxy.release()
    try box.start()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    let metrics = try box.user("root", roles: ["admin"]).ask("GET", "/metrics").body.text
    #expect(metrics.contains("\nlarder_integrity_failures_total{found=\"fill\"} \(stored)\n"), "not \(stored)")
    #expect((2..<12).contains(stored))
  }

  @Test("a round of looking goes on after a restart where it stopped")
  func scrubResumes() throws {
    let box = try Box(["storage": ["scrub_rate": "0"]])
    let ann = try box.user("ann")
    let titles = [Title(size: 4 * block), Title(size: 8 * block)]
    for title in titles {
      try box.origin.put(title)
      _ = try ann.fetch(title)
    }
    try box.change(["storage": ["scrub_rate": "\"1MiB\""]])
    box.reload()
    try box.logged("the second title") {
      $0.event?.text == "scrub.object" && $0.message?.text?.contains(titles[1].contentID) == true
    }
    _ = try box.terminate()
    try box.change(["storage": ["scrub_rate": "\"64MiB\""]])
    try box.start()
    let end = try box.logged(event: "scrub.finished")
    #expect(end.message?.text?.contains(" \(12 * block) bytes") == true, "\(end)")
    #expect(box.log.allSatisfy { $0.event?.text != "scrub.object" }, "neither is begun anew")
  }

  @Test("an unfinished file that was cut short is filled up again")
  func truncatedFill() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 12 * block)
    try box.origin.put(title)
    box.proxy.hold(after: 8 * block)
    let id = try ann.start(title)
    try ann.wait(id, "half of it") { ($0.downloaded_bytes?.int ?? 0) >= 4 * block }
    _ = try box.terminate()
    try #require(unsafe truncate(try object(box), block + 1) == 0)
    box.proxy.release()
    try box.start()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }
}
