// A clock that is set while a box runs: the library in Tests/SteppedClock, preloaded, and the file that it goes by.

import Foundation

/// The time of day of one box.
final class SteppedClock {
  private let file: String
  private let preload: String
  private static let library = Result { try Preload.compile("SteppedClock/steppedclock") }

  init() throws {
    file = Scratch.shared.path("clock")
    preload = try Self.library.get()
    try Data(count: 8).write(to: URL(fileURLWithPath: file))
  }

  /// What the program must be started with.
  var environment: [String: String] { ["LD_PRELOAD": preload, "LARDER_CLOCK": file] }

  /// Sets it so many seconds ahead of this machine's.
  func set(ahead seconds: Int64) throws {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: seconds >> ($0 * 8)) }
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
  }
}
