// Objects whose files are open. A file may be given up and unlinked, but its blocks come free only when it is closed: until
// then nobody may count on them.

import Cache
import Synchronization

/// Which objects' files are open, by whom, and what of these was given up already.
final class HeldObjects: Sendable {
  /// What it is held for.
  enum Purpose: Sendable {
    /// Somebody is being sent it, for as long as they like: it is no use to give it up.
    case sending
    /// The file is open, and is closed when it is given up.
    case open
  }

  private struct State {
    var sending: [ObjectID: Int] = [:]
    var open: [ObjectID: Int] = [:]
    /// Bytes of files that have no name any more.
    var nameless: [ObjectID: Int] = [:]
  }

  private let state = Mutex(State())

  /// The object is held for as long as what is returned lives.
  func hold(_ object: ObjectID, for purpose: Purpose) -> Hold {
    change(object, purpose, by: 1)
    return Hold(object, purpose, self)
  }

  func isSending(_ object: ObjectID) -> Bool { state.withLock { $0.sending[object] != nil } }

  /// The object's file has lost its last name; said again when that was not durable the first time.
  func unlinked(_ object: ObjectID, bytes: Int) {
    state.withLock { if $0.open[object] != nil { $0.nameless[object] = max($0.nameless[object] ?? 0, bytes) } }
  }

  /// Bytes that were given up and are not free yet.
  var namelessBytes: Int { state.withLock { $0.nameless.values.reduce(0, +) } }

  fileprivate func change(_ object: ObjectID, _ purpose: Purpose, by step: Int) {
    state.withLock { state in
      switch purpose {
      case .sending: Self.count(&state.sending, object, step)
      case .open:
        Self.count(&state.open, object, step)
        if state.open[object] == nil { state.nameless[object] = nil }
      }
    }
  }

  private static func count(_ holders: inout [ObjectID: Int], _ object: ObjectID, _ step: Int) {
    let count = (holders[object] ?? 0) + step
    holders[object] = count > 0 ? count : nil
  }
}

/// Somebody's hold on an object.
final class Hold: Sendable {
  private let object: ObjectID
  private let purpose: HeldObjects.Purpose
  private let held: HeldObjects

  fileprivate init(_ object: ObjectID, _ purpose: HeldObjects.Purpose, _ held: HeldObjects) {
    self.object = object
    self.purpose = purpose
    self.held = held
  }

  deinit { held.change(object, purpose, by: -1) }
}
