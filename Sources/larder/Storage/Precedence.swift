// Who plays goes first at the disk: reads that a viewer waits for before writes that nobody waits for.

import Cache
import Glibc
import Synchronization

/// What the disk's threads know of those who play from it.
///
/// A disk does not know who waits: a read stands behind all that was written before it, which after half a second of a
/// fast fill is a hundred megabytes. So while somebody plays from the disk, what comes in is written a block at a time,
/// each in a moment in which no viewer waits for a read, and none before the one before it has arrived. And the busier
/// those who play keep the disk, the longer it is left to them after each block.
final class Precedence: Sendable {
  /// Reads for viewers that are under way, or wait for a thread.
  private let reads = Atomic<Int>(0)
  /// When the last one ended, in milliseconds of the steady clock.
  private let lastRead = Atomic<Int64>(.min / 2)
  /// How often a writer met a read, in 1/1024 of its last sixteen times.
  private let pressure = Atomic<Int>(0)
  /// Whether a block came in that somebody waits for.
  private let isPressed = Atomic<Bool>(false)

  /// How long after a read somebody is taken to play from the disk, in milliseconds: players ask for some seconds at a time.
  private static let memory: Int64 = 5_000
  /// How often a writer looks whether its moment has come, in microseconds.
  private static let look: UInt32 = 1_000
  /// How often it looks before it writes all the same: fills are slow then, and never stand still.
  private static let patience = 50
  /// Where there is always a read, a block is followed by so many times the time that it took.
  private static let share: UInt64 = 20
  /// The longest such pause, in microseconds.
  private static let longestPause: UInt64 = 100_000
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

  /// Writes something that nobody waits for: blocks the thread until no viewer waits for the disk, or as long as a fill may
  /// be held up, then writes, then leaves the disk to those who play.
  ///
  /// - Parameter body: returns when what it writes has arrived at the disk.
  func giveWay<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) {
    let isMet = reads.load(ordering: .relaxed) > 0
    let met = pressure.load(ordering: .relaxed)
    pressure.store(met + ((isMet ? 1024 : 0) - met) / 16, ordering: .relaxed)
    for _ in 0..<Self.patience where reads.load(ordering: .relaxed) > 0 { usleep(Self.look) }
    let began = Clock.steady
    try body()
    // The clock is in milliseconds; what took less is as good as nothing.
    let taken = UInt64(max(0, Clock.steady.milliseconds - began.milliseconds)) * 1000
    usleep(UInt32(min(taken * Self.share * UInt64(pressure.load(ordering: .relaxed)) / 1024, Self.longestPause)))
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
