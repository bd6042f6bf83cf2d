// The main job, from a user's first wish to the deletion.

import Foundation
import Glibc
import Testing

@LaneA @Suite("The main job") struct MainJobTests {
  /// How many names a file has, and which file it is.
  private func file(_ path: String) -> (links: Int, inode: UInt64)? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    return (Int(status.st_nlink), UInt64(status.st_ino))
  }

  @Test("a title is asked for, arrives whole, plays bit for bit, is deleted, and the quota is exact all the while")
  func wholeLife() throws {
    let quota = 50 << 20
    let box = try Box(["quota": ["default": "\(quota)"]])
    let ann = try box.user("ann")
    let title = Title(size: (3 << 20) + 4321)
    try box.origin.put(title)
    #expect(try ann.storage() == .of(quota, used: 0, reserved: 0))

    // Held back at a third, so that what is seen on the way is certain.
    box.proxy.hold(after: 1 << 20)
    let answer = try ann.tryStart(title)
    #expect(answer.status == 201)
    let started = try #require(answer.json)
    let id = try #require(started.id?.text)
    #expect(answer["Location"] == "/api/downloads/\(id)")
    #expect(answer["Content-Type"]?.hasPrefix("application/json") == true)
    #expect(
      started.names == [
        "id", "content_id", "quality", "status", "progress", "downloaded_bytes", "total_bytes", "bytes_per_second",
        "eta_seconds", "error", "file_path", "s3_key", "pinned", "created_at", "updated_at", "completed_at",
        "last_played_at", "deleted_at",
      ])
    #expect(id.wholeMatch(of: /[0-9A-HJKMNP-TV-Z]{26}/) != nil, "a ULID")
    #expect(started.content_id?.text == title.contentID)
    #expect(started.quality?.text == "720p")
    #expect(started.total_bytes?.int == title.size)
    #expect(started.s3_key?.text == title.key)
    #expect(started.file_path == .null)
    #expect(started.completed_at == .null)
    #expect(started.pinned?.bool == false)
    #expect(try ann.storage() == .of(quota, used: 0, reserved: title.size))

    let half = try ann.wait(id, "some bytes") { ($0.downloaded_bytes?.int ?? 0) > 0 }
    #expect(half.status?.text == "downloading")
    let moving = try ann.expect(200, "GET", "/api/downloads/\(id)/progress")
    #expect(
      moving.names == [
        "id", "status", "progress", "downloaded_bytes", "total_bytes", "bytes_per_second", "eta_seconds", "error",
      ])
    let progress = try #require(moving.progress?.double)
    #expect(progress > 0 && progress < 100)
    #expect(try ann.tryStart(title).status == 200, "the live one")
    #expect(try ann.tryStart(title).json?.id?.text == id)
    #expect(file("\(box.data)/downloads/users/ann/\(title.contentID)_720p.mp4") == nil, "nothing unfinished")

    box.proxy.release()
    let done = try ann.wait(id, for: "completed")
    #expect(done.progress?.double == 100)
    #expect(done.downloaded_bytes?.int == title.size)
    #expect(done.completed_at?.text?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/) != nil, "RFC 3339, UTC")
    let path = try #require(done.file_path?.text)
    #expect(path == "downloads/users/ann/\(title.contentID)_720p.mp4")
    #expect(try Bytes(file: "\(box.data)/\(path)") == title.bytes)
    #expect(try ann.storage() == .of(quota, used: title.size, reserved: 0))

    let played = try ann.play(id)
    #expect(played.status == 200)
    #expect(played["Content-Type"] == "video/mp4")
    #expect(played.body == title.bytes)
    try ann.wait(id, "last_played_at") { $0.last_played_at?.text != nil }

    try ann.expect(200, "DELETE", "/api/downloads/\(id)/delete")
    #expect(try ann.play(id).status == 404)
    #expect(file("\(box.data)/\(path)") == nil)
    #expect(try ann.storage() == .of(quota, used: 0, reserved: 0))
    let again = try ann.ask("DELETE", "/api/downloads/\(id)/delete")
    #expect(again.status == 404)
    #expect(again.code == "not_found")
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.isEmpty == true)
    let all = try ann.expect(200, "GET", "/api/downloads?include_deleted=true")
    #expect(all.downloads?.array?.map(\.id?.text) == [id])
    #expect(try ann.download(id).deleted_at?.text != nil)
  }

  @Test(
    "a title that two users want is fetched once, kept once, charged to both, and stays for one when the other deletes")
  func shared() throws {
    let quota = 50 << 20
    let box = try Box(["quota": ["default": "\(quota)"]])
    let ann = try box.user("ann")
    let bob = try box.user("bob")
    let cat = try box.user("cat")
    let title = Title(size: 4 << 20)
    try box.origin.put(title)

    box.proxy.hold(after: 1 << 20)
    let hers = try ann.start(title)
    try ann.wait(hers, "some bytes") { ($0.downloaded_bytes?.int ?? 0) > 0 }
    let his = try bob.start(title)
    #expect(hers != his)
    box.proxy.release()
    try ann.wait(hers, for: "completed")
    try bob.wait(his, for: "completed")
    #expect(box.proxy.traffic == title.size, "every byte once")
    #expect(try ann.storage() == .of(quota, used: title.size, reserved: 0))
    #expect(try bob.storage() == .of(quota, used: title.size, reserved: 0))

    let answer = try cat.tryStart(title)
    #expect(answer.status == 201)
    #expect(answer.json?.status?.text == "completed", "at once: the box holds it")
    let third = try #require(answer.json?.id?.text)
    #expect(box.proxy.traffic == title.size)

    let paths = ["ann", "bob", "cat"].map { "\(box.data)/downloads/users/\($0)/\(title.contentID)_720p.mp4" }
    let files = try paths.map { try #require(file($0)) }
    #expect(Set(files.map(\.inode)).count == 1, "one copy")
    #expect(files[0].links == 4, "its object and three names")

    try ann.expect(200, "DELETE", "/api/downloads/\(hers)/delete")
    #expect(try ann.storage() == .of(quota, used: 0, reserved: 0))
    #expect(try bob.play(his).body == title.bytes)
    let cleaned = try bob.expect(200, "POST", "/api/downloads/cleanup/all")
    #expect(cleaned.deleted?.int == 1)
    #expect(cleaned.freed_bytes?.int == title.size)
    #expect(try bob.play(his).status == 404)
    #expect(try bob.storage() == .of(quota, used: 0, reserved: 0))
    #expect(try cat.play(third).body == title.bytes)
    #expect(file(paths[2])?.links == 2)

    // What nobody owns any more stays as a cache: a new wish asks the origin for the version, and fetches nothing.
    try cat.expect(200, "DELETE", "/api/downloads/\(third)/delete")
    let anew = try ann.tryStart(title)
    #expect(anew.status == 201)
    #expect(anew.json?.status?.text == "completed")
    #expect(box.proxy.traffic == title.size)
  }

  @Test("lists come newest first, in pages, by status, and wrong parameters are refused")
  func lists() throws {
    let box = try Box()
    let ann = try box.user("ann")
    var ids: [String] = []
    for _ in 0..<5 {
      let title = Title(size: 1000)
      try box.origin.put(title)
      ids.append(try ann.fetch(title))
    }
    #expect(ids == ids.sorted(), "ids sort by creation time")
    var seen: [String] = []
    var cursor: String?
    repeat {
      let target = "/api/downloads?limit=2" + (cursor.map { "&cursor=\($0)" } ?? "")
      let page = try ann.expect(200, "GET", target)
      let found = try #require(page.downloads?.array)
      #expect(found.count <= 2)
      #expect(page.storage?.used_bytes?.int == 5000)
      seen += found.compactMap(\.id?.text)
      cursor = page.next_cursor?.text
    } while cursor != nil && seen.count < 10
    #expect(seen == ids.reversed())

    #expect(try ann.expect(200, "GET", "/api/downloads?status=completed,paused").downloads?.array?.count == 5)
    #expect(try ann.expect(200, "GET", "/api/downloads?status=paused,failed").downloads?.array?.isEmpty == true)
    for query in ["limit=0", "limit=101", "limit=x", "status=done", "include_deleted=perhaps", "cursor=%00"] {
      let answer = try ann.ask("GET", "/api/downloads?" + query)
      #expect(answer.status == 400, "\(query)")
      #expect(answer.code == "invalid_request", "\(query)")
    }
    let (other, none) = (try box.user("bob"), try box.user("ann"))
    #expect(try other.expect(200, "GET", "/api/downloads").downloads?.array?.isEmpty == true)
    #expect(try none.expect(200, "GET", "/api/downloads").downloads?.array?.count == 5)
  }

  @Test(
    "a start that says nothing sensible is refused, with the field's name",
    arguments: [
      ("", ""), ("not json", ""), ("[]", ""), ("{}", "content_id"), (#"{"content_id":"a"}"#, "quality"),
      (#"{"content_id":1,"quality":"720p"}"#, "content_id"), (#"{"content_id":"","quality":"720p"}"#, "content_id"),
      (#"{"content_id":"..","quality":"720p"}"#, "content_id"),
      (#"{"content_id":"a\u0000","quality":"720p"}"#, "content_id"),
      (#"{"content_id":"a","quality":"7/20"}"#, "quality"),
      (#"{"content_id":"a","quality":"12345678901234567"}"#, "quality"),
    ])
  func wrongStarts(body: String, field: String) throws {
    let ann = try Self.quietBox.get().user("ann")
    let answer = try ann.ask("POST", "/api/downloads/start", body: body)
    #expect(answer.status == 400)
    #expect(answer["Content-Type"]?.hasPrefix("application/problem+json") == true)
    let problem = try #require(answer.json)
    #expect(problem.code?.text == "invalid_request")
    #expect(problem.status?.int == 400)
    #expect(problem.type?.text != nil && problem.title?.text != nil)
    #expect(field.isEmpty || problem.detail?.text?.contains(field) == true, "\(problem)")
  }

  /// One box for all wrong starts: none of them changes anything.
  private static let quietBox = Result { try Box() }

  @Test("an identifier cannot leave its folder")
  func names() throws {
    let box = try Box()
    let user = try box.user("../../ann")
    var title = Title(size: 100)
    title.contentID = "series/\(title.contentID)/..x"
    try box.origin.put(title)
    let done = try user.download(try user.fetch(title))
    let encoded = title.contentID.replacingOccurrences(of: "/", with: "%2F")
    #expect(done.file_path?.text == "downloads/users/%2E.%2F..%2Fann/\(encoded)_720p.mp4")
    #expect(try Bytes(file: "\(box.data)/\(done.file_path?.text ?? "")") == title.bytes)
  }
}
