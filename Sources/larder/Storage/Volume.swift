// The folder of the box's bytes. Everything here blocks and runs on the disk's threads, never on the loop. The order is
// the promise: bytes, then fdatasync, then the bit in the ledger; link, then the folder's fsync, then `completed`.

import Cache
import Glibc
import LMDB
import Loop
import S3
import Synchronization

/// One block on its way to the disk.
struct BlockWrite: Sendable {
  let object: ObjectID
  let file: ObjectFile
  let index: Int
  /// Where in the file it goes.
  let offset: Int
  let bytes: [UInt8]
  /// Whether it is only the beginning of a block that comes in slowly.
  var isStart = false
  /// Whether somebody who plays waits for it, or will soon.
  var isPlayed = false
}

/// A block came again in place of one that was lost, and is not what that one was.
struct OtherBytes: Error, CustomStringConvertible {
  var description: String { "the origin sent other bytes than it did before; asking once more" }
}

/// What the disk made of a block. Called on the disk's threads.
struct BlockReport: Sendable {
  /// Its bytes have left our memory, and more may come.
  let written: @Sendable () -> Void
  /// It is durable and in the ledger.
  let stored: @Sendable (_ object: ObjectID, _ blocks: [Int]) -> Void
  /// It is not on the disk and has to come again.
  let lost: @Sendable (_ object: ObjectID, _ blocks: [Int], _ why: any Error) -> Void
}

/// The data directory: objects, links, and what makes them durable.
final class Volume: Sendable {
  /// `storage.path`.
  let path: String
  /// The same, open: everything is found below it.
  let root: Int32
  let ledger: LedgerWriter
  let precedence = Precedence()
  let disk: Worker
  /// Writes blocks, and may have to give way to those who play: names do not wait for that.
  private let blockWriter: Worker
  /// Opens for playback: a play waits for no write and no removal of a large file.
  private let opener: Worker
  private let syncer: BatchWorker<Written>
  private let digester: Worker
  /// Looks at single blocks: somebody may wait for one while a whole title is digested.
  private let inspector: Worker
  private let backlog: Backlog
  let removals: Removals
  let links: LinkMaker

  /// A block in the page cache; its bytes are in our memory no longer.
  private struct Written: Sendable {
    let object: ObjectID
    let file: ObjectFile
    let index: Int
    let length: Int
    let isStart: Bool
    let isPlayed: Bool
    let checksum: UInt32
    let report: BlockReport
    /// `file.failures` before the first byte was written.
    let failures: Int
    /// Whether it counts as written only once it is durable, because the disk does not keep up.
    let isHeldBack: Bool
  }

  /// How long the syncer rests between rounds, so that a round has something to do: microseconds.
  private static let rest: UInt32 = 1_000
  /// A round that takes longer holds the transfers back, in milliseconds: what a power cut takes is at the most what is
  /// in a round and what came in during it, and both together must stay below 2 s of fetching.
  private static let patience: Int64 = 500

  /// - Parameters:
  ///   - path: a folder that exists, with `objects` and `downloads/users` in it.
  init(path: String, ledger: LedgerWriter) throws(DiskError) {
    self.path = path
    self.ledger = ledger
    self.root = try DataDirectory.open(path)
    self.disk = Worker(name: "disk")
    self.blockWriter = Worker(name: "write")
    self.opener = Worker(name: "open")
    self.digester = Worker(name: "digest", yields: true)
    self.inspector = Worker(name: "inspect")
    let folders = UserFolders()
    self.removals = Removals(root: root, disk: disk, ledger: ledger, folders: folders)
    self.links = LinkMaker(root: root, disk: disk, ledger: ledger, removals: removals, folders: folders)
    let backlog = Backlog()
    self.backlog = backlog
    self.syncer = BatchWorker(name: "sync") { [precedence] written in
      for one in written where one.isPlayed { precedence.awaitedEnded() }
      Self.synchronize(written, ledger, backlog)
      precedence.rest(least: Self.rest)
    }
  }

  deinit { close(root) }

  /// Waits until everything that was handed over is durable and recorded.
  func finish() async {
    removals.finish()
    await blockWriter.stop()
    await disk.stop()
    await links.finish()
    await opener.stop()
    await syncer.finish()
    await digester.stop()
    await inspector.stop()
  }

  // MARK: Blocks

  /// Opens the object's file and makes its name durable. It is made only when the ledger knows of no byte in it, and no
  /// link of an owner holds it: one that was whole and lost every block may have lost its name besides.
  ///
  /// The file grows by its blocks and has holes: what is reserved and not yet written is counted in the ledger, so
  /// setting it aside on the disk too would count it twice.
  ///
  /// - Throws: a ``DiskError``, `ENOENT` when it is gone with what was in it; what keeps the ledger from being asked.
  func open(_ object: StoredObject) async throws -> ObjectFile {
    let (root, name) = (root, StoredPath.object(object.id))
    return try await disk.run { [ledger] in
      guard try Self.isHeld(object.id, by: ledger) else { throw DiskError("open \(name)", ENOENT) }
      if object.storedBytes == 0, object.state == .mending {
        _ = try Self.restore(object, by: ledger, below: root)
      }
      let mode = object.storedBytes == 0 ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDWR | O_CLOEXEC
      let descriptor = unsafe openat(root, name, mode, 0o640)
      guard descriptor >= 0 else { throw DiskError("open \(name)", errno) }
      let file = ObjectFile(owning: descriptor, ledger.held.hold(object.id, for: .open))
      try file.insistOnFile(name)
      if file.size > object.size, ftruncate(descriptor, off_t(object.size)) < 0 {
        throw DiskError("cut \(name)", errno)
      }
      file.reaches(file.size)
      try DataDirectory.synchronize("objects", below: root)
      return file
    }
  }

  /// Which of the blocks are not what the ledger says, and what is wrong with the first of them. The disk is asked: memory
  /// may still hold what the disk has lost.
  ///
  /// - Parameters:
  ///   - file: nobody reads or writes by this descriptor meanwhile.
  ///   - checksums: of some or all blocks, each by its number; a block without one is not looked at.
  ///   - wanted: asked again and again; once it says no, what was found until then is returned.
  func inspect(
    _ file: ObjectFile, _ object: StoredObject, _ checksums: ArraySlice<UInt32?>,
    while wanted: @escaping @Sendable () -> Bool
  ) async -> (good: [StoredBlock], bad: [Int], fault: String) {
    await inspector.run {
      let check = BlockCheck()
      defer { _ = file.readsPastMemory(false) }
      var (good, bad, fault): ([StoredBlock], [Int], String) = ([], [], "")
      for index in checksums.indices {
        guard let checksum = checksums[index] else { continue }
        guard wanted() else { break }
        if let found = check.checkPastMemory(file, object.bytes(ofBlock: index), checksum: checksum).fault {
          if bad.isEmpty { fault = found }
          bad.append(index)
        } else {
          good.append(StoredBlock(index: index, checksum: checksum))
        }
      }
      return (good, bad, fault)
    }
  }

  /// The beginnings of blocks that are what the ledger says, by block.
  func read(_ starts: [BlockStart], of object: StoredObject, from file: ObjectFile) async -> [Int: [UInt8]] {
    await inspector.run {
      var found: [Int: [UInt8]] = [:]
      for start in starts {
        var bytes = [UInt8](repeating: 0, count: start.length)
        let isThere = unsafe bytes.withUnsafeMutableBytes { buffer in
          unsafe (try? file.read(into: buffer, at: start.index * object.blockSize)) ?? false
        }
        let checksum = unsafe bytes.withUnsafeBytes { unsafe CRC32C.checksum(of: $0) }
        if isThere, checksum == start.checksum { found[start.index] = bytes }
      }
      return found
    }
  }

  /// Whether an open file is still the object's, and no older one whose name is gone.
  func isCurrent(_ file: ObjectFile, _ id: ObjectID) -> Bool {
    var (open, named) = (stat(), stat())
    return unsafe fstat(file.descriptor, &open) == 0
      && fstatat(root, StoredPath.object(id), &named, AT_SYMLINK_NOFOLLOW) == 0
      && open.st_ino == named.st_ino && open.st_dev == named.st_dev
  }

  /// Opens an object for reading; nil when its file is gone.
  func openForReading(_ id: ObjectID) async throws(DiskError) -> ObjectFile? {
    let (root, name) = (root, StoredPath.object(id))
    return try await opener.run { [ledger] () throws(DiskError) in
      // Before it is open: it may be unlinked at any moment.
      try ObjectFile.reading(name, below: root, followsLinks: true, ledger.held.hold(id, for: .open))
    }
  }

  /// Writes a block, then makes it durable together with others, then records it.
  func write(_ block: BlockWrite, _ report: BlockReport) {
    if block.isPlayed { precedence.awaitedBegan() }
    blockWriter.post { [syncer, backlog, precedence] in
      do {
        let failures = block.file.failures.load(ordering: .sequentiallyConsistent)
        if !block.isPlayed, precedence.isWanted {
          try precedence.giveWay { () throws(DiskError) in
            try block.file.write(block.bytes, at: block.offset)
            try block.file.push(block.offset..<block.offset + block.bytes.count)
          }
        } else {
          try block.file.write(block.bytes, at: block.offset)
        }
        let checksum = unsafe block.bytes.withUnsafeBytes { unsafe CRC32C.checksum(of: $0) }
        let isHeldBack = block.isStart || backlog.age > Self.patience
        if !isHeldBack { report.written() }
        syncer.submit(
          Written(
            object: block.object, file: block.file, index: block.index, length: block.bytes.count,
            isStart: block.isStart, isPlayed: block.isPlayed, checksum: checksum, report: report, failures: failures,
            isHeldBack: isHeldBack))
      } catch {
        if block.isPlayed { precedence.awaitedEnded() }
        report.written()
        if !block.isStart { report.lost(block.object, [block.index], error) }
      }
    }
  }

  /// One round. Each fill has a file of its own, also when it follows another of the same object: so each hears of its
  /// own blocks, in the order in which the fills began.
  private static func synchronize(_ written: [Written], _ ledger: LedgerWriter, _ backlog: Backlog) {
    var groups: [[Written]] = []
    var places: [ObjectIdentifier: Int] = [:]
    for one in written {
      let file = ObjectIdentifier(one.file)
      if let place = places[file] {
        groups[place].append(one)
      } else {
        places[file] = groups.count
        groups.append([one])
      }
    }
    let round = backlog.begin(groups.count)
    for group in groups {
      let (object, file) = (group[0].object, group[0].file)
      // Of beginnings nobody wants to hear more than that they are written.
      let report = (group.first { !$0.isStart } ?? group[0]).report
      @Sendable func conclude(_ group: [Written], _ error: (any Error)?) {
        for one in group where one.isHeldBack { one.report.written() }
        let group = group.filter { !$0.isStart }
        guard !group.isEmpty else { return }
        let indices = group.map(\.index)
        if let error { report.lost(object, indices, error) } else { report.stored(object, indices) }
      }
      let before = file.failures.load(ordering: .sequentiallyConsistent)
      conclude(group.filter { $0.failures != before }, DiskError("fdatasync", EIO))
      let good = group.filter { $0.failures == before }
      do {
        try file.synchronize()
      } catch {
        conclude(good, error)
        backlog.end(round)
        continue
      }
      let blocks = good.filter { !$0.isStart }.map { StoredBlock(index: $0.index, checksum: $0.checksum) }
      let starts = good.filter(\.isStart).map {
        BlockStart(index: $0.index, length: $0.length, checksum: $0.checksum)
      }
      ledger.submit { ledger, tx, change in
        try ledger.record(starts, of: object, in: tx, &change)
        return try ledger.record(blocks, of: object, in: tx, &change)
      } done: { result in
        switch result {
        case .failure(let error): conclude(good, error)
        case .success(let different):
          let others = Set(different ?? [])
          conclude(good.filter { others.contains($0.index) }, OtherBytes())
          conclude(good.filter { !others.contains($0.index) }, nil)
        }
        backlog.end(round)
      }
    }
  }

  /// The digest that the origin offered of an object, of what there is in its file; nil when there is none to compare with.
  func digest(of object: StoredObject, in file: ObjectFile) -> DigestRun? {
    DigestRun(of: object, in: file, on: digester)
  }

  /// Has memory forget durable bytes, for what others play.
  func forget(_ bytes: Range<Int>, of file: ObjectFile) { digester.post { file.forget(bytes) } }

  // MARK: Room

  /// Bytes free for us on the file system (`fstatvfs(3)`); nil when it cannot be asked. It waits for
  /// the file system, however long that takes.
  var freeBytes: Int? { DataDirectory.freeBytes(root) }
}

/// The rounds of the syncer that are under way, so that the transfers can be held back when the disk does not keep up.
private final class Backlog: Sendable {
  private struct State {
    var next: UInt64 = 0
    /// When a round began, and how many of its groups are not yet durable, by number.
    var rounds: [UInt64: (began: Timestamp, groups: Int)] = [:]
  }

  private let state = Mutex(State())

  /// How long the oldest of them has been under way, in milliseconds; 0 when there is none.
  var age: Int64 {
    state.withLock { state in
      state.rounds.values.map(\.began.milliseconds).min().map { Clock.steady.milliseconds - $0 } ?? 0
    }
  }

  func begin(_ groups: Int) -> UInt64 {
    state.withLock { state in
      state.next += 1
      state.rounds[state.next] = (Clock.steady, groups)
      return state.next
    }
  }

  /// One group of the round is concluded.
  func end(_ round: UInt64) {
    state.withLock { state in
      guard let left = state.rounds[round]?.groups else { return }
      if left > 1 { state.rounds[round]?.groups = left - 1 } else { state.rounds[round] = nil }
    }
  }
}
