// Libraries that stand between the program under test and the C library (`LD_PRELOAD`).

import Foundation

enum Preload {
  /// Makes one of a C file below `Tests`, by the compiler of the Swift toolchain; to be done once for the test process.
  ///
  /// - Returns: what `LD_PRELOAD` must be: this library, and those that are there already.
  static func compile(_ source: String) throws -> String {
    let output = Scratch.shared.path("preload") + ".so"
    let result = try Program.run(
      "/usr/bin/env",
      ["clang", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", output]
        + [Paths.package + "/Tests/\(source).c", "-ldl", "-lpthread"])
    guard result.ending == .exited(0) else { throw RigFailure("\(source).c: \(result.errors)") }
    let others = ProcessInfo.processInfo.environment["LD_PRELOAD"] ?? ""
    return others.isEmpty ? output : "\(output):\(others)"
  }
}
