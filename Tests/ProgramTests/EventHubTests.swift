// Who hears of what: the loop has other things to do in between, however many users listen and however much each has.

import Cache
import Glibc
import Loop
import Testing

@testable import larder

@Suite struct EventHubTests {
  init() { EventLoop.runInBackground() }

  private func view(_ number: UInt64, _ user: UserID) throws -> DownloadView {
    let download = Download(
      id: DownloadID(upper: 1, lower: number), user: user, title: try Title(contentID: "a", quality: "720p"),
      status: .pending, key: "k", totalBytes: 1000, created: Timestamp(milliseconds: 1))
    return DownloadView(
      download: download, downloadedBytes: 0, bytesPerSecond: 0, trouble: nil, filePath: nil)
  }

  @Test("between two users who take long there is a turn for others")
  @EventLoop func look() async throws {
    let hub = EventHub()
    let users = try ["ann", "bob", "cyd"].map { try #require(UserID($0)) }
    let views = try users.map { try view(UInt64($0.text.utf8.first ?? 0), $0) }
    hub.currentViews = { user, _ in (views.filter { $0.download.user == user }, nil) }
    var seen: [String] = []
    hub.unfinished = { ids in
      let found = views.filter { ids.contains($0.download.id) }
      if seen.count < 6, let user = found.first?.download.user.text {
        seen.append(user)
        EventLoop.submit { seen.append("another") }
        usleep(3000)
      }
      return found
    }
    var streams: [EventSubscriber] = []
    for user in users { streams.append(try #require(hub.subscribe(user))) }
    // Nobody takes anything: what is owed waits.
    for stream in streams { stream.begin(inChunks: false) }
    while seen.count < 6 { try await EventLoop.sleep(for: .milliseconds(5)) }
    for stream in streams { stream.cancel() }
    #expect(Set(seen.filter { $0 != "another" }).count == 3, "\(seen)")
    #expect(zip(seen, seen.dropFirst()).allSatisfy { ($0 == "another") != ($1 == "another") }, "\(seen)")
  }

  @Test("a stream begins with all that is unfinished, page after page, with a turn for others in between")
  @EventLoop func greet() async throws {
    let hub = EventHub()
    let ann = try #require(UserID("ann"))
    let views = try (1...3).map { try view($0, ann) }
    var seen: [String] = []
    hub.currentViews = { _, last in
      let page = last.map { Int($0.lower) } ?? 0
      seen.append("page \(page)")
      EventLoop.submit { seen.append("another") }
      return ([views[page]], page < 2 ? DownloadID(upper: 1, lower: UInt64(page + 1)) : nil)
    }
    hub.unfinished = { ids in views.filter { ids.contains($0.download.id) } }
    let stream = try #require(hub.subscribe(ann))
    var told: [String] = []
    stream.arrived = { told.append(String(decoding: $0, as: UTF8.self)) }
    stream.begin(inChunks: false)
    while seen.count < 6 { try await EventLoop.sleep(for: .milliseconds(5)) }
    // Each time the client has taken what there was, it is told of what it is owed.
    for _ in 0..<3 { stream.drained() }
    stream.cancel()
    #expect(seen == ["page 0", "another", "page 1", "another", "page 2", "another"])
    #expect(told.first == ": larder\n\n")
    for view in views { #expect(told.contains { $0.contains(view.download.id.description) }) }
  }

  @Test("who leaves before the last page is not looked for any more")
  @EventLoop func left() async throws {
    let hub = EventHub()
    var pages = 0
    hub.currentViews = { _, _ in
      pages += 1
      return ([], DownloadID(upper: 1, lower: 1))
    }
    let ann = try #require(UserID("ann"))
    let stream = try #require(hub.subscribe(ann))
    stream.arrived = { _ in }
    stream.begin(inChunks: false)
    try await EventLoop.sleep(for: .milliseconds(5))
    stream.cancel()
    let before = pages
    #expect(before > 0)
    try await EventLoop.sleep(for: .milliseconds(20))
    #expect(pages == before)
  }
}
