// The time, asked in one place: decisions get it as a value.

import Cache
import Glibc

/// The two clocks.
enum Clock {
  /// The time of day, to the millisecond (`CLOCK_REALTIME`). For records and for what the world is told.
  static var now: Timestamp { Timestamp(milliseconds: read(CLOCK_REALTIME)) }

  /// Like `now` when the process started, and never stepped since (`CLOCK_BOOTTIME`). For waiting.
  static var steady: Timestamp { Timestamp(milliseconds: read(CLOCK_BOOTTIME) &+ offset) }

  /// A moment on `steady` as a time of day, by the clock as it is set now: for the world, which is told of waits.
  static func timeOfDay(of moment: Timestamp) -> Timestamp {
    now.adding(milliseconds: moment.milliseconds &- steady.milliseconds)
  }

  private static let offset = read(CLOCK_REALTIME) &- read(CLOCK_BOOTTIME)

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
