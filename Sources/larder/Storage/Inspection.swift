// The comparison of ledger, disk and checksums: the same for the command, beside a daemon or without one, and for the
// daemon itself. It blocks, runs on a thread of its own, and never writes.
//
// Beside a daemon things move: a title is deleted between a look at the ledger and one at the disk. So whatever seems wrong
// is a suspicion first. It becomes a finding when it is still so at two more looks, each with the ledger read again.

import Cache
import Glibc
import LMDB

/// What an inspection has been through.
struct InspectionTally: Sendable, Hashable {
  /// Objects looked at, and how many there were at the beginning.
  var objects = 0
  var allObjects = 0
  /// Bytes compared with their checksums, and how many are stored.
  var bytes = 0
  var allBytes = 0
  var links = 0
  var differences = 0
  /// Names in the data directory that mean nothing to larder.
  var unknown: [String] = []
}

/// Compares everything, once.
final class Inspection {
  let ledger: Ledger
  /// The data directory.
  let root: Int32
  /// Where a download's link belongs.
  let link: @Sendable (Download) -> String
  /// Told of each object that is open here: given up meanwhile, its bytes come free only when it is closed. Nil where no
  /// daemon gives anything up.
  let held: HeldObjects?
  /// Hears what has become certain.
  private let found: (Finding) -> Void
  /// Hears of progress, often.
  private let progress: (InspectionTally) -> Void
  /// Asked again and again; once it says no, the inspection ends.
  private let wanted: () -> Bool
  private var pace: ReadingPace
  private(set) var tally = InspectionTally()
  let check = BlockCheck()

  private struct Suspicion {
    var finding: Finding
    /// On `Clock.steady`.
    var due: Timestamp
  }

  /// Those that wait for the first further look, for the second, and so on; each in the order in which they are due.
  private var suspicions = Inspection.waits.map { _ in Queue<Suspicion>() }
  /// How long after a look the next one is, in milliseconds.
  private static let waits: [Int64] = [1000, 2000]
  /// How many suspicions are kept at the most: where everything is wrong, the walk waits for them.
  private static let mostSuspicions = 20_000
  /// How many records are read in one look at the ledger.
  static let page = 256

  /// Links whose names are cut, so that they do not lead back to their downloads; there are few.
  var cutLinks: [String: DownloadID] = [:]
  var cutLinksRead = Timestamp(milliseconds: 0)

  init(
    _ ledger: Ledger, root: Int32, link: @escaping @Sendable (Download) -> String,
    held: HeldObjects? = nil, bytesPerSecond: Int? = nil, found: @escaping (Finding) -> Void,
    progress: @escaping (InspectionTally) -> Void = { _ in }, while wanted: @escaping () -> Bool = { true }
  ) {
    self.ledger = ledger
    self.root = root
    self.link = link
    self.held = held
    self.pace = ReadingPace(bytesPerSecond: bytesPerSecond)
    self.found = found
    self.progress = progress
    self.wanted = wanted
  }

  /// It was no longer wanted.
  struct Ended: Error {}

  /// Looks at everything.
  ///
  /// - Parameter ledgerToo: whether the ledger is compared with itself as well.
  /// - Throws: an `LMDBError` when the ledger cannot be read; ``Ended``.
  func run(ledgerToo: Bool = true) throws {
    if ledgerToo {
      for finding in try read({ ledger, tx in try ledger.auditFindings(in: tx) }) { confirm(.ledger(finding)) }
    }
    (tally.allObjects, tally.allBytes) = try read { ledger, tx in
      let box = try? ledger.boxUsage(in: tx)
      return (try ledger.objectCount(in: tx), (box?.complete ?? 0) + (box?.fillingStored ?? 0))
    }
    try inspectObjects()
    try inspectLinks()
    try inspectNames()
    try settle(downTo: 0)
  }

  func read<T>(_ body: (Ledger, borrowing ReadTransaction) throws -> T) throws -> T {
    try ledger.environment.read { tx in try body(ledger, tx) }
  }

  // MARK: From suspicion to finding

  /// Something seems wrong.
  func suspect(_ finding: Finding) throws {
    suspicions[0].append(Suspicion(finding: finding, due: Clock.steady.adding(milliseconds: Self.waits[0])))
    try settle(downTo: Self.mostSuspicions)
  }

  /// Waits until no more than so many suspicions are left.
  private func settle(downTo count: Int) throws {
    while suspicions.reduce(0, { $0 + $1.count }) > count {
      try advance()
      usleep(20_000)
    }
  }

  private func confirm(_ finding: Finding) {
    tally.differences += 1
    found(finding)
  }

  /// Called often on the way: takes the looks that are due, and the time to be slow.
  func advance(read bytes: Int = 0) throws {
    guard wanted() else { throw Ended() }
    tally.bytes += bytes
    pace.rest(after: bytes)
    progress(tally)
    let now = Clock.steady
    for look in suspicions.indices {
      while let first = suspicions[look].first, first.due <= now {
        suspicions[look].removeFirst()
        guard let still = try lookAgain(at: first.finding) else { continue }
        if look + 1 == Self.waits.count {
          confirm(still)
        } else {
          let due = Clock.steady.adding(milliseconds: Self.waits[look + 1])
          suspicions[look + 1].append(Suspicion(finding: still, due: due))
        }
      }
    }
  }

  /// The finding as it is now; nil when it is so no longer.
  private func lookAgain(at finding: Finding) throws -> Finding? {
    switch finding {
    case .ledger: finding
    case .fileMissing(let object), .fileUnreadable(let object, _), .fileLong(let object, _),
      .blocksAwaited(let object, _), .sumsMissing(let object), .sumsWrong(let object, _):
      try current(object.id).flatMap { now in try judgeFile(of: now).first { $0.word == finding.word } }
    case .blocksLost(let object, let blocks, _):
      try current(object.id).flatMap { now in
        try compare(now, blocks: blocks).first { $0.word == finding.word }
      }
    case .linkMissing(let link), .linkForeign(let link):
      try read { ledger, tx in try? ledger.download(link.download, in: tx) }.flatMap { try judgeLink(of: $0) }
    case .unreadable(let path, _) where path.hasPrefix("objects/"):
      // Its name may be in order, and what it holds out of reach.
      try judgeName(path)
        ?? StoredPath.objectID(ofFile: String(path.dropFirst("objects/".count))).flatMap { try current($0) }
        .flatMap { now in try judgeFile(of: now).first { $0.path == path && $0.word == finding.word } }
    case .stray(let path, _), .folderEmpty(let path), .unreadable(let path, _): try judgeName(path)
    }
  }

  private func current(_ id: ObjectID) throws -> StoredObject? {
    try read { ledger, tx in try? ledger.object(id, in: tx) }
  }

  func count(objects: Int = 0, links: Int = 0) {
    tally.objects += objects
    tally.links += links
  }

  func note(unknown name: String) { tally.unknown.append(name) }
}

/// First in, first out.
private struct Queue<Element> {
  private var elements: [Element] = []
  private var head = 0

  var count: Int { elements.count - head }
  var first: Element? { head < elements.count ? elements[head] : nil }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func removeFirst() {
    head += 1
    guard head == elements.count || head > 1024 && head > elements.count / 2 else { return }
    elements.removeFirst(head)
    head = 0
  }
}

/// Holds a reader back to so many bytes a second.
struct ReadingPace {
  let bytesPerSecond: Int?
  private var began = Clock.steady
  private var bytes = 0

  init(bytesPerSecond: Int?) { self.bytesPerSecond = bytesPerSecond }

  mutating func rest(after read: Int) {
    guard let bytesPerSecond, read > 0 else { return }
    bytes += read
    let due = began.milliseconds + Int64(bytes) * 1000 / Int64(bytesPerSecond)
    let wait = due - Clock.steady.milliseconds
    // What was missed while there was nothing to read is not made up for.
    if wait < -1000 { (began, bytes) = (Clock.steady, 0) }
    if wait > 0 { usleep(UInt32(min(wait, 10_000)) * 1000) }
  }
}
