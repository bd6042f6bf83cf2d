// Belady's MIN: knows the future. With objects of several sizes it is a good guess and no bound.

/// Gives up what is wanted again last, or never.
struct Belady: Policy {
  private let capacity: Int
  private var ranking: Ranking
  private var sizes: [Int]
  private var bytes = 0

  init(capacity: Int, objects: Int) {
    self.capacity = capacity
    ranking = Ranking(count: objects)
    sizes = Array(repeating: 0, count: objects)
  }

  mutating func want(_ event: Event) -> Bool {
    let rank = UInt64(Event.never - event.next)
    if ranking.contains(event.object) {
      ranking.change(event.object, to: rank)
      return true
    }
    guard event.bytes <= capacity else { return false }
    while bytes + event.bytes > capacity, let victim = ranking.popFirst() { bytes -= sizes[Int(victim.member)] }
    ranking.insert(event.object, rank: rank)
    sizes[Int(event.object)] = event.bytes
    bytes += event.bytes
    return false
  }
}
