// Those who play a title that is still coming in: where each of them is, and what each of them waits for. A fill asks here
// what it should bring first.

import Cache
import Loop

/// Who plays one unfinished object.
@EventLoop
final class Audience {
  /// Called when what is wanted has changed; also when nobody is left.
  var changed: @EventLoop () -> Void = {}
  private var waits: [Wait] = []
  private var playheads: [(id: ObjectIdentifier, playhead: () -> Playhead?)] = []
  private var isTelling = false

  /// Whether nobody plays it any more.
  var isEmpty: Bool { waits.isEmpty && playheads.isEmpty }

  /// Whether somebody has nothing to play at this moment.
  var isWaiting: Bool { !waits.isEmpty }

  /// What they want of an object, now.
  func demand(of object: StoredObject) -> Demand {
    Demand(
      awaited: waits.reversed().map(\.block),
      ahead: playheads.compactMap { $0.playhead()?.wanted(of: object) }.filter { !$0.isEmpty })
  }

  /// Somebody waits for a block, until the wait ends.
  func wait(for block: Int) -> Wait {
    let wait = Wait(block: block, in: self)
    waits.append(wait)
    tell()
    return wait
  }

  fileprivate func end(_ wait: Wait) {
    waits.removeAll { $0 === wait }
    tell()
  }

  /// Somebody plays from here on, for as long as what is returned is held.
  func playhead(at position: Int) -> Playhead {
    let playhead = Playhead(at: position, in: self)
    playheads.append((ObjectIdentifier(playhead), { [weak playhead] in playhead }))
    tell()
    return playhead
  }

  fileprivate func left(_ id: ObjectIdentifier) {
    playheads.removeAll { $0.id == id }
    tell()
  }

  /// Once for all that changes in one turn of the loop.
  fileprivate func tell() {
    guard !isTelling else { return }
    isTelling = true
    EventLoop.spawn { [self] in
      isTelling = false
      changed()
    }
  }

  /// Somebody's wait for one block.
  @EventLoop
  final class Wait {
    let block: Int
    private let audience: Audience

    fileprivate init(block: Int, in audience: Audience) {
      self.block = block
      self.audience = audience
    }

    func end() { audience.end(self) }
  }
}

/// Where an answer is in its title, and how fast its client takes it.
@EventLoop
final class Playhead {
  private let audience: Audience
  private var position: Int
  /// Where the audience was last told that it is.
  private var told: Int
  private var speed = SpeedMeter()

  /// A player's buffer is about this long: so much of the title is wanted next, in seconds and at the least and most in bytes.
  private static let ahead = 20
  private static let bounds = 2 << 20...64 << 20

  fileprivate init(at position: Int, in audience: Audience) {
    self.position = position
    self.told = position
    self.audience = audience
  }

  /// Bytes went out, the last of them before `position`.
  func moved(to position: Int, sent: Int) {
    self.position = position
    speed.add(sent, at: Clock.steady)
    // The fill looks by itself whenever it has something to decide; it has to be woken only when it may be idle.
    guard position >= told + (1 << 20) else { return }
    told = position
    audience.tell()
  }

  /// The blocks that its client will want next.
  fileprivate func wanted(of object: StoredObject) -> Range<Int> {
    let bytes = min(max(speed.rate(at: Clock.steady) * Self.ahead, Self.bounds.lowerBound), Self.bounds.upperBound)
    let first = min(position / object.blockSize, object.blockCount)
    let last = min((position + bytes) / object.blockSize + 1, object.blockCount)
    return first..<max(first, last)
  }

  isolated deinit { audience.left(ObjectIdentifier(self)) }
}
