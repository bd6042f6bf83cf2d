// A thread of the program that sleeps in the middle of what it does. It is a real one, and runs only while the machine's
// own thread waits for it: there are two stacks, and still one thing happens at a time.

import Glibc

/// Runs jobs that may stop half-way and go on later.
final class Fiber: @unchecked Sendable {
  /// The one that runs now.
  nonisolated(unsafe) static private(set) var current: Fiber?

  private let shared = Shared()
  /// Whether it stopped half-way.
  private(set) var isAsleep = false

  /// What the thread keeps longer than the fiber lives.
  private final class Shared: @unchecked Sendable {
    /// Of the fiber, and of whoever lets it run.
    let turn = Semaphore()
    let back = Semaphore()
    var job: (() -> Void)?

    func work() {
      while true {
        turn.wait()
        guard let job else { return }
        job()
        self.job = nil
        back.post()
      }
    }
  }

  init() {
    var thread = pthread_t()
    let code = unsafe pthread_create(
      &thread, nil,
      { pointer in
        unsafe Unmanaged<Shared>.fromOpaque(pointer!).takeRetainedValue().work()
        return nil
      }, Unmanaged.passRetained(shared).toOpaque())
    precondition(code == 0, "no thread can be made")
    pthread_detach(thread)
  }

  /// Nothing of it may be half-way.
  deinit { shared.turn.post() }

  /// Does the job as far as it goes.
  func run(_ job: @escaping () -> Void) {
    shared.job = job
    goOn()
  }

  /// Returns when it sleeps, or has ended.
  func goOn() {
    isAsleep = false
    unsafe Self.current = self
    shared.turn.post()
    shared.back.wait()
    unsafe Self.current = nil
  }

  /// Within a job: gives the turn back, and returns when it has it again.
  func sleep() {
    isAsleep = true
    shared.back.post()
    shared.turn.wait()
  }
}

/// `sem_t` of one process.
@safe
private final class Semaphore: @unchecked Sendable {
  private let raw = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  init() { unsafe sem_init(raw, 0, 0) }

  deinit {
    unsafe sem_destroy(raw)
    unsafe raw.deallocate()
  }

  func wait() { while unsafe sem_wait(raw) < 0 {} }

  func post() { unsafe sem_post(raw) }
}
