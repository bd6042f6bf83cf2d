// The loop's global actor with an executor that only queues: the machine says when its jobs run.

/// Stands in for the program's own loop, with the same face.
@globalActor
public actor EventLoop {
  public static let shared = EventLoop()
  public static let executor = LoopExecutor()

  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe Self.executor.asUnownedSerialExecutor() }

  private init() {}
}

extension EventLoop {
  /// Runs `main` as a job of the loop and returns after it.
  public static func run(_ main: @escaping @EventLoop @Sendable () -> Void) {
    _ = executor.runNow { Task(executorPreference: executor) { @EventLoop in main() } }
  }

  @EventLoop
  @discardableResult
  public static func spawn(_ body: @escaping @EventLoop () async -> Void) -> Task<Void, Never> {
    executor.runNow { Task(executorPreference: executor, operation: body) }
  }

  @discardableResult
  public nonisolated static func submit(_ body: @escaping @EventLoop @Sendable () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: executor, operation: body)
  }
}

/// A queue of jobs.
@safe
public final class LoopExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
  private var ready: [UnownedJob] = []
  private var running: [UnownedJob] = []

  public var hasJobs: Bool { !ready.isEmpty }

  public func enqueue(_ job: consuming ExecutorJob) { ready.append(UnownedJob(job)) }

  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

  public func isSameExclusiveContext(other: LoopExecutor) -> Bool { self === other }

  public func checkIsolated() {}

  public func isIsolatingCurrentContext() -> Bool? { true }

  /// Runs what waits now; what that enqueues waits for the next time.
  func drain() {
    swap(&ready, &running)
    for job in running { run(job) }
    running.removeAll(keepingCapacity: true)
  }

  fileprivate func runNow(_ create: () -> Task<Void, Never>) -> Task<Void, Never> {
    let task = create()
    run(ready.removeLast())
    return task
  }

  private func run(_ job: UnownedJob) {
    unsafe job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
  }
}
