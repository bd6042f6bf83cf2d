// The ledger's own room: blocks that the file system keeps for it beyond what it uses, so that deletes and evictions, which
// write before they free anything, work on a disk that others have filled to the last byte.

import LMDB
import Synchronization

/// Keeps some room ahead of the ledger. Used by the writer's thread before each round of changes.
final class LedgerRoom: Sendable {
  private struct State {
    /// How much of the file has its blocks.
    var setAside = 0
    var isShort = false
    /// The file system cannot set anything aside; nothing is promised then.
    var isUnknown = false
    var heard: (@Sendable (Bool) -> Void)?
    var heardOfReader: (@Sendable (ForeignReader) -> Void)?
    /// Processes that were told of.
    var readers: Set<Int32> = []
  }

  private let environment: Environment
  private let state = Mutex(State())

  init(_ environment: Environment) {
    self.environment = environment
    restore()
  }

  /// Whether less is left than a change may need: what makes the ledger larger has to wait, what makes it smaller may
  /// use what there is.
  var isShort: Bool { state.withLock { $0.isShort } }

  /// Hears when it falls short and when it no longer does.
  func onChange(_ heard: @escaping @Sendable (_ isShort: Bool) -> Void) {
    let isShort = state.withLock { state in
      state.heard = heard
      return state.isShort
    }
    if isShort { heard(true) }
  }

  /// Hears of other processes that make the ledger grow, once of each: they read a state of it that is long past.
  func onReader(_ heard: @escaping @Sendable (ForeignReader) -> Void) { state.withLock { $0.heardOfReader = heard } }

  /// Whoever looks at the ledger for a moment reads no state as old as this, in changes.
  private static let patience = 64

  private func lookForReaders() {
    let old = ((try? environment.foreignReaders()) ?? []).filter { $0.age >= Self.patience }
    let (new, heard) = state.withLock { state in
      let new = old.filter { !state.readers.contains($0.process) }
      state.readers = Set(old.map(\.process))
      return (new, state.heardOfReader)
    }
    for reader in new { heard?(reader) }
  }

  /// The least that is kept ahead of `used` bytes. A change copies every page that it touches before it gives one back,
  /// and the largest one, a user who removes everything, touches a good part of them.
  static func least(beyond used: Int) -> Int { max(4 << 20, used / 4) }

  /// Gets room when less than the least is left: twice that, or at least the least.
  func restore() {
    guard let used = try? environment.usedBytes() else { return }
    let least = Self.least(beyond: used)
    guard state.withLock({ !$0.isUnknown && $0.setAside - used < least }) else { return }
    // The file grows while a reader that died keeps old pages from being used again.
    _ = try? environment.readerCheck()
    lookForReaders()
    for wanted in [used + 2 * least, used + least] {
      do throws(LMDBError) {
        try environment.setAside(wanted)
        return note(isShort: false) { $0.setAside = wanted }
      } catch {
        guard error.isNoSpace else { return note(isShort: false) { $0.isUnknown = true } }
      }
    }
    note(isShort: true)
  }

  private func note(isShort: Bool, _ change: (inout State) -> Void = { _ in }) {
    let heard = state.withLock { state in
      change(&state)
      defer { state.isShort = isShort }
      return state.isShort == isShort ? nil : state.heard
    }
    heard?(isShort)
  }
}
