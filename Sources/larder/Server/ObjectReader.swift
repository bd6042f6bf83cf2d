// The gate between the disk and the network: a block of an object goes out only after it was compared with its checksum, at
// the first read after the start, after a while unread, and whenever it comes from the disk and not from memory.

import Cache
import Glibc
import LMDB
import Loop

/// Whether a block may go out.
enum BlockReadiness: Sendable {
  case ready
  /// It is missing, and cannot be had within the time.
  case missing(Trouble?)
  /// It is missing, and nobody wants it to come in: all downloads of the title are paused.
  case paused
}

/// The blocks of one open object, and which of them are known to be good.
@EventLoop
final class ObjectReader {
  let object: StoredObject
  let file: ObjectFile
  private let shelf: Shelf
  private let residency: Residency
  private var verified: BlockMap
  /// How often something of that was forgotten: a block that was read before says nothing of what is there since.
  private var forgotten = 0
  /// Whether every block is there; else the ledger knows of missing ones: it is coming in, or is being mended.
  private(set) var state: StoredObject.State
  /// Whether a block is bad here, and the file that is open is not the object's any more: who asks next opens that one.
  private(set) var isOutdated = false
  /// Blocks that are being read now, and who waits for the outcome.
  private var looks: [Int: Chimes] = [:]
  /// Rung when blocks came in.
  private let arrivals = Chimes()
  private var stamp: FileStamp?
  /// On the loop's clock.
  private var lastUsed = EventLoop.now.milliseconds

  /// What was good this long ago, in milliseconds, is looked at again: memory and disks forget.
  private static let memory: UInt64 = 600_000
  /// How many blocks are read into memory when one is wanted.
  private static let readAhead = 8
  /// How long a reader waits for a block while nothing at all comes in, in milliseconds.
  private static let patience: Int64 = 10_000
  /// How long it waits when there is trouble with the origin or the disk: a title that is coming in for the first time
  /// sees a connection break now and then. In milliseconds.
  private static let endurance: Int64 = 5000

  init(_ object: StoredObject, _ file: ObjectFile, shelf: Shelf) {
    self.object = object
    self.file = file
    self.shelf = shelf
    residency = Residency(file, size: object.size)
    // The kernel reads ahead what it likes: then nobody knows what of it came from the disk anew.
    posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_RANDOM)
    verified = BlockMap(count: object.blockCount)
    state = object.state
    stamp = FileStamp(file)
  }

  /// An answer begins: what was known of a file that somebody else wrote to, or that nobody read for a while, is forgotten.
  func begin() {
    let now = EventLoop.now.milliseconds
    // Once in a millisecond: the times of files are no finer.
    guard now != lastUsed else { return }
    let current = FileStamp(file)
    if current != stamp || now > lastUsed + Self.memory {
      verified = BlockMap(count: object.blockCount)
      forgotten += 1
    }
    (stamp, lastUsed) = (current, now)
  }

  /// The block that holds a byte.
  func block(at position: Int) -> Int { position / object.blockSize }

  func isVerified(_ block: Int) -> Bool { verified.contains(block) }

  /// Up to where these bytes may go out at once: they were compared and have stayed in memory since.
  func readyEnd(_ bytes: Range<Int>) -> Int {
    var end = bytes.lowerBound
    while end < bytes.upperBound, verified.contains(block(at: end)) {
      end = object.bytes(ofBlock: block(at: end)).upperBound
    }
    let known = bytes.lowerBound..<min(end, bytes.upperBound)
    return known.isEmpty ? bytes.lowerBound : residency.end(known)
  }

  /// The block could not be sent although it was good.
  func doubt(_ block: Int) { verified.remove(block) }

  /// Whether every block of the bytes is known to be good.
  func isVerified(_ bytes: ClosedRange<Int>) -> Bool {
    (block(at: bytes.lowerBound)...block(at: bytes.upperBound)).allSatisfy { verified.contains($0) }
  }

  /// Blocks of it came in.
  func heardOfBlocks() {
    stamp = FileStamp(file)
    if let known = try? shelf.ledger.environment.read({ try shelf.ledger.object(object.id, in: $0)?.state }) {
      state = known
    }
    arrivals.ring()
  }

  /// Blocks of it were lost: they were good once, perhaps, and are so no longer.
  func heardOfLoss() {
    forgotten += 1
    if object.size > 0 { for block in missing(in: [0...object.size - 1]) { verified.remove(block) } }
    heardOfBlocks()
  }

  /// The blocks of the bytes that the ledger knows to be missing.
  func missing(in bytes: [ClosedRange<Int>]) -> [Int] {
    let blocks = bytes.map { block(at: $0.lowerBound)...block(at: $0.upperBound) }
    return (try? shelf.ledger.environment.read { try shelf.ledger.missing(blocks, of: object, in: $0) }) ?? []
  }

  /// Somebody is being sent bytes of it, for as long as what is returned is held.
  func hold() -> Hold { shelf.volume.ledger.held.hold(object.id, for: .sending) }

  /// Somebody plays it from here on, for as long as what is returned is held; nil when it is whole.
  func playhead(at position: Int) -> Playhead? {
    state == .complete ? nil : shelf.fills.audience(of: object.id).playhead(at: position)
  }

  /// Reads the block into memory and compares it; one that is bad or missing is waited for while it is fetched, before
  /// everything that nobody waits for.
  ///
  /// - Parameter limit: when not to wait any longer whatever happens, on the steady clock.
  func ready(_ block: Int, before limit: Timestamp? = nil) async -> BlockReadiness {
    var wait: Audience.Wait?
    defer { wait?.end() }
    var deadline = Clock.steady.adding(milliseconds: Self.patience)
    var spell = TroubleSpell()
    while true {
      switch await look(at: block, before: min(deadline, limit ?? deadline)) {
      case .good: return .ready
      case .outdated: return .missing(nil)
      case .bad, .overtaken: if Task.isCancelled { return .missing(nil) }
      }
      if wait == nil { wait = shelf.fills.audience(of: object.id).wait(for: block) }
      guard shelf.fills.attend(object.id) else {
        // It may have become whole a moment ago.
        if case .good = await look(at: block, before: min(deadline, limit ?? deadline)) { return .ready }
        return state == .filling ? .paused : .missing(nil)
      }
      let now = Clock.steady
      let trouble = shelf.fills.trouble(of: object.id)
      let troubled = spell.look(isTroubled: trouble != nil, at: now)
      if let trouble {
        if state == .mending || troubled >= Self.endurance { return .missing(trouble) }
      } else if shelf.fills.isReceiving(object.id) {
        deadline = now.adding(milliseconds: Self.patience)
      }
      guard now < min(deadline, limit ?? deadline) else { return .missing(nil) }
      await arrivals.wait()
    }
  }

  /// The block's bytes, for whom memory forgets them too early; nil when they are not what they were or cannot be read.
  func copy(of block: Int) async -> [UInt8]? {
    let chimes = await begin(block)
    defer { end(block, chimes) }
    let checksum = try? shelf.ledger.environment.read {
      try shelf.ledger.checksum(ofBlock: block, of: object.id, in: $0)
    }
    guard let checksum else { return nil }
    let (file, bytes) = (file, object.bytes(ofBlock: block))
    return await DiskReaders.read(before: shelf.volume.precedence) {
      BlockCheck.copy(file, bytes, checksum: checksum)
    }
  }

  /// The block is about to be read, by nobody else meanwhile: what comes into memory by that goes out to nobody before it was
  /// compared, whatever was known of the block.
  private func begin(_ block: Int) async -> Chimes {
    while let other = looks[block] { await other.wait() }
    let chimes = Chimes()
    looks[block] = chimes
    verified.remove(block)
    return chimes
  }

  private func end(_ block: Int, _ chimes: Chimes) {
    looks[block] = nil
    chimes.ring()
  }

  /// The bytes from a block on that are to be read ahead: up to what was compared and has stayed in memory, which must not
  /// come from the disk anew unseen.
  private func readAhead(from block: Int) -> Range<Int> {
    var end = block + 1
    while end < min(block + Self.readAhead, object.blockCount) {
      if verified.contains(end) {
        if isInMemory(end) { break }
        verified.remove(end)
      }
      end += 1
    }
    return object.bytes(ofBlock: block).lowerBound..<object.bytes(ofBlock: end - 1).upperBound
  }

  private func isInMemory(_ block: Int) -> Bool {
    let bytes = object.bytes(ofBlock: block)
    return residency.end(bytes) == bytes.upperBound
  }

  private enum Look: Sendable {
    case good, bad
    /// The file that is open here is not the object's any more.
    case outdated
    /// It was good, and before that was known somebody else wrote to the file, or blocks were lost.
    case overtaken
  }

  /// Looks at a block, and once more each time it was overtaken, until a moment on the steady clock.
  private func look(at block: Int, before limit: Timestamp) async -> Look {
    while true {
      let found = await look(at: block)
      guard case .overtaken = found, Clock.steady < limit, !Task.isCancelled else { return found }
    }
  }

  private func look(at block: Int) async -> Look {
    let chimes = await begin(block)
    defer { end(block, chimes) }
    let (id, before) = (object.id, forgotten)
    let checksum: UInt32?
    do {
      let (isKnown, known) = try shelf.ledger.environment.read { tx in
        (try shelf.ledger.object(id, in: tx) != nil, try shelf.ledger.checksum(ofBlock: block, of: id, in: tx))
      }
      // Deleted, or replaced by another version: what is here will never be whole.
      guard isKnown else { return .outdated }
      checksum = known
    } catch {
      shelf.log.fault("play.checksum", "the checksums of object \(id.hexadecimal) cannot be read: \(error)")
      return .bad
    }
    guard let checksum else { return .bad }
    let (file, bytes, volume, ahead) = (file, object.bytes(ofBlock: block), shelf.volume, readAhead(from: block))
    let (verdict, isCurrent) = await DiskReaders.read(before: volume.precedence) {
      // What follows is wanted next.
      posix_fadvise(file.descriptor, off_t(ahead.lowerBound), off_t(ahead.count), POSIX_FADV_WILLNEED)
      let verdict = BlockCheck().check(file, bytes, checksum: checksum)
      return (verdict, verdict == .good || volume.isCurrent(file, id))
    }
    guard let fault = verdict.fault else {
      guard forgotten == before else { return .overtaken }
      verified.insert(block)
      return .good
    }
    guard isCurrent else {
      isOutdated = true
      return .outdated
    }
    do { try await shelf.losses.report([block], of: id, foundBy: .play, fault) } catch {
      shelf.log.fault("play.damaged", "block \(block) of object \(id.hexadecimal): \(fault); not recorded: \(error)")
    }
    return .bad
  }
}

/// What readers of all objects share.
@EventLoop
struct Shelf {
  let ledger: Ledger
  let volume: Volume
  let fills: Fills
  let losses: Losses
  let log: EventLog
}

/// Threads that read from the disk for players, so that the loop never waits for it: a disk answers several questions at
/// once better than one after the other.
enum DiskReaders {
  private static let workers = (0..<4).map { Worker(name: "read-\($0)") }
  @EventLoop private static var turn = 0

  /// Reads on one of them, before what is only to be written to the same disk.
  @EventLoop static func read<Result: Sendable>(
    before precedence: Precedence? = nil, _ body: @escaping @Sendable () -> Result
  ) async -> Result {
    turn = (turn + 1) % workers.count
    precedence?.readBegan()
    defer { precedence?.readEnded() }
    return await workers[turn].run(body)
  }
}
