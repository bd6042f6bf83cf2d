// What happens to a box, one event after the other. A trace from a file and a model's years look the same from here on.

/// One thing that a user does.
struct Event {
  enum Kind: UInt8 {
    /// Wants to watch a title: plays it, and asks the box for it first when they do not have it.
    case want
    /// Deletes their download of it.
    case drop
  }

  /// In milliseconds; later in each event than in the one before.
  var moment: Int64
  var bytes: Int
  var object: Int32
  var user: Int32
  /// Which event of the trace wants the object next; `never` when none does. Only the clairvoyant look.
  var next = Event.never
  var kind: Kind

  static let never = Int32.max
}

/// Events in the order of time, and how many objects and users they speak of: each is a number from 0 on.
struct Trace {
  private(set) var events: [Event] = []
  private(set) var objectCount = 0
  private(set) var userCount = 0

  /// At a second of its own making: two events at the same moment would be ordered by chance.
  mutating func append(
    _ kind: Event.Kind, _ object: Int, bytes: Int, user: Int = 0, atMilliseconds moment: Int64
  ) {
    let last = events.last?.moment ?? 0
    events.append(
      Event(
        moment: max(moment, last + 1), bytes: bytes, object: Int32(object), user: Int32(user), kind: kind))
    objectCount = max(objectCount, object + 1)
    userCount = max(userCount, user + 1)
  }

  mutating func reserve(_ count: Int) { events.reserveCapacity(count) }

  /// Tells each event when its object is wanted next.
  mutating func lookAhead() {
    precondition(events.count < Int(Event.never), "a trace has fewer than 2^31 events")
    var next = [Int32](repeating: Event.never, count: objectCount)
    for index in events.indices.reversed() {
      let object = Int(events[index].object)
      events[index].next = next[object]
      if events[index].kind == .want { next[object] = Int32(index) }
    }
  }

  /// Bytes of all objects, each once: what a box would hold that never has to give up anything.
  func footprint() -> Int {
    var seen = [Bool](repeating: false, count: objectCount)
    var bytes = 0
    for event in events where event.kind == .want && !seen[Int(event.object)] {
      seen[Int(event.object)] = true
      bytes += event.bytes
    }
    return bytes
  }

  /// The same with MiB for bytes: the real ledger keeps a checksum for each block, and a whole film has 16,000 of them.
  func inMebibytes() -> Trace {
    var small = self
    for index in events.indices { small.events[index].bytes = (events[index].bytes + (1 << 20) - 1) >> 20 }
    return small
  }
}

/// What came of a trace.
struct Score: Equatable {
  var wants = 0
  var hits = 0
  var bytes = 0
  var hitBytes = 0

  var hitRatio: Double { wants == 0 ? 0 : Double(hits) / Double(wants) }
  var byteHitRatio: Double { bytes == 0 ? 0 : Double(hitBytes) / Double(bytes) }

  mutating func count(_ event: Event, isHit: Bool) {
    wants += 1
    bytes += event.bytes
    if isHit {
      hits += 1
      hitBytes += event.bytes
    }
  }
}

extension Policy {
  /// Lives through the trace.
  consuming func score(on trace: Trace) -> Score {
    var policy = self
    var score = Score()
    for event in trace.events {
      switch event.kind {
      case .want: score.count(event, isHit: policy.want(event))
      case .drop: policy.drop(event)
      }
    }
    return score
  }
}
