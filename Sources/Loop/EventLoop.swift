// The one loop thread as a global actor, and the executor that runs it on libuv.
//
// Everything isolated to `@EventLoop` runs on the thread that called `EventLoop.run`, one job at a time. The compiler
// keeps other threads out; the executor below is the only place that has to be believed instead of proved.

internal import CLibuv
import Glibc
import Synchronization

/// The loop thread: code marked `@EventLoop` runs on it, between two waits of libuv, and never beside other such code.
///
/// The loop itself runs as one job of this actor. A libuv callback is therefore already isolated as far as the Swift
/// runtime can tell: tasks start in place, deinits run in place, and the check that the compiler puts at the start of an
/// isolated C callback (SE-0423) is a comparison of pointers. So a C function may be given an isolated closure.
@globalActor
public actor EventLoop {
  public static let shared = EventLoop()

  /// Runs jobs on the loop thread, as the executor of this actor and as the preference of tasks.
  ///
  /// Give it to `Task(executorPreference:)` when starting a task that lives on the loop: without the preference each
  /// resumption passes through the generic executor, which costs two thread switches.
  public static let executor = LoopExecutor()

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe Self.executor.asUnownedSerialExecutor()
  }

  private init() {}
}

extension EventLoop {
  /// Runs the loop on the calling thread until `main` returns, and returns its value.
  ///
  /// Nothing else ends the loop. What still waits when `main` has returned is left where it is; a later `run`, from
  /// any thread, goes on with it. A second `run` at the same time is a fault of the program.
  public static func run<T: Sendable>(_ main: @escaping @EventLoop @Sendable () async -> T) -> T {
    let outcome = Outcome<T>()
    executor.run {
      spawn {
        let value = await main()
        outcome.value.withLock { $0 = value }
        executor.stop()
      }
    }
    guard let value = outcome.value.withLock({ $0 }) else {
      fatalError("the loop ended before its main function returned")
    }
    return value
  }

  /// Runs the loop on a thread of its own until the process ends: for tests, whose threads belong to somebody else.
  ///
  /// Only the first call does anything. `run` must not be called in such a process.
  public nonisolated static func runInBackground() { _ = background }

  private static let background: Worker = {
    let worker = Worker(name: "loop")
    worker.post {
      run { unsafe await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
    }
    return worker
  }()

  /// Starts a task on the loop at once: it has run up to its first suspension when this returns.
  @EventLoop
  @discardableResult
  public static func spawn(_ body: @escaping @EventLoop () async -> Void) -> Task<Void, Never> {
    executor.runNow { Task(executorPreference: executor, operation: body) }
  }

  /// Starts a task on the loop from any thread; it runs when the loop comes to it.
  @discardableResult
  public nonisolated static func submit(_ body: @escaping @EventLoop @Sendable () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: executor, operation: body)
  }

  /// Makes writing to a closed pipe or socket an error (`EPIPE`) instead of a signal that ends the process.
  ///
  /// `sendfile(2)` knows no `MSG_NOSIGNAL`, so this must be called before the first `Socket.sendFile`.
  public nonisolated static func ignoreBrokenPipes() {
    _ = signal(SIGPIPE, SIG_IGN)
  }
}

/// Where `EventLoop.run` finds what its main function returned.
private final class Outcome<T: Sendable>: Sendable {
  let value = Mutex<T?>(nil)
}

/// Runs jobs on the loop thread: between libuv's timers and its wait for events, and again right after that wait.
///
/// A job enqueued on the loop thread costs an append. One from another thread takes a short lock, and wakes the loop
/// (`uv_async_send`) only when nothing else from outside waits already.
///
/// `@unchecked Sendable`: `foreign` is locked and `thread` atomic; all else is touched on the loop thread only.
@safe
public final class LoopExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
  let loop: UnsafeMutablePointer<uv_loop_t>
  private let wake: UnsafeMutablePointer<uv_async_t>
  private let prepare: UnsafeMutablePointer<uv_prepare_t>
  private let check: UnsafeMutablePointer<uv_check_t>
  private let idle: UnsafeMutablePointer<uv_idle_t>

  /// The thread inside `run`, 0 when there is none.
  private let thread = Atomic<UInt>(0)
  /// Jobs from other threads, until the loop takes them.
  private let foreign = Mutex<[UnownedJob]>([])
  /// Whether `foreign` may hold something: set by the wake-up, so that an idle turn takes no lock.
  private var foreignWaits = true
  private var ready: [UnownedJob] = []
  private var running: [UnownedJob] = []

  /// How often one drain comes back for what its own jobs enqueued, before descriptors get their turn.
  private static let rounds = 16

  fileprivate init() {
    unsafe loop = .allocate(capacity: 1)
    unsafe wake = .allocate(capacity: 1)
    unsafe prepare = .allocate(capacity: 1)
    unsafe check = .allocate(capacity: 1)
    unsafe idle = .allocate(capacity: 1)
    let opened = unsafe uv_loop_init(loop)
    guard opened == 0 else { fatalError("\(LoopError(code: opened, operation: "create the event loop"))") }
    let woken = unsafe uv_async_init(loop, wake) { _ in EventLoop.executor.foreignWaits = true }
    guard woken == 0 else { fatalError("\(LoopError(code: woken, operation: "create the loop's wake-up"))") }
    // These three cannot fail.
    unsafe uv_prepare_init(loop, prepare)
    unsafe uv_check_init(loop, check)
    unsafe uv_idle_init(loop, idle)
  }

  /// Whether the caller is on the loop thread.
  public var isCurrent: Bool { pthread_self() == thread.load(ordering: .relaxed) }

  // MARK: Executor

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isCurrent {
      // The next drain comes before the loop can wait.
      ready.append(job)
    } else {
      let isFirst = foreign.withLock { jobs in
        jobs.append(job)
        return jobs.count == 1
      }
      if isFirst { unsafe uv_async_send(wake) }
    }
  }

  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

  public func isSameExclusiveContext(other: LoopExecutor) -> Bool { self === other }

  public func checkIsolated() { precondition(isCurrent, "called off the loop thread") }

  public func isIsolatingCurrentContext() -> Bool? { isCurrent }

  // MARK: Running

  /// Runs the loop on this thread until `stop`, beginning with `first`.
  fileprivate func run(_ first: @escaping @EventLoop @Sendable () -> Void) {
    let (isAlone, _) = thread.compareExchange(expected: 0, desired: pthread_self(), ordering: .sequentiallyConsistent)
    precondition(isAlone, "the loop runs already")
    defer { thread.store(0, ordering: .sequentiallyConsistent) }
    foreignWaits = true
    unsafe uv_prepare_start(prepare) { _ in EventLoop.executor.drain() }
    unsafe uv_check_start(check) { _ in EventLoop.executor.drain() }
    // The loop is a job itself, so that the runtime knows the isolation of all that libuv calls back.
    _ = runNow {
      Task(executorPreference: self) { @EventLoop in
        first()
        EventLoop.executor.turn()
      }
    }
  }

  private func turn() { _ = unsafe uv_run(loop, UV_RUN_DEFAULT) }

  @EventLoop
  fileprivate func stop() { unsafe uv_stop(loop) }

  /// Runs what waits, and what that enqueues in turn, but leaves the descriptors their share.
  private func drain() {
    for _ in 0..<Self.rounds {
      if foreignWaits {
        foreignWaits = false
        foreign.withLock { jobs in
          ready.append(contentsOf: jobs)
          jobs.removeAll(keepingCapacity: true)
        }
      }
      if ready.isEmpty { break }
      swap(&ready, &running)
      for job in running { run(job) }
      running.removeAll(keepingCapacity: true)
    }
    // An active idle handle keeps libuv from waiting in its poll.
    if ready.isEmpty {
      unsafe uv_idle_stop(idle)
    } else {
      unsafe uv_idle_start(idle) { _ in }
    }
  }

  /// Runs the task that `create` creates up to its first suspension.
  ///
  /// `Task.immediate` would not do: it knows no task executor while it runs the task, so that the task changes over to
  /// its preferred one at once, which is a trip through the queue.
  fileprivate func runNow(_ create: () -> Task<Void, Never>) -> Task<Void, Never> {
    let task = create()
    // Creating it has enqueued it, last of all.
    run(ready.removeLast())
    return task
  }

  /// Runs one job as one of the actor's, also when it asked for the task executor only: on this thread both are the
  /// same, and a task that resumes here needs no second hop to its actor.
  private func run(_ job: UnownedJob) {
    unsafe job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
  }
}
