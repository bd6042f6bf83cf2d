// `larder check --origin`: what an administrator is told of an origin that Larder can fetch from, and of each way in which
// it cannot.

import Foundation
import Glibc
import S3
import Testing

@LaneD @Suite("Checking the origin") struct OriginCheckTests {
  /// What the command says: verdict and sentence by subject, and the subjects in order.
  private struct Report {
    var subjects: [String] = []
    private var lines: [String: (verdict: String, sentence: String)] = [:]
    let ending: Ending

    init(_ box: Box, _ title: Title? = nil) throws {
      let arguments = title.map { ["--title", "\($0.contentID)/\($0.quality)"] } ?? []
      let result = try Program.run(
        Paths.larder, ["check", "--origin"] + arguments + ["--config", box.configurationFile])
      ending = result.ending
      for line in result.output.split(separator: "\n") {
        guard let verdict = ["ok", "failed", "not tried"].first(where: { line.hasPrefix($0 + " ") }) else {
          throw RigFailure("not a finding: \(line)")
        }
        let rest = line.dropFirst(verdict.count).drop { $0 == " " }
        let subject = String(rest.prefix { $0 != " " })
        subjects.append(subject)
        lines[subject] = (verdict, String(rest.dropFirst(subject.count).drop { $0 == " " }))
      }
      #expect(result.errors.isEmpty, "\(result.errors)")
      #expect(!result.output.contains(SeaweedFS.secretKey))
    }

    func verdict(_ subject: String) -> String? { lines[subject]?.verdict }
    func sentence(_ subject: String) -> String { lines[subject]?.sentence ?? "" }

    /// What failed, in order.
    var failed: [String] { subjects.filter { lines[$0]?.verdict == "failed" } }
    var fine: [String] { subjects.filter { lines[$0]?.verdict == "ok" } }
  }

  private static let all = [
    "connection", "tls", "credentials", "bucket", "clock", "title", "range", "if-match", "checksum",
  ]

  @Test("an origin that is well, with a title that is named, and with the catalogue's first")
  func good() throws {
    let box = try Box(starts: false)
    let title = Title(size: 100_000)
    try box.origin.put(title)
    let report = try Report(box, title)
    #expect(report.ending == .exited(0), "\(report)")
    #expect(report.subjects == Self.all)
    // Loopback is not encrypted, and there is nothing wrong with that.
    #expect(report.verdict("tls") == "not tried" && report.fine.count == Self.all.count - 1, "\(report)")
    #expect(report.sentence("title").contains("100000 bytes"))
    #expect(report.sentence("checksum").contains("md5"), "\(report)")

    let named = try Report(box)
    #expect(named.ending == .exited(0))
    #expect(named.verdict("title") == "not tried" && named.sentence("range").contains("--title"), "\(named)")

    let key = "catalogue-\(title.contentID).json"
    let document = """
      {"titles":[{"content_id":"\(title.contentID)","qualities":{"720p":{"key":"\(title.key)","size":100000}}}]}
      """
    try box.origin.put(Bytes(Array(document.utf8)), key: key)
    try box.change(["origin": ["catalog_key": "\"\(key)\""]])
    let listed = try Report(box)
    #expect(listed.ending == .exited(0))
    #expect(listed.sentence("catalogue").contains("1 titles") && listed.verdict("title") == "ok", "\(listed)")
    try box.change(["origin": ["catalog_key": "\"\(title.key)\""]])
    let nonsense = try Report(box, title)
    #expect(nonsense.ending == .exited(1) && nonsense.failed == ["catalogue"], "\(nonsense)")
  }

  @Test("a key that nobody knows, a secret that is another's, a bucket that is not there, a title that is not there")
  func wrong() throws {
    let title = Title(size: 100_000)
    let box = try Box(starts: false)
    try box.origin.put(title)
    let missing = try Report(box, Title(size: 1))
    #expect(missing.ending == .exited(1) && missing.failed == ["title"], "\(missing)")
    #expect(missing.sentence("title").contains("key_template") && missing.verdict("range") == "not tried")

    try box.change(["origin": ["bucket": "\"no-such-bucket\""]])
    let bucket = try Report(box, title)
    #expect(bucket.ending == .exited(1) && bucket.failed.contains("bucket"), "\(bucket)")
    #expect(bucket.sentence("bucket").contains("origin.bucket"), "\(bucket)")

    let secret = try Report(try Box(secretKey: "another/secret", starts: false), title)
    #expect(secret.ending == .exited(1) && secret.failed.first == "credentials", "\(secret)")
    #expect(secret.sentence("credentials").contains("SignatureDoesNotMatch"))
    #expect(secret.verdict("bucket") == "not tried")

    let strange = try Box(starts: false)
    try "[default]\naws_access_key_id = AKIASTRANGER\naws_secret_access_key = secret\n".write(
      toFile: strange.directory + "/credentials", atomically: true, encoding: .utf8)
    let key = try Report(strange, title)
    #expect(key.ending == .exited(1) && key.failed.first == "credentials", "\(key)")
    #expect(key.sentence("credentials").contains("InvalidAccessKeyId"), "\(key)")
  }

  @Test("nobody there, nobody of that name, somebody who says nothing, and somebody who is no store")
  func unreachable() throws {
    let box = try Box(["origin": ["connect_timeout": "\"300ms\"", "stall_timeout": "\"300ms\""]], starts: false)
    box.proxy.fault(Fault(action: .hang))
    let silent = try Report(box)
    #expect(silent.ending == .exited(1) && silent.failed == ["connection"], "\(silent)")
    #expect(silent.sentence("connection").contains("in time"), "\(silent)")
    box.proxy.fault(
      Fault(action: .answer(status: 200, headers: ["Content-Type": "text/html"], body: "<html>Welcome</html>")))
    let portal = try Report(box, Title(size: 10))
    #expect(portal.ending == .exited(1) && !portal.failed.isEmpty, "\(portal)")
    box.proxy.fault(nil)
    box.proxy.goDown()
    let gone = try Report(box)
    #expect(gone.ending == .exited(1) && gone.failed == ["connection"], "\(gone)")
    #expect(gone.sentence("connection").contains("127.0.0.1:\(box.proxy.port)"))
    #expect(gone.verdict("credentials") == "not tried")
    // Also a slow resolver says in the end that there is none.
    try box.change(["origin": ["endpoint": "\"http://no-such-host.invalid\"", "connect_timeout": "\"25s\""]])
    let nameless = try Report(box)
    #expect(nameless.ending == .exited(1) && nameless.failed == ["connection"], "\(nameless)")
    #expect(nameless.sentence("connection").contains("no address"), "\(nameless)")
  }

  @Test("a certificate that is trusted, and one that is not")
  func tls() throws {
    let certificate = try Certificate("IP:127.0.0.1")
    let box = try Box(["origin": ["ca_file": "\"\(certificate.file)\""]], starts: false)
    let front = try TLSFront(certificate, upstream: box.proxy.port)
    try box.change(["origin": ["endpoint": "\"https://127.0.0.1:\(front.port)\""]])
    let title = Title(size: 10_000)
    try box.origin.put(title)
    let trusted = try Report(box, title)
    #expect(trusted.ending == .exited(0) && trusted.verdict("tls") == "ok", "\(trusted)")
    try box.change(["origin": ["ca_file": "\"\""]])
    let distrusted = try Report(box, title)
    #expect(distrusted.ending == .exited(1) && distrusted.failed == ["tls"], "\(distrusted)")
    #expect(distrusted.sentence("tls").contains("origin.ca_file"))
    #expect(distrusted.verdict("connection") == "ok" && distrusted.verdict("bucket") == "not tried")
  }

  /// A box before a scripted origin that asks for its credentials.
  private func scripted() throws -> (Scripted, Title) {
    let scripted = try Scripted()
    scripted.origin.demand(
      try Credentials(accessKeyID: SeaweedFS.accessKey, secretAccessKey: SeaweedFS.secretKey))
    return (scripted, scripted.title(100_000))
  }

  @Test(
    "a clock that is wrong is told, and gone by as the daemon does", arguments: [600, -3600, 3 * 86_400] as [Int64])
  func skewed(seconds: Int64) throws {
    let (scripted, title) = try scripted()
    scripted.origin.setClock(ahead: seconds)
    let report = try Report(scripted.box, title)
    #expect(report.ending == .exited(1), "\(report)")
    #expect(report.verdict("clock") == "failed")
    #expect(report.sentence("clock").contains(seconds > 0 ? "behind" : "ahead of"))
    // Beyond a day it is not gone by.
    #expect(report.verdict("title") == (abs(seconds) > 86_400 ? "failed" : "ok"), "\(report)")
    #expect(report.verdict("credentials") == (abs(seconds) > 86_400 ? "not tried" : "ok"), "\(report)")
  }

  @Test("an origin that knows no ranges, names no version, or does not care which version is asked for")
  func incapable() throws {
    let (scripted, title) = try scripted()
    let honest = try Report(scripted.box, title)
    #expect(honest.ending == .exited(0), "\(honest)")
    #expect(honest.sentence("checksum").contains("none is offered"), "\(honest)")

    let object = FakeObject(title)
    scripted.origin.script { request, honest in
      guard request.method == "GET", honest.status == 206 else { return honest }
      var whole = FakeAnswer(
        200, honest.fields.filter { $0.name != "Content-Range" }, body: object.bytes(0..<object.size))
      whole["Date"] = FakeOrigin.httpDate(FakeOrigin.time)
      return whole
    }
    let rangeless = try Report(scripted.box, title)
    #expect(rangeless.ending == .exited(1) && rangeless.failed == ["range"], "\(rangeless)")
    #expect(rangeless.verdict("if-match") == "ok")

    scripted.origin.script { _, honest in
      var answer = honest
      answer.fields.removeAll { $0.name == "ETag" }
      return answer
    }
    let nameless = try Report(scripted.box, title)
    #expect(nameless.ending == .exited(1) && nameless.failed == ["title"], "\(nameless)")
    #expect(nameless.sentence("title").contains("ETag"))

    scripted.origin.script { request, honest in
      guard honest.status == 412, let range = request.range else { return honest }
      var answer = FakeAnswer(
        206, [(name: "ETag", value: object.etag)], body: object.bytes(range.lowerBound..<range.upperBound + 1))
      answer["Content-Range"] = "bytes \(range.lowerBound)-\(range.upperBound)/\(object.size)"
      return answer
    }
    let careless = try Report(scripted.box, title)
    #expect(careless.ending == .exited(1) && careless.failed == ["if-match"], "\(careless)")

    scripted.origin.script { _, _ in .s3(403, "AccessDenied") }
    let denied = try Report(scripted.box, title)
    #expect(denied.ending == .exited(1) && denied.failed == ["bucket", "title"], "\(denied)")
    #expect(denied.sentence("bucket").contains("s3:ListBucket"))
  }

  @Test("a title without the question for the origin, and one that is none, are wrong usage")
  func usage() throws {
    let box = try Box(starts: false)
    #expect(try box.command("check", "--title", "a/720p").ending == .exited(64))
    #expect(try box.command("check", "--origin", "--title", "a").ending == .exited(64))
    #expect(try box.command("check", "--origin", "--title", "a/7 2 0").ending == .exited(64))
  }
}
