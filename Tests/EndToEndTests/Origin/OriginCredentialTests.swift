// Credentials that are not taken any more, and rights that are not there: the first mends by a reload, the second does not.

import Foundation
import Glibc
import S3
import Synchronization
import Testing

@LaneD @Suite("An origin and its credentials") struct OriginCredentialTests {
  @Test(
    "credentials that end midway fail no title: it waits, and goes on with new ones after a reload",
    arguments: [(400, "ExpiredToken"), (403, "ExpiredToken"), (403, "InvalidAccessKeyId"), (400, "InvalidToken")])
  func rotated(status: Int, code: String) throws {
    let scripted = try Scripted(["quota": ["default": "\"10MiB\""]])
    let ann = try scripted.box.user("ann")
    let title = scripted.title(4 << 20)
    let begun = scripted.origin.traffic
    scripted.origin.script { [origin = scripted.origin] _, honest in
      origin.traffic - begun > 1 << 20 ? .s3(status, code) : honest
    }
    let id = try ann.start(title)
    let waiting = try ann.wait(id, forError: "origin_error")
    #expect(waiting.status?.text == "downloading")
    #expect(waiting.error?.message?.text?.contains(code) == true, "\(waiting)")
    #expect(waiting.error?.message?.text?.contains("renew them and reload") == true)
    #expect(try ann.storage() == .of(10 << 20, used: 0, reserved: title.size))

    // The new ones are the only ones that are taken.
    scripted.origin.script(nil)
    scripted.origin.demand(
      try Credentials(accessKeyID: "AKIANEW", secretAccessKey: "new/Secret", sessionToken: "new-token"))
    try scripted.write(accessKey: "AKIANEW", secretKey: "new/Secret", token: "new-token")
    try scripted.reload()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    // XML of the refusals comes besides; nothing that was there was fetched again but what was under way.
    #expect(scripted.origin.traffic - begun < title.size + (1 << 20))
    #expect(!"\(scripted.box.log)".contains("new-token") && !"\(scripted.box.log)".contains("new/Secret"))
  }

  @Test("a session that ran out is told from nonsense although HEAD says neither")
  func silentHead() throws {
    let scripted = try Scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000)
    for (code, detail) in [("ExpiredToken", "renew them and reload"), ("InvalidArgument", "InvalidArgument")] {
      scripted.origin.script { request, _ in request.method == "HEAD" ? FakeAnswer(400) : .s3(400, code) }
      let answer = try ann.tryStart(title)
      #expect(answer.status == 502)
      #expect(answer.code == "origin_refused")
      #expect(answer.json?.detail?.text?.contains(code) == true, "\(answer)")
      #expect(answer.json?.detail?.text?.contains(detail) == true, "\(answer)")
      let why = try #require(scripted.origin.requests.last)
      #expect(why.method == "GET" && why.range == 0...0)
    }
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.isEmpty == true)
  }

  @Test("a title that waits for the origin when its credentials end goes on waiting")
  func pending() throws {
    let scripted = try Scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(300_000)
    scripted.origin.script { _, _ in .s3(503, "SlowDown") }
    let id = try #require(try ann.tryStart(title).json?.id?.text)
    scripted.origin.script(nil)
    scripted.origin.demand(try Credentials(accessKeyID: SeaweedFS.accessKey, secretAccessKey: "rotated"))
    let waiting = try ann.wait(id, "a wrong signature") {
      $0.error?.message?.text?.contains("SignatureDoesNotMatch") == true
    }
    #expect(waiting.status?.text == "pending" && waiting.error?.code?.text == "origin_error")
    try scripted.write(secretKey: "rotated")
    try scripted.reload()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("rights that are not there at a start refuse it, and charge nothing")
  func deniedAtStart() throws {
    let scripted = try Scripted(["quota": ["default": "\"10MiB\""]])
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000)
    scripted.origin.script { _, _ in .s3(403, "AccessDenied") }
    let answer = try ann.tryStart(title)
    #expect(answer.status == 502)
    #expect(answer.code == "origin_refused")
    #expect(answer.json?.detail?.text?.contains("check the key's rights") == true, "\(answer)")
    #expect(scripted.origin.requests.map(\.method) == ["HEAD", "GET"])
    #expect(try ann.storage() == .of(10 << 20, used: 0, reserved: 0))
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.isEmpty == true)
    scripted.origin.script(nil)
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("rights that are taken away midway fail the title, free its room, and a retry takes up new ones")
  func denied() throws {
    let scripted = try Scripted(["quota": ["default": "\"10MiB\""]])
    let ann = try scripted.box.user("ann")
    let title = scripted.title(1 << 20)
    scripted.origin.script { request, honest in request.isForBytes ? .s3(403, "AccessDenied") : honest }
    let id = try ann.start(title)
    let failed = try ann.wait(id, for: "failed")
    #expect(failed.error?.code?.text == "access_denied")
    #expect(failed.error?.retryable?.bool == false)
    #expect(try ann.storage() == .of(10 << 20, used: 0, reserved: 0))
    scripted.origin.script(nil)
    try ann.expect(200, "POST", "/api/downloads/\(id)/retry")
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test(
    "without credentials a no fails no title, neither in a repair nor served, and it goes on where it was with some")
  func unsigned() throws {
    let scripted = try Scripted(["quota": ["default": "\"10MiB\""]])
    let ann = try scripted.box.user("ann")
    let title = scripted.title(4 << 20)
    scripted.origin.demand(try Credentials(accessKeyID: SeaweedFS.accessKey, secretAccessKey: SeaweedFS.secretKey))
    let begun = scripted.origin.traffic
    scripted.origin.script { [origin = scripted.origin] request, honest in
      request.isForBytes && origin.traffic - begun > 2 << 20 ? .s3(503, "SlowDown") : honest
    }
    let id = try ann.start(title)
    try ann.wait(id, "half") { ($0.downloaded_bytes?.int ?? 0) >= 1 << 20 && $0.error?.code?.text == "origin_error" }
    #expect(try scripted.box.terminate() == .exited(0))
    scripted.origin.script(nil)
    try scripted.box.change(["origin": ["credentials_file": "\"\""]])
    let asked = scripted.origin.requests.count
    let repair = try scripted.box.command("verify", "--repair")
    #expect(repair.ending == .exited(0) || repair.ending == .exited(1), "\(repair)")
    try scripted.box.start()
    let waiting = try ann.wait(id, "a no to a stranger") {
      $0.error?.message?.text?.contains("no credentials") == true
    }
    #expect(waiting.status?.text == "downloading" && waiting.error?.code?.text == "origin_error")
    #expect((waiting.downloaded_bytes?.int ?? 0) >= 1 << 20)
    #expect(scripted.origin.requests.count > asked)
    let other = try ann.tryStart(scripted.title(1000))
    #expect(other.status == 502 && other.code == "origin_refused")
    #expect(other.json?.detail?.text?.contains("no credentials") == true, "\(other)")
    try scripted.box.change(["origin": ["credentials_file": "\"\(scripted.box.directory)/credentials\""]])
    try scripted.reload()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(scripted.origin.traffic - begun < title.size + (1 << 20), "what was there was not fetched again")
  }

  /// What was asked with the old keys when the reload came.
  private enum LastQuestion: CaseIterable {
    case bytes
    case reason
  }

  @Test("what is said of old keys after new ones were taken up fails nothing", arguments: LastQuestion.allCases)
  private func lastWord(question: LastQuestion) throws {
    let scripted = try Scripted()
    let (box, origin) = (scripted.box, scripted.origin)
    let ann = try box.user("ann")
    let title = scripted.title(4 << 20)
    let isHeld = Mutex(true)
    let isWaiting = Mutex(false)
    origin.script { request, honest in
      guard request.field("authorization")?.contains("=\(SeaweedFS.accessKey)/") == true else { return honest }
      if question == .bytes, !request.isForBytes { return honest }
      if request.method == "HEAD" { return FakeAnswer(403, [(name: "x-amz-request-id", value: "1")]) }
      isWaiting.withLock { $0 = true }
      while isHeld.withLock({ $0 }) { usleep(5000) }
      return .s3(403, "AccessDenied")
    }
    defer { isHeld.withLock { $0 = false } }
    let asking = try Connection(port: box.port)
    try asking.send(request("POST", "/api/downloads/start", headers: ann.authorization, body: User.startBody(title)))
    try eventually("the question", explain: box.report) { isWaiting.withLock { $0 } ? true : nil }
    try scripted.write(accessKey: "AKIANEW", secretKey: "new/Secret")
    try scripted.reload()
    isHeld.withLock { $0 = false }
    let answer = try asking.receive(to: "POST")
    #expect(answer.status == 201 && answer.json?.total_bytes?.int == title.size, "\(answer)")
    let id = try #require(answer.json?.id?.text)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(!box.log.contains { $0.event?.text == "download.failed" })
  }
}
