// Waiting: always for a condition, always with a deadline, never for luck.

import Glibc

/// What a test waited for and did not get.
struct Late: Error, CustomStringConvertible {
  var description: String
}

/// What the rig itself could not do.
struct RigFailure: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) {
    self.description = description
  }

  /// A failed call of the C library, with what `errno` says about it.
  static func call(_ name: String) -> RigFailure {
    unsafe RigFailure("\(name): \(String(cString: strerror(errno)))")
  }
}

/// Seconds on a clock that only goes forward.
func now() -> Double {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Asks until there is an answer.
///
/// The deadline is generous: it ends a test that will never succeed, and measures nothing.
@discardableResult
func eventually<Value>(
  _ what: String, within seconds: Double = 30, explain: @autoclosure () -> String = "", _ answer: () throws -> Value?
) throws -> Value {
  let deadline = now() + seconds
  while true {
    if let value = try answer() { return value }
    if now() > deadline { throw Late(description: "not within \(seconds) s: \(what)\n\(explain())") }
    usleep(10_000)
  }
}
