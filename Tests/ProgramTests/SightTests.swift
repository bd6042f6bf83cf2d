// What the box notices by itself for whoever looks after it: who watches, and how the origin does.

import Cache
import Loop
import Testing

@testable import larder

@Suite struct SightTests {
  init() { EventLoop.runInBackground() }

  private func download() throws -> Download {
    Download(
      id: DownloadID(upper: 1, lower: 2), user: try #require(UserID("ann")),
      title: try Title(contentID: "a", quality: "720p"), status: .completed, key: "k", totalBytes: 1000,
      created: Timestamp(milliseconds: 1))
  }

  @Test("who gets bytes is a viewer, once, with place and rate")
  @EventLoop func viewers() throws {
    let viewers = Viewers()
    let viewer = Viewer(try download(), size: 1000, in: viewers)
    #expect(viewers.current.isEmpty, "an open title is not watched yet")
    viewer.sent(300, to: 300)
    viewer.sent(200, to: 900)
    #expect(viewers.current.count == 1 && viewers.current.first === viewer)
    #expect(viewer.position == 900 && viewer.since.milliseconds > 0)
    // Over half a second at the least.
    #expect((1...1000).contains(viewer.bytesPerSecond), "\(viewer.bytesPerSecond)")
    let other = Viewer(try download(), size: 1000, in: viewers)
    other.sent(1, to: 1)
    #expect(viewers.current.map(\.position) == [1, 900], "who began last first")
  }

  @Test("the origin's health is of the last answer, and since when it is so of the last change")
  func health() {
    var health = OriginHealth()
    #expect(health.isReachable == nil && health.since == nil)
    var now = Timestamp(milliseconds: 0)
    for (code, reachable, shown, since) in [
      (nil, true, nil, 1), (nil, true, nil, 1), ("content_not_found", true, nil, 1),
      ("origin_unreachable", false, "origin_unreachable", 4), ("origin_unreachable", false, "origin_unreachable", 4),
      ("origin_error", true, "origin_error", 6), ("access_denied", true, "access_denied", 7), (nil, true, nil, 8),
    ] as [(String?, Bool, String?, Int64)] {
      now.milliseconds += 1
      health.heard(code, "why", at: now)
      #expect(health.isReachable == reachable && health.code == shown && health.since?.milliseconds == since)
      #expect(health.message == (shown == nil ? "" : "why"))
    }
  }
}
