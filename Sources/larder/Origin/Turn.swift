// The turns of `downloads.active`: what has one may ask the origin for bytes; what waits because of its own object gives
// its turn to others, and needs one again before it goes on. So no more titles are fetched at a time than were
// configured, also when a sick origin gets well and all could go on at once. What waits for the network keeps its turn,
// since the next would wait too, as long as it may be the network (`NetworkWait`).

import Cache
import Loop

/// One errand's claim to a turn.
@EventLoop
final class Turn {
  private(set) var isHeld = true
  /// Grows from one turn that is given to the next.
  private(set) var number: UInt64
  private static var count: UInt64 = 0
  /// Since when it waits for a turn; nil when it does not.
  private(set) var wantedSince: Timestamp?
  /// Since when it is held, or was at last.
  private var since = Clock.steady
  private var network = NetworkWait()
  private let bell = Bell()
  private var isOver = false
  /// Called when a turn is given up or wanted.
  var changed: (@EventLoop () -> Void)?

  init() { number = Self.nextNumber }

  private static var nextNumber: UInt64 {
    count += 1
    return count
  }

  /// Lets another errand go ahead. Harmless when it is so already.
  func giveUp() {
    guard isHeld else { return }
    isHeld = false
    changed?()
  }

  /// Its errand waits for its next try, for this reason: others may go ahead when they would not wait for the same.
  ///
  /// - Parameters:
  ///   - heard: when the origin last gave anybody an answer of its own.
  ///   - patience: how long a turn is kept for the network, in milliseconds.
  func rests(because code: Trouble.Code, heard: Timestamp?, patience: Int64) {
    let now = Clock.steady
    if code != .originUnreachable || network.yields(at: now, heard: heard, since: since, patience: patience) {
      giveUp()
    }
  }

  /// Bytes came for its errand.
  func progressed() { network = NetworkWait() }

  /// Waits until there is a turn, or nobody wants the errand any more.
  func take() async {
    guard !isHeld, !isOver else { return }
    wantedSince = Clock.steady
    changed?()
    while !isHeld, !isOver { await bell.wait() }
    wantedSince = nil
  }

  /// It is this one's turn.
  func give() {
    guard !isHeld else { return }
    isHeld = true
    since = Clock.steady
    number = Self.nextNumber
    bell.ring()
  }

  /// Nobody wants the errand any more.
  func end() {
    isOver = true
    bell.ring()
  }
}
