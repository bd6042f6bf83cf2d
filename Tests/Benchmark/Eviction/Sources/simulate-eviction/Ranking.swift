// Numbers in the order of their ranks: a binary heap that knows where each of its members is.

/// A set of numbers, each with a rank; the lowest rank comes first.
struct Ranking {
  struct Entry {
    var rank: UInt64
    var member: Int32
  }

  private var heap: [Entry] = []
  private var places: [Int32]

  init(count: Int = 0) { places = Array(repeating: -1, count: count) }

  var first: Entry? { heap.first }

  func contains(_ member: Int32) -> Bool { places[Int(member)] >= 0 }

  /// The rank of a member.
  func rank(of member: Int32) -> UInt64 { heap[Int(places[Int(member)])].rank }

  /// Makes room for one more number.
  mutating func grow() { places.append(-1) }

  mutating func insert(_ member: Int32, rank: UInt64) {
    heap.append(Entry(rank: rank, member: member))
    rise(from: heap.count - 1)
  }

  mutating func remove(_ member: Int32) {
    let place = Int(places[Int(member)])
    places[Int(member)] = -1
    let last = heap.removeLast()
    guard place < heap.count else { return }
    heap[place] = last
    rise(from: place)
    sink(from: Int(places[Int(last.member)]))
  }

  mutating func change(_ member: Int32, to rank: UInt64) {
    let place = Int(places[Int(member)])
    let isLess = rank < heap[place].rank
    heap[place].rank = rank
    if isLess { rise(from: place) } else { sink(from: place) }
  }

  /// Takes the first one out.
  mutating func popFirst() -> Entry? {
    guard let first = heap.first else { return nil }
    remove(first.member)
    return first
  }

  private mutating func rise(from start: Int) {
    var place = start
    let entry = heap[place]
    while place > 0, heap[(place - 1) / 2].rank > entry.rank {
      put(heap[(place - 1) / 2], at: place)
      place = (place - 1) / 2
    }
    put(entry, at: place)
  }

  private mutating func sink(from start: Int) {
    var place = start
    let entry = heap[place]
    while true {
      var child = 2 * place + 1
      if child + 1 < heap.count, heap[child + 1].rank < heap[child].rank { child += 1 }
      guard child < heap.count, heap[child].rank < entry.rank else { break }
      put(heap[child], at: place)
      place = child
    }
    put(entry, at: place)
  }

  private mutating func put(_ entry: Entry, at place: Int) {
    heap[place] = entry
    places[Int(entry.member)] = Int32(place)
  }
}
