// What all users count for, a page at a time: each user once, whatever the pages, and nobody who has nothing left.

import LMDB
import Testing

@testable import Cache

@Suite("Usages of all users") struct UsagesTests {
  @Test("pages of any size come to the same, in one order")
  func pages() throws {
    let box = try Box()
    let users = try (0..<7).map { try #require(UserID("user-\($0)")) }
    for (number, user) in users.enumerated() {
      for title in 0...number {
        try box.start(user, try Title(contentID: "t\(title)", quality: "720p"), size: 1000)
      }
    }
    for limit in 1...9 {
      var found: [UserID: Int] = [:]
      var last: UserID?
      var pages = 0
      while true {
        let (usages, more) = try box.read { tx in try box.ledger.usages(after: last, limit: limit, in: tx) }
        for (user, usage) in usages {
          #expect(found[user] == nil)
          found[user] = usage.reserved
        }
        pages += 1
        last = usages.last?.user
        #expect(usages.count == limit || !more)
        guard more else { break }
      }
      #expect(found == Dictionary(uniqueKeysWithValues: users.enumerated().map { ($1, ($0 + 1) * 1000) }))
      #expect(pages == (users.count + limit - 1) / limit)
    }
  }
}
