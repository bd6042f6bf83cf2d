// Server-sent events: who listens, and what each is told when (WHATWG HTML, section 9.2).

import Cache
import HTTP
import Loop

/// One open event stream.
@EventLoop
final class EventSubscriber: AnswerStream {
  let user: UserID
  /// What is to be told yet, as the client takes it; nothing but changes of a status goes before.
  fileprivate var owed: ArraySlice<DownloadID> = []
  fileprivate var views: (@EventLoop (Set<DownloadID>) -> [DownloadView]?)?
  private var isPaying = false
  /// Whether the kernel has taken everything that was told.
  private var isDrained = true
  let mediaType = MediaType.eventStream
  let isFinite = false
  let isOver = false
  /// Takes bytes for the client.
  var arrived: (@EventLoop ([UInt8]) -> Void)?
  fileprivate var told: [DownloadID: (view: DownloadView, at: Cache.Timestamp)] = [:]
  /// When the last comment went out.
  fileprivate var commented = Clock.steady
  fileprivate var began: (@EventLoop (EventSubscriber) -> Void)?
  fileprivate var cancelled: (@EventLoop () -> Void)?

  fileprivate init(_ user: UserID) { self.user = user }

  func begin(inChunks: Bool) { began?(self) }

  func drained() {
    isDrained = true
    pay()
  }

  /// Tells of what is owed, some at a time, for as long as the client takes it. What has ended meanwhile was told already.
  fileprivate func pay() {
    guard !isPaying else { return }
    isPaying = true
    defer { isPaying = false }
    while isDrained, arrived != nil, !owed.isEmpty {
      let some = owed.prefix(Self.portion)
      owed = owed.dropFirst(Self.portion)
      let now = Clock.steady
      let found = Dictionary((views?(Set(some)) ?? []).map { ($0.download.id, $0) }) { $1 }
      for view in some.compactMap({ found[$0] }) { tell(view, at: now) }
    }
  }

  /// Far fewer events than may wait for a client.
  fileprivate static let portion = 64

  func cancel() {
    arrived = nil
    cancelled?()
  }

  fileprivate func tell(_ view: DownloadView, at now: Cache.Timestamp) {
    isDrained = false
    told[view.download.id] = (view, now)
    let data = DownloadView.json { view.writeProgress(to: &$0) }
    arrived?(Array("event: download\ndata: ".utf8) + data + Array("\n\n".utf8))
  }

  fileprivate func comment(_ text: String, at now: Cache.Timestamp) {
    commented = now
    isDrained = false
    arrived?(Array(": \(text)\n\n".utf8))
  }
}

/// All open event streams, by user.
@EventLoop
final class EventHub {
  /// A user's streams, and the downloads that they hear of by and by.
  private struct Audience {
    var streams: [ObjectIdentifier: EventSubscriber] = [:]
    /// The unfinished ones. They are known by their changes, so that nobody walks through a user's downloads twice a
    /// second.
    var moving: Set<DownloadID> = []
  }

  private var audiences: [UserID: Audience] = [:]
  private let timer = Timer()
  /// Whether the look before is not through with all users yet.
  private var isLooking = false
  /// Some of a user's unfinished downloads behind one as they are now, and where to go on; nil at the end.
  var currentViews: @EventLoop (UserID, _ last: DownloadID?) -> (views: [DownloadView], next: DownloadID?) = { _, _ in
    ([], nil)
  }
  /// Which of these downloads are unfinished, as they are now; nil when nobody can say.
  var unfinished: @EventLoop (Set<DownloadID>) -> [DownloadView]? = { _ in nil }

  /// A little more than half a second between two looks, so that no second sees more than two events of a download,
  /// also where one is late.
  private static let period = Duration.milliseconds(550)
  /// In milliseconds, at the least, between two events of a download that tell of no change of its status.
  private static let pace: Int64 = 500
  /// A comment every 15 s keeps proxies and clients from giving up, whatever else is said: one is due when the next look
  /// would come too late. In milliseconds.
  private static let heartbeat: Int64 = 15_000 - 550
  /// A turn of the loop that is older than this looks at no more users.
  private static let budget = Duration.milliseconds(2)

  /// A new stream; once its head is out it begins with the state of everything unfinished. Nil when the user has enough of
  /// them.
  func subscribe(_ user: UserID) -> EventSubscriber? {
    guard audiences[user]?.streams.count ?? 0 < Limits.eventStreamsPerUser else { return nil }
    let subscriber = EventSubscriber(user)
    let id = ObjectIdentifier(subscriber)
    subscriber.began = { [weak self] in self?.greet($0) }
    subscriber.views = { [weak self] in self?.unfinished($0) }
    subscriber.cancelled = { [weak self] in self?.remove(id, of: user) }
    audiences[user, default: Audience()].streams[id] = subscriber
    if !timer.isActive {
      timer.start(after: Self.period, every: Self.period) { [weak self] in self?.look() }
    }
    return subscriber
  }

  /// Tells the current state to a stream that has just begun.
  private func greet(_ subscriber: EventSubscriber) {
    subscriber.comment("larder", at: Clock.steady)
    EventLoop.spawn { [self] in
      var last: DownloadID?
      repeat {
        let (views, next) = currentViews(subscriber.user, last)
        let ids = views.map(\.download.id)
        audiences[subscriber.user]?.moving.formUnion(ids)
        subscriber.owed += ids
        subscriber.pay()
        last = next
        // Whoever plays gets the next turn.
        if next != nil { try? await EventLoop.sleep(for: .zero) }
      } while last != nil && subscriber.arrived != nil
    }
  }

  /// Whether anybody wants to hear of this user's downloads.
  func isHeard(by user: UserID) -> Bool { audiences[user] != nil }

  /// The status of a download changed: that is told at once.
  func publish(_ view: DownloadView) {
    let now = Clock.steady
    let id = view.download.id
    let moves = view.download.isLive && view.download.status.isUnfinished
    if moves {
      audiences[view.download.user]?.moving.insert(id)
    } else {
      audiences[view.download.user]?.moving.remove(id)
    }
    for subscriber in (audiences[view.download.user]?.streams ?? [:]).values {
      subscriber.tell(view, at: now)
      // Nothing follows, so nothing need be remembered.
      if !moves { subscriber.told[id] = nil }
    }
  }

  /// Some users at a time, so that whoever plays gets the next turn.
  private func look() {
    guard !isLooking else { return }
    isLooking = true
    EventLoop.spawn { [self] in
      for user in Array(audiences.keys) {
        look(at: user)
        if EventLoop.now.duration(to: EventLoop.exactNow) >= Self.budget { try? await EventLoop.sleep(for: .zero) }
      }
      isLooking = false
    }
  }

  private func look(at user: UserID) {
    guard let audience = audiences[user] else { return }
    let now = Clock.steady
    let views = audience.moving.isEmpty ? [] : unfinished(audience.moving)
    if let views, views.count < audience.moving.count { audiences[user]?.moving = Set(views.map(\.download.id)) }
    for subscriber in audience.streams.values {
      // Who has not taken the last ones yet hears of these as they are by then.
      if subscriber.owed.isEmpty {
        let changed = (views ?? []).filter { view in
          guard let last = subscriber.told[view.download.id] else { return true }
          return last.view != view && now.milliseconds - last.at.milliseconds >= Self.pace
        }
        for view in changed.prefix(EventSubscriber.portion) { subscriber.tell(view, at: now) }
        subscriber.owed = changed.dropFirst(EventSubscriber.portion).map(\.download.id)[...]
        subscriber.pay()
      }
      if now.milliseconds - subscriber.commented.milliseconds >= Self.heartbeat {
        subscriber.comment("still here", at: now)
      }
    }
  }

  private func remove(_ id: ObjectIdentifier, of user: UserID) {
    audiences[user]?.streams[id] = nil
    if audiences[user]?.streams.isEmpty ?? false { audiences[user] = nil }
    if audiences.isEmpty { timer.stop() }
  }
}
