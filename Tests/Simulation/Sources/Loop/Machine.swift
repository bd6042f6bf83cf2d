// The pretend machine: one thread that plays them all. Which of the things that could happen now happens next is chosen
// by the seed; when nothing can, the clock goes on to the next thing that is due.

/// Something with a queue that the machine gives its turn.
protocol Party: AnyObject {
  /// Whether anything waits in its queue.
  var waits: Bool { get }
  /// Nothing of it runs before this moment.
  var readyAt: UInt64 { get set }
  /// Its place among all, as they joined.
  var place: Int { get set }
  /// Whether the machine knows that something may wait.
  var isAwake: Bool { get set }
  /// Takes one job or batch.
  func turn()
}

/// Time, timers, the loop's jobs and the workers of one world.
@safe
public final class Machine: @unchecked Sendable {
  nonisolated(unsafe) public internal(set) static var current = Machine(seed: 0) { _ in 0 }

  /// Monotonic, in nanoseconds.
  public private(set) var now: UInt64 = 1_000_000_000
  /// Jobs, batches, timers that ran.
  public private(set) var turns = 0
  private var state: UInt64
  private var heap: [Entry] = []
  private var sequence: UInt64 = 0
  private var places = 0
  /// Those in whose queues something may wait, by place; and of these the ones that could have their turn now.
  private var awake: [any Party] = []
  private var ready: [any Party] = []
  private var running: (any Party)?
  /// How long a worker of that name takes for what it is given next, in nanoseconds.
  private let latency: (String) -> UInt64

  private struct Entry {
    let due: UInt64
    let sequence: UInt64
    let fire: () -> Void
  }

  public init(seed: UInt64, latency: @escaping (String) -> UInt64) {
    state = seed
    self.latency = latency
  }

  /// From here on everything happens on this machine.
  public func takeOver() { unsafe Self.current = self }

  /// Calls `fire` after so many nanoseconds.
  public func after(_ delay: UInt64, _ fire: @escaping () -> Void) {
    sequence += 1
    push(Entry(due: now &+ delay, sequence: sequence, fire: fire))
  }

  /// The worker that runs now sleeps: a fiber does half-way, any other after what it does.
  public func sleep(nanoseconds: UInt64) {
    guard let running else { return }
    running.readyAt = max(running.readyAt, now) + nanoseconds
    unsafe Fiber.current?.sleep()
  }

  func join(_ party: any Party) {
    party.place = places
    party.isAwake = false
    places += 1
  }

  /// Something waits in the queue of a party that joined.
  func wake(_ party: any Party) {
    guard !party.isAwake else { return }
    party.isAwake = true
    let index = awake.firstIndex { $0.place > party.place } ?? awake.endIndex
    awake.insert(party, at: index)
  }

  func delay(_ name: String) -> UInt64 { latency(name) }

  /// Lets one thing happen; false when there is nothing to wait for.
  public func step() -> Bool {
    let executor = EventLoop.executor
    while true {
      ready.removeAll(keepingCapacity: true)
      var earliest: UInt64?
      awake.removeAll { party in
        if party.waits {
          if party.readyAt <= now { ready.append(party) } else { earliest = min(earliest ?? .max, party.readyAt) }
          return false
        }
        party.isAwake = false
        return true
      }
      let hasJobs = executor.hasJobs
      let hasTimer = heap.first.map { $0.due <= now } ?? false
      let choices = ready.count + (hasJobs ? 1 : 0) + (hasTimer ? 1 : 0)
      if choices > 0 {
        turns += 1
        let choice = choices == 1 ? 0 : Int(next() % UInt64(choices))
        if choice < ready.count {
          let party = ready[choice]
          ready.removeAll(keepingCapacity: true)
          running = party
          party.turn()
          running = nil
        } else if hasJobs, choice == ready.count {
          executor.drain()
        } else {
          pop().fire()
        }
        return true
      }
      if let due = heap.first?.due { earliest = min(earliest ?? .max, due) }
      guard let earliest else { return false }
      now = earliest
    }
  }

  private func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  // MARK: A binary heap by moment, then by order

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    (heap[a].due, heap[a].sequence) < (heap[b].due, heap[b].sequence)
  }

  private func push(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0, precedes(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private func pop() -> Entry {
    heap.swapAt(0, heap.count - 1)
    let top = heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(child, least) { least = child }
      if least == parent { return top }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
