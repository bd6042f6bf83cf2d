// A ledger that cannot be opened: nobody begins with a new one unasked, everybody is told what to do, and `larder verify
// --rebuild` brings every finished title of every user back.

import Cache
import Foundation
import Glibc
import Testing

@LaneC @Suite("Rebuilding the ledger") struct RebuildTests {
  private let block = 256 << 10

  enum Ruin: String, CaseIterable {
    case zeroed, truncated, missing, empty, garbage, folderMissing
  }

  private func ruin(_ box: Box, _ ruin: Ruin) throws {
    let ledger = "ledger/data.mdb"
    let size = try box.bytes(ledger).count
    switch ruin {
    case .zeroed: try box.write(Bytes(Array(repeating: 0, count: size)), to: ledger)
    case .truncated: try box.cut(ledger, to: size / 2 / 4096 * 4096)
    case .missing: try box.remove(ledger)
    case .empty: try box.cut(ledger, to: 0)
    case .garbage: try box.write(Title(size: size).bytes, to: ledger)
    case .folderMissing: try box.remove("ledger")
    }
  }

  private func give(_ box: Box, to owner: String) throws {
    #expect(unsafe chmod(Scratch.shared.root, 0o711) == 0)
    for arguments in [[owner, box.directory], ["-R", owner, box.data]] {
      let result = try Program.run("/bin/chown", arguments)
      #expect(result.ending == .exited(0), "\(result)")
    }
  }

  @Test("a ledger of a later version is left alone, until somebody takes it away")
  func laterVersion() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: block)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    _ = try box.terminate()
    let key = Array("schema".utf8) + [0, 0, 0, 0, 0, 0, 0]
    try box.patchLedger(key + [UInt8(Ledger.schema)], with: key + [9])
    let before = try box.bytes("ledger/data.mdb")
    for command in [["serve"], ["verify"], ["verify", "--repair"], ["verify", "--rebuild"]] {
      let result = try Program.run(Paths.larder, command + ["--config", box.configurationFile])
      #expect(result.ending == .exited(78), "\(command): \(result)")
      #expect(result.errors.contains("install the version that wrote it"), "\(command): \(result.errors)")
    }
    #expect(try box.bytes("ledger/data.mdb") == before)
    try FileManager.default.moveItem(atPath: box.data + "/ledger", toPath: box.directory + "/elsewhere")
    #expect(try box.command("verify", "--rebuild").ending == .exited(0))
    try box.start()
    let lists = try ann.expect(200, "GET", "/api/downloads")
    #expect(lists.downloads?.array?.count == 1 && lists.downloads?.array?.first?.id?.text != id)
  }

  @Test("whatever became of the ledger, all finished titles come back, exactly", arguments: Ruin.allCases)
  func rebuild(_ ruin: Ruin) throws {
    let box = try Box(["storage": ["scrub_rate": "0"], "quota": ["default": "\"100MiB\""]])
    let names = ["ann", "b o/b", "..", "zoë"]
    let users = try names.map { try box.user($0) }
    var titles = (0..<3).map { Title(size: 2 * block + 1000 * $0) }
    titles[1].contentID = "series/\(titles[1].contentID)_x"
    titles[2].contentID = ".hidden \(titles[2].contentID)"
    for title in titles { try box.origin.put(title.bytes, key: title.key) }
    for (number, user) in users.enumerated() {
      for title in titles.dropLast(number % 2) { _ = try user.fetch(title) }
    }
    let unfinished = Title(size: 24 * block)
    try box.origin.put(unfinished)
    box.proxy.hold(after: box.proxy.traffic + 12 * block)
    let started = try users[0].start(unfinished)
    try users[0].wait(started, "some of it") { ($0.downloaded_bytes?.int ?? 0) > 0 }
    _ = try box.terminate()
    box.proxy.release()
    let key = try box.bytes("auth.key")
    // What a cut kept from its name says nothing and is in nobody's way.
    try box.write(Bytes([1, 2, 3]), to: "objects/0000000000000001.sums.new")
    try self.ruin(box, ruin)
    // Who runs the command as root gets a ledger that the daemon can open.
    if geteuid() == 0, ruin == .zeroed {
      try give(box, to: "65534:65534")
      // And may keep the keys to himself.
      #expect(unsafe chmod(box.directory + "/credentials", 0o600) == 0)
    }

    for command in [["serve"], ["verify"], ["verify", "--repair"]] {
      let result = try Program.run(Paths.larder, command + ["--config", box.configurationFile])
      #expect(result.ending == .exited(70), "\(command): \(result)")
      #expect(result.errors.contains("larder verify --rebuild"), "\(command): \(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1, "one line: \(result.errors)")
    }
    let rebuilt = try box.command("verify", "--rebuild")
    #expect(rebuilt.ending == .exited(0), "\(rebuilt)")
    #expect(rebuilt.output.contains("rebuilt: 3 objects and 10 downloads of 4 users"), "\(rebuilt)")
    #expect(rebuilt.output.contains("lost: 1 "), "\(rebuilt)")
    let after = try box.verify()
    #expect(after.isClean, "\(after)")
    #expect(try box.bytes("auth.key") == key)
    let kept = try FileManager.default.contentsOfDirectory(atPath: box.data).filter { $0.hasPrefix("ledger.broken-") }
    #expect(kept.count == 1)
    let owners = try ["", "ledger", "ledger/data.mdb", "ledger/lock.mdb", "objects"].map {
      try FileManager.default.attributesOfItem(atPath: box.path($0))[.ownerAccountID] as? Int
    }
    #expect(Set(owners).count == 1, "\(owners)")
    if geteuid() == 0 { try give(box, to: "0:0") }

    box.proxy.goDown()
    try box.start()
    for (number, user) in users.enumerated() {
      let mine = titles.dropLast(number % 2)
      #expect(try user.storage() == .of(100 << 20, used: mine.reduce(0) { $0 + $1.size }, reserved: 0))
      let list = try user.expect(200, "GET", "/api/downloads").downloads?.array ?? []
      #expect(list.count == mine.count)
      for title in mine {
        let download = try #require(list.first { $0.content_id?.text == title.contentID }, "\(title.contentID)")
        #expect(download.status?.text == "completed" && download.s3_key?.text == title.key)
        #expect(try user.play(try #require(download.id?.text)).body == title.bytes)
        #expect(box.exists(try #require(download.file_path?.text)))
      }
    }
    // What the box holds it gives to others too, though the origin is away.
    let eve = try box.user("eve")
    let offline = try eve.tryStart(titles[0])
    #expect(offline.status == 201 && offline.json?.status?.text == "completed", "\(offline)")
    // And it goes on: a new title takes no number that is taken.
    try box.proxy.comeBack()
    #expect(try users[0].play(users[0].fetch(unfinished)).body == unfinished.bytes)
    #expect(try box.verify().isClean)
  }

  @Test("a second rebuild within one second takes nothing away from the first: both old ledgers stay")
  func twiceInASecond() throws {
    let box = try Box(["storage": ["scrub_rate": "0"]])
    let ann = try box.user("ann")
    let title = Title(size: block)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    _ = try box.terminate()
    try ruin(box, .zeroed)
    let old = Bytes([1, 2, 3])
    // Every second in which it may happen has its old ledger already.
    let format = DateFormatter()
    (format.locale, format.timeZone) = (Locale(identifier: "en_US_POSIX"), TimeZone(identifier: "UTC"))
    format.dateFormat = "yyyyMMdd'T'HHmmss'Z'"
    let earlier = (0..<900).map { "ledger.broken-\(format.string(from: Date(timeIntervalSinceNow: Double($0))))" }
    for name in earlier { try box.write(old, to: "\(name)/data.mdb") }
    let rebuilt = try box.command("verify", "--rebuild")
    #expect(rebuilt.ending == .exited(0), "\(rebuilt)")
    for name in earlier { #expect(try box.bytes("\(name)/data.mdb") == old, "\(name)") }
    let names = try FileManager.default.contentsOfDirectory(atPath: box.data).filter { $0.hasPrefix("ledger.broken-") }
    let new = Set(names).subtracting(earlier)
    #expect(new.count == 1 && new.first?.hasSuffix("Z-2") == true, "\(new)")
    #expect(rebuilt.output.contains(try #require(new.first)))
    for name in earlier { try box.remove(name) }
    try box.start()
    #expect(try ann.storage().used == title.size)
    #expect(
      try ann.play(#require(ann.expect(200, "GET", "/api/downloads").downloads?.array?.first?.id?.text)).body
        == title.bytes)
    #expect(try ann.ask("GET", "/api/downloads/\(id)").status == 404, "its id was in the ledger alone")
    #expect(try box.verify().isClean)
  }

  @Test("a sound ledger is not rebuilt, nor one in use")
  func refused() throws {
    let box = try Box()
    let running = try box.command("verify", "--rebuild")
    #expect(running.ending == .exited(75), "\(running)")
    _ = try box.terminate()
    let sound = try box.command("verify", "--rebuild")
    #expect(sound.ending == .exited(64) && sound.errors.contains("--repair"), "\(sound)")
    try box.start()
  }

  @Test("what nobody can name or vouch for goes to lost+found, with a line")
  func unnamed() throws {
    let box = try Box(["storage": ["scrub_rate": "0"]])
    let ann = try box.user("ann")
    var long = Title(size: block)
    long.contentID = String(repeating: "é", count: 60)
    try box.origin.put(long.bytes, key: long.key)
    let bare = Title(size: 2 * block)
    let plain = Title(size: 3 * block)
    for title in [bare, plain] { try box.origin.put(title) }
    for title in [long, bare, plain] { _ = try ann.fetch(title) }
    let object = try box.object(of: box.link(ann, bare))
    _ = try box.terminate()
    try box.remove("\(object).sums")
    try ruin(box, .zeroed)
    let rebuilt = try box.command("verify", "--rebuild")
    #expect(rebuilt.ending == .exited(0), "\(rebuilt)")
    #expect(rebuilt.output.contains("is cut"), "\(rebuilt)")
    #expect(box.exists("lost+found/\(object)") && box.exists("lost+found/\(box.link(ann, bare))"))
    #expect(try box.verify().isClean)
    try box.start()
    #expect(try ann.storage().used == plain.size)
  }

  @Test("a box that was never started is told so, and an empty one begins with a new ledger")
  func noBoxYet() throws {
    let box = try Box(starts: false)
    let never = try box.command("verify")
    #expect(never.ending == .exited(78) && never.errors.contains("no ledger"), "\(never)")
    try box.start()
    #expect(try box.verify().isClean)
    try box.kill()
    try box.remove("ledger")
    try box.start()
    #expect(try box.ask("GET", "/healthz").status == 200)
  }
}
