// Damage inside the trees of the ledger, where neither the heads nor the roots show it. LMDB believes its pages and trips
// over them; whatever that comes to, the process ends with one line that says what to do.

import Foundation
import Glibc
import LMDB
import S3
import Testing

/// The pages of a ledger's file, as "The ledger on disk" and LMDB have them.
private struct LedgerFile {
  static let page = 4096
  let bytes: [UInt8]

  init(_ box: Box) throws { bytes = try box.bytes("ledger/data.mdb").array }

  private func number(_ place: Int, _ size: Int) -> Int {
    (0..<size).reduce(0) { $0 | Int(bytes[place + $1]) << ($1 * 8) }
  }

  /// The leaves below the roots of the tables, by the table's name.
  var innerLeaves: [(table: String, page: Int)] {
    let head = [0, 1].map { $0 * Self.page }.max { number($0 + 144, 8) < number($1 + 144, 8) }!
    var found: [(table: String, page: Int)] = []
    walk(number(head + 88 + 40, 8), height: number(head + 88 + 6, 2), table: nil, &found)
    return found
  }

  private func walk(_ page: Int, height: Int, table: String?, _ found: inout [(table: String, page: Int)]) {
    let base = page * Self.page
    for index in 0..<(number(base + 12, 2) - 16) / 2 {
      let node = base + number(base + 16 + index * 2, 2)
      let key = node + 8 + number(node + 6, 2)
      if height > 1 {
        let child = number(node, 2) | number(node + 2, 2) << 16 | number(node + 4, 2) << 32
        if height == 2, let table {
          found.append((table, child))
        } else {
          walk(child, height: height - 1, table: table, &found)
        }
      } else if table == nil, number(key + 6, 2) > 1 {
        let name = String(decoding: bytes[node + 8..<key], as: UTF8.self)
        walk(number(key + 40, 8), height: number(key + 6, 2), table: name, &found)
      }
    }
  }
}

@LaneC @Suite("Damage in the ledger") struct LedgerDamageTests {
  /// What becomes of a page.
  enum Harm: String, CaseIterable {
    /// Noise, as of a sector that was written elsewhere.
    case noise
    /// The end of its free space lies far beyond it: what copies the page reads and writes without end.
    case bounds
    /// Its entries lie at its end, and their lengths beyond.
    case entries
    case zeros

    func done(to page: ArraySlice<UInt8>, seed: Int) -> [UInt8] {
      var bytes = Array(page)
      switch self {
      case .noise: return Title.bytes(size: bytes.count, seed: UInt64(seed)).array
      case .bounds: bytes.replaceSubrange(12..<16, with: [16, 0, 0, 0xF0])
      case .entries: for place in 16..<64 { bytes[place] = place & 1 == 0 ? 0xFE : 0x0F }
      case .zeros: bytes = Array(repeating: 0, count: bytes.count)
      }
      return bytes
    }
  }

  /// A box whose ledger has leaves below its roots; it does not run.
  private func grown(_ environment: [String: String] = [:]) throws -> (Box, User) {
    let box = try Box(
      ["storage": ["scrub_rate": "0"], "log": ["level": "\"notice\""]], environment: environment)
    let ann = try box.user("ann")
    box.proxy.goDown()
    for _ in 0..<150 { _ = try ann.start(Title(size: 10)) }
    #expect(try box.terminate() == .exited(0))
    return (box, ann)
  }

  private func harm(_ box: Box, _ file: LedgerFile, _ page: Int, _ harm: Harm) throws {
    let place = page * LedgerFile.page
    var bytes = file.bytes
    bytes.replaceSubrange(
      place..<place + LedgerFile.page, with: harm.done(to: bytes[place..<place + LedgerFile.page], seed: page))
    try box.write(Bytes(bytes), to: "ledger/data.mdb")
  }

  /// Has the box read and change the page and its like; how it ended, by that or because it was told to.
  private func meet(_ box: Box, _ ann: User, _ file: LedgerFile, _ page: Int, _ harm: Harm) throws -> Ending? {
    try self.harm(box, file, page, harm)
    if (try? box.start()) != nil {
      _ = try? ann.ask("GET", "/api/downloads?limit=100")
      _ = try? ann.ask("POST", "/api/downloads/cleanup/all")
    }
    return try box.program?.poll() ?? box.terminate()
  }

  /// One line of the program's own that names the ledger and what to do.
  private func expectAdvice(_ errors: String, _ box: Box, _ about: String) {
    let lines = errors.split(separator: "\n").filter { $0.hasPrefix("larder: ") }
    #expect(lines.count == 1, "\(about): \(errors)")
    #expect(lines.first?.contains(box.path("ledger")) == true, "\(about): \(errors)")
    #expect(lines.first?.contains("larder verify --rebuild") == true, "\(about): \(errors)")
  }

  @Test("whatever LMDB trips over, the box ends with 70 and says what to do", arguments: Harm.allCases)
  func trips(_ harm: Harm) throws {
    let (box, ann) = try grown()
    let file = try LedgerFile(box)
    let leaves = file.innerLeaves
    var ended = 0
    for table in ["downloads", "claims", "live"] {
      let page = try #require(leaves.first { $0.table == table }?.page, "\(table) has none: \(leaves)")
      let ending = try meet(box, ann, file, page, harm)
      let about = "\(harm) in \(table): \(ending as Any)"
      // Garbage may have LMDB write over other memory first, and whoever needs that ends the process then.
      let isGarbage = harm == .noise || harm == .entries
      let isAnybodys = isGarbage && [SIGSEGV, SIGABRT, SIGILL, SIGTRAP].contains { ending == .killed(by: $0) }
      #expect(ending == .exited(0) || ending == .exited(70) || isAnybodys, "\(about): \(box.report)")
      if ending != .exited(0) {
        ended += 1
        expectAdvice(box.program?.errors ?? "", box, about)
      }
      // As after an end in order, whatever this one was: the next start checks the roots alone.
      try box.cut("ledger/lock", to: 0)
    }
    if harm == .bounds { #expect(ended > 0, "LMDB copies such a page whenever it changes") }
  }

  private static let handlerGuard = Result { try Preload.compile("HandlerGuard/handlerguard") }

  /// Has LMDB trip, while the handler of signals is watched by the library in Tests/HandlerGuard, until a box says `line` or
  /// ends as only that library has it end.
  private func trip(_ environment: [String: String], until line: String) throws -> (ending: Ending?, box: Box) {
    let preload = ["LD_PRELOAD": try Self.handlerGuard.get(), "SWIFT_BACKTRACE": "enable=no"]
    let (box, ann) = try grown(preload.merging(environment) { $1 })
    let file = try LedgerFile(box)
    for harm in [Harm.entries, .noise, .zeros, .bounds] {
      for (_, page) in file.innerLeaves {
        let ending = try meet(box, ann, file, page, harm)
        if ending == .exited(98) || box.program?.errors.contains(line) == true { return (ending, box) }
        try box.cut("ledger/lock", to: 0)
      }
    }
    throw RigFailure("nobody said: \(line)")
  }

  @Test("what is said then needs no heap, which may be what LMDB wrote over, or locked")
  func tripsWithoutHeap() throws {
    let (ending, box) = try trip([:], until: "is damaged;")
    #expect(ending == .exited(70), "\(ending as Any): \(box.report)")
    expectAdvice(box.program?.errors ?? "", box, "\(ending as Any)")
  }

  @Test("what trips while it says so says it nevertheless")
  func tripsTwice() throws {
    let (ending, box) = try trip(["LARDER_HANDLER": "trip"], until: "handlerguard: trips")
    #expect(ending == .killed(by: SIGSEGV), "\(ending as Any): \(box.report)")
    expectAdvice(box.program?.errors ?? "", box, "\(ending as Any)")
  }

  @Test("after an end out of order the start finds it, and verify at any time")
  func found() throws {
    let (box, ann) = try grown()
    try box.start()
    try box.kill()
    let file = try LedgerFile(box)
    let page = try #require(file.innerLeaves.first { $0.table == "downloads" }?.page)
    try harm(box, file, page, .bounds)
    for _ in 0..<2 {
      let start = try box.command("serve")
      #expect(start.ending == .exited(70) && start.errors.contains("page \(page)"), "\(start)")
      expectAdvice(start.errors, box, "serve")
    }
    for options in [[], ["--repair"]] {
      let verdict = try Program.run(Paths.larder, ["verify", "--config", box.configurationFile] + options)
      #expect(verdict.ending == .exited(70) && verdict.errors.contains("page \(page)"), "\(verdict)")
      expectAdvice(verdict.errors, box, "verify \(options)")
    }
    // A daemon that has not met the page yet checks before it walks.
    try box.cut("ledger/lock", to: 0)
    try box.start()
    let repair = try box.command("verify", "--repair")
    #expect(repair.ending == .exited(70) && repair.output.contains("page \(page)"), "\(repair)")
    #expect(repair.output.contains("larder verify --rebuild"), "\(repair)")
    try box.kill()
    let rebuilt = try box.command("verify", "--rebuild")
    #expect(rebuilt.ending == .exited(0), "\(rebuilt)")
    try box.start()
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.count == 0)
  }

  /// Makes records of a box that is stopped unreadable, by their places: ids sort by their time.
  private func garbleDownloads(_ places: [Int], of box: Box) throws {
    let environment = try Environment(path: box.path("ledger"), mapSize: 0, maxTables: 24)
    defer { environment.close() }
    let downloads = try environment.table("downloads", create: false)
    try environment.write { tx in
      var keys: [[UInt8]] = []
      var cursor = try tx.cursor(downloads)
      var isThere = try cursor.first()
      while isThere {
        keys.append(try #require(try cursor.key))
        isThere = try cursor.next()
      }
      for place in places { try tx.put(downloads, keys[place], [9]) }
    }
  }

  @Test("a download whose record cannot be read hides no other from its user, and log and verify name it")
  func unreadableDownload() throws {
    let box = try Box(["storage": ["scrub_rate": "0"]])
    let ann = try box.user("ann")
    let titles = (0..<4).map { Title(size: 1000 + $0) }
    for title in titles { try box.origin.put(title) }
    let ids = try titles.map { try ann.fetch($0) }
    _ = try box.terminate()
    let environment = try Environment(path: box.path("ledger"), mapSize: 0, maxTables: 24)
    let (downloads, objects) = (
      try environment.table("downloads", create: false), try environment.table("objects", create: false)
    )
    try environment.write { tx in
      // Ids sort by their time, and objects have their numbers in the order of their starts.
      var cursor = try tx.cursor(downloads)
      #expect(try cursor.first() && cursor.next())
      try tx.put(downloads, try #require(try cursor.key), [9])
      try tx.put(objects, [0, 0, 0, 0, 0, 0, 0, 3], [9])
    }
    environment.close()
    try box.start()
    for _ in 0..<2 {
      let list = try ann.expect(200, "GET", "/api/downloads")
      #expect(list.downloads?.array?.compactMap { $0.id?.text } == [ids[3], ids[2], ids[0]], "\(list)")
      #expect(list.storage?.used_bytes?.int == titles.reduce(0) { $0 + $1.size }, "it stays charged")
      let next = try ann.expect(200, "GET", "/api/downloads?limit=1&cursor=\(ids[2])")
      #expect(next.downloads?.array?.compactMap { $0.id?.text } == [ids[0]], "\(next)")
    }
    // The record of its object says nothing, so its own does.
    let shown = try ann.download(ids[2])
    #expect(shown.status?.text == "completed" && shown.downloaded_bytes?.int == titles[2].size, "\(shown)")
    #expect(try ann.ask("GET", "/api/downloads/\(ids[1])").status == 500)
    for id in [ids[0], ids[3]] { #expect(try ann.play(id).status == 200) }
    for what in ["download \(ids[1])", "object 0000000000000003"] {
      try box.logged(what) {
        $0.event?.text == "ledger.unreadable" && $0.message?.text?.hasPrefix(what) == true
      }
    }
    #expect(box.log.count { $0.event?.text == "ledger.unreadable" } == 2, "each is said once")
    let verdict = try box.verify()
    #expect(verdict.ending == .exited(1))
    #expect(verdict.differences.contains { $0.message?.text?.contains(ids[1]) == true }, "\(verdict)")
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(0), "\(repair)")
    #expect(repair.notes.contains { $0.message?.text?.contains("2 records could not be read") == true }, "\(repair)")
    // What stood on the object is fetched anew, and what the record said of the download nobody knows.
    try ann.wait(ids[2], for: "completed")
    #expect(try ann.ask("GET", "/api/downloads/\(ids[1])").status == 404)
    let kept = [0, 2, 3]
    #expect(try ann.storage().used == kept.reduce(0) { $0 + titles[$1].size }, "charged no longer")
    for index in kept { #expect(try ann.play(ids[index]).body == titles[index].bytes) }
    #expect(try box.verify().isClean)
  }

  @Test("a record that cannot be read stops its own title: what stands behind it is fetched, and scrubbed")
  func unreadableRecords() throws {
    let block = 256 << 10
    let box = try Box(["storage": ["scrub_rate": "\"64MiB\"", "scrub_interval": "\"1s\""]])
    let ann = try box.user("ann")
    let (lost, kept) = (Title(size: 2 * block), Title(size: 3 * block))
    let (stuck, free) = (Title(size: 24 * block), Title(size: 20 * block))
    for title in [lost, kept, stuck, free] { try box.origin.put(title) }
    for title in [lost, kept] { _ = try ann.fetch(title) }
    box.proxy.hold(after: box.proxy.traffic + 4 * block)
    let ids = try [stuck, free].map { try ann.start($0) }
    for id in ids { try ann.wait(id, "its size") { $0.total_bytes?.int != nil } }
    let object = try box.object(of: box.link(ann, kept))
    _ = try box.terminate()
    // Objects have their numbers in the order of their starts.
    let environment = try Environment(path: box.path("ledger"), mapSize: 0, maxTables: 24)
    let objects = try environment.table("objects", create: false)
    try environment.write { tx in
      for number in [1, 3] as [UInt8] { try tx.put(objects, Array(repeating: 0, count: 7) + [number], [9]) }
    }
    environment.close()
    box.proxy.release()
    try box.start()
    try ann.wait(ids[1], for: "completed")
    try box.logged(event: "fill.unreadable")
    try box.spoil(object, at: 2 * block)
    let found = try box.logged(event: "storage.damaged")
    #expect(found.message?.text?.contains("found by scrub") == true, "\(found)")
    #expect(
      box.log.contains { $0.event?.text == "scrub.failed" && $0.message?.text?.contains("larder verify") == true })
    #expect(box.log.count { $0.event?.text == "fill.unreadable" } == 1)
  }

  @Test("a record that cannot be read stops nobody else: not who needs its room, nor who wants the same title")
  func unreadableOthers() throws {
    let size = 4 * (256 << 10)
    let box = try Box([
      "storage": ["scrub_rate": "0", "capacity": "\(3 * size + 10)"], "quota": ["playing_grace": "\"0s\""],
    ])
    let (ann, bob, cyd) = (try box.user("ann"), try box.user("bob"), try box.user("cyd"))
    let (old, next, small, shared, new) = (
      Title(size: size), Title(size: size), Title(size: 10), Title(size: size), Title(size: size)
    )
    for title in [old, next, small, shared, new] { try box.origin.put(title) }
    _ = try ann.fetch(old)
    let victim = try cyd.fetch(next)
    let kept = try ann.fetch(small)
    box.proxy.hold(after: box.proxy.traffic + size / 2)
    let ids = try [ann, bob].map { try $0.start(shared) }
    for (user, id) in zip([ann, bob], ids) { try user.wait(id, "its size") { $0.total_bytes?.int != nil } }
    _ = try box.terminate()
    // The old one, and the shared one of ann.
    try garbleDownloads([0, 3], of: box)
    box.proxy.release()
    try box.start()
    try bob.wait(ids[1], for: "completed")
    #expect(try bob.play(ids[1]).body == shared.bytes)
    let came = try bob.fetch(new)
    #expect(try cyd.download(victim).error?.code?.text == "evicted")
    #expect(try bob.play(came).body == new.bytes)
    #expect(try ann.expect(200, "POST", "/api/downloads/cleanup/all").deleted?.int == 1)
    #expect(try ann.download(kept).deleted_at?.text != nil)
    let held = try ann.storage()
    #expect(held.used == size && held.reserved == size, "what cannot be read stays charged")
    #expect(try box.verify("--repair").ending == .exited(0))
    let left = try ann.storage()
    #expect(try left.used == 0 && left.reserved == 0 && box.verify().isClean)
  }

  @Test(
    "a title that is left to an owner who cannot be read is tried at intervals, and not in a circle",
    arguments: [true, false])
  func endlessOwner(isGone: Bool) throws {
    let scripted = try Scripted(["storage": ["scrub_rate": "0"]])
    let box = scripted.box
    let (ann, bob) = (try box.user("ann"), try box.user("bob"))
    let title = Title(size: 600_000)
    // The wrong digest fails it, as a no would.
    scripted.origin.put(FakeObject(title).offering(.sha256, of: Title(size: 10).bytes), key: title.key)
    scripted.origin.script { request, honest in request.isForBytes ? .s3(503, "SlowDown") : honest }
    let ids = try [ann, bob].map { try $0.start(title) }
    for (user, id) in zip([ann, bob], ids) { try user.wait(id, "its size") { $0.total_bytes?.int != nil } }
    _ = try box.terminate()
    try garbleDownloads([0], of: box)
    scripted.origin.script { _, honest in isGone ? .s3(404, "NoSuchKey") : honest }
    try box.start()
    let failed = try bob.wait(ids[1], for: "failed")
    #expect(failed.error?.code?.text == (isGone ? "content_not_found" : "integrity_mismatch"))
    let asked = scripted.origin.requests.count
    sleep(2)
    #expect(scripted.origin.requests.count - asked < 30, "it is asked for now and then")
    #expect(box.log.count { $0.event?.text == "fill.mismatch" } < 30)
    #expect(try box.verify("--repair").ending == .exited(0))
    let left = try ann.storage()
    #expect(left.used == 0 && left.reserved == 0)
  }

  @Test("a moment with a flipped bit ends nothing: not the scrub, nor the list of who has it")
  func moments() throws {
    let box = try Box(["storage": ["scrub_rate": "0", "scrub_interval": "\"1s\""]])
    let ann = try box.user("ann")
    let titles = (0..<2).map { Title(size: 300_000 + $0) }
    for title in titles { try box.origin.put(title) }
    let ids = try titles.map { try ann.fetch($0) }
    _ = try box.terminate()
    let environment = try Environment(path: box.path("ledger"), mapSize: 0, maxTables: 24)
    let (downloads, meta) = (
      try environment.table("downloads", create: false), try environment.table("meta", create: false)
    )
    let minimum = Array(repeating: 0, count: 7) + [0x80] as [UInt8]
    try environment.write { tx in
      var cursor = try tx.cursor(downloads)
      #expect(try cursor.first())
      let key = try #require(try cursor.key)
      var record = try #require(try tx.get(downloads, key))
      // As "The ledger on disk" draws it: when it was made.
      record.replaceSubrange(28..<36, with: minimum)
      try tx.put(downloads, key, record)
      let nothing = Array(repeating: 0, count: 8) as [UInt8]
      let progress = [1] + nothing + nothing + minimum + nothing + nothing + nothing
      try tx.put(meta, Array("scrub".utf8), progress)
    }
    environment.close()
    try box.change(["storage": ["scrub_rate": "\"64MiB\""]])
    try box.start()
    let list = try ann.expect(200, "GET", "/api/downloads")
    #expect(list.downloads?.array?.compactMap { $0.id?.text } == [ids[1]], "\(list)")
    try eventually("the scrub reads", explain: box.report) {
      try box.metric("larder_scrub_bytes_total") > 0 ? true : nil
    }
    #expect(try box.terminate() == .exited(0))
    #expect(try box.verify("--repair").ending == .exited(0))
    #expect(try box.verify().isClean)
  }
}
