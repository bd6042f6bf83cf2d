// What the box notices by itself for whoever looks after it: who watches, and how the origin does.

import Cache
import Loop
import Testing

@testable import larder

@Suite struct SightTests {
  init() { EventLoop.runInBackground() }

  private func download(_ number: UInt64 = 2) throws -> Download {
    Download(
      id: DownloadID(upper: 1, lower: number), user: try #require(UserID("ann")),
      title: try Title(contentID: "a", quality: "720p"), status: .completed, key: "k", totalBytes: 1000,
      created: Timestamp(milliseconds: 1))
  }

  @Test("who gets bytes is a viewer, once, with place and rate")
  @EventLoop func viewers() throws {
    let viewers = Viewers()
    let viewer = viewers.viewer(of: try download(), size: 1000)
    #expect(viewers.current.isEmpty, "an open title is not watched yet")
    viewer.sent(300, to: 300)
    viewer.sent(200, to: 900)
    #expect(viewers.current.count == 1 && viewers.current.first === viewer)
    #expect(viewer.position == 900 && viewer.since.milliseconds > 0)
    // Over half a second at the least.
    #expect((1...1000).contains(viewer.bytesPerSecond), "\(viewer.bytesPerSecond)")
    let other = viewers.viewer(of: try download(3), size: 1000)
    other.sent(1, to: 1)
    #expect(viewers.current.map(\.position) == [1, 900], "who began last first")
  }

  @Test("a title that is opened again while it plays is still one viewer's, and one whose download ended is nobody's")
  @EventLoop func viewersOfOneDownload() throws {
    let viewers = Viewers()
    let first = viewers.viewer(of: try download(), size: 1000)
    first.sent(300, to: 300)
    let again = viewers.viewer(of: try download(), size: 2000)
    again.sent(100, to: 1500)
    #expect(viewers.current.map(\.position) == [1500] && viewers.current.map(\.size) == [2000])
    viewers.ended(try download().id)
    #expect(viewers.current.isEmpty)
    // An answer under way goes on.
    first.sent(100, to: 400)
    #expect(viewers.current.isEmpty && !viewers.isEmpty, "its bytes still go out")
    // It failed, and is tried anew.
    viewers.viewer(of: try download(), size: 3).sent(1, to: 1)
    #expect(viewers.current.map(\.size) == [3])
    // Those that nobody holds are forgotten, and those that are held are not.
    let held = viewers.viewer(of: try download(99), size: 1)
    for number in 100..<1000 as Range<UInt64> { _ = viewers.viewer(of: try download(number), size: 1) }
    #expect(viewers.viewer(of: try download(99), size: 1) === held)
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

  @Test("trouble with the origin is said once, its end at once, and what comes and goes not more than once a minute")
  func news() {
    var health = OriginHealth()
    for (second, code, news) in [
      (0, nil, nil), (1, "content_not_found", nil), (2, "origin_unreachable", .trouble), (3, "origin_unreachable", nil),
      (90, "origin_unreachable", nil), (91, "origin_error", .trouble), (92, "origin_unreachable", nil),
      (93, nil, .over),
      (94, nil, nil), (95, "origin_error", nil), (96, nil, nil), (150, "origin_error", nil),
      (151, "origin_error", .trouble), (152, nil, .over), (300, nil, nil),
      // The clock was put back.
      (10, "access_denied", .trouble), (11, nil, .over),
    ] as [(Int64, String?, OriginHealth.News?)] {
      let now = Timestamp(milliseconds: second * 1000)
      health.heard(code, "why", at: now)
      #expect(health.news(at: now) == news, "at \(second) s")
    }
  }
}
