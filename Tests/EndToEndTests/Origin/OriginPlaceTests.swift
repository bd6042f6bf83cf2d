// An origin that says that the bucket is elsewhere: followed within rules, signed anew, and nothing goes to a stranger.
// Names below `localhost` stand for hosts; one scripted origin is all of them, and each has its region.

import Foundation
import Glibc
import S3
import Synchronization
import Testing

@LaneD @Suite("An origin that redirects") struct OriginPlaceTests {
  private nonisolated static let token = "a-session-token-that-nobody-else-may-see"

  /// A box whose origin is `s3.us-east-1.store.localhost`; each host of the store signs for its own region.
  private func scripted() throws -> Scripted {
    let scripted = try Scripted()
    try scripted.box.change([
      "origin": ["endpoint": "\"http://s3.us-east-1.store.localhost:\(scripted.origin.port)\""]
    ])
    try scripted.write(secretKey: SeaweedFS.secretKey, token: Self.token)
    try scripted.reload()
    scripted.origin.demand(
      try Credentials(
        accessKeyID: SeaweedFS.accessKey, secretAccessKey: SeaweedFS.secretKey, sessionToken: Self.token)
    ) { host in host.hasPrefix("s3.eu-west-1.") ? "eu-west-1" : "us-east-1" }
    return scripted
  }

  /// What a store says of a bucket in Ireland.
  private enum Style: String, CaseIterable, CustomTestStringConvertible {
    case permanent = "301 with the region and the endpoint, as AWS answers"
    case regionOnly = "301 with nothing but the region"
    case temporary = "307 with a Location, as AWS answers for a young bucket"
    case found = "302 with a Location and the region"
    case lasting = "308 with a Location"
    case malformed = "400 AuthorizationHeaderMalformed with the region"
    var testDescription: String { rawValue }

    func answer(to request: FakeRequest, port: Int) -> FakeAnswer {
      let host = "s3.eu-west-1.store.localhost:\(port)"
      let location = (name: "Location", value: "http://\(host)\(request.path)")
      let region = (name: "x-amz-bucket-region", value: "eu-west-1")
      return switch self {
      case .permanent: .s3(301, "PermanentRedirect", "<Endpoint>\(host)</Endpoint>", [region])
      case .regionOnly: .s3(301, "PermanentRedirect", "", [region])
      case .temporary: .s3(307, "TemporaryRedirect", "<Endpoint>\(host)</Endpoint>", [location])
      case .found: .s3(302, "Found", "", [location, region])
      case .lasting: .s3(308, "PermanentRedirect", "", [location])
      case .malformed: .s3(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")
      }
    }
  }

  @Test("a bucket of another region is found there, with requests signed for it", arguments: Style.allCases)
  private func otherRegion(style: Style) throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let (title, second) = (scripted.title(1 << 20), scripted.title(100_000))
    let port = scripted.origin.port
    scripted.origin.script { request, honest in
      request.host.hasPrefix("s3.us-east-1.") ? style.answer(to: request, port: port) : honest
    }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    let asked = scripted.origin.requests
    #expect(asked.filter(\.isForBytes).allSatisfy { $0.host.hasPrefix("s3.eu-west-1.store.localhost") })
    #expect(asked.allSatisfy { $0.host.hasSuffix(".store.localhost:\(port)") })
    // It is remembered: the next title is asked for there at once.
    let other = try ann.fetch(second)
    #expect(try ann.play(other).body == second.bytes)
    #expect(scripted.origin.requests.dropFirst(asked.count).allSatisfy { $0.host.hasPrefix("s3.eu-west-1.") })
    #expect(try scripted.box.logged(event: "origin.moved").level?.text == "notice")
  }

  @Test("a bucket that moves midway is followed midway", arguments: Style.allCases)
  private func midway(style: Style) throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(4 << 20)
    let port = scripted.origin.port
    let begun = scripted.origin.traffic
    scripted.origin.script { [origin = scripted.origin] request, honest in
      request.isForBytes && request.host.hasPrefix("s3.us-east-1.") && origin.traffic - begun > 1 << 20
        ? style.answer(to: request, port: port) : honest
    }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(scripted.origin.requests.contains { $0.host.hasPrefix("s3.eu-west-1.") })
    #expect(scripted.origin.traffic - begun < title.size + 4096, "only errors came besides")
    // Several requests are sent on at once, which all say the same.
    #expect(scripted.box.log.count { $0.event?.text == "origin.moved" } == 1)
  }

  @Test(
    "a stranger gets no request, and the administrator is told where it would have gone",
    arguments: ["http://evil.localhost", "http://s3.us-east-1.evil.localhost", "http://evil.store.localhost"])
  func stranger(target: String) throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000)
    let port = scripted.origin.port
    scripted.origin.script { request, honest in
      guard request.host.hasPrefix("s3.us-east-1.store.") else { return honest }
      return .s3(301, "PermanentRedirect", "", [(name: "Location", value: "\(target):\(port)\(request.path)")])
    }
    let answer = try ann.tryStart(title)
    #expect(answer.status == 502, "\(answer)")
    #expect(answer.code == "origin_refused")
    #expect(answer.json?.detail?.text?.contains("\(target):\(port)") == true, "\(answer)")
    #expect(answer.json?.detail?.text?.contains("configure origin.endpoint") == true)
    #expect(scripted.origin.requests.allSatisfy { $0.host.hasPrefix("s3.us-east-1.store.localhost") })
    #expect(!"\(answer)\(scripted.box.log)".contains(Self.token))
    // A title that was begun before waits for the settings.
    scripted.origin.script(nil)
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a stranger midway is waited out, and a fill goes on when the origin is itself again")
  func strangerMidway() throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(1 << 20)
    let port = scripted.origin.port
    scripted.origin.script { request, honest in
      guard request.isForBytes else { return honest }
      return .s3(
        307, "TemporaryRedirect", "", [(name: "Location", value: "http://evil.localhost:\(port)\(request.path)")])
    }
    let id = try ann.start(title)
    let waiting = try ann.wait(id, forError: "origin_error")
    #expect(waiting.error?.message?.text?.contains("evil.localhost") == true, "\(waiting)")
    scripted.origin.script(nil)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(scripted.origin.requests.allSatisfy { $0.host.hasPrefix("s3.us-east-1.store.localhost") })
  }

  @Test("two hosts that name each other are asked a few times and no more")
  func circle() throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(100_000)
    scripted.origin.script { request, _ in
      let other = request.host.hasPrefix("s3.eu-west-1.") ? "us-east-1" : "eu-west-1"
      return .s3(301, "PermanentRedirect", "", [(name: "x-amz-bucket-region", value: other)])
    }
    let answer = try ann.tryStart(title)
    #expect(answer.status == 502 || answer.status == 201, "\(answer)")
    // Four times with HEAD and four with GET, twice each; and what the box asks by itself until the answer is here.
    #expect(scripted.origin.requests.count <= 3 * 16, "\(scripted.origin.requests.count)")
    scripted.origin.script(nil)
    try scripted.reload()
    let again = try ann.tryStart(title)
    let id = try #require(again.json?.id?.text)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a place that cannot be reached is left again for the configured one")
  func deadEnd() throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let (title, second) = (scripted.title(100_000), scripted.title(100_000))
    let port = scripted.origin.port
    let fault = Style.permanent
    scripted.origin.script { request, honest in
      request.host.hasPrefix("s3.us-east-1.") ? fault.answer(to: request, port: port) : honest
    }
    _ = try ann.fetch(title)
    scripted.origin.script { request, honest in
      guard request.host.hasPrefix("s3.eu-west-1.") else { return honest }
      var answer = honest
      answer.raw = []
      answer.ending = .close
      return answer
    }
    let id = try #require(try ann.tryStart(second).json?.id?.text)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == second.bytes)
  }

  @Test("a place that a fill cannot reach any more is left for the configured one, and one that only cuts is not")
  func deadEndMidway() throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.title(4 << 20)
    let port = scripted.origin.port
    let begun = scripted.origin.traffic
    let cuts = Mutex(3)
    // In Ireland it is cut three times, and is gone after the first MiB; from then on it is at home.
    scripted.origin.script { [origin = scripted.origin] request, honest in
      let isGone = origin.traffic - begun > 1 << 20
      var answer = honest
      if request.host.hasPrefix("s3.us-east-1.") {
        return isGone ? honest : Style.permanent.answer(to: request, port: port)
      } else if isGone {
        answer.raw = []
        answer.ending = .close
      } else if request.isForBytes,
        cuts.withLock({
          $0 -= 1
          return $0 >= 0
        })
      {
        answer.cut = 100_000
        answer.ending = .close
      }
      return answer
    }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(cuts.withLock { $0 } < 0)
    #expect(scripted.box.log.count { $0.event?.text == "origin.moved" } == 1)
  }

  @Test("a bucket that moves between two questions says nothing of a title's parts until it is asked where it is")
  func movedBetween() throws {
    let scripted = try scripted()
    let ann = try scripted.box.user("ann")
    let title = scripted.titleInParts()
    let port = scripted.origin.port
    let hasMoved = Mutex(false)
    scripted.origin.script { request, honest in
      guard request.host.hasPrefix("s3.us-east-1.") else { return honest }
      if request.query.hasPrefix("partNumber=") {
        hasMoved.withLock { $0 = true }
        // To HEAD it cannot say where to.
        return Style.malformed.answer(to: request, port: port)
      }
      return hasMoved.withLock { $0 } ? Style.temporary.answer(to: request, port: port) : honest
    }
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(hasMoved.withLock { $0 })
    #expect(try scripted.evidence(title, of: id) == "the sha256 of its parts' sha256s")
  }
}
