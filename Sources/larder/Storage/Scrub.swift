// Looking at everything once in a while, so that a disk's mistakes are found while the origin still has the bytes, and not
// on the evening on which somebody wants to see them. It reads only while the box has nothing better to do.

import Cache
import Glibc
import LMDB
import Loop

/// `storage.scrub_rate` and `storage.scrub_interval`.
struct ScrubSettings: Sendable {
  /// Bytes a second; 0 for never.
  var rate: Int
  /// From the beginning of one round to the beginning of the next, in milliseconds.
  var interval: Int64
}

/// Goes through all whole objects by number and compares each block with its checksum, past the memory, so that it is the
/// disk that is asked. It goes on where it stopped, also after a restart.
@EventLoop
final class Scrub {
  private let writer: LedgerWriter
  private let volume: Volume
  private let losses: Losses
  private let log: EventLog
  private let worker = Worker(name: "scrub")
  private let bell = Bell()
  private var settings: ScrubSettings
  private(set) var progress = ScrubProgress()
  private var saved = ScrubProgress()
  private var savedAt = Clock.steady
  private var file: (id: ObjectID, file: ObjectFile)?
  /// The object that was begun last.
  private var begun = ObjectID.none
  private var task: Task<Void, Never>?
  private var isStopped = false
  /// Whether somebody plays or something is fetched.
  var isBusy: @EventLoop () -> Bool = { false }
  /// Called with the bytes that were read.
  var checked: @EventLoop (Int) -> Void = { _ in }

  /// How often a busy box is looked at again, in milliseconds.
  private static let patience: Int64 = 1000
  /// How often what was done is written down, in milliseconds: it is little to do again, and an idle disk may rest.
  private static let saving: Int64 = 60_000

  init(writer: LedgerWriter, volume: Volume, losses: Losses, settings: ScrubSettings, log: EventLog) {
    self.writer = writer
    self.volume = volume
    self.losses = losses
    self.settings = settings
    self.log = log
  }

  func use(_ settings: ScrubSettings) {
    self.settings = settings
    bell.ring()
  }

  /// Begins where the last process stopped.
  func start() {
    task = EventLoop.spawn { [self] in
      do {
        progress = try writer.ledger.environment.read { try writer.ledger.scrubProgress(in: $0) }
        saved = progress
        if progress.block > 0 { begun = progress.object }
      } catch { log.fault("scrub.failed", "how far the scrub had come cannot be read: \(error)") }
      while !isStopped {
        do { try await step() } catch {
          log.warning("scrub.failed", "\(error)")
          await rest(for: 60_000)
        }
      }
    }
  }

  /// Ends it and writes down how far it came.
  func stop() async {
    isStopped = true
    bell.ring()
    await task?.value
    await save()
    await worker.stop()
  }

  /// An object is gone: its file is closed.
  func forget(_ object: ObjectID) {
    if file?.id == object { file = nil }
  }

  private func step() async throws {
    // A reload may come while the disk is asked.
    let rate = settings.rate
    guard rate > 0 else { return await bell.wait() }
    guard !isBusy() else {
      // A title that is given up meanwhile leaves its blocks only when it is closed.
      file = nil
      return await rest(for: Self.patience)
    }
    if progress.object == .none {
      let now = Clock.now
      // A round that began in the future began by a clock that was wrong: the next one may not wait for that.
      let due = progress.began.flatMap { $0 <= now ? $0.milliseconds + settings.interval : nil } ?? 0
      let wait = due - now.milliseconds
      guard wait <= 0 else { return await rest(for: min(wait, 3_600_000)) }
      let finished = progress.finished
      progress = ScrubProgress()
      (progress.began, progress.finished, progress.object) = (Clock.now, finished, ObjectID(1))
    }
    let began = Clock.steady
    let bytes = try await look()
    checked(bytes)
    progress.checkedBytes += bytes
    if Clock.steady.milliseconds - savedAt.milliseconds >= Self.saving { await save() }
    let due = Int64(Double(bytes) / Double(rate) * 1000)
    await rest(for: due - (Clock.steady.milliseconds - began.milliseconds))
  }

  /// Waits, or at the least gives the loop its turn: where there is nothing to read, nothing else would.
  private func rest(for milliseconds: Int64) async {
    guard milliseconds > 0, !isStopped else { return await Task.yield() }
    await bell.wait(until: Clock.steady.adding(milliseconds: milliseconds))
  }

  /// Looks at the next block; how many bytes that were.
  private func look() async throws -> Int {
    let ledger = writer.ledger
    let step = try ledger.environment.read { tx in
      try ledger.scrubStep(from: progress.object, block: progress.block, in: tx)
    }
    switch step {
    case .end:
      await finishRound()
      return 0
    case .nothing(let object, let block):
      if object != progress.object { file = nil }
      (progress.object, progress.block) = (object, block)
      return 0
    case .unreadable(let id, let error):
      passOver(id, error)
      return 0
    case .block(let object, let block, let checksum):
      if object.id != begun { log.debug("scrub.object", "looking at \(object.origin.version.key)") }
      begun = object.id
      (progress.object, progress.block) = (object.id, block)
      let bytes: Int
      do { bytes = try await look(at: block, of: object, checksum) } catch let error as CorruptRecord {
        passOver(object.id, error)
        return 0
      }
      // Only now: a block that was found bad and could not be reported is looked at again.
      if progress.object == object.id { progress.block = block + 1 }
      return bytes
    }
  }

  private func look(at block: Int, of object: StoredObject, _ checksum: UInt32) async throws -> Int {
    let opened: ObjectFile?
    do { opened = try await open(object) } catch let error as DiskError {
      // Who cannot be opened now is looked at in the next round; the others have their turn.
      log.warning("scrub.failed", "\(object.origin.version.key): \(error)")
      stepOver(object.id)
      return 0
    }
    guard let opened else { return 0 }
    let bytes = object.bytes(ofBlock: block)
    let (verdict, isCurrent) = await worker.run { [volume] in
      let verdict = BlockCheck().checkPastMemory(opened, bytes, checksum: checksum)
      return (verdict, verdict == .good || volume.isCurrent(opened, object.id))
    }
    if let fault = verdict.fault, isCurrent {
      try await losses.report([block], of: object.id, foundBy: .scrub, fault)
      progress.badBlocks += 1
    }
    return bytes.count
  }

  private func passOver(_ id: ObjectID, _ error: CorruptRecord) {
    log.fault("scrub.failed", "object \(id.hexadecimal): \(error)")
    stepOver(id)
  }

  private func stepOver(_ id: ObjectID) {
    (progress.object, progress.block) = (id.next, 0)
    file = nil
  }

  /// The object's file; nil when it was gone, which the ledger knows now.
  private func open(_ object: StoredObject) async throws -> ObjectFile? {
    if let file, file.id == object.id { return file.file }
    if let opened = try await volume.openForReading(object.id) {
      file = (object.id, opened)
      return opened
    }
    let current = try writer.ledger.environment.read { try writer.ledger.object(object.id, in: $0) }
    // Given up meanwhile, or on its way back already.
    guard let current, current.storedBytes > 0 else { return nil }
    try await losses.recover(current, volume, foundBy: .scrub)
    return nil
  }

  private func finishRound() async {
    // On an empty box there is nothing to tell.
    if progress.checkedBytes > 0 || progress.badBlocks > 0 {
      log.info(
        "scrub.finished",
        "the scrub is through: \(progress.checkedBytes) bytes were compared with their checksums, "
          + "\(progress.badBlocks) blocks bad")
    }
    progress.finished = Clock.now
    (progress.object, progress.block) = (.none, 0)
    (file, begun) = (nil, .none)
    await save()
  }

  private func save() async {
    guard progress != saved else { return }
    let current = progress
    (saved, savedAt) = (current, Clock.steady)
    do { try await writer.change { ledger, tx, _ in try ledger.note(current, in: tx) } } catch {
      log.warning("scrub.failed", "how far the scrub has come cannot be written down: \(error)")
    }
  }
}
