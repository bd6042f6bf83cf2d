// Who is watching what just now, for whoever looks after the box. The cost is the player's: some additions whenever bytes
// go out, and nothing for a request.

import Cache
import Loop

/// One user's playing of one title: where it is and how fast it goes, over all of the user's players.
@EventLoop
final class Viewer {
  let download: DownloadID
  let user: UserID
  let title: Title
  let size: Int
  /// Behind the byte that was sent last.
  private(set) var position = 0
  /// When it began, by the time of day.
  private(set) var since = Timestamp(milliseconds: 0)
  private weak var viewers: Viewers?
  private var isListed = false
  // All of these on the loop's clock, in milliseconds.
  private var began: UInt64 = 0
  private var last: UInt64 = 0
  private var slotBegan: UInt64 = 0
  private var slotEnd: UInt64 = 0
  /// Bytes of this slot and of the one before it.
  private var current = 0
  private var previous = 0

  private static let slot: UInt64 = 5000
  /// A player whose buffer is full asks for nothing for a while: longer than this, and nobody watches any more.
  private static let quiet: UInt64 = 30_000

  init(_ download: Download, size: Int, in viewers: Viewers) {
    self.download = download.id
    user = download.user
    title = download.title
    self.size = size
    self.viewers = viewers
  }

  /// Bytes went out, the last of them before `position`.
  func sent(_ count: Int, to position: Int) {
    let now = EventLoop.now.milliseconds
    if now >= slotEnd { turn(now) }
    current += count
    last = now
    self.position = position
  }

  /// A slot is over, or somebody begins to watch.
  private func turn(_ now: UInt64) {
    if last == 0 || now > last + Self.quiet {
      since = Clock.now
      (began, slotBegan, current, previous) = (now, now, 0, 0)
      if !isListed { viewers?.list(self) }
      isListed = true
    }
    let slots = (now - slotBegan) / Self.slot
    if slots > 0 {
      previous = slots == 1 ? current : 0
      current = 0
      slotBegan += slots * Self.slot
    }
    slotEnd = slotBegan + Self.slot
  }

  /// Whether somebody watches it at that moment.
  fileprivate func isWatched(_ now: UInt64) -> Bool { now <= last + Self.quiet }

  fileprivate func unlisted() { isListed = false }

  /// Bytes a second, over the last five to ten seconds.
  var bytesPerSecond: Int {
    let now = EventLoop.now.milliseconds
    if now >= slotEnd, isWatched(now) { turn(now) }
    let time = max(500, min(Self.slot + now - slotBegan, now - began))
    return (previous + current) * 1000 / Int(time)
  }
}

/// Everybody who watches something.
@EventLoop
final class Viewers {
  private var listed: [Viewer] = []
  /// When to look for those who have gone, so that the list does not grow without a look at it.
  private var crowded = 64

  /// Somebody begins.
  fileprivate func list(_ viewer: Viewer) {
    if listed.count >= crowded {
      prune()
      crowded = max(64, listed.count * 2)
    }
    listed.append(viewer)
  }

  /// Who watches now, who began last first.
  var current: [Viewer] {
    prune()
    return listed.reversed()
  }

  /// Whether nobody watches now.
  var isEmpty: Bool {
    prune()
    return listed.isEmpty
  }

  private func prune() {
    let now = EventLoop.now.milliseconds
    for viewer in listed where !viewer.isWatched(now) { viewer.unlisted() }
    listed.removeAll { !$0.isWatched(now) }
  }
}
