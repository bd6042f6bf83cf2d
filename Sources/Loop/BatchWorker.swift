// A thread that takes everything that waits at once: so many writes share one commit.

internal import CSystem
import Glibc

/// One named OS thread that consumes items in batches: each time all that came in while it was busy (group commit).
///
/// The thread starts with the first item and ends with `finish` or with this object, never before all items are
/// consumed; it blocks all signals but those that a fault raises.
public final class BatchWorker<Item: Sendable>: Sendable {
  private let inbox: Inbox<Item>

  /// `consume` is called on the thread, with at least one item, in the order of `submit`.
  ///
  /// - Parameter yields: whether it works in the time that the other threads leave (`nice(2)`).
  public init(name: String, yields: Bool = false, _ consume: @escaping @Sendable ([Item]) -> Void) {
    inbox = Inbox(name: name, yields: yields, consume)
  }

  /// Adds an item, from any thread; wakes the thread when it sleeps.
  public func submit(_ item: Item) { inbox.submit(item) }

  /// Waits until all that was submitted before is consumed, and ends the thread. An item submitted later starts a new
  /// one, so that nothing that somebody awaits is ever lost.
  public nonisolated(nonsending) func finish() async {
    unsafe await withUnsafeContinuation { continuation in unsafe inbox.finish(continuation) }
  }

  deinit { unsafe inbox.finish(nil) }
}

/// The queue between the threads, and the thread's own life.
///
/// `@unchecked Sendable`: every `var` is touched with `mutex` locked only. A condition variable needs a pthread mutex;
/// `Synchronization.Mutex` has none to wait on.
@safe
private final class Inbox<Item: Sendable>: @unchecked Sendable {
  private enum Thread { case none, working, sleeping }

  private let name: String
  private let yields: Bool
  private let consume: @Sendable ([Item]) -> Void
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let arrival: UnsafeMutablePointer<pthread_cond_t>

  private var waiting: [Item] = []
  private var thread = Thread.none
  private var isEnding = false
  private var finishers: [UnsafeContinuation<Void, Never>] = unsafe []

  init(name: String, yields: Bool, _ consume: @escaping @Sendable ([Item]) -> Void) {
    self.name = name
    self.yields = yields
    self.consume = consume
    unsafe mutex = .allocate(capacity: 1)
    unsafe arrival = .allocate(capacity: 1)
    // Neither fails with default attributes on Linux.
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(arrival, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(arrival)
    unsafe pthread_mutex_destroy(mutex)
    unsafe arrival.deallocate()
    unsafe mutex.deallocate()
  }

  func submit(_ item: Item) {
    unsafe pthread_mutex_lock(mutex)
    waiting.append(item)
    let wasSleeping = thread == .sleeping
    if thread == .none { start() }
    unsafe pthread_mutex_unlock(mutex)
    // Outside, so that the woken thread finds the mutex free.
    if wasSleeping { unsafe pthread_cond_signal(arrival) }
  }

  /// Lets the thread end when nothing waits any longer, and then resumes `finisher`.
  func finish(_ finisher: UnsafeContinuation<Void, Never>?) {
    unsafe pthread_mutex_lock(mutex)
    let isOver = thread == .none
    if !isOver {
      isEnding = true
      if let finisher = unsafe finisher { unsafe finishers.append(finisher) }
      if thread == .sleeping { unsafe pthread_cond_signal(arrival) }
    }
    unsafe pthread_mutex_unlock(mutex)
    if isOver { unsafe finisher?.resume() }
  }

  /// Starts the thread, detached, with all signals blocked from its first instruction on.
  private func start() {
    thread = .working
    var blocked = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&blocked)
    // A fault's own signal must reach the fault's thread.
    for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { unsafe sigdelset(&blocked, fault) }
    unsafe pthread_sigmask(SIG_SETMASK, &blocked, &before)
    var id = pthread_t()
    let context = unsafe Unmanaged.passRetained(Life(run)).toOpaque()
    let status = unsafe pthread_create(
      &id, nil,
      { context in
        guard let context = unsafe context else { return nil }
        unsafe Unmanaged<Life>.fromOpaque(context).takeRetainedValue().body()
        return nil
      }, context)
    unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
    guard status == 0 else { fatalError("\(LoopError(code: status, operation: "start the thread \(name)"))") }
    unsafe larder_name_thread(id, String(decoding: name.utf8.prefix(15), as: UTF8.self))
    pthread_detach(id)
  }

  private func run() {
    // On Linux of this thread alone.
    if yields { _ = nice(10) }
    var batch: [Item] = []
    unsafe pthread_mutex_lock(mutex)
    while !waiting.isEmpty || !isEnding {
      if waiting.isEmpty {
        thread = .sleeping
        unsafe pthread_cond_wait(arrival, mutex)
        thread = .working
      } else {
        swap(&waiting, &batch)
        unsafe pthread_mutex_unlock(mutex)
        consume(batch)
        batch.removeAll(keepingCapacity: true)
        unsafe pthread_mutex_lock(mutex)
      }
    }
    thread = .none
    isEnding = false
    var finished = unsafe finishers
    unsafe finishers = []
    unsafe pthread_mutex_unlock(mutex)
    while let finisher = unsafe finished.popLast() { unsafe finisher.resume() }
  }
}

/// What a new thread runs: a class, so that it fits the one pointer of `pthread_create`.
private final class Life {
  let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
}
