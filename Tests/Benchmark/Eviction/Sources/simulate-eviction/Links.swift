// Doubly linked queues of numbers, as arrays: nothing is allocated while a trace runs.

/// The ends of one queue.
struct Ends {
  var oldest = Links.none
  var newest = Links.none
}

/// The links of several queues that share no member.
struct Links {
  static let none: Int32 = -1
  private static let absent: Int32 = -2

  private var newer: [Int32]
  private var older: [Int32]

  init(count: Int) {
    newer = Array(repeating: Self.absent, count: count)
    older = newer
  }

  func contains(_ member: Int32) -> Bool { newer[Int(member)] != Self.absent }

  /// The member that came after this one; `none` at the newest.
  func newer(than member: Int32) -> Int32 { newer[Int(member)] }

  /// Makes room for one more number.
  mutating func grow() {
    newer.append(Self.absent)
    older.append(Self.absent)
  }

  mutating func append(_ member: Int32, to ends: inout Ends) {
    older[Int(member)] = ends.newest
    newer[Int(member)] = Self.none
    if ends.newest == Self.none { ends.oldest = member } else { newer[Int(ends.newest)] = member }
    ends.newest = member
  }

  mutating func remove(_ member: Int32, from ends: inout Ends) {
    let (before, after) = (older[Int(member)], newer[Int(member)])
    if before == Self.none { ends.oldest = after } else { newer[Int(before)] = after }
    if after == Self.none { ends.newest = before } else { older[Int(after)] = before }
    older[Int(member)] = Self.absent
    newer[Int(member)] = Self.absent
  }
}

/// One queue of objects that knows how many bytes stand in it.
struct Queue {
  private var links: Links
  private var ends = Ends()
  private var sizes: [Int]
  private(set) var bytes = 0

  init(objects: Int) {
    links = Links(count: objects)
    sizes = Array(repeating: 0, count: objects)
  }

  /// The one that has stood longest; `Links.none` when there is none.
  var oldest: Int32 { ends.oldest }

  func contains(_ object: Int32) -> Bool { links.contains(object) }
  func newer(than object: Int32) -> Int32 { links.newer(than: object) }
  func size(of object: Int32) -> Int { sizes[Int(object)] }

  mutating func append(_ object: Int32, bytes size: Int) {
    links.append(object, to: &ends)
    sizes[Int(object)] = size
    bytes += size
  }

  mutating func remove(_ object: Int32) {
    links.remove(object, from: &ends)
    bytes -= sizes[Int(object)]
  }

  /// To the end of the queue, as if it had just come.
  mutating func renew(_ object: Int32) {
    links.remove(object, from: &ends)
    links.append(object, to: &ends)
  }
}
