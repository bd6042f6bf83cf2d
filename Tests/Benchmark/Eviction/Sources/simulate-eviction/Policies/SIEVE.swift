// SIEVE (Zhang and others, NSDI 2024): a queue in which a hit moves nothing, and a hand that goes from old to new.

/// Gives up the first that was not wanted since the hand last passed it.
struct SIEVE: Policy {
  private let capacity: Int
  private var queue: Queue
  private var wasWanted: [Bool]
  /// Where the search goes on; `none` for the oldest.
  private var hand = Links.none

  init(capacity: Int, objects: Int) {
    self.capacity = capacity
    queue = Queue(objects: objects)
    wasWanted = Array(repeating: false, count: objects)
  }

  mutating func want(_ event: Event) -> Bool {
    if queue.contains(event.object) {
      wasWanted[Int(event.object)] = true
      return true
    }
    guard event.bytes <= capacity else { return false }
    while queue.bytes + event.bytes > capacity { evict() }
    queue.append(event.object, bytes: event.bytes)
    return false
  }

  private mutating func evict() {
    var victim = hand == Links.none ? queue.oldest : hand
    while wasWanted[Int(victim)] {
      wasWanted[Int(victim)] = false
      victim = queue.newer(than: victim)
      if victim == Links.none { victim = queue.oldest }
    }
    hand = queue.newer(than: victim)
    queue.remove(victim)
  }
}
