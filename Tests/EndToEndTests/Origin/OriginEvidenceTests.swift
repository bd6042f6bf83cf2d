// What a whole title is compared with, and what is said of it: the strongest digest that can be compared, or framing alone.

import Foundation
import Glibc
import S3
import Synchronization
import Testing

@LaneD @Suite("What a title was verified by") struct OriginEvidenceTests {
  private static let scripted = Result { try Scripted() }

  /// Inverts one byte of the answers to the requests that hold it.
  private nonisolated static func flip(_ offset: Int, of key: String) -> FakeOrigin.Script {
    { request, honest in
      guard request.isForBytes, request.key == key, let range = request.range, range.contains(offset) else {
        return honest
      }
      var answer = honest
      answer.body[offset - range.lowerBound] ^= 0x20
      return answer
    }
  }

  @Test("a digest of the whole is compared, and the log and the audit say which", arguments: DigestAlgorithm.allCases)
  func whole(algorithm: DigestAlgorithm) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = Title(size: 700_001)
    var object = FakeObject(title)
    if algorithm == .md5 {
      // It hides in the ETag.
      object.etag = title.md5ETag
    } else {
      object = object.offering(algorithm, of: title.bytes)
    }
    scripted.origin.put(object, key: title.key)
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(try scripted.evidence(title, of: id) == "its \(algorithm)")
  }

  @Test("a flipped byte is found by any digest: fetched anew once, then the title fails", arguments: [true, false])
  func flipped(isOnce: Bool) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = Title(size: 700_001)
    scripted.origin.put(FakeObject(title).offering(.crc64nvme, of: title.bytes), key: title.key)
    let flip = Self.flip(300_000, of: title.key)
    let (origin, key, begun) = (scripted.origin, title.key, scripted.origin.traffic)
    origin.script { request, honest in
      !isOnce || origin.traffic - begun < 700_001 ? flip(request, honest) : honest
    }
    defer { origin.script(nil) }
    let id = try ann.start(title)
    if isOnce {
      try ann.wait(id, for: "completed")
      #expect(try ann.play(id).body == title.bytes)
    } else {
      let failed = try ann.wait(id, for: "failed")
      #expect(failed.error?.code?.text == "integrity_mismatch")
      #expect(failed.error?.message?.text?.contains("crc64nvme") == true)
      #expect(try ann.play(id).code == "not_ready")
    }
    #expect(origin.traffic - begun == 2 * title.size)
    #expect(origin.requests.filter { $0.key == key && $0.isForBytes && $0.range?.lowerBound == 0 }.count == 2)
  }

  /// Without any digest TCP or TLS and `If-Match` are all there is: what is changed before it is sent cannot be known.
  @Test("without a digest a flipped byte cannot be found, and neither the log nor the audit claims anything else")
  func unverified() throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(700_001)
    scripted.origin.script(Self.flip(300_000, of: title.key))
    defer { scripted.origin.script(nil) }
    let id = try ann.fetch(title)
    var flipped = title.bytes
    flipped[300_000] ^= 0x20
    #expect(try ann.play(id).body == flipped)
    #expect(
      try scripted.evidence(title, of: id) == "framing and ETag alone: the origin offers no digest that can be compared"
    )
  }

  @Test("an ETag that looks like an MD5 is none when the object is encrypted with a key of its own")
  func encrypted() throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000) { object in
      var object = object
      object.etag = "\"0123456789abcdef0123456789abcdef\""
      object.fields.append((name: "x-amz-server-side-encryption", value: "aws:kms"))
      return object
    }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(try scripted.evidence(title, of: id).hasPrefix("framing and ETag alone"))
  }

  @Test("a digest of parts of one size is compared", arguments: [DigestAlgorithm.md5, .sha256, .crc32c])
  func parts(algorithm: DigestAlgorithm) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.titleInParts(algorithm)
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(try scripted.evidence(title, of: id) == "the \(algorithm) of its parts' \(algorithm)s")

    // The same with a wrong byte in the last part.
    let spoilt = scripted.titleInParts(algorithm)
    scripted.origin.script(Self.flip(700_000, of: spoilt.key))
    defer { scripted.origin.script(nil) }
    let failing = try ann.start(spoilt)
    #expect(try ann.wait(failing, for: "failed").error?.code?.text == "integrity_mismatch")
  }

  /// Who answers once when it is asked for a part: a store that has another version, and two in between.
  enum Answerer: CaseIterable { case replica, portal, proxy }

  @Test(
    "what speaks of a part of another version, or is nobody's word that lasts, drops no digest",
    arguments: Answerer.allCases)
  func partOfAnother(_ answerer: Answerer) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.titleInParts()
    let isFirst = Mutex(true)
    scripted.origin.script { request, honest in
      guard request.query.hasPrefix("partNumber="), isFirst.withLock({ $0 }) else { return honest }
      isFirst.withLock { $0 = false }
      let fields = [(name: "ETag", value: "\"another\""), (name: "Content-Length", value: "5")]
      return switch answerer {
      case .replica: FakeAnswer(200, fields)
      case .portal: FakeAnswer(200, fields + [(name: "Content-Type", value: "text/html")])
      case .proxy: FakeAnswer(403, [(name: "Content-Type", value: "text/plain")])
      }
    }
    defer { scripted.origin.script(nil) }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(try scripted.evidence(title, of: id) == "the sha256 of its parts' sha256s")
  }

  @Test(
    "a digest of parts of several sizes, or of sizes that the origin does not tell, is not compared, and the log and the audit say so",
    arguments: [[300_000, 100_001, 300_000], [100_001, 300_000, 300_000], [300_000, 200_000, 200_001]])
  func unequalParts(sizes: [Int]) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = Title(size: 700_001)
    let object = FakeObject(title).offering(.md5, ofParts: sizes, of: title.bytes)
    scripted.origin.put(object, key: title.key)
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(try scripted.evidence(title, of: id).hasPrefix("framing and ETag alone"))

    let secret = Title(size: 700_001)
    var untold = FakeObject(secret).offering(.md5, ofParts: sizes, of: secret.bytes)
    untold.parts = []
    scripted.origin.put(untold, key: secret.key)
    let other = try ann.fetch(secret)
    #expect(try ann.play(other).body == secret.bytes)
    #expect(try scripted.evidence(secret, of: other).hasPrefix("framing and ETag alone"))
  }

  @Test(
    "an origin that cannot be asked of the parts when a title is found is asked again, and the digest is compared",
    arguments: [false, true])
  func partsInTrouble(isDenied: Bool) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = scripted.titleInParts()
    let (origin, key) = (scripted.origin, title.key)
    let count = Mutex(0)
    // Rights that go between the question for the title and the one for its part, or somebody in between.
    origin.script { request, honest in
      guard request.key == key, request.method == "HEAD" else { return honest }
      let asked = count.withLock { count in
        count += 1
        return count
      }
      return asked == 1 ? honest : asked > 3 ? honest : isDenied ? .s3(403, "AccessDenied") : .page(200)
    }
    defer { origin.script(nil) }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(try scripted.evidence(title, of: id) == "the sha256 of its parts' sha256s")
  }

  @Test("an origin in trouble when it is asked whether the parts are of one size fails no title, and is asked again")
  func partsUntold() throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = Title(size: 700_001)
    let (origin, key, begun) = (scripted.origin, title.key, scripted.origin.traffic)
    origin.put(FakeObject(title).offering(.sha256, ofParts: [300_000, 200_000, 200_001], of: title.bytes), key: key)
    origin.script { request, honest in
      request.key == key && request.query == "partNumber=2" ? .s3(503, "SlowDown") : honest
    }
    defer { origin.script(nil) }
    let id = try ann.start(title)
    let waiting = try ann.wait(id, forError: "origin_error")
    #expect(waiting.status?.text == "downloading" && waiting.error?.retryable?.bool == true, "\(waiting)")
    origin.script(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(try scripted.evidence(title, of: id).hasPrefix("framing and ETag alone: its parts differ in size"))
    #expect(origin.traffic - begun < title.size + 4096, "nothing was fetched again but words")
  }

  @Test("a part that is longer than the whole is not believed, at a start and midway", arguments: [false, true])
  func endlessPart(isMidway: Bool) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = Title(size: 700_001)
    let (origin, key) = (scripted.origin, title.key)
    origin.put(FakeObject(title).offering(.sha256, ofParts: [title.size], of: title.bytes), key: key)
    let lie: FakeOrigin.Script = { request, honest in
      guard request.key == key, request.query.hasPrefix("partNumber=") else { return honest }
      var answer = honest
      answer["Content-Length"] = "\(1 << 62)"
      return answer
    }
    origin.script { request, honest in
      isMidway && request.key == key ? .s3(503, "SlowDown") : lie(request, honest)
    }
    defer { origin.script(nil) }
    let id = try ann.start(title)
    if isMidway { try ann.wait(id, forError: "origin_error") }
    origin.script(lie)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(try scripted.evidence(title, of: id).hasPrefix("framing and ETag alone"))
  }
}
