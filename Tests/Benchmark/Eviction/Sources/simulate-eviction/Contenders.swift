// Who is compared: the policies that know objects only, and Larder as it is and as it could be.

/// A way to run a box, by name.
struct Contender: Sendable {
  var name: String
  var score: @Sendable (Trace, Rules) -> Score

  /// Policies that see one object wanted after the other, and no users.
  static let policies = [
    Contender(name: "LRU") { LRU(capacity: $1.capacity, objects: $0.objectCount).score(on: $0) },
    Contender(name: "FIFO") { FIFO(capacity: $1.capacity, objects: $0.objectCount).score(on: $0) },
    Contender(name: "SIEVE") { SIEVE(capacity: $1.capacity, objects: $0.objectCount).score(on: $0) },
    Contender(name: "S3-FIFO") { S3FIFO(capacity: $1.capacity, objects: $0.objectCount).score(on: $0) },
    Contender(name: "Belady") { Belady(capacity: $1.capacity, objects: $0.objectCount).score(on: $0) },
    Contender(name: "unlimited") { trace, _ in Unlimited(objects: trace.objectCount).score(on: trace) },
  ]

  /// Larder where there are no users: as one user's quota, as a box without quotas, and as a box of what no one owns.
  static let larder = [
    Contender(name: "Larder, a quota") { trace, rules in
      var rules = rules
      rules.quota = rules.capacity
      return larder(trace, rules)
    },
    Contender(name: "Larder, the box") { larder($0, $1) },
    Contender(name: "Larder, unowned") { trace, rules in
      var rules = rules
      rules.dropsAtOnce = true
      return larder(trace, rules)
    },
  ]

  /// Larder with its users, and with other orders among what no one owns; then with these for the owned too.
  static let orders = [
    Contender(name: "Larder") { larder($0, $1) },
    unowned("last wanted", LastWanted.self),
    unowned("first fetched", FirstFetched.self),
    unowned("once first", OnceFirst.self),
    unowned("week for each", WeekForEach.self),
    unowned("least often", LeastOften.self),
    unowned("greedy dual", GreedyDual.self),
    unowned("clairvoyant", Clairvoyant.self),
    all("standing", Standing.self),
    all("first fetched", FirstFetched.self),
    all("once first", OnceFirst.self),
    all("week for each", WeekForEach.self),
    all("least often", LeastOften.self),
    all("greedy dual", GreedyDual.self),
    all("clairvoyant", Clairvoyant.self),
  ]

  private static func unowned<O: Order>(_ name: String, _: O.Type) -> Contender {
    Contender(name: "unowned: \(name)") { score(Box<O, LastWanted>.self, $0, $1) }
  }

  private static func all<O: Order>(_ name: String, _: O.Type) -> Contender {
    Contender(name: "all: \(name)") { score(Box<O, O>.self, $0, $1) }
  }

  @Sendable private static func larder(_ trace: Trace, _ rules: Rules) -> Score { score(LarderBox.self, trace, rules) }

  private static func score<A, B>(_: Box<A, B>.Type, _ trace: Trace, _ rules: Rules) -> Score {
    Box<A, B>(rules, objects: trace.objectCount, users: trace.userCount).score(on: trace)
  }
}

/// A box as it is.
typealias LarderBox = Box<Standing, LastWanted>
