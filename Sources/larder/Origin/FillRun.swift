// One fill under way: it asks the `Fill` what to do, does it, and tells it what happened. All decisions are the value's.

import Cache
import Curl
import Loop

/// Fetches the missing blocks of one object.
@EventLoop
final class FillRun: ChunkTransferOwner {
  /// How it ended.
  enum Ending: Sendable {
    /// Every block is durable and in the ledger.
    case whole
    /// The origin has another version.
    case changed
    case failed(Trouble)
    /// The file is not any more what was opened, as this says: stock has to be taken of what is left.
    case stale(String)
    /// Nobody wants it now.
    case stopped
  }

  let object: StoredObject
  private var fill: Fill
  private let file: ObjectFile
  /// Follows what is durable from the beginning on; nil when there is nothing to compare with.
  private let digest: DigestRun?
  private let origin: OriginClient
  private let volume: Volume
  private let rate: RateLimit
  private let turn: Turn
  /// Those who play it meanwhile; nil for nobody.
  private let audience: @EventLoop () -> Audience?
  /// Whether others play, whose films are to stay in memory.
  private let othersPlay: @EventLoop () -> Bool
  /// So many bytes from the beginning on were said to be forgotten; those with a digest, once that has passed.
  private var forgotten = 0
  private let bell = Bell()
  private var transfers: [ObjectIdentifier: ChunkTransfer] = [:]
  /// What there is of blocks that are not whole, by number.
  private var starts: [Int: [UInt8]]
  private var isStopped = false
  /// What the disk said of the file when that was not any more what was opened.
  private var staleness: String?
  /// Called when blocks are durable and in the ledger.
  var heardOfBlocks: @EventLoop (_ blocks: Int) -> Void = { _ in }
  private var speed = SpeedMeter()
  /// Until when it rests, as its turn was told.
  private var restsUntil: Timestamp?

  init(
    _ object: StoredObject, present: BlockMap, starts: [Int: [UInt8]], file: ObjectFile, digest: DigestRun?,
    origin: OriginClient, volume: Volume, rate: RateLimit, settings: FillSettings, turn: Turn,
    audience: @escaping @EventLoop () -> Audience?, othersPlay: @escaping @EventLoop () -> Bool
  ) {
    self.object = object
    self.file = file
    self.digest = digest
    self.origin = origin
    self.volume = volume
    self.rate = rate
    self.turn = turn
    self.audience = audience
    self.othersPlay = othersPlay
    self.starts = starts
    self.fill = Fill(
      of: object, present: present, starts: starts.mapValues(\.count), chunkSize: settings.chunkSize,
      connections: settings.connections,
      retry: settings.retry, seed: UInt64.random(in: .min ... .max))
  }

  /// Why it does not go on just now; nil when it does.
  var trouble: Trouble? { fill.trouble }

  /// Bytes a second over the last seconds.
  var bytesPerSecond: Int { speed.rate(at: Clock.steady) }

  /// Runs until it is whole or cannot go on; returns when nothing of it is under way any more.
  func run() async -> Ending {
    followWithDigest()
    while true {
      if isStopped {
        guard transfers.isEmpty else {
          await bell.wait()
          continue
        }
        return staleness.map { .stale($0) } ?? .stopped
      }
      if !turn.isHeld, !fill.isWhole, !fill.isResting(at: Clock.steady) {
        await turn.take()
        continue
      }
      lookAtAudience()
      switch fill.next(at: Clock.steady) {
      case .fetch(let span): fetch(span)
      case .drop(let span): transfers.values.first { $0.span == span }?.cancel()
      case .wait: await bell.wait()
      case .waitUntil(let moment):
        rests(until: moment)
        await bell.wait(until: moment)
      case .compare: return .whole
      case .renew: return .changed
      case .fail(let code, let message): return .failed(Trouble(code, message))
      }
    }
  }

  /// Lets others go ahead, where they would not wait for the same; each wait is told once.
  private func rests(until moment: Timestamp) {
    guard transfers.isEmpty, moment != restsUntil, let trouble = fill.trouble else { return }
    restsUntil = moment
    turn.rests(because: trouble.code, heard: origin.heardAt, patience: fill.retry.limit)
  }

  /// What those who play it want has changed.
  func audienceChanged() { bell.ring() }

  /// Whether something is on the way that somebody who plays waits for.
  var isServing: Bool {
    transfers.values.contains { transfer in fill.demand.awaited.contains { transfer.span.blocks.contains($0) } }
  }

  private func lookAtAudience() {
    let demand = audience()?.demand(of: object) ?? Demand()
    guard !demand.isEmpty || !fill.demand.isEmpty else { return }
    fill.demand = demand
    for transfer in inOrder { transfer.isPlayed = demand.wants(transfer.span.blocks) }
  }

  /// Tries again now instead of later.
  func hurry() {
    fill.hurry()
    bell.ring()
  }

  /// Ends it as soon as its transfers are gone.
  func stop() {
    isStopped = true
    for transfer in inOrder { transfer.cancel() }
    bell.ring()
  }

  /// What is on the way, in the order of the title.
  private var inOrder: [ChunkTransfer] {
    transfers.values.sorted { $0.span.blocks.lowerBound < $1.span.blocks.lowerBound }
  }

  private func fetch(_ span: ChunkSpan) {
    let start = starts.removeValue(forKey: span.blocks.lowerBound) ?? []
    let transfer = ChunkTransfer(span, start: start, blockSize: object.blockSize, rate: rate, owner: self) {
      [object, origin, asked = origin.asking] head, error in
      origin.judge(head, error: error, of: object.origin.version, span.bytes, from: asked)
    }
    transfer.isPlayed = fill.demand.wants(span.blocks)
    transfers[ObjectIdentifier(transfer)] = transfer
    do {
      transfer.began(try origin.get(object.origin.version, span.bytes, transfer))
    } catch {
      ended(transfer, arrived: 0, FetchOutcome(error))
    }
  }

  // MARK: ChunkTransferOwner

  func received(_ count: Int) {
    speed.add(count, at: Clock.steady)
    origin.metrics.count(.fillBytes, by: count)
  }

  func received(block: Int, _ bytes: [UInt8], by transfer: ChunkTransfer) {
    fill.received(block, of: transfer.span)
    turn.progressed()
    var write = BlockWrite(
      object: object.id, file: file, index: block, offset: block * object.blockSize, bytes: bytes)
    write.isPlayed = transfer.isPlayed
    volume.write(
      write,
      BlockReport(
        written: { EventLoop.submit { transfer.blockWritten() } },
        stored: { [weak self] _, blocks in EventLoop.submit { self?.stored(blocks) } },
        lost: { [weak self] _, blocks, why in EventLoop.submit { self?.lost(blocks, why) } }))
  }

  func received(startOf block: Int, _ bytes: [UInt8], by transfer: ChunkTransfer) {
    let write = BlockWrite(
      object: object.id, file: file, index: block, offset: block * object.blockSize, bytes: bytes, isStart: true)
    volume.write(
      write,
      BlockReport(
        written: { EventLoop.submit { transfer.startWritten() } }, stored: { _, _ in }, lost: { _, _, _ in }))
  }

  func ended(_ transfer: ChunkTransfer, arrived: Int, _ outcome: FetchOutcome) {
    transfers[ObjectIdentifier(transfer)] = nil
    if let code = outcome.code { origin.metrics.count(.originErrors, code) }
    origin.heard(outcome, isAnswered: transfer.measure != nil)
    if outcome == .delivered, let measure = transfer.measure {
      fill.measured(wait: measure.wait, bytes: measure.bytes, duration: measure.duration)
      origin.metrics.observe(.chunkTime, microseconds: Int(measure.duration * 1e6))
    }
    let block = transfer.span.blocks.lowerBound + arrived
    if arrived < transfer.span.blocks.count, !transfer.unfinished.isEmpty { starts[block] = transfer.unfinished }
    fill.ended(
      transfer.span, arrived: arrived, start: starts[block]?.count ?? 0, outcome, at: Clock.steady)
    rate.yieldingChanged()
    bell.ring()
  }

  private func stored(_ blocks: [Int]) {
    fill.stored(blocks)
    followWithDigest()
    heardOfBlocks(blocks.count)
    bell.ring()
  }

  private func followWithDigest() {
    let end = min(fill.prefix * object.blockSize, object.size)
    let forgets = othersPlay() && (audience()?.isEmpty ?? true)
    if let digest {
      digest.follow(to: end, forgetting: forgets)
    } else if forgets, end > forgotten {
      volume.forget(forgotten..<end, of: file)
    }
    forgotten = end
  }

  private func lost(_ blocks: [Int], _ why: any Error) {
    if (why as? DiskError)?.isStale ?? false {
      staleness = "\(why)"
      stop()
    }
    fill.lost(blocks, because: "\(why)", at: Clock.steady)
    bell.ring()
  }
}

/// What of the configuration a fill goes by.
struct FillSettings: Sendable {
  /// Titles at the same time.
  var active: Int
  /// Requests at the same time for each.
  var connections: Int
  /// In bytes.
  var chunkSize: Int
  var retry: RetryPolicy
}
