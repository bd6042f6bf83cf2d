// What every cache here can do. Objects are whole: they are there or not, and one that is there costs its size.

/// A cache that is told what happens and says what it held.
protocol Policy {
  /// Whether it holds what is wanted. Afterwards it does, unless it does not take such an object.
  mutating func want(_ event: Event) -> Bool

  /// A user gives the object up. A cache that knows no users does nothing.
  mutating func drop(_ event: Event)
}

extension Policy {
  mutating func drop(_ event: Event) {}
}

/// Holds everything: what no policy can surpass.
struct Unlimited: Policy {
  private var isHeld: [Bool]

  init(objects: Int) { isHeld = Array(repeating: false, count: objects) }

  mutating func want(_ event: Event) -> Bool {
    defer { isHeld[Int(event.object)] = true }
    return isHeld[Int(event.object)]
  }
}
