// A disk that is full, frozen, gone, read-only or somebody else's: real file systems on loop mounts, so these tests run as
// root.

import Foundation
import Glibc
import LMDB
import Testing

@LaneE @Suite("A lost disk") struct LostDiskTests {
  @Test("on a disk that others have filled to the last byte everything plays, and deletes and evictions free room")
  func fullDisk() throws {
    for kind in DiskImage.Kind.allCases {
      let image = try DiskImage(kind)
      // The fourth fits beside the reserve into the room of one other, with what lies beside it on the disk.
      let titles = (0..<5).map { Title(size: $0 == 3 ? (1 << 20) - (32 << 10) : 2 << 20) }
      let box = try FaultyBox(
        ["quota": ["default": "\((6 << 20) + 1000)", "playing_grace": "\"0s\""]],
        data: image.path + "/larder")
      for title in titles { try box.box.origin.put(title) }
      let ids = try titles[..<3].map { title in
        let id = try box.start("ann", title)
        try box.complete(id)
        return id
      }
      try image.fill()
      // XFS keeps a little for itself that it counts as free and gives to nobody.
      #expect(image.freeBytes < 64 << 10, "\(kind)")
      try box.compareAnswers()
      #expect(try box.bob.tryStart(Title(size: 1)).status == 404, "the origin is asked")
      // Changes by the hundred, each a commit, need no room but the ledger's own.
      for _ in 0..<100 {
        #expect(try box.ann.ask("PUT", "/api/downloads/\(ids[0])/pin").status == 200)
        #expect(try box.ann.ask("DELETE", "/api/downloads/\(ids[0])/pin").status == 200)
      }
      // What nobody owns any more goes for the next title, and then what was wanted longest ago: for 2 MiB and the
      // reserve of 1 MiB it takes two.
      try box.delete(ids[0])
      let fourth = try box.start("ann", titles[3])
      try box.complete(fourth)
      try image.fill()
      let fifth = try box.start("ann", titles[4])
      try box.wasEvicted(ids[1])
      try box.wasEvicted(ids[2])
      try box.complete(fifth)
      try image.clear()
      try box.settle()
      #expect(box.endings.isEmpty)
    }
  }

  /// How a run of the box ends before it is started on the full disk.
  enum End: String, CaseIterable { case terminated, killed, boot }

  @Test(
    "on a disk that is full to the last byte it starts again, after an end in order, a kill and a boot, and all goes on",
    arguments: DiskImage.Kind.allCases)
  func fullRestart(kind: DiskImage.Kind) throws {
    let image = try DiskImage(kind)
    let titles = (0..<4).map { Title(size: $0 == 3 ? (1 << 20) - (32 << 10) : 2 << 20) }
    let box = try FaultyBox(["quota": ["playing_grace": "\"0s\""]], data: image.path + "/larder")
    for title in titles { try box.box.origin.put(title) }
    var ids = try titles[..<3].map { title in
      let id = try box.start("ann", title)
      try box.complete(id)
      return id
    }
    for end in End.allCases {
      try image.fill()
      #expect(image.freeBytes < 64 << 10, "\(kind)")
      if end == .terminated { #expect(try box.box.terminate() == .exited(0)) } else { try box.box.kill() }
      if end == .boot {
        // What was in memory is gone.
        let lock = try FileManager.default.destinationOfSymbolicLink(atPath: box.data + "/ledger/lock.mdb")
        try #require(lock.hasPrefix("/dev/shm/larder-"))
        try FileManager.default.removeItem(atPath: (lock as NSString).deletingLastPathComponent)
      }
      // Who only looks needs no room either.
      if end != .killed { #expect(try box.box.verify().isClean, "\(kind) \(end)") }
      try box.box.start()
      try box.compareAnswers()
      try box.pin(ids[0])
      try box.delete(ids.removeLast())
      #expect(box.box.log.allSatisfy { $0.event?.text != "ledger.room" }, "\(kind) \(end): it has its room")
    }
    // What nobody owns any more goes for the next title.
    let last = try box.start("bob", titles[3])
    try box.complete(last)
    try image.clear()
    try box.settle()
    #expect(box.endings.isEmpty)
  }

  @Test(
    "the first start on a full disk is refused with 75, and the path, and works once there is room",
    arguments: DiskImage.Kind.allCases)
  func fullAtFirst(kind: DiskImage.Kind) throws {
    let image = try DiskImage(kind)
    let data = image.path + "/larder"
    let box = try Box(["storage": ["path": "\"\(data)\""]], starts: false)
    // There is no folder, there is one as systemd makes it, and there is the key: each start gets no further.
    for step in 0..<3 {
      if step == 1 { try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false) }
      if step == 2 {
        try String(repeating: "s", count: 64).write(toFile: data + "/auth.key", atomically: true, encoding: .utf8)
        #expect(unsafe chmod(data + "/auth.key", 0o600) == 0)
      }
      try image.fill()
      let start = try box.command("serve")
      #expect(start.ending == .exited(75), "\(kind) \(step): \(start)")
      let lines = start.errors.split(separator: "\n").filter { $0.hasPrefix("larder: ") }
      #expect(
        lines.count == 1 && lines[0].contains(data) && lines[0].contains("No space left on device"),
        "\(kind) \(step): \(start)")
      try image.clear()
    }
    try box.start()
    let title = Title(size: 300_000)
    try box.origin.put(title)
    let ann = try box.user("ann")
    #expect(try ann.play(ann.fetch(title)).body == title.bytes)
    #expect(try box.terminate() == .exited(0))
  }

  @Test("a title that somebody is being sent is not given up for room that it would not make, and the reserve stays")
  func heldOpen() throws {
    let mebi = 1 << 20
    let image = try DiskImage(.ext4, megabytes: 96)
    let box = try Box([
      "storage": ["path": "\"\(image.path)/larder\"", "reserve": "\"16MiB\"", "scrub_rate": "0"],
      "quota": ["playing_grace": "\"0s\""],
    ])
    let (ann, bob) = (try box.user("ann"), try box.user("bob"))
    let (first, second) = (Title(size: 30 * mebi), Title(size: 32 * mebi))
    for title in [first, second] { try box.origin.put(title) }
    let id = try ann.fetch(first)
    // What is left has room for one of the two.
    try image.fill(leaving: 30 * mebi)
    let player = try Connection(port: box.port)
    player.readSlowly()
    try player.send(request("GET", "/api/downloads/\(id)/play", headers: ann.authorization))
    #expect(try player.receiveHead().status == 200)
    let begun = try player.receive(count: 1000)
    let refused = try bob.tryStart(second)
    #expect(refused.status == 507 && refused.code == "storage_full", "\(refused)")
    #expect(try begun + player.receive(count: first.size - 1000) == first.bytes)
    #expect(try ann.download(id).deleted_at == .null)
    // The same player, and somebody deletes it: its blocks are not free before the player has gone.
    try player.send(request("GET", "/api/downloads/\(id)/play", headers: ann.authorization))
    #expect(try player.receiveHead().status == 200)
    try ann.expect(200, "DELETE", "/api/downloads/\(id)/delete")
    #expect(try bob.tryStart(second).code == "storage_full")
    #expect(image.freeBytes >= 16 * mebi)
    #expect(try player.receive(count: first.size) == first.bytes)
    let next = try eventually("a start", explain: box.report) { () -> String? in
      let answer = try bob.tryStart(second)
      return answer.status == 201 ? answer.json?.id?.text : nil
    }
    try eventually("the second title", explain: box.report) { () -> Bool? in
      #expect(image.freeBytes >= 16 * mebi, "the reserve")
      return try bob.download(next).status?.text == "completed" ? true : nil
    }
    #expect(try bob.play(next).body == second.bytes)
    _ = try box.terminate()
  }

  @Test("when even the ledger's room cannot be kept, starts are refused and deletes go on")
  func noRoomForTheLedger() throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    let id = try box.start("ann", titles[0])
    try box.complete(id)
    #expect(try box.box.terminate() == .exited(0))
    // As a backup restores it: nothing is set aside for it.
    let ledger = box.data + "/ledger/data.mdb"
    try FileManager.default.moveItem(atPath: ledger, toPath: ledger + ".old")
    try FileManager.default.copyItem(atPath: ledger + ".old", toPath: ledger)
    try FileManager.default.removeItem(atPath: ledger + ".old")
    try box.disk.plan(DiskRule(call: .ledgerRoom, action: .fail(ENOSPC)))
    try box.box.start()
    try box.box.logged(event: "ledger.room")
    let refused = try box.bob.tryStart(titles[1])
    #expect(refused.status == 507 && refused.code == "storage_full", "\(refused)")
    #expect(try box.bob.tryStart(titles[0]).status == 507, "what the box holds needs a record too")
    #expect(try box.ann.tryStart(titles[0]).status == 200, "what she has is hers")
    try box.pin(id)
    try box.delete(id)
    try box.disk.mend()
    try box.complete(try box.start("bob", titles[1]))
    try box.settle()
  }

  @Test(
    "while the file system is frozen everything that is there is played, and wishes and fills wait until it is thawed",
    arguments: DiskImage.Kind.allCases)
  func frozen(kind: DiskImage.Kind) throws {
    let image = try DiskImage(kind)
    let box = try FaultyBox(
      ["downloads": ["chunk_size": "\"64KiB\"", "connections": "1"]], data: image.path + "/larder")
    let titles = try FaultTitles.shared()
    let ids = try titles.all[..<2].map { title in
      let id = try box.start("ann", title)
      try box.complete(id)
      return id
    }
    #expect(try box.box.terminate() == .exited(0))
    try box.start()
    #expect(try box.ann.play(ids[0]).body == titles[0].bytes)
    let proxy = box.box.proxy
    let end = proxy.traffic + (100 << 10)
    proxy.hold(after: end)
    let coming = try box.start("bob", titles[2])
    let begun = try box.bob.wait(coming, "some of it") { ($0.downloaded_bytes?.int ?? 0) > 0 }
    try image.freeze()
    proxy.release()
    let wish = try Connection(port: box.box.port)
    try wish.send(request("PUT", "/api/downloads/\(ids[0])/pin", headers: box.ann.authorization))
    for _ in 0..<20 {
      // One that was open before, and one that nobody has opened yet.
      for (id, title) in zip(ids, titles.all) { #expect(try box.ann.play(id).body == title.bytes) }
      #expect(try box.ann.download(ids[0]).pinned?.bool == false, "not before it is durable")
      #expect(try box.bob.storage().used == 0)
    }
    try eventually("more of it comes in") { proxy.traffic > end ? true : nil }
    let waiting = try box.bob.download(coming)
    #expect(waiting.downloaded_bytes == begun.downloaded_bytes && waiting.status?.text == "downloading", "\(waiting)")
    #expect(try box.box.ask("GET", "/readyz").status == 200)
    try image.thaw()
    #expect(try wish.receive().status == 200)
    #expect(try box.ann.download(ids[0]).pinned?.bool == true)
    try box.complete(coming)
    try box.settle()
    #expect(box.endings.isEmpty)
  }

  @Test(
    "a data directory that is taken away is noticed: no wish is granted into the void, and all goes on when it is back")
  func takenAway() throws {
    let image = try DiskImage(.ext4)
    let titles = try FaultTitles.shared()
    for isMount in [false, true] {
      let folder = isMount ? image.path : Scratch.shared.path("folder")
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let box = try FaultyBox(data: folder + "/larder")
      let id = try box.start("ann", titles[0])
      try box.complete(id)
      if isMount { try image.unmount(lazily: true) } else { #expect(unsafe rename(folder, folder + ".away") == 0) }
      for answer in [try box.bob.tryStart(titles[1]), try box.ann.ask("DELETE", "/api/downloads/\(id)/delete")] {
        #expect(answer.status == 500 && answer.code == "internal", "\(answer)")
      }
      #expect(try box.ann.play(id).body == titles[0].bytes, "it is open")
      #expect(try box.ann.download(id).deleted_at == .null)
      let ready = try box.box.ask("GET", "/readyz")
      #expect(ready.status == 503 && ready.body.text.contains("removed or unmounted"), "\(ready)")
      #expect(try box.box.ask("GET", "/healthz").status == 200)
      if isMount { try image.mount() } else { #expect(unsafe rename(folder + ".away", folder) == 0) }
      #expect(try box.box.ask("GET", "/readyz").status == 200)
      try box.complete(try box.start("bob", titles[1]))
      try box.settle()
    }
  }

  @Test("a data directory that was deleted grants no wish, and the next start begins anew")
  func deleted() throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    let id = try box.start("ann", titles[0])
    try box.complete(id)
    try FileManager.default.removeItem(atPath: box.data)
    for answer in [try box.bob.tryStart(titles[1]), try box.ann.ask("DELETE", "/api/downloads/\(id)/delete")] {
      #expect(answer.status == 500 && answer.code == "internal", "\(answer)")
    }
    #expect(try box.ann.storage().used == titles[0].size, "it reads what it knew")
    #expect(try box.ann.play(id).body == titles[0].bytes, "it is open")
    let ready = try box.box.ask("GET", "/readyz")
    #expect(ready.status == 503 && ready.body.text.contains("removed or unmounted"), "\(ready)")
    #expect(try box.box.ask("GET", "/healthz").status == 200)
    try box.box.kill()
    try box.box.start()
    #expect(try box.ann.storage().used == 0)
  }

  @Test("it does not start where it cannot write, and says what to do")
  func startIsRefused() throws {
    let image = try DiskImage(.ext4)
    let box = try FaultyBox(data: image.path + "/larder")
    try box.complete(try box.start("ann", FaultTitles.shared()[0]))
    #expect(try box.box.terminate() == .exited(0))
    func ending(_ command: String...) throws -> (Ending, String) {
      let run = try Program.run(
        "/usr/bin/env", command + [Paths.larder, "serve", "--config", box.box.configurationFile])
      return (run.ending, run.errors)
    }
    // Another user's folder.
    #expect(unsafe chmod(box.box.directory, 0o755) == 0 && chmod(Scratch.shared.root, 0o755) == 0)
    #expect(unsafe chmod(box.box.directory + "/credentials", 0o644) == 0)
    let stranger = try ending("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    #expect(stranger.0 == .exited(78), "\(stranger)")
    #expect(stranger.1.contains("Permission denied") && stranger.1.contains("larder:"), "\(stranger)")
    // A file system that is read-only, full, or gone bad may be well the next time.
    try image.remount(readOnly: true)
    let readOnly = try ending("env")
    #expect(readOnly.0 == .exited(75) && readOnly.1.contains("Read-only file system"), "\(readOnly)")
    try image.remount(readOnly: false)
    try image.cut()
    let dead = try ending("env")
    #expect(dead.0 == .exited(75) && dead.1.contains("Input/output error"), "\(dead)")
    try image.unmount()
    try image.mount()
    try box.start()
    try box.compareAnswers()
    try box.settle()
  }

  @Test("a foreign file where an object is to be does not become part of it")
  func strayFile() throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    try box.complete(try box.start("ann", titles[0]))
    let strays = (1..<6).map { box.data + "/objects/000000000000000\($0)" }
    for path in strays where !FileManager.default.fileExists(atPath: path) {
      try Data(Title.bytes(size: 1 << 20, seed: 7).array).write(to: URL(fileURLWithPath: path))
    }
    try box.complete(try box.start("bob", titles[1]))
    // Those that are in nobody's way stay: there is no scan at the start.
    for path in strays {
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
      if size == 1 << 20 { try FileManager.default.removeItem(atPath: path) }
    }
    try box.settle()
  }

  @Test("a map of the ledger that is full grows, with nothing lost")
  func fullMap() throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    try box.complete(try box.start("ann", titles[0]))
    #expect(try box.box.terminate() == .exited(0))
    do {
      // So much that fewer pages are left than a title takes.
      let environment = try Environment(path: box.data + "/ledger", mapSize: 64 << 20, maxTables: 24)
      let ballast = try environment.table("ballast", create: true)
      try environment.write { tx in
        try tx.put(ballast, [1], [UInt8](repeating: 1, count: (64 << 20) - environment.usedBytes() - (8 << 10)))
      }
      environment.close()
    }
    try box.start()
    for title in [titles[1], titles[2]] {
      for name in ["ann", "bob"] { try box.complete(try box.start(name, title)) }
    }
    let size = try FileManager.default.attributesOfItem(atPath: box.data + "/ledger/data.mdb")[.size] as? Int
    #expect(try #require(size) > 64 << 20, "\(size as Any): the map held all of it")
    try box.settle()
    #expect(box.endings.isEmpty)
  }

  @Test("another process that dies while it reads the ledger does not make it grow for ever")
  func deadReader() throws {
    let box = try FaultyBox()
    let id = try box.start("ann", FaultTitles.shared()[0])
    try box.complete(id)
    let dead = try StaleReader.start(box.data + "/ledger")
    dead.signal(SIGKILL)
    try dead.wait()
    func size() throws -> Int {
      try #require(
        try FileManager.default.attributesOfItem(atPath: box.data + "/ledger/data.mdb")[.size] as? Int)
    }
    let before = try size()
    // Each would take fresh pages as long as the dead one's slot holds the old: twice as many as in `staleReader`, where
    // they come to more than 4 MiB. The slot is freed when less than 4 MiB are left of what was set aside, at most 8 MiB.
    for _ in 0..<600 {
      #expect(try box.ann.ask("PUT", "/api/downloads/\(id)/pin").status == 200)
      #expect(try box.ann.ask("DELETE", "/api/downloads/\(id)/pin").status == 200)
    }
    let after = try size()
    #expect(after - before < 6 << 20, "from \(before) to \(after)")
    try box.settle()
  }

  @Test("another process that goes on reading one state of the ledger is named, stops nobody, and is over when it ends")
  func staleReader() throws {
    let box = try FaultyBox()
    let titles = try FaultTitles.shared()
    let id = try box.start("ann", titles[0])
    try box.complete(id)
    func change(_ times: Int) throws {
      for _ in 0..<times {
        #expect(try box.ann.ask("PUT", "/api/downloads/\(id)/pin").status == 200)
        #expect(try box.ann.ask("DELETE", "/api/downloads/\(id)/pin").status == 200)
      }
    }
    func size() throws -> Int {
      try #require(
        try FileManager.default.attributesOfItem(atPath: box.data + "/ledger/data.mdb")[.size] as? Int)
    }
    let reader = try StaleReader.start(box.data + "/ledger")
    let before = try size()
    try change(300)
    // Each change takes a few fresh pages, and no more: the map and its room grow with them.
    let grown = try size()
    #expect((4 << 20..<600 * (128 << 10)).contains(grown - before), "from \(before) to \(grown)")
    let told = try box.box.logged(event: "ledger.reader")
    #expect(told.message?.text?.contains("process \(reader.pid) ") == true, "\(told)")
    #expect(box.box.log.count { $0.event?.text == "ledger.reader" } == 1, "it is said once")
    try box.complete(try box.start("bob", titles[1]))
    #expect(try box.ann.play(id).body == titles[0].bytes)
    reader.signal(SIGKILL)
    try reader.wait()
    // What it held serves the next changes.
    try change(300)
    let after = try size()
    #expect(after - grown < 8 << 20, "from \(grown) to \(after)")
    try box.settle()
  }
}

/// A program that begins to read a ledger and never ends.
private enum StaleReader {
  static func start(_ ledger: String) throws -> Program {
    let program = try Program(compiled.get(), [ledger])
    try eventually("it reads", explain: program.errors) { program.output.contains("reading") ? true : nil }
    return program
  }

  static let compiled = Result {
    let source = Scratch.shared.path("stalereader")
    try """
    #include <lmdb.h>
    #include <stdio.h>
    #include <unistd.h>
    int main(int count, char **words) {
      MDB_env *environment;
      MDB_txn *transaction;
      if (count != 2 || mdb_env_create(&environment) || mdb_env_open(environment, words[1], MDB_RDONLY, 0)
          || mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction)) return 1;
      puts("reading");
      fflush(stdout);
      for (;;) pause();
    }

    """.write(toFile: source + ".c", atomically: true, encoding: .utf8)
    let result = try Program.run("/usr/bin/env", ["clang", "-o", source, source + ".c", "-llmdb"])
    guard result.ending == .exited(0) else { throw RigFailure("stalereader: \(result.errors)") }
    return source
  }
}
