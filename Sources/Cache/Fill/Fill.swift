// Bringing an object in, as a value: it is told what happened and says what to do next. It knows no transfer, no disk
// and no clock; the moments come with the events, so that a simulation can live through years of it.

/// How one ranged request ended.
public enum FetchOutcome: Sendable, Hashable {
  /// Every byte that was asked for arrived.
  case delivered
  /// The origin could not be reached, or the connection broke.
  case unreachable(String)
  /// The origin is in trouble, asks for patience (milliseconds), or answered what cannot be right.
  case troubled(String, retryAfter: Int64?)
  /// The origin holds another version now.
  case changed
  /// A positive answer: there is no such object.
  case missing
  /// A positive answer: we may not.
  case denied(String)
  /// Dropped by ourselves; nobody's fault.
  case abandoned
}

/// The state of one fill.
public struct Fill: Sendable {
  /// What to do now.
  public enum Step: Sendable, Hashable {
    /// Ask the origin for these blocks.
    case fetch(ChunkSpan)
    /// Give this request up: somebody waits for something else. Its `ended` is owed as ever.
    case drop(ChunkSpan)
    /// Nothing before this moment.
    case waitUntil(Timestamp)
    /// Nothing before something that is under way has ended.
    case wait
    /// Every block is durable: compare the whole with the origin's digest.
    case compare
    /// The origin has a new version: ask for it and begin again.
    case renew
    /// It is over, for a reason that will not mend by waiting.
    case fail(Trouble.Code, String)
  }

  private enum Phase: Sendable, Hashable {
    case fetching
    case changed
    case failed(Trouble.Code, String)
  }

  /// A request under way.
  private struct Flight: Sendable {
    let span: ChunkSpan
    /// How many of its blocks have come.
    var arrived = 0
    var isDropped = false

    /// What is still to come of it.
    var coming: Range<Int> { span.blocks.lowerBound + arrived..<span.blocks.upperBound }
  }

  public let object: ObjectID
  public let connections: Int
  public let retry: RetryPolicy
  /// What the user may be told while it does not go on; nil when it does.
  public private(set) var trouble: Trouble?
  public var inFlight: Int { flights.count }
  /// What those who play it want; it goes before everything else.
  public var demand = Demand()

  private var flights: [Flight] = []
  private var plan: ChunkPlan
  private var pace = RequestPace()
  private var stored: BlockMap
  private var phase = Phase.fetching
  private var attempts = 0
  /// Times in a row that the disk did not keep what came.
  private var losses = 0
  private var resumeAt: Timestamp?
  private var random: SplitMix64

  /// - Parameters:
  ///   - present: the blocks that the ledger has.
  ///   - starts: bytes that there are of blocks that are not whole.
  ///   - seed: for the jitter.
  public init(
    of object: StoredObject, present: BlockMap, starts: [Int: Int] = [:], chunkSize: Int, connections: Int,
    retry: RetryPolicy, seed: UInt64
  ) {
    precondition(connections > 0)
    self.object = object.id
    self.connections = connections
    self.retry = retry
    self.plan = ChunkPlan(object: object, present: present, starts: starts, chunkSize: chunkSize)
    self.stored = present
    self.random = SplitMix64(seed: seed)
  }

  /// The next step at this moment. `.fetch` claims its blocks: the caller owes an `ended` for each.
  public mutating func next(at now: Timestamp) -> Step {
    switch phase {
    case .failed(let code, let message): return inFlight > 0 ? .wait : .fail(code, message)
    case .changed: return inFlight > 0 ? .wait : .renew
    case .fetching: break
    }
    if stored.isFull { return inFlight > 0 ? .wait : .compare }
    if let resumeAt {
      guard resumeAt <= now else { return .waitUntil(resumeAt) }
      self.resumeAt = nil
    }
    // After trouble one request goes ahead and finds out; the others follow when it brought something.
    // After a loss that brings the least there is, until the disk has kept it: what is fetched for nothing is paid for.
    let isProbing = attempts > 0 || losses > 0
    if !isProbing, let flight = flights.firstIndex(where: isInTheWay) {
      flights[flight].isDropped = true
      return .drop(flights[flight].span)
    }
    guard inFlight < (isProbing ? 1 : connections), let span = claim(bytes: losses > 0 ? 1 : pace.bytes) else {
      return .wait
    }
    flights.append(Flight(span: span))
    return .fetch(span)
  }

  // MARK: What goes first

  /// Claims what is wanted most: what somebody waits for, what those who play will want, then the rest in order.
  private mutating func claim(bytes: Int) -> ChunkSpan? {
    for block in demand.awaited {
      if let span = plan.claim(in: block..<block + 1, bytes: bytes) { return span }
    }
    // As long as somebody plays and lacks nothing, one connection rests: it is there at once for whoever seeks.
    if demand.awaited.isEmpty, !demand.isEmpty, connections > 1, inFlight == connections - 1 { return nil }
    for blocks in demand.ahead {
      if let span = plan.claim(in: blocks, bytes: bytes) { return span }
    }
    return plan.claim(bytes: bytes)
  }

  /// Whether a request has to go for what somebody waits for: because it brings that block only after much else, or
  /// because it takes the last connection and nobody who plays wants what it brings.
  private func isInTheWay(_ flight: Flight) -> Bool {
    guard !flight.isDropped else { return false }
    if demand.awaited.contains(where: { flight.coming.contains($0) && isFar($0, in: flight) }) { return true }
    guard inFlight == connections, !flights.contains(where: \.isDropped), !demand.wants(flight.coming) else {
      return false
    }
    return demand.awaited.contains { !plan.claimed.contains($0) }
  }

  /// Whether a block will not have come after a wait like that for a request of its own.
  private func isFar(_ block: Int, in flight: Flight) -> Bool {
    pace.isLong((block - flight.coming.lowerBound) * plan.blockSize)
  }

  // MARK: What happened

  /// A block of this request arrived whole: the way is open again.
  public mutating func received(_ block: Int, of span: ChunkSpan) {
    if let flight = flights.firstIndex(where: { $0.span == span }) {
      flights[flight].arrived = block + 1 - span.blocks.lowerBound
    }
    progressed()
  }

  /// The way to the origin is open again.
  ///
  /// A wait that another request brought about is still kept: the origin may be refusing that one because of this one.
  private mutating func progressed() {
    attempts = 0
    // That bytes come does not mend a disk that loses them.
    if losses == 0 { trouble = nil }
  }

  /// How a request went that brought bytes: its wait for the first and its whole time, in seconds.
  public mutating func measured(wait: Double, bytes: Int, duration: Double) {
    pace.learn(wait: wait, bytes: bytes, duration: duration)
  }

  /// Whether every block is durable, so that nothing is to be asked of the origin.
  public var isWhole: Bool { stored.isFull }

  /// How many blocks are durable from the first on.
  public var prefix: Int { stored.firstMissing() ?? stored.count }

  /// Whether there is nothing to do before a later moment.
  public func isResting(at now: Timestamp) -> Bool { resumeAt.map { $0 > now } ?? false }

  /// Whatever was in the way may be gone (new credentials, another origin): no need to wait any longer.
  public mutating func hurry() { resumeAt = nil }

  /// A request ended.
  ///
  /// - Parameters:
  ///   - arrived: how many of its first blocks were received whole and handed to the disk.
  ///   - start: bytes of the block behind those that were received and kept.
  public mutating func ended(
    _ span: ChunkSpan, arrived: Int, start: Int = 0, _ outcome: FetchOutcome, at now: Timestamp
  ) {
    guard let flight = flights.firstIndex(where: { $0.span == span }), (0...span.blocks.count).contains(arrived) else {
      preconditionFailure("the end of a request that was not made")
    }
    flights.remove(at: flight)
    plan.release(span.blocks.lowerBound + arrived..<span.blocks.upperBound, start: start)
    switch outcome {
    case .delivered: progressed()
    case .abandoned: break
    case .unreachable(let why): pause(.originUnreachable, why, asked: nil, at: now)
    case .troubled(let why, let asked): pause(.originError, why, asked: asked, at: now)
    case .changed: phase = .changed
    case .missing: phase = .failed(.contentNotFound, "the origin no longer has this title")
    case .denied(let why): phase = .failed(.accessDenied, why)
    }
  }

  /// The ledger has these blocks now.
  public mutating func stored(_ blocks: some Sequence<Int>) {
    for block in blocks { stored.insert(block) }
    guard losses > 0 else { return }
    losses = 0
    if trouble?.code == .storageError { trouble = nil }
  }

  /// The disk could not keep these blocks: they are fetched again.
  public mutating func lost(_ blocks: some Sequence<Int>, because why: String, at now: Timestamp) {
    for block in blocks { plan.release(block..<block + 1) }
    // Blocks that were under way together are lost together: that is one loss.
    guard resumeAt.map({ $0 <= now }) ?? true else {
      losses = max(losses, 1)
      return
    }
    resumeAt = now.adding(milliseconds: retry.wait(attempt: losses, asked: nil, using: &random))
    losses += 1
    trouble = Trouble(.storageError, why, nextAttempt: resumeAt)
  }

  /// Several requests of one fill fail together: that is one trouble, not several.
  private mutating func pause(_ code: Trouble.Code, _ why: String, asked: Int64?, at now: Timestamp) {
    if let resumeAt, resumeAt > now {
      guard let asked else { return }
      self.resumeAt = max(resumeAt, now.adding(milliseconds: min(asked, 3_600_000)))
    } else {
      resumeAt = now.adding(milliseconds: retry.wait(attempt: attempts, asked: asked, using: &random))
      attempts += 1
    }
    trouble = Trouble(code, why, nextAttempt: resumeAt)
  }
}

/// A small, fast, seedable generator (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
