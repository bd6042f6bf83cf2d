// Where the tests of this target run. They block (on processes, sockets and deadlines),
// which a test on the shared pool of threads must not: it would hold up all others.
// So each suite stands on one of five lanes, a thread each, one test after another.

import Dispatch

/// A thread of its own for the jobs of one actor.
final class OwnThread: SerialExecutor {
  private let queue: DispatchQueue

  init(label: String) {
    queue = DispatchQueue(label: label)
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }
}

/// The lane of the suites that move many bytes.
@globalActor actor LaneA {
  static let shared = LaneA()
  private nonisolated let thread = OwnThread(label: "lane A")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }
}

/// The lane of the suites that wait for the origin to come back.
@globalActor actor LaneB {
  static let shared = LaneB()
  private nonisolated let thread = OwnThread(label: "lane B")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }
}

/// The lane of the suites that ask many small questions.
@globalActor actor LaneC {
  static let shared = LaneC()
  private nonisolated let thread = OwnThread(label: "lane C")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }
}

/// The lane of the suites whose origin is scripted.
@globalActor actor LaneD {
  static let shared = LaneD()
  private nonisolated let thread = OwnThread(label: "lane D")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }
}

/// The lane of the suites whose disk fails or whose box dies, and of those that make a crowd.
@globalActor actor LaneE {
  static let shared = LaneE()
  private nonisolated let thread = OwnThread(label: "lane E")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }
}
