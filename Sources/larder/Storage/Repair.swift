// What is done about what an inspection finds: the ledger first, then each difference as it becomes certain, then the wait
// for what has to be fetched again. The same in a daemon that serves meanwhile and in a command that holds the data
// directory for this alone.

import Cache
import Glibc
import LMDB
import Loop
import Synchronization

/// One inspection with mending, from its beginning to its last line.
@EventLoop
final class Repair {
  let box: Box
  let root: Int32
  let report: InspectionReport
  private let bytesPerSecond: Int?
  /// Takes a line; false once nobody reads them.
  private let tell: @EventLoop (String) async -> Bool
  let worker = Worker(name: "verify")
  private let stopFlag = StopFlag()
  var tally = RepairTally()
  /// Objects that are being fetched again.
  private var awaited: [ObjectID: Awaited] = [:]

  private struct Awaited {
    let object: InspectedObject
    /// Whose it was when it was found damaged.
    let owners: [DownloadID]
    /// The differences that are mended when it is whole.
    var findings = 0
  }

  /// How long nothing of what is awaited may come in, or be tried, in milliseconds.
  private static let patience: Int64 = 5_000

  init(
    _ box: Box, root: Int32, report: InspectionReport, bytesPerSecond: Int?,
    tell: @escaping @EventLoop (String) async -> Bool
  ) {
    self.box = box
    self.root = root
    self.report = report
    self.bytesPerSecond = bytesPerSecond
    self.tell = tell
  }

  /// Ends it early; what was begun to be mended goes on.
  func stop() { stopFlag.raise() }

  /// Inspects and mends.
  ///
  /// - Throws: what keeps the ledger from being read or written; ``Inspection/Ended``.
  func run() async throws -> InspectionSummary {
    let began = Clock.steady
    let (ledger, path) = (box.writer.ledger, box.volume.path)
    // Who walks all of it meets every page, and LMDB lives through no damaged one.
    try await worker.run { try LedgerOpening.check(ledger, path) }
    let ledgerFindings = try await mendLedger()
    // What is on the way in waits until the ledger is sound.
    box.fills.schedule()
    var found = try await inspect()
    found.differences += ledgerFindings
    try await waitForOrigin()
    for name in found.unknown.sorted() {
      await say(report.note(name, "larder does not know this name and leaves it alone"))
    }
    await worker.stop()
    let summary = InspectionSummary(
      tally: found, duration: Clock.steady.milliseconds - began.milliseconds, repair: tally)
    await say(report.summary(summary))
    return summary
  }

  func say(_ line: String) async {
    if await !tell(line) { stopFlag.raise() }
  }

  // MARK: The ledger

  private func mendLedger() async throws -> Int {
    let findings = try await audit()
    guard !findings.isEmpty else { return 0 }
    let root = root
    let highest = try await worker.run { try Self.highestFile(below: root) }
    let result = try await box.writer.change { ledger, tx, change in
      try ledger.recompute(above: highest, in: tx, &change)
    }
    let left = Set(try await audit())
    for finding in findings {
      let outcome: MendOutcome = left.contains(finding) ? .failed("it is so again") : .mended("made anew")
      count(outcome)
      await say(report.line(.ledger(finding), outcome))
    }
    let place = "ledger/data.mdb"
    if result.droppedRecords > 0 {
      await say(report.note(place, "\(result.droppedRecords) records could not be read and were dropped"))
    }
    for id in result.restarted {
      await say(report.note(place, "the download \(id) stood on an object that is gone, and is fetched anew"))
    }
    for id in result.ended {
      await say(report.note(place, "the download \(id) was a second one of the same title, and ended"))
    }
    for id in result.mending {
      if let object = try box.read({ ledger, tx in try ledger.object(id, in: tx) }) {
        wait(for: InspectedObject(object))
      }
    }
    return findings.count
  }

  private func audit() async throws -> [AuditFinding] {
    let ledger = box.writer.ledger
    return try await worker.run {
      try ledger.environment.read { tx in try ledger.auditFindings(in: tx) }
    }
  }

  /// The highest number of an object's file, whether the ledger knows it or not.
  private nonisolated static func highestFile(below root: Int32) throws -> ObjectID {
    var highest = ObjectID.none
    try FolderNames.each(in: "objects", below: root) { names in
      for name in names { highest = max(highest, StoredPath.objectID(ofFile: name) ?? .none) }
    }
    return highest
  }

  // MARK: Everything else

  private func inspect() async throws -> InspectionTally {
    let (findings, sink) = AsyncStream.makeStream(of: Finding.self)
    let (ledger, writer, root, rate, flag) = (box.writer.ledger, box.writer, root, bytesPerSecond, stopFlag)
    let outcome = Outcome()
    worker.post {
      let inspection = Inspection(
        ledger, root: root, link: { writer.link(of: $0) }, held: writer.held, bytesPerSecond: rate,
        found: { sink.yield($0) },
        while: { !flag.isRaised })
      outcome.settle(
        Result { () throws -> InspectionTally in
          try inspection.run(ledgerToo: false)
          return inspection.tally
        })
      sink.finish()
    }
    // A cancelled task hears of no more findings.
    await withTaskCancellationHandler {
      for await finding in findings {
        let outcome: MendOutcome
        do { outcome = try await mend(finding) } catch { outcome = .failed("\(error)") }
        count(outcome)
        await say(report.line(finding, outcome))
      }
    } onCancel: {
      flag.raise()
    }
    // Nothing of it runs any more.
    await worker.run {}
    return try outcome.take().get()
  }

  private func count(_ outcome: MendOutcome) {
    switch outcome {
    case .mended: tally.mended += 1
    case .failed: tally.failed += 1
    case .begun: break
    }
  }

  // MARK: What has to be fetched

  func wait(for object: InspectedObject, finding: Int = 0) {
    let owners = (try? box.read { ledger, tx in try ledger.owners(of: object.id, in: tx) }) ?? []
    awaited[object.id, default: Awaited(object: object, owners: owners)].findings += finding
  }

  /// What has become of the downloads of an object that is gone.
  private func fate(of awaited: Awaited) throws -> MendOutcome {
    let left = try box.read { ledger, tx in
      try awaited.owners.compactMap { try ledger.download($0, in: tx) }.filter(\.isLive)
    }
    if let failed = left.first(where: { $0.status == .failed }) {
      return .failed("its download failed: \(failed.trouble?.message ?? "for no known reason")")
    }
    return .mended(
      left.isEmpty
        ? "given up, since no one owns it any more"
        : "the origin has another version now; its downloads begin again with that")
  }

  /// Waits until everything is whole again, or until only the origin could help.
  private func waitForOrigin() async throws {
    let bell = Bell()
    var stored = -1
    var moved = Clock.steady
    /// Why nothing was done about an object, at some moment since something moved last: of those that wait for the origin
    /// one or the other is just being tried.
    var obstacles: [ObjectID: String] = [:]
    while !awaited.isEmpty, !stopFlag.isRaised, !Task.isCancelled {
      var sum = 0
      for (id, one) in awaited {
        let now = try box.read { ledger, tx in try ledger.object(id, in: tx) }
        if let now, now.state != .complete {
          sum += now.storedBytes
          continue
        }
        awaited[id] = nil
        let end: MendOutcome = now == nil ? try fate(of: one) : .mended("whole again")
        if case .failed = end { tally.failed += max(1, one.findings) } else { tally.mended += one.findings }
        await say(report.note(one.object.path, "\(one.object.key): \(end.text)"))
      }
      if sum != stored || awaited.keys.contains(where: { box.fills.isReceiving($0) }) {
        (stored, moved, obstacles) = (sum, Clock.steady, [:])
      }
      for id in awaited.keys { if let obstacle = box.fills.obstacle(to: id) { obstacles[id] = obstacle } }
      let isHopeless = awaited.keys.allSatisfy { obstacles[$0] != nil }
      if isHopeless, Clock.steady.milliseconds - moved.milliseconds > Self.patience { break }
      if !awaited.isEmpty { await bell.wait(until: Clock.steady.adding(milliseconds: 100)) }
    }
    for (id, object) in awaited.mapValues(\.object).sorted(by: { $0.key < $1.key }) {
      guard let now = try box.read({ ledger, tx in try ledger.object(id, in: tx) }) else { continue }
      let missing = try box.read { ledger, tx in
        try ledger.checksums(of: now, in: tx).count { $0 == nil }
      }
      tally.waitingBlocks += max(1, missing)
      let why = obstacles[id].map { ": \($0)" } ?? ""
      await say(
        report.note(
          object.path, "\(object.key): \(missing) block\(missing == 1 ? " waits" : "s wait") for the origin\(why)"))
    }
  }
}

/// Where the inspection's thread leaves how it ended.
private final class Outcome: Sendable {
  private let settled = Mutex<Result<InspectionTally, any Error>?>(nil)

  func settle(_ result: Result<InspectionTally, any Error>) { settled.withLock { $0 = result } }

  func take() -> Result<InspectionTally, any Error> {
    settled.withLock { $0 } ?? .failure(Inspection.Ended())
  }
}
