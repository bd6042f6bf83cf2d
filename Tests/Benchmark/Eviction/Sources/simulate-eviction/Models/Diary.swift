// Titles with their sizes, and what is done with them in the course of a day.

/// All titles of a model, each with its size in MiB.
struct Catalogue {
  private(set) var sizes: [Int] = []

  mutating func add(mebibytes: Int) -> Int {
    sizes.append(mebibytes)
    return sizes.count - 1
  }

  /// Titles of one kind.
  mutating func add(_ count: Int, mebibytes: ClosedRange<Int>, _ chance: inout Chance) -> [Int] {
    (0..<count).map { _ in add(mebibytes: chance.pick(mebibytes)) }
  }
}

/// A day's events, in whatever order they come to mind.
struct Diary {
  private var entries: [(moment: Int64, kind: Event.Kind, object: Int, user: Int)] = []

  mutating func note(_ kind: Event.Kind, _ object: Int, by user: Int, atMinute minute: Int) {
    entries.append((Int64(minute) * 60_000, kind, object, user))
  }

  /// Moves the day's events into the trace, in the order of time; those of the same minute as they were noted.
  mutating func close(day: Int, _ catalogue: Catalogue, into trace: inout Trace) {
    let order = entries.indices.sorted { (entries[$0].moment, $0) < (entries[$1].moment, $1) }
    for index in order {
      let entry = entries[index]
      trace.append(
        entry.kind, entry.object, bytes: catalogue.sizes[entry.object] << 20, user: entry.user,
        atMilliseconds: Int64(day) * 86_400_000 + entry.moment)
    }
    entries = []
  }
}
