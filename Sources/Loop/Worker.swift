// Threads for what blocks: disk, commits. Work goes in from any thread and comes back to whoever awaits it.

/// One named OS thread that does jobs in the order in which they were posted.
///
/// The thread starts with the first job and ends with `stop` or with this object; it blocks all signals.
public final class Worker: Sendable {
  private let jobs: BatchWorker<@Sendable () -> Void>

  /// The name is for debuggers and `ps -L`; Linux keeps 15 bytes of it.
  ///
  /// - Parameter yields: whether its jobs are done in the time that the others leave (`nice(2)`).
  public init(name: String, yields: Bool = false) {
    jobs = BatchWorker(name: name, yields: yields) { jobs in
      for job in jobs { job() }
    }
  }

  /// Adds a job, from any thread, without waiting for it.
  public func post(_ job: @escaping @Sendable () -> Void) { jobs.submit(job) }

  /// Does `job` on the thread and returns what it returned; the caller's task is suspended meanwhile.
  ///
  /// A job that has been posted is done: cancelling the task does not take it back.
  public nonisolated(nonsending) func run<T: Sendable, E: Error>(
    _ job: @escaping @Sendable () throws(E) -> T
  ) async throws(E) -> T {
    let result: Result<T, E> = unsafe await withUnsafeContinuation { continuation in
      jobs.submit {
        unsafe continuation.resume(returning: Result(catching: job))
      }
    }
    return try result.get()
  }

  /// Waits until all that was posted before is done, and ends the thread. A job posted later starts a new one.
  public nonisolated(nonsending) func stop() async { await jobs.finish() }
}
