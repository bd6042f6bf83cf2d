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
}

/// The blocks of one open object, and which of them are known to be good.
@EventLoop
final class ObjectReader {
  let object: StoredObject
  let file: ObjectFile
  private let shelf: Shelf
  private var verified: BlockMap
  /// Whether the ledger knows of missing blocks.
  private(set) var isDamaged: Bool
  /// Blocks that are being read now, and who waits for the outcome.
  private var looks: [Int: Chimes] = [:]
  /// Rung when blocks came in.
  private let arrivals = Chimes()
  private var stamp: FileStamp?
  /// On the loop's clock.
  private var lastUsed = EventLoop.now.milliseconds

  /// What was good this long ago, in milliseconds, is looked at again: memory and disks forget.
  private static let memory: UInt64 = 600_000
  /// How long a reader waits for a block that is being fetched again, in milliseconds.
  static let patience: Int64 = 10_000

  init(_ object: StoredObject, _ file: ObjectFile, shelf: Shelf) {
    self.object = object
    self.file = file
    self.shelf = shelf
    verified = BlockMap(count: object.blockCount)
    isDamaged = object.state != .complete
    stamp = FileStamp(file)
  }

  /// An answer begins: what was known of a file that somebody else wrote to, or that nobody read for a while, is forgotten.
  func begin() {
    let (now, current) = (EventLoop.now.milliseconds, FileStamp(file))
    if current != stamp || now > lastUsed + Self.memory { verified = BlockMap(count: object.blockCount) }
    (stamp, lastUsed) = (current, now)
  }

  /// The block that holds a byte.
  func block(at position: Int) -> Int { position / object.blockSize }

  func isVerified(_ block: Int) -> Bool { verified.contains(block) }

  /// The block could not be sent although it was good.
  func doubt(_ block: Int) { verified.remove(block) }

  /// Whether every block of the bytes is known to be good.
  func isVerified(_ bytes: ClosedRange<Int>) -> Bool {
    (block(at: bytes.lowerBound)...block(at: bytes.upperBound)).allSatisfy { verified.contains($0) }
  }

  /// Blocks of it came in.
  func heardOfBlocks() {
    stamp = FileStamp(file)
    isDamaged = (try? shelf.ledger.environment.read { try shelf.ledger.object(object.id, in: $0)?.state }) != .complete
    arrivals.ring()
  }

  /// Blocks of it were lost: they were good once, perhaps, and are so no longer.
  func heardOfLoss() {
    if object.size > 0 { for block in missing(in: 0...object.size - 1) { verified.remove(block) } }
    heardOfBlocks()
  }

  /// The blocks of the bytes that the ledger knows to be missing.
  func missing(in bytes: ClosedRange<Int>) -> [Int] {
    let map = try? shelf.ledger.environment.read { try shelf.ledger.map(of: object, in: $0) }
    return (block(at: bytes.lowerBound)...block(at: bytes.upperBound)).filter { map?.contains($0) == false }
  }

  /// Reads the block into memory and compares it; one that is bad or missing is waited for while it is fetched again.
  func ready(_ block: Int) async -> BlockReadiness {
    let deadline = Clock.steady.adding(milliseconds: Self.patience)
    while true {
      switch await look(at: block) {
      case .good: return .ready
      case .outdated: return .missing(nil)
      case .bad: break
      }
      shelf.fills.mend(object.id)
      if let trouble = shelf.fills.trouble(of: object.id) { return .missing(trouble) }
      guard Clock.steady < deadline else { return .missing(nil) }
      await arrivals.wait()
    }
  }

  private enum Look: Sendable {
    case good, bad
    /// The file that is open here is not the object's any more.
    case outdated
  }

  private func look(at block: Int) async -> Look {
    while let other = looks[block] { await other.wait() }
    let id = object.id
    let checksum: UInt32?
    do {
      checksum = try shelf.ledger.environment.read { try shelf.ledger.checksum(ofBlock: block, of: id, in: $0) }
    } catch {
      shelf.log.fault("play.checksum", "the checksums of object \(id.hexadecimal) cannot be read: \(error)")
      return .bad
    }
    guard let checksum else { return .bad }
    let chimes = Chimes()
    looks[block] = chimes
    defer {
      looks[block] = nil
      chimes.ring()
    }
    let (file, bytes, volume) = (file, object.bytes(ofBlock: block), shelf.volume)
    let (verdict, isCurrent) = await DiskReaders.next.run {
      // What follows is wanted next.
      posix_fadvise(file.descriptor, off_t(bytes.lowerBound), off_t(bytes.count * 8), POSIX_FADV_WILLNEED)
      let verdict = BlockCheck().check(file, bytes, checksum: checksum)
      return (verdict, verdict == .good || volume.isCurrent(file, id))
    }
    guard let fault = verdict.fault else {
      verified.insert(block)
      return .good
    }
    verified.remove(block)
    guard isCurrent else { return .outdated }
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

  @EventLoop static var next: Worker {
    turn = (turn + 1) % workers.count
    return workers[turn]
  }
}
