// A box, those who live with it, and its deaths.

import Cache
import Dispatch
import Foundation
import Glibc
import LMDB
import S3
import Synchronization
import Testing

/// Whether the death that ends a round has begun: from then on nobody can say what the box does, before it everybody can.
final class Fate: Sendable {
  private let flag = Atomic(false)

  var hasCome: Bool { flag.load(ordering: .sequentiallyConsistent) }

  func come() { flag.store(true, ordering: .sequentiallyConsistent) }
}

final class CrashHouse {
  let box: Box
  private let data: String
  private var residents: [Resident]
  private let users: [User]
  private let titles: [Title]
  /// Somebody who has a long title fetched anew all the time, so that each death comes in the middle of it.
  private let collector: User
  private let long: Title
  private var longID: String?
  private let seed: UInt64
  /// Says when the box dies.
  private var clock: SplitMix64
  /// Objects and blocks that the ledger held at one of the deaths.
  private var found = RecordedBlocks()

  var acknowledged: Int { residents.reduce(0) { $0 + $1.acknowledged } }

  var summary: String { "\(acknowledged) acknowledgements, \(found), LARDER_SEED=\(seed)" }

  init(data: String?) throws {
    var changes: Settings = [
      "downloads": ["max_rate": "\"24MiB\"", "chunk_size": "\"256KiB\"", "active": "3", "connections": "2"],
      "quota": ["default": "\"6MiB\"", "eviction": "\"none\""],
      "quota.users": ["\"dan\"": "\"64MiB\""],
    ]
    if let data { changes["storage"] = ["path": "\"\(data)\"", "reserve": "\"1MiB\""] }
    let box = try Box(changes)
    self.box = box
    self.data = data ?? box.data
    (titles, long) = try CrashTitles.made.get()
    users = try ["ann", "bob", "cat"].map { try box.user($0) }
    collector = try box.user("dan")
    seed = ProcessInfo.processInfo.environment["LARDER_SEED"].flatMap { UInt64($0) } ?? .random(in: 0 ... .max)
    print("crashes: LARDER_SEED=\(seed)")
    clock = SplitMix64(seed: seed)
    residents = []
    for user in users {
      residents.append(Resident(name: user.name, token: user.token, titles: titles, seed: clock.next()))
    }
  }

  /// Everybody lives until the moment of `death`, which is a random one. Until then the process must run.
  ///
  /// - Parameter death: ends the process with this number.
  func liveUntil(_ death: @escaping @Sendable (pid_t) throws -> Void) throws {
    try fetchLong()
    let (port, residents, pid) = (box.port, residents, try #require(box.program?.pid))
    let moment = useconds_t.random(in: 50_000..<900_000, using: &clock)
    let fate = Fate()
    let after = Mutex(residents)
    let failures = Mutex<[String]>([])
    let everybody = DispatchGroup()
    for number in 0...residents.count {
      everybody.enter()
      Thread.detachNewThread {
        defer { everybody.leave() }
        do {
          guard number < residents.count else {
            usleep(moment)
            let isRunning = Program.isRunning(pid)
            fate.come()
            try death(pid)
            if !isRunning { throw Wrong(description: "it ended by itself, and not of its death") }
            return
          }
          var resident = residents[number]
          defer { after.withLock { $0[number] = resident } }
          try resident.live(port: port, until: fate)
        } catch { failures.withLock { $0.append("\(error)") } }
      }
    }
    everybody.wait()
    self.residents = after.withLock { $0 }
    let found = failures.withLock { $0 }
    if !found.isEmpty { throw Wrong(description: found.joined(separator: "; ") + "\n" + box.report) }
  }

  /// Has the long title be under way: what is there of it goes on coming in, or it begins anew.
  private func fetchLong() throws {
    if let id = longID {
      let isWhole = try collector.download(id).status?.text == "completed"
      guard isWhole || Bool.random(using: &clock) else { return }
      try collector.expect(200, "DELETE", "/api/downloads/\(id)" + (isWhole ? "/delete" : ""))
    }
    let isFirst = longID == nil
    let id = try collector.start(long)
    longID = id
    // However busy this machine is, one death at the least is in the middle.
    if isFirst { try collector.wait(id, "some of it") { $0.downloaded_bytes?.int ?? 0 > 0 } }
  }

  /// Looks at what the death has left, starts the box on it, and asks it for everything.
  func reckon() throws {
    do {
      let ledger = try Ledger(path: data + "/ledger")
      let findings = try ledger.environment.read { tx in try ledger.auditFindings(in: tx) }
      guard findings.isEmpty else { throw Wrong(description: "the ledger: \(findings)") }
      try found.compare(ledger, with: data, holding: titles + [long])
    }
    // Whatever stands below downloads/ is whole at every moment.
    let bytes = Dictionary(uniqueKeysWithValues: (titles + [long]).map { ($0.contentID, $0.bytes) })
    let folder = data + "/downloads/users"
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder) where path.hasSuffix(".mp4") {
      let content = path.split(separator: "/")[1].split(separator: "_")[0]
      let held = try Bytes(file: folder + "/" + path)
      guard held == bytes[String(content)] else { throw Wrong(description: "\(path) holds \(held)") }
    }
    try box.start()
    for index in residents.indices { try residents[index].reckon(with: users[index]) }
  }

  /// Lets everything be completed, and inspects the whole.
  func end() throws {
    var links: [String: Bytes] = [:]
    for (resident, user) in zip(residents, users) {
      for (id, entry) in resident.diary where !entry.isDeleted {
        let record = try user.wait(id, for: "completed")
        if let path = record.file_path?.text { links[path] = entry.title.bytes }
      }
    }
    if let longID { try collector.wait(longID, for: "completed") }
    links[box.link(collector, long)] = long.bytes
    let inspection = Inspection(data: data)
    try eventually("no file too many", within: 20, explain: box.report) {
      try inspection.findings(amongLinks: links).isEmpty ? true : nil
    }
    let ending = try box.terminate()
    guard ending == .exited(0) else { throw Wrong(description: "it ended with \(String(describing: ending))") }
    let findings = try inspection.findings(links: links)
    if !findings.isEmpty { throw Wrong(description: findings.joined(separator: "; ")) }
  }

  /// Whether there was a life before each death, and something to lose.
  func expectLife(of deaths: Int) {
    #expect(acknowledged > 5 * deaths, "\(summary)")
    #expect(found.wholeObjects > 0 && found.unfinishedObjects > 0 && found.unfinishedBlocks > 0, "\(summary)")
  }
}

/// What ledgers had recorded of objects, compared with the objects' files. A block that was recorded before it was durable
/// is brought back silently once the box runs: so this is done before it starts.
private struct RecordedBlocks: CustomStringConvertible {
  private(set) var wholeObjects = 0
  /// Those of which there is a block.
  private(set) var unfinishedObjects = 0
  private(set) var unfinishedBlocks = 0
  /// The checksum of each block of a title, by its key.
  private var sums: [String: [UInt32]] = [:]

  var description: String {
    "\(wholeObjects) whole titles and \(unfinishedBlocks) blocks of \(unfinishedObjects) unfinished ones compared"
  }

  mutating func compare(_ ledger: Ledger, with data: String, holding titles: [Title]) throws {
    let titles = Dictionary(uniqueKeysWithValues: titles.map { ($0.key, $0) })
    try ledger.environment.read { tx in
      for object in try ledger.objects(after: .none, limit: .max, in: tx).objects {
        let name = StoredPath.object(object.id)
        guard let title = titles[object.origin.version.key] else {
          throw Wrong(description: "\(name) is of \(object.origin.version.key)")
        }
        let recorded = try ledger.checksums(of: object, in: tx).enumerated().compactMap { index, checksum in
          checksum.map { StoredBlock(index: index, checksum: $0) }
        }
        let starts = try ledger.starts(of: object.id, in: tx)
        if object.state == .complete {
          wholeObjects += 1
        } else if !recorded.isEmpty {
          unfinishedObjects += 1
          unfinishedBlocks += recorded.count
        }
        // A file of which nothing is recorded need not be there.
        if recorded.isEmpty, starts.isEmpty { continue }
        let held = try Bytes(file: "\(data)/\(name)")
        let sums = self.sums(of: title, inBlocksOf: object.blockSize)
        for block in recorded {
          try compare("block \(block.index)", object, object.bytes(ofBlock: block.index), of: held, with: title)
          guard block.checksum == sums[block.index] else {
            throw Wrong(description: "\(name): block \(block.index) is recorded with a checksum that is not its own")
          }
        }
        for start in starts {
          let first = start.index * object.blockSize
          let bytes = first..<first + start.length
          try compare("the beginning of block \(start.index)", object, bytes, of: held, with: title)
          guard start.checksum == Self.sum(title.bytes, bytes) else {
            throw Wrong(description: "\(name): a beginning is recorded with a checksum that is not its own")
          }
        }
      }
    }
  }

  private func compare(
    _ what: String, _ object: StoredObject, _ bytes: Range<Int>, of held: Bytes, with title: Title
  ) throws {
    guard held.count >= bytes.upperBound, held[bytes] == title.bytes[bytes] else {
      throw Wrong(
        description: "\(StoredPath.object(object.id)), \(object.state), \(held.count) of \(object.size) bytes: \(what) "
          + "is recorded and is not on the disk")
    }
  }

  private mutating func sums(of title: Title, inBlocksOf size: Int) -> [UInt32] {
    if let known = sums[title.key] { return known }
    let made = stride(from: 0, to: title.size, by: size).map {
      Self.sum(title.bytes, $0..<min(title.size, $0 + size))
    }
    sums[title.key] = made
    return made
  }

  private static func sum(_ bytes: Bytes, _ range: Range<Int>) -> UInt32 {
    unsafe bytes.array.withUnsafeBytes { unsafe CRC32C.checksum(of: UnsafeRawBufferPointer(rebasing: $0[range])) }
  }
}

extension Program {
  /// Whether a child of this process runs. It is not taken note of as ended, so that others still learn how.
  fileprivate static func isRunning(_ pid: pid_t) -> Bool {
    var state = unsafe siginfo_t()
    let result = unsafe waitid(P_PID, id_t(pid), &state, WEXITED | WNOHANG | WNOWAIT)
    return unsafe result == 0 && state.si_signo == 0
  }
}

/// What everybody asks for: at the origin once for the test process.
private enum CrashTitles {
  static let made = Result {
    let sizes = [0, 1, 70_000, 262_144, 300_000, 800_000, 1_500_000, 3_000_000]
    let titles = sizes.map { Title(size: $0) }
    // At the box's pace it takes longer than a round does as a rule.
    let long = Title(size: 20 << 20)
    for title in titles + [long] { try SeaweedFS.shared().put(title) }
    return (titles, long)
  }
}
