// First in, first out.

/// Gives up what came longest ago, however often it was wanted since.
struct FIFO: Policy {
  private let capacity: Int
  private var queue: Queue

  init(capacity: Int, objects: Int) {
    self.capacity = capacity
    queue = Queue(objects: objects)
  }

  mutating func want(_ event: Event) -> Bool {
    if queue.contains(event.object) { return true }
    guard event.bytes <= capacity else { return false }
    while queue.bytes + event.bytes > capacity { queue.remove(queue.oldest) }
    queue.append(event.object, bytes: event.bytes)
    return false
  }
}
