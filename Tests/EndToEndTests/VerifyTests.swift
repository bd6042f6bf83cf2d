// `larder verify`: every kind of damage made by hand is found and named, and with --repair it is gone.

import Foundation
import Glibc
import Testing

/// A box with titles that ann has, and bob too.
private struct Shelf {
  /// The scrub would find the damage first.
  static let settings: Settings = [
    "storage": ["scrub_rate": "0"], "quota": ["default": "\"100MiB\""],
  ]

  let box: Box
  let ann: User
  let bob: User
  let titles: [Title]
  /// Of ann, and of bob.
  let ids: [(String, String)]

  init(_ count: Int, size: Int, settings: Settings = Shelf.settings) throws {
    box = try Box(settings)
    ann = try box.user("ann")
    bob = try box.user("bob")
    titles = (0..<count).map { Title(size: size + $0 * 1000) }
    var ids: [(String, String)] = []
    for title in titles {
      try box.origin.put(title)
      ids.append((try ann.fetch(title), try bob.fetch(title)))
    }
    self.ids = ids
  }

  func object(_ index: Int) throws -> String { try box.object(of: box.link(ann, titles[index])) }

  /// Everybody has everything, bit for bit and to the byte.
  func expectWell() throws {
    let total = titles.reduce(0) { $0 + $1.size }
    for user in [ann, bob] { #expect(try user.storage() == .of(100 << 20, used: total, reserved: 0)) }
    for (title, id) in zip(titles, ids) {
      #expect(try ann.play(id.0).body == title.bytes, "\(title.contentID)")
      #expect(try bob.play(id.1).body == title.bytes, "\(title.contentID)")
      for user in [ann, bob] {
        #expect(try box.bytes(box.link(user, title)) == title.bytes, "\(title.contentID)")
        #expect(try box.object(of: box.link(user, title)) == box.object(of: box.link(ann, title)))
      }
    }
  }
}

@LaneB @Suite("Verify") struct VerifyTests {
  private let block = 256 << 10

  /// Does every kind of damage, and says which differences it makes at which path.
  private func wreck(_ shelf: Shelf) throws -> [String: String] {
    let box = shelf.box
    let objects = try shelf.titles.indices.map { try shelf.object($0) }
    var expected: [String: String] = [:]
    try box.spoil(objects[0], at: 2 * block + 5)
    expected[objects[0]] = "blocks_different"
    try box.cut(objects[1], to: 2 * block + 7)
    expected[objects[1]] = "file_short"
    try box.remove(objects[2])
    expected[objects[2]] = "file_missing"
    try box.remove(objects[3])
    for user in [shelf.ann, shelf.bob] { try box.remove(box.link(user, shelf.titles[3])) }
    expected[objects[3]] = "file_missing"
    try box.cut(objects[4], to: shelf.titles[4].size + 100)
    expected[objects[4]] = "file_long"
    try box.remove("\(objects[5]).sums")
    expected["\(objects[5]).sums"] = "sums_missing"
    try box.spoil("\(objects[6]).sums", at: 40)
    expected["\(objects[6]).sums"] = "sums_wrong"
    let gone = box.link(shelf.ann, shelf.titles[7])
    try box.remove(gone)
    expected[gone] = "link_missing"
    let foreign = box.link(shelf.bob, shelf.titles[7])
    try box.remove(foreign)
    try box.write(Title(size: 1000).bytes, to: foreign)
    expected[foreign] = "link_wrong"
    for (path, kind) in [
      ("objects/00000000000fffff", "stray"), ("objects/some text.txt", "stray"), ("downloads/readme", "stray"),
      ("downloads/users/ann/other_720p.mp4", "stray"), ("downloads/users/eve/left_1080p.mp4", "stray"),
      ("downloads/users/ann/folder/deep", "stray"),
    ] {
      try box.write(Title(size: 10).bytes, to: path)
      expected[path.replacing("/deep", with: "")] = kind
    }
    try FileManager.default.createDirectory(
      atPath: box.path("downloads/users/nobody"), withIntermediateDirectories: true)
    expected["downloads/users/nobody"] = "folder_empty"
    try box.write(Title(size: 10).bytes, to: "notes.txt")
    return expected
  }

  private func expect(_ verdict: Verdict, toName expected: [String: String]) {
    for (path, kind) in expected { #expect(verdict.kinds(at: path) == [kind], "\(path): \(verdict)") }
    #expect(verdict.differences.count == expected.count, "\(verdict)")
    for difference in verdict.differences {
      #expect((difference.message?.text ?? "").count > 10 && !(difference.remedy?.text ?? "").isEmpty, "\(difference)")
    }
    let noted = verdict.notes.compactMap { $0["path"]?.text }
    #expect(noted.contains("notes.txt"))
    #expect(verdict.summary?.differences?.int == expected.count)
  }

  @Test("a sound box is sound, running and stopped, and plain verify says so in one line")
  func sound() throws {
    let shelf = try Shelf(2, size: 3 * block)
    // And what is unfinished, paused, failed, deleted, and on its way.
    let slow = Title(size: 24 * block)
    try shelf.box.origin.put(slow)
    shelf.box.proxy.hold(after: shelf.box.proxy.traffic + 12 * block)
    let id = try shelf.ann.start(slow)
    try shelf.ann.wait(id, "some of it") { ($0.downloaded_bytes?.int ?? 0) > 0 }
    #expect(try shelf.box.verify().isClean)
    try shelf.ann.expect(200, "POST", "/api/downloads/\(id)/pause")
    try shelf.bob.expect(200, "DELETE", "/api/downloads/\(shelf.ids[0].1)/delete")
    let running = try shelf.box.verify()
    #expect(running.isClean, "\(running)")
    #expect(running.summary?.objects?.int == 3 && running.summary?.links?.int == 3, "\(running)")
    shelf.box.proxy.release()
    _ = try shelf.box.terminate()
    // What was written of new checksums before the power went belongs to its object, like the old ones.
    let draft = "\(try shelf.object(1)).sums.new"
    try shelf.box.write(Bytes([1, 2, 3]), to: draft)
    let stopped = try shelf.box.verify()
    #expect(stopped.isClean, "\(stopped)")
    #expect((stopped.summary?.bytes?.int ?? 0) >= 2 * 3 * block + 1000)
    let plain = try shelf.box.command("verify")
    #expect(plain.ending == .exited(0) && plain.errors.isEmpty, "\(plain)")
    #expect(plain.output.split(separator: "\n").count == 1 && plain.output.contains("no differences"), "\(plain)")
    let repaired = try shelf.box.command("verify", "--repair")
    #expect(repaired.ending == .exited(0) && repaired.output.contains("no differences"), "\(repaired)")
    // The next ones take its place.
    let sums = "\(try shelf.object(1)).sums"
    try shelf.box.remove(sums)
    #expect(try shelf.box.verify("--repair").ending == .exited(0))
    #expect(!shelf.box.exists(draft) && shelf.box.exists(sums))
  }

  @Test(
    "each kind of damage is found, named and mended, on a box that is stopped and on one that runs",
    arguments: [false, true])
  func everyKind(isRunning: Bool) throws {
    let shelf = try Shelf(8, size: 3 * block)
    let box = shelf.box
    if !isRunning { _ = try box.terminate() }
    let expected = try wreck(shelf)
    let first = try box.verify()
    #expect(first.ending == .exited(1), "\(first)")
    expect(first, toName: expected)
    // It has changed nothing.
    let second = try box.verify()
    expect(second, toName: expected)

    let before = box.proxy.traffic
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(0), "\(repair)")
    expect(repair, toName: expected)
    #expect(repair.summary?.mended?.int == expected.count, "\(repair)")
    #expect(repair.summary?.waiting_blocks?.int == 0 && repair.summary?.not_mended?.int == 0)
    // One block, what was cut off, and a whole title.
    let fetched = block + (shelf.titles[1].size - 2 * block) + shelf.titles[3].size
    #expect(box.proxy.traffic - before == fetched, "\(box.proxy.traffic - before) for \(fetched)")

    let after = try box.verify()
    #expect(after.isClean, "\(after)")
    for path in [
      "objects/00000000000fffff", "objects/some text.txt", "downloads/users/ann/other_720p.mp4",
      "downloads/users/ann/folder/deep", "downloads/users/eve/left_1080p.mp4", box.link(shelf.bob, shelf.titles[7]),
    ] { #expect(box.exists("lost+found/\(path)"), "\(path)") }
    #expect(!box.exists("downloads/users/eve") && !box.exists("downloads/users/nobody") && box.exists("notes.txt"))
    if !isRunning { try box.start() }
    try shelf.expectWell()
    // A new title does not take the number of a stray.
    let fresh = Title(size: block)
    try box.origin.put(fresh)
    #expect(try shelf.ann.play(shelf.ann.fetch(fresh)).body == fresh.bytes)
  }

  @Test("what the disk does not give is named with its reason, and --repair has it written anew")
  func unreadable() throws {
    let disk = try FaultyDisk()
    let box = try Box(Shelf.settings)
    let ann = try box.user("ann")
    let title = Title(size: 3 * block)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    let object = try box.object(of: box.link(ann, title))
    #expect(try box.terminate() == .exited(0))
    try disk.watch(box.data)
    try disk.plan(DiskRule(call: .objectRead, action: .fail(EIO)))
    let found = try box.verify(environment: disk.environment)
    #expect(found.ending == .exited(1) && found.differences.count == 2, "\(found)")
    #expect(found.kinds(at: object) == ["blocks_unreadable"], "\(found)")
    #expect(found.kinds(at: "\(object).sums") == ["unreadable"], "\(found)")
    for difference in found.differences {
      #expect(difference.message?.text?.contains("Input/output error") == true, "\(difference)")
    }
    #expect(found.differences.first { $0["kind"]?.text == "blocks_unreadable" }?.blocks?.array?.count == 1, "\(found)")
    try disk.mend()
    #expect(try box.verify(environment: disk.environment).isClean)
    // As a disk does it that has bad sectors: what is written anew it puts elsewhere.
    try disk.plan(DiskRule(call: .objectRead, action: .remap(EIO)))
    let before = box.proxy.traffic
    let repair = try box.verify("--repair", environment: disk.environment)
    #expect(repair.kinds(at: object) == ["blocks_unreadable"], "\(repair)")
    #expect(repair.summary?.mended?.int == 1 && repair.summary?.waiting_blocks?.int == 0, "\(repair)")
    #expect(box.proxy.traffic - before == title.size, "\(repair)")
    try disk.mend()
    #expect(try box.verify("--repair").ending == .exited(0))
    #expect(try box.verify().isClean)
    try box.start()
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("what stands in the place of larder's own files is not read for ever nor waited for, and goes")
  func foreigners() throws {
    let shelf = try Shelf(3, size: 3 * block)
    let box = shelf.box
    let objects = try shelf.titles.indices.map { try shelf.object($0) }
    // More than any memory, of holes.
    try box.cut("\(objects[0]).sums", to: 500 << 30)
    for pipe in ["\(objects[1]).sums", objects[2]] {
      try box.remove(pipe)
      #expect(unsafe mkfifo(box.path(pipe), 0o644) == 0)
    }
    #expect(try shelf.ann.play(shelf.ids[2].0).status == 503)
    let found = try box.verify()
    #expect(found.ending == .exited(1) && found.kinds(at: "\(objects[0]).sums") == ["sums_wrong"], "\(found)")
    #expect(found.kinds(at: "\(objects[1]).sums").sorted() == ["stray", "sums_missing"], "\(found)")
    #expect(found.kinds(at: objects[2]).contains("file_missing"), "\(found)")
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(0), "\(repair)")
    #expect(try box.verify().isClean)
    try shelf.expectWell()
  }

  @Test(
    "with the origin out of reach, what has to be fetched waits, and everything else is mended",
    arguments: [false, true])
  func offline(isRunning: Bool) throws {
    let shelf = try Shelf(2, size: 3 * block)
    let box = shelf.box
    if !isRunning { _ = try box.terminate() }
    try box.spoil(try shelf.object(0), at: block)
    try box.remove("\(try shelf.object(1)).sums")
    box.proxy.goDown()
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(1), "\(repair)")
    #expect(repair.summary?.mended?.int == 1 && repair.summary?.waiting_blocks?.int == 1, "\(repair)")
    let waiting = try box.verify()
    #expect(waiting.ending == .exited(1) && waiting.kinds == ["blocks_awaited": 1], "\(waiting)")
    try box.proxy.comeBack()
    let again = try box.verify("--repair")
    #expect(again.ending == .exited(0), "\(again)")
    #expect(try box.verify().isClean)
    if !isRunning { try box.start() }
    try shelf.expectWell()
  }

  @Test("counters of the ledger that drifted are named, and made anew")
  func usage() throws {
    let shelf = try Shelf(1, size: 3 * block)
    let box = shelf.box
    _ = try box.terminate()
    // As "The ledger on disk" draws it: version, used, reserved.
    func record(_ used: Int) -> [UInt8] {
      [1] + (0..<8).map { UInt8(truncatingIfNeeded: used >> ($0 * 8)) } + Array(repeating: 0, count: 8)
    }
    try box.patchLedger(record(shelf.titles[0].size), with: record(shelf.titles[0].size + 12345))
    let found = try box.verify()
    #expect(found.ending == .exited(1) && found.kinds == ["ledger": 2], "ann and bob: \(found)")
    #expect(found.differences.contains { $0.message?.text?.contains("user bob") == true })
    try box.start()
    #expect(try shelf.ann.storage().used == shelf.titles[0].size + 12345)
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(0) && repair.summary?.mended?.int == 2, "\(repair)")
    try shelf.expectWell()
    #expect(try box.verify().isClean)
  }

  @Test("what would count below nothing is refused and ends nothing, until a repair has counted anew")
  func counterTooLow() throws {
    let shelf = try Shelf(1, size: 3 * block)
    let (box, size) = (shelf.box, shelf.titles[0].size)
    _ = try box.terminate()
    func record(_ used: Int) -> [UInt8] {
      [1] + (0..<8).map { UInt8(truncatingIfNeeded: used >> ($0 * 8)) } + Array(repeating: 0, count: 8)
    }
    try box.patchLedger(record(size), with: record(size - 12345))
    try box.start()
    let target = "/api/downloads/\(shelf.ids[0].0)/delete"
    for _ in 0..<2 {
      let refused = try shelf.ann.ask("DELETE", target)
      #expect(refused.status == 500 && refused.code == "internal", "\(refused)")
    }
    let line = try box.logged(event: "request.failed")
    #expect(line.message?.text?.contains("run larder verify") == true, "\(line)")
    #expect(try shelf.ann.play(shelf.ids[0].0).body == shelf.titles[0].bytes)
    #expect(try box.verify("--repair").summary?.mended?.int == 2)
    try shelf.expectWell()
    try shelf.ann.expect(200, "DELETE", target)
    #expect(try shelf.ann.storage() == .of(100 << 20, used: 0, reserved: 0) && box.verify().isClean)
  }

  @Test("a title is mended only once at a time, and a repair without a socket says what to do")
  func oneAtATime() throws {
    let shelf = try Shelf(1, size: 4 * block)
    // Slow enough that the second one comes while the first one reads.
    let slow = ["verify", "--repair", "--rate", "100KB", "--config", shelf.box.configurationFile]
    var first = try Program(Paths.larder, slow)
    let second = try eventually("a refusal") {
      // It may be the first one that came second.
      if first.poll() != nil { first = try Program(Paths.larder, slow) }
      let result = try shelf.box.command("verify", "--repair")
      return result.ending == .exited(75) ? result : nil
    }
    #expect(second.errors.contains("under way"), "\(second)")
    // A daemon that is told to stop ends it: nobody's fault, and worth another try.
    #expect(try shelf.box.terminate() == .exited(0))
    #expect(try first.wait() == .exited(75) && first.errors.contains("did it stop?"), "\(first.errors)")
    let other = try Box(["server": ["admin_socket": "\"\""]])
    let refused = try other.command("verify", "--repair")
    #expect(refused.ending == .exited(75) && refused.errors.contains("admin_socket"), "\(refused)")
    #expect(try shelf.box.command("verify", "--rate", "fast").ending == .exited(64))
  }

  /// What a repair takes for a stray may be replaced by a good link before it is taken away: the hold stands for the
  /// flushes of the disk in between, which may take seconds.
  @Test(
    "a link that is made while a repair takes away what stood in its place stays, and lost+found gets no name of it",
    arguments: ["stray", "link_wrong"])
  func madeMeanwhile(kind: String) throws {
    let disk = try FaultyDisk()
    let box = try Box(Shelf.settings, environment: disk.environment, starts: false)
    try disk.watch(box.data)
    try disk.mend()
    try box.start()
    let (ann, bob, title) = (try box.user("ann"), try box.user("bob"), Title(size: 3 * block))
    try box.origin.put(title)
    let held = try ann.fetch(title)
    let path = box.link(bob, title)
    let ended = kind == "stray" ? nil : try bob.fetch(title)
    if ended != nil { try box.remove(path) }
    try box.write(Title(size: 10).bytes, to: path)
    try disk.plan(.only(1, .mkdir, .hold))
    // With this the disk goes by the plan, and counts anew.
    #expect(try ann.play(held).body == title.bytes && disk.count(.mkdir) == 0)
    let repair = try Program(Paths.larder, ["verify", "--repair", "--json", "--config", box.configurationFile])
    try eventually("it makes lost+found", explain: repair.output + box.report) { disk.count(.mkdir) > 0 ? true : nil }
    // In the place of a wrong link a new download's comes.
    if let ended { try bob.expect(200, "DELETE", "/api/downloads/\(ended)/delete") }
    let id = try bob.fetch(title)
    try disk.mend()
    let ending = try repair.wait(within: 60)
    let verdict = Verdict(ending: ending, output: repair.output, errors: repair.errors)
    #expect(ending == .exited(0) && verdict.kinds(at: path) == [kind], "\(verdict)")
    #expect(try box.exists(path) && box.bytes(path) == title.bytes, "\(verdict)")
    #expect(try box.object(of: path) == box.object(of: box.link(ann, title)))
    #expect(!box.exists("lost+found/\(path)"), "\(verdict)")
    #expect(try bob.play(id).body == title.bytes && box.verify().isClean)
  }

  @Test("a name that is no UTF-8 is noted, for nothing of larder's has one")
  func foreignName() throws {
    let box = try Box(Shelf.settings)
    let ann = try box.user("ann")
    let title = Title(size: block)
    try box.origin.put(title)
    _ = try ann.fetch(title)
    for folder in ["objects", "downloads/users/ann", "downloads/users"] {
      let name = Array("\(box.path(folder))/film-".utf8) + [0xFF, 0]
      let file = unsafe name.withUnsafeBufferPointer { bytes in
        unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe open($0.baseAddress!, O_CREAT | O_WRONLY, 0o644) }
      }
      try #require(file >= 0)
      close(file)
    }
    for options in [[], ["--repair"]] {
      let verdict = try options.isEmpty ? box.verify() : box.verify("--repair")
      #expect(verdict.ending == .exited(0) && verdict.differences.isEmpty, "\(verdict)")
      let noted = verdict.notes.compactMap { $0["path"]?.text }.sorted()
      #expect(
        noted == ["downloads/users/ann/film-\u{FFFD}", "downloads/users/film-\u{FFFD}", "objects/film-\u{FFFD}"],
        "\(verdict)")
    }
  }

  @Test("beside fills, deletes and evictions it raises no false alarm")
  func underLoad() throws {
    let size = 5 * block
    let box = try Box([
      "storage": ["scrub_rate": "0", "capacity": "\(12 * size)"],
      "quota": ["default": "\(4 * size)", "playing_grace": "\"0s\""],
    ])
    let titles = (0..<12).map { _ in Title(size: size - 1000) }
    for title in titles { try box.origin.put(title) }
    let users = try (0..<3).map { try box.user("user-\($0)") }
    let seconds = Double(ProcessInfo.processInfo.environment["LARDER_VERIFY_LOAD_SECONDS"] ?? "") ?? 12
    let deadline = now() + seconds
    let threads = users.enumerated().map { number, user in
      let load = BusyUser(user: user, titles: titles, seed: UInt64(number), until: deadline)
      Thread.detachNewThread { load.run() }
      return load
    }
    var rounds = 0
    while now() < deadline {
      let verdict = try box.verify()
      #expect(verdict.isClean, "\(verdict)")
      rounds += 1
    }
    for load in threads {
      try eventually("the end of the load") { load.isOver ? true : nil }
    }
    #expect(rounds > 1)
    #expect(threads.compactMap(\.trouble) == [])
    #expect(try box.verify().isClean)
  }
}
