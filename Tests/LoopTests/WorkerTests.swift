import Glibc
import Loop
import Synchronization
import Testing

private struct Failure: Error, Equatable { var number: Int }

/// A door that a thread waits at: a pipe, so that the wait is one that the kernel ends.
private struct Gate: Sendable {
  private let ends: [Int32]

  init() {
    var ends: [Int32] = [-1, -1]
    _ = unsafe pipe(&ends)
    self.ends = ends
  }

  func wait() {
    var byte: UInt8 = 0
    _ = unsafe read(ends[0], &byte, 1)
  }

  func open() { _ = unsafe write(ends[1], "x", 1) }

  func close() { for end in ends { _ = Glibc.close(end) } }
}

@Suite struct WorkerTests {
  @Test func runBringsValuesAndErrorsBack() async throws {
    let worker = Worker(name: "worker")
    try await onLoop {
      for number in 0..<100 { #expect(await worker.run { number * 2 } == number * 2) }
      let failure = await #expect(throws: Failure.self) {
        try await worker.run { () throws(Failure) -> Int in throw Failure(number: 5) }
      }
      #expect(failure == Failure(number: 5))
    }
  }

  @Test func jobsRunOnOneThreadInOrder() async throws {
    let worker = Worker(name: "worker")
    let log = Mutex<[(Int, pthread_t)]>([])
    for number in 0..<1000 { worker.post { log.withLock { $0.append((number, pthread_self())) } } }
    await worker.stop()
    let all = log.withLock { $0 }
    #expect(all.map(\.0) == Array(0..<1000))
    #expect(Set(all.map(\.1)).count == 1)
  }

  @Test func theThreadHasItsNameAndNoSignals() async throws {
    let worker = Worker(name: "a name that is too long")
    let (name, isBlocked) = await worker.run {
      var name = [UInt8](repeating: 0, count: 32)
      let file = unsafe open("/proc/thread-self/comm", O_RDONLY)
      let count = unsafe read(file, &name, name.count)
      close(file)
      var mask = sigset_t()
      unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
      let blocked = [SIGTERM, SIGHUP, SIGINT, SIGUSR1].map { unsafe sigismember(&mask, $0) }
      return (String(decoding: name.prefix(count), as: UTF8.self), blocked)
    }
    #expect(name == "a name that is \n")
    #expect(isBlocked == [1, 1, 1, 1])
  }

  @Test func whatYieldsIsNicerThanTheRest() async throws {
    @Sendable func niceness() -> Int32 { getpriority(Int32(PRIO_PROCESS.rawValue), 0) }
    let usual = await Worker(name: "a").run { niceness() }
    let yielding = await Worker(name: "b", yields: true).run { niceness() }
    #expect(yielding == min(19, usual + 10))
    #expect(await Worker(name: "c").run { niceness() } == usual, "nobody else's is changed")
  }

  @Test func aStoppedWorkerBeginsAnew() async throws {
    let worker = Worker(name: "worker")
    #expect(await worker.run { 1 } == 1)
    await worker.stop()
    await worker.stop()
    #expect(await worker.run { 2 } == 2)
  }

  @Test func aBatchHoldsAllThatWaits() async throws {
    let gate = Gate()
    let batches = Log()
    let worker = BatchWorker<Int>(name: "batches") { items in
      batches.add("\(items)")
      if items == [0] { gate.wait() }
    }
    worker.submit(0)
    // Once the first batch is being consumed, all others must wait for the gate.
    while batches.all.isEmpty { sched_yield() }
    for number in 1...50 { worker.submit(number) }
    gate.open()
    await worker.finish()
    #expect(batches.all == ["[0]", "\(Array(1...50))"])
    gate.close()
  }

  @Test func itemsFromManyThreadsAreAllConsumedInTheirOrder() async throws {
    let consumed = Mutex<[(Int, Int)]>([])
    let worker = BatchWorker<(Int, Int)>(name: "batches") { items in consumed.withLock { $0 += items } }
    await withTaskGroup { group in
      for thread in 0..<8 {
        group.addTask { for number in 0..<500 { worker.submit((thread, number)) } }
      }
    }
    await worker.finish()
    let all = consumed.withLock { $0 }
    #expect(all.count == 4000)
    for thread in 0..<8 { #expect(all.filter { $0.0 == thread }.map(\.1) == Array(0..<500)) }
  }

  @Test func whatWaitsIsConsumedAlsoWhenTheWorkerIsGone() async throws {
    let gate = Gate()
    let total = Atomic<Int>(0)
    // The thread tells through a pipe, since nobody is left to ask.
    let done = Gate()
    do {
      let worker = BatchWorker<Int>(name: "batches") { items in
        gate.wait()
        if total.add(items.reduce(0, +), ordering: .sequentiallyConsistent).newValue == 6 { done.open() }
        gate.open()
      }
      for number in 1...3 { worker.submit(number) }
    }
    gate.open()
    done.wait()
    #expect(total.load(ordering: .sequentiallyConsistent) == 6)
  }
}
