// Who plays goes first at the disk: reads that a viewer waits for before writes that nobody waits for.

import Cache
import Glibc
import Synchronization

/// What the disk's threads know of those who play from it.
///
/// A disk does not know who waits: a read stands behind all that was written before it, which after half a second of a
/// fast fill is a hundred megabytes. So while somebody plays from the disk, what comes in is written a block at a time,
/// each in a moment in which no viewer waits for a read, and none before the one before it has arrived.
final class Precedence: Sendable {
  /// Reads for viewers that are under way, or wait for a thread.
  private let reads = Atomic<Int>(0)
  /// When the last one ended, in milliseconds of the steady clock.
  private let lastRead = Atomic<Int64>(.min / 2)
  /// Whether a block came in that somebody waits for.
  private let isPressed = Atomic<Bool>(false)

  /// How long after a read somebody is taken to play from the disk, in milliseconds: players ask for some seconds at a time.
  private static let memory: Int64 = 5_000
  /// How often a writer looks whether its moment has come, in microseconds.
  private static let look: UInt32 = 1_000
  /// How often it looks before it writes all the same: fills are slow then, and never stand still.
  private static let patience = 50
  /// How long the syncer rests between rounds meanwhile, in looks of 10 ms: a flush holds up every read, and a power cut
  /// may take 2 s.
  private static let longRest = 50

  /// Somebody who plays waits for a read from now on, until `readEnded()`.
  func readBegan() { reads.add(1, ordering: .relaxed) }

  func readEnded() {
    lastRead.store(Clock.steady.milliseconds, ordering: .relaxed)
    reads.subtract(1, ordering: .relaxed)
  }

  /// Whether somebody plays from the disk, and not from memory.
  var isWanted: Bool {
    reads.load(ordering: .relaxed) > 0
      || Clock.steady.milliseconds - lastRead.load(ordering: .relaxed) < Self.memory
  }

  /// Blocks the thread until no viewer waits for the disk, or as long as a fill may be held up.
  func giveWay() {
    for _ in 0..<Self.patience where reads.load(ordering: .relaxed) > 0 { usleep(Self.look) }
  }

  /// A block was written that somebody waits for: the next round may not rest.
  func press() { isPressed.store(true, ordering: .relaxed) }

  /// Blocks the syncer's thread between two rounds.
  ///
  /// - Parameter least: how long it rests at the least, in microseconds, so that a round has something to do.
  func rest(least: UInt32) {
    usleep(least)
    for _ in 0..<Self.longRest where isWanted && !isPressed.load(ordering: .relaxed) { usleep(10_000) }
    isPressed.store(false, ordering: .relaxed)
  }
}
