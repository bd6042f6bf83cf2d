// Programs that tests start. Each one's end is certain: at the latest when the test
// process ends, however that happens, the reaper kills what is left and removes
// the test's directory.

import Foundation
import Glibc
import Synchronization

/// How a program ended.
enum Ending: Equatable {
  case exited(Int32)
  case killed(by: Int32)
}

/// A running program.
final class Program {
  let pid: pid_t
  let outputFile: String
  let errorFile: String
  private var ending: Ending?

  /// Starts a program; what it writes goes to `name.out` and `name.err`, added to what is there.
  ///
  /// - Parameter terminal: where it reads from and writes to instead.
  init(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:], name: String? = nil,
    terminal: String? = nil
  ) throws {
    let base = name ?? Scratch.shared.path("program")
    outputFile = terminal ?? base + ".out"
    errorFile = base + ".err"
    pid = try spawn(
      executable, arguments, environment: environment, input: .file(terminal ?? "/dev/null"), output: outputFile,
      errors: errorFile)
    Reaper.shared.started(pid)
  }

  deinit {
    signal(SIGKILL)
    _ = try? wait()
  }

  /// Everything written to standard output so far.
  var output: String { (try? String(contentsOfFile: outputFile, encoding: .utf8)) ?? "" }

  /// Everything written to standard error so far.
  var errors: String { (try? String(contentsOfFile: errorFile, encoding: .utf8)) ?? "" }

  func signal(_ number: Int32) {
    if ending == nil { kill(pid, number) }
  }

  /// How it ended, if it has.
  func poll() -> Ending? {
    if ending != nil { return ending }
    var status: Int32 = 0
    guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return nil }
    Reaper.shared.ended(pid)
    let number = status & 0x7F
    ending = number == 0 ? .exited((status >> 8) & 0xFF) : .killed(by: number)
    return ending
  }

  @discardableResult
  func wait(within seconds: Double = 30) throws -> Ending {
    try eventually("end of process \(pid)", within: seconds, explain: errors) { poll() }
  }

  /// Runs a program to its end.
  static func run(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> (ending: Ending, output: String, errors: String) {
    let program = try Program(executable, arguments, environment: environment)
    let ending = try program.wait(within: 60)
    return (ending, program.output, program.errors)
  }
}

/// Where the programs that tests need are.
enum Paths {
  /// The package's directory.
  static let package: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { url.deleteLastPathComponent() }
    return url.path
  }()

  /// The built `larder`: beside the test bundle, unless LARDER_BINARY names another.
  static let larder: String = {
    if let path = ProcessInfo.processInfo.environment["LARDER_BINARY"] { return path }
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("larder").path
  }()

  /// A program of the tests' own environment, which `etc/setup --test` makes.
  static func testEnvironment(_ program: String) throws -> String {
    let path = package + "/.test-env/bin/" + program
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw RigFailure("\(path) is missing: run etc/setup --test")
    }
    return path
  }
}

/// The directory in which tests work; the reaper removes it.
struct Scratch: Sendable {
  static let shared = Scratch()
  let root: String
  private static let count = Atomic<Int>(0)

  private init() {
    var template = Array("/tmp/larder-tests-XXXXXX\0".utf8)
    let made = unsafe template.withUnsafeMutableBytes { buffer in
      unsafe mkdtemp(buffer.baseAddress!.assumingMemoryBound(to: CChar.self)) != nil
    }
    precondition(made, "no directory in /tmp can be made")
    root = String(decoding: template.dropLast(), as: UTF8.self)
  }

  /// A path that nobody uses yet.
  func path(_ name: String) -> String {
    "\(root)/\(name)-\(Self.count.add(1, ordering: .relaxed).newValue)"
  }
}
