// Which links are remembered, for what and for how long.

import Access
import Cache
import Loop
import Testing

@testable import larder

@Suite struct KnownLinksTests {
  init() { EventLoop.runInBackground() }

  private let film = DownloadID(upper: 1, lower: 1)

  private static func token(_ number: Int) -> String {
    let digits = String(number, radix: 36)
    return String(repeating: "A", count: Links.tokenLength - digits.count) + digits
  }

  @Test @EventLoop func onlyWhatWasFoundGood() throws {
    let links = KnownLinks()
    let (alice, bob) = (try #require(UserID("alice")), try #require(UserID("bob")))
    let token = Self.token(1)
    #expect(!links.contains(token, for: film, of: alice, at: 0))
    links.remember(token, for: film, of: alice, until: 1000)
    #expect(links.contains(token, for: film, of: alice, at: 999))
    #expect(!links.contains(token, for: film, of: alice, at: 1000), "it has ended")
    #expect(!links.contains(token, for: film, of: bob, at: 999))
    #expect(!links.contains(token, for: DownloadID(upper: 1, lower: 2), of: alice, at: 999))
    #expect(!links.contains(String(token.dropLast()), for: film, of: alice, at: 999))
    #expect(!links.contains(token + "A", for: film, of: alice, at: 999))
  }

  @Test @EventLoop func everyCharacterCounts() throws {
    let links = KnownLinks()
    let alice = try #require(UserID("alice"))
    let token = Self.token(35)
    links.remember(token, for: film, of: alice, until: 1000)
    for place in token.indices {
      var changed = token
      changed.replaceSubrange(place...place, with: "_")
      #expect(!links.contains(changed, for: film, of: alice, at: 0))
    }
  }

  @Test("what is used stays, and there are never more than there is room for")
  @EventLoop func room() throws {
    let links = KnownLinks()
    let alice = try #require(UserID("alice"))
    let used = Self.token(0)
    links.remember(used, for: film, of: alice, until: .max)
    for number in 1...20 * KnownLinks.capacity {
      links.remember(Self.token(number), for: film, of: alice, until: .max)
      #expect(links.contains(used, for: film, of: alice, at: 0))
    }
    let known = (1...20 * KnownLinks.capacity).count { links.contains(Self.token($0), for: film, of: alice, at: 0) }
    #expect(known < KnownLinks.capacity && known > KnownLinks.capacity / 2)
  }
}

extension KnownLinks {
  fileprivate func contains(_ text: String, for download: DownloadID, of user: UserID, at now: Int64) -> Bool {
    unsafe Array(text.utf8).withUnsafeBytes { unsafe contains($0, for: download, of: user, at: now) }
  }

  fileprivate func remember(_ text: String, for download: DownloadID, of user: UserID, until end: Int64) {
    unsafe Array(text.utf8).withUnsafeBytes { unsafe remember($0, for: download, of: user, until: end) }
  }
}
