// Names that look alike and are not the same bytes: "é" is one character or two. To the origin they are two keys, and so
// they are to the box.

import Foundation
import Glibc
import Synchronization
import Testing

@LaneD @Suite("Keys that only look alike") struct OriginLookalikeTests {
  /// Two titles whose names differ in their bytes alone.
  private func pair(_ origin: FakeOrigin, size: Int) -> [Title] {
    ["caf\u{E9}", "cafe\u{301}"].map { name in
      var title = Title(size: size)
      title.contentID = name
      origin.put(FakeObject(title, etag: "\"\(Array(name.utf8).count)\""), key: encoded(title.key))
      return title
    }
  }

  /// As a URL's path has it.
  private func encoded(_ key: String) -> String {
    key.utf8.map { $0 < 0x80 ? String(UnicodeScalar($0)) : "%" + String($0, radix: 16, uppercase: true) }.joined()
  }

  @Test("asked for at the same time, each user gets their own title")
  func together() throws {
    // Long enough that no question is given up before the test lets it go.
    let scripted = try Scripted(["origin": ["connect_timeout": "\"1m\"", "stall_timeout": "\"1m\""]])
    let (box, origin) = (scripted.box, scripted.origin)
    let titles = pair(origin, size: 300_000)
    let users = [try box.user("ann"), try box.user("bob")]
    let isHeld = Mutex(true)
    origin.script { request, honest in
      while request.method == "HEAD", isHeld.withLock({ $0 }) { usleep(5000) }
      return honest
    }
    defer { isHeld.withLock { $0 = false } }
    var asking: [Connection] = []
    for (user, title) in zip(users, titles) {
      let connection = try Connection(port: box.port)
      try connection.send(
        request("POST", "/api/downloads/start", headers: user.authorization, body: User.startBody(title)))
      let key = encoded(title.key)
      try eventually("the question for \(key)", explain: box.report) {
        origin.requests.contains { $0.method == "HEAD" && $0.key == key } ? true : nil
      }
      asking.append(connection)
    }
    isHeld.withLock { $0 = false }
    for ((user, title), connection) in zip(zip(users, titles), asking) {
      let answer = try connection.receive(to: "POST")
      let id = try #require(answer.json?.id?.text, "\(answer)")
      let done = try user.wait(id, for: "completed")
      #expect(done.s3_key?.text.map { Array($0.utf8) } == Array(title.key.utf8))
      #expect(try user.play(id).body == title.bytes)
    }
  }

  @Test("the catalogue tells their keys apart, and which of them is held")
  func catalogue() throws {
    let scripted = try Scripted(["origin": ["catalog_key": "\"list.json\""], "catalog": ["refresh": "\"1s\""]])
    let (box, origin) = (scripted.box, scripted.origin)
    let titles = pair(origin, size: 100_000)
    let entries = titles.map { title in
      "{\"content_id\":\"\(title.contentID)\",\"qualities\":{\"720p\":{\"key\":\"\(title.key)\",\"size\":\(title.size)}}}"
    }
    let list = Array("{\"titles\":[\(entries.joined(separator: ","))]}".utf8)
    origin.put(FakeObject(size: list.count, etag: "\"list\"") { Array(list[$0]) }, key: "list.json")
    let ann = try box.user("ann")
    func held() throws -> [Bool] {
      try ann.expect(200, "GET", "/api/catalog").titles?.array?.compactMap { $0.qualities?["720p"]?.held?.bool } ?? []
    }
    try eventually("the catalogue", explain: box.report) { try held().count == 2 ? true : nil }
    #expect(try held() == [false, false])
    let id = try ann.fetch(titles[0])
    #expect(try ann.download(id).s3_key?.text.map { Array($0.utf8) } == Array(titles[0].key.utf8))
    #expect(try ann.play(id).body == titles[0].bytes)
    #expect(try held() == [true, false])
  }
}
