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
  /// Blocks that came in for somebody who waits for them, until a round takes them up: they stand behind what is held up.
  private let awaited = Atomic<Int>(0)

  /// How long after a read somebody is taken to play from the disk, in milliseconds: players ask for some seconds at a time.
  private static let memory: Int64 = 5_000
  /// How often a writer looks whether its moment has come, in microseconds.
  private static let look: UInt32 = 1_000
  /// How often it looks before it writes all the same: fills are slow then, and never stand still.
  private static let patience = 50
  /// Where there is always a read, a block is followed by so many times the time that it took.
  private static let share = 20
  /// The longest such pause, in milliseconds.
  private static let longestPause = 100
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

  /// A block came in that somebody who plays waits for, or will soon: nothing before it is held up until `awaitedEnded()`.
  func awaitedBegan() { awaited.add(1, ordering: .relaxed) }

  /// A round has taken it up, or it is lost.
  func awaitedEnded() { awaited.subtract(1, ordering: .relaxed) }

  /// Writes something that nobody waits for: blocks the thread until no viewer waits for the disk, or as long as a fill may
  /// be held up, then writes, then leaves the disk to those who play.
  ///
  /// - Parameter body: returns when what it writes has arrived at the disk.
  /// - Returns: whether it was held up as long as a fill may be.
  @discardableResult
  func giveWay<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) -> Bool {
    let isMet = reads.load(ordering: .relaxed) > 0
    let met = pressure.load(ordering: .relaxed)
    pressure.store(met + ((isMet ? 1024 : 0) - met) / 16, ordering: .relaxed)
    let isHeldUp = hold(Self.patience, of: Self.look) { reads.load(ordering: .relaxed) > 0 }
    let began = Clock.steady
    try body()
    // In whole milliseconds: what took less is as good as nothing.
    let taken = Int(Clock.steady.milliseconds - began.milliseconds)
    let pause = taken * Self.share * pressure.load(ordering: .relaxed) / 1024
    hold(min(pause, Self.longestPause), of: 1_000) { true }
    return isHeldUp
  }

  /// Blocks the syncer's thread between two rounds.
  ///
  /// - Parameter least: how long it rests at the least, in microseconds, so that a round has something to do.
  /// - Returns: whether it rested as long as those who play want it to.
  @discardableResult
  func rest(least: UInt32) -> Bool {
    usleep(least)
    return hold(Self.longRest, of: 10_000) { isWanted }
  }

  /// Blocks the thread for so many looks while a condition holds; not while anything is awaited.
  ///
  /// - Returns: whether it came to the last look.
  @discardableResult
  private func hold(_ looks: Int, of microseconds: UInt32, while condition: () -> Bool) -> Bool {
    for _ in 0..<looks {
      guard awaited.load(ordering: .relaxed) == 0, condition() else { return false }
      usleep(microseconds)
    }
    return true
  }
}
