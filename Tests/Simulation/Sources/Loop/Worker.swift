// Threads that are none: queues whose next job or batch runs when the machine gives them their turn.

/// Stands in for the program's own thread, with the same face.
public final class Worker: Sendable {
  private let jobs: Queue<@Sendable () -> Void>

  /// The one that inspects sleeps between two looks, while everything else goes on.
  public init(name: String, yields: Bool = false) {
    jobs = Queue(name: name, inBatches: false, onFiber: name == "verify") { $0[0]() }
  }

  public func post(_ job: @escaping @Sendable () -> Void) { jobs.submit(job) }

  public nonisolated(nonsending) func run<T: Sendable, E: Error>(
    _ job: @escaping @Sendable () throws(E) -> T
  ) async throws(E) -> T {
    let result: Result<T, E> = unsafe await withUnsafeContinuation { continuation in
      jobs.submit { unsafe continuation.resume(returning: Result(catching: job)) }
    }
    return try result.get()
  }

  public nonisolated(nonsending) func stop() async { await jobs.finish() }
}

/// Stands in for the program's own thread that takes everything that waits at once, with the same face.
public final class BatchWorker<Item: Sendable>: Sendable {
  private let items: Queue<Item>

  public init(name: String, _ consume: @escaping @Sendable ([Item]) -> Void) {
    items = Queue(name: name, inBatches: true, consume)
  }

  public func submit(_ item: Item) { items.submit(item) }

  public nonisolated(nonsending) func finish() async { await items.finish() }
}

@safe
private final class Queue<Item: Sendable>: Party, @unchecked Sendable {
  private let name: String
  private let inBatches: Bool
  private let isOnFiber: Bool
  private var fiber: Fiber?
  private let consume: @Sendable ([Item]) -> Void
  private var waiting: [Item] = []
  private var finishers: [UnsafeContinuation<Void, Never>] = unsafe []
  var readyAt: UInt64 = 0
  var place = 0
  var isAwake = false
  /// Some live longer than a world.
  private weak var joined: Machine?

  private func join() -> Machine {
    let machine = unsafe Machine.current
    if joined !== machine {
      joined = machine
      readyAt = 0
      waiting = []
      machine.join(self)
    }
    return machine
  }

  init(
    name: String, inBatches: Bool, onFiber isOnFiber: Bool = false, _ consume: @escaping @Sendable ([Item]) -> Void
  ) {
    self.name = name
    self.inBatches = inBatches
    self.isOnFiber = isOnFiber
    self.consume = consume
  }

  var waits: Bool { unsafe fiber?.isAsleep ?? false || !waiting.isEmpty || !finishers.isEmpty }

  func submit(_ item: Item) {
    let machine = join()
    if waiting.isEmpty { readyAt = max(readyAt, machine.now) + machine.delay(name) }
    waiting.append(item)
    machine.wake(self)
  }

  nonisolated(nonsending) func finish() async {
    let machine = join()
    unsafe await withUnsafeContinuation { continuation in
      unsafe finishers.append(continuation)
      machine.wake(self)
    }
  }

  func turn() {
    if let fiber, fiber.isAsleep { return fiber.goOn() }
    if waiting.isEmpty {
      let told = unsafe finishers
      unsafe finishers = []
      var index = 0
      while unsafe index < told.count {
        unsafe told[index].resume()
        index += 1
      }
      return
    }
    let machine = unsafe Machine.current
    if inBatches {
      let batch = waiting
      waiting = []
      consume(batch)
    } else {
      let first = waiting.removeFirst()
      if isOnFiber {
        let one = fiber ?? Fiber()
        fiber = one
        one.run { [consume] in consume([first]) }
        if one.isAsleep { return }
      } else {
        consume([first])
      }
      if !waiting.isEmpty { readyAt = max(readyAt, machine.now) + machine.delay(name) }
    }
  }
}
