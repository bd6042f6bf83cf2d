// World after world, until the seeds or the time run out or a promise is broken.

import Glibc
import Loop

/// What to live through.
struct Order {
  var first: UInt64 = 1
  var seeds: UInt64 = 1000
  var stride: UInt64 = 1
  var steps = 120
  var seconds: Int?
  /// Each seed twice, which must be the same life.
  var isTwice = false

  init(_ arguments: ArraySlice<String>) {
    var arguments = arguments
    func number() -> UInt64 {
      guard let text = arguments.popFirst(), let number = UInt64(text) else { Self.explain() }
      return number
    }
    while let argument = arguments.popFirst() {
      switch argument {
      case "--first": first = number()
      case "--seeds": seeds = number()
      case "--stride": stride = number()
      case "--steps": steps = Int(number())
      case "--seconds": seconds = Int(number())
      case "--trace": unsafe Trace.isSpoken = true
      case "--twice": isTwice = true
      default: Self.explain()
      }
    }
  }

  private static func explain() -> Never {
    print("usage: simulate [--first SEED] [--seeds N] [--stride N] [--steps N] [--seconds S] [--trace] [--twice]")
    exit(64)
  }
}

enum Runner {
  nonisolated(unsafe) private static var seed: UInt64 = 0

  /// Lives through the seeds; stops at the first that breaks a promise.
  static func run(_ order: Order) -> (isFine: Bool, line: String) {
    let path = folder()
    defer {
      empty(path)
      unsafe rmdir(path)
    }
    // A trap of the program is a finding too: it must not hide the seed.
    for fault in [SIGILL, SIGTRAP, SIGSEGV, SIGABRT, SIGBUS] {
      signal(fault) { number in
        let text = "simulate: seed \(unsafe Runner.seed) ends by signal \(number): a trap\n"
        unsafe text.utf8.withContiguousStorageIfAvailable { _ = unsafe write(1, $0.baseAddress!, $0.count) }
        signal(number, SIG_DFL)
        raise(number)
      }
    }
    let began = time(nil)
    var total = Life(violation: nil, digest: 0)
    var count: UInt64 = 0
    while count < order.seeds, order.seconds.map({ time(nil) - began < $0 }) ?? true {
      unsafe seed = order.first + count * order.stride
      let life = live(unsafe seed, path, order.steps)
      count += 1
      total.steps += life.steps
      total.turns += life.turns
      total.commits += life.commits
      total.cuts += life.cuts
      total.completions += life.completions
      total.plays += life.plays
      total.playsOnTheWay += life.playsOnTheWay
      if let violation = life.violation {
        return (
          false,
          "seed \(unsafe seed) breaks promise \(violation.promise) in step \(life.steps), after \(count) seeds: \(violation.text)"
        )
      }
      if order.isTwice {
        let again = live(unsafe seed, path, order.steps)
        if again.digest != life.digest { return (false, "seed \(unsafe seed) does not replay") }
      }
    }
    return (
      true,
      "\(count) seeds in \(time(nil) - began) s: \(total.steps) steps, \(total.turns) turns, \(total.commits) commits, \(total.completions) completions, \(total.plays) plays (\(total.playsOnTheWay) on the way in), \(total.cuts) cuts; every promise kept"
    )
  }

  private static func live(_ seed: UInt64, _ path: String, _ steps: Int) -> Life {
    empty(path)
    let outcome = Outcome()
    EventLoop.run {
      let world = World(seed: seed, ledgerPath: path)
      outcome.life = world.live(steps: steps)
    }
    guard let life = outcome.life else { fatalError("a world went on after its end") }
    return life
  }

  /// A folder for the ledger, in memory where there is some: the cuts are pretended.
  private static func folder() -> String {
    let base = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    var template = "\(base)/simulate-XXXXXX".utf8CString.map { $0 }
    guard let made = unsafe mkdtemp(&template) else { fatalError("no folder can be made in \(base)") }
    return unsafe String(cString: made)
  }

  private static func empty(_ path: String) {
    // The lock file lies in a folder of its own (`LockFile`).
    var target = [CChar](repeating: 0, count: 256)
    let length = unsafe readlink("\(path)/lock.mdb", &target, target.count)
    for name in ["data.mdb", "lock.mdb"] { unsafe unlink("\(path)/\(name)") }
    guard length > 0 else { return }
    let file = String(decoding: target.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard let slash = file.lastIndex(of: "/") else { return }
    let folder = String(file[..<slash])
    for name in ["lock.mdb", "of"] { unsafe unlink("\(folder)/\(name)") }
    unsafe rmdir(folder)
  }

  private final class Outcome: @unchecked Sendable {
    var life: Life?
  }
}
