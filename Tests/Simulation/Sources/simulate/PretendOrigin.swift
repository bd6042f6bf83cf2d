// An object store that answers as the dice and its weather say. The content of a version is a stretch of one pool of
// random bytes, so that nothing has to be kept, and every byte can be told from every other version's.

import Cache
import Curl
import Loop
import S3

/// One version of one key.
struct Edition {
  var key: String
  var etag: String
  var size: Int
  /// Where in the pool its content begins.
  var start: Int
  /// Whether the origin tells a digest that can be compared, and whether that one is right.
  var digest: Digest
  /// The parts that it was uploaded in, when the digest is one of those; whether the origin tells their sizes.
  var parts: [Int]
  var tellsParts: Bool
  var content: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(rebasing: PretendOrigin.pool[start..<start + size])
  }

  enum Digest { case none, right, wrong }
}

/// The origin of one world.
final class PretendOrigin {
  enum Weather: CaseIterable { case fair, flaky, offline, denied, silent, busy, luring }

  /// 4 MiB, the same in every world.
  nonisolated(unsafe) static let pool: UnsafeRawBufferPointer = {
    var dice = Dice(seed: 4711)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 20, alignment: 8)
    for index in stride(from: 0, to: bytes.count, by: 8) {
      unsafe bytes.storeBytes(of: dice.number(), toByteOffset: index, as: UInt64.self)
    }
    return UnsafeRawBufferPointer(bytes)
  }()

  var weather = Weather.fair
  var dice: Dice
  /// Where the bucket is, and whether nothing gets through to the region that is not the configured one.
  var region = PretendOrigin.regions[0]
  var isAbroadLost = false
  /// Which of the box's keys is taken; the older ones have expired.
  var accessKey = 1
  /// A host that is nobody's business and was asked all the same.
  private(set) var stranger: String?
  /// What is there now; nil when it was taken away.
  private(set) var keys: [String: Edition?] = [:]
  /// All that ever was, by entity tag.
  private(set) var editions: [String: Edition] = [:]
  /// What was ever answered for a key: what a download may fail for.
  private(set) var saidMissing: Set<String> = []
  private(set) var saidDenied: Set<String> = []
  /// Versions whose parts were denied, and then the whole of which was there: as of a store that knows no parts.
  private(set) var untold: Set<String> = []
  private var deniedParts: Set<String> = []
  /// Versions of which bytes went out wrong.
  private(set) var spoilt: Set<String> = []
  private let sizes: [Int]
  private var count = 0

  init(dice: Dice, sizes: [Int]) {
    self.dice = dice
    self.sizes = sizes
  }

  func publish(_ key: String) {
    count += 1
    let size = dice.pick(sizes)
    var digest: Edition.Digest =
      switch dice.roll(20) {
      case 0: .wrong
      case 1..<6: .none
      default: .right
      }
    let parts = digest == .none || dice.roll(4) > 0 ? [] : parts(of: size)
    let tellsParts = dice.roll(4) > 0
    // What differs in size or is not told can be compared by nobody.
    if !parts.isEmpty, !tellsParts || Set(parts.dropLast()).count > 1 || parts[0] < parts[parts.count - 1] {
      digest = .none
    }
    let edition = Edition(
      key: key, etag: "\"e\(count)\"", size: size, start: dice.roll((4 << 20) - size), digest: digest, parts: parts,
      tellsParts: tellsParts)
    keys[key] = .some(edition)
    editions[edition.etag] = edition
  }

  /// Some parts that make a title: of one size but the last, or of several.
  private func parts(of size: Int) -> [Int] {
    guard size > 1 else { return [] }
    var parts: [Int] = []
    let usual = 1 + dice.roll(size)
    let isEqual = dice.roll(3) > 0
    var left = size
    while left > 0, parts.count < 20 {
      parts.append(min(left, isEqual ? usual : 1 + dice.roll(usual)))
      left -= parts[parts.count - 1]
    }
    // Too many of them for a small world.
    return left > 0 ? [size] : parts
  }

  func remove(_ key: String) { keys[key] = .some(nil) }

  func answer(_ request: TransferOptions) -> Answer {
    let address = request.url.split(separator: "/", maxSplits: 3)
    let (host, key) = (String(address[1]), String(address[3].prefix { $0 != "?" }))
    Trace.note(UInt64(request.method == .head ? 1 : 2))
    if !Self.regions.contains(where: { Self.host($0) == host }) { stranger = host }
    let answer = reply(request, host, key)
    if request.method == .head, let status = answer.head?.status {
      heard(status, key, ofPart: request.url.contains("?"))
    }
    Trace.say(
      "  \(request.method.rawValue) \(host == Self.host(Self.regions[0]) ? "" : "\(host) ")\(key) \(request.headers.first { $0.name == "Range" }?.value ?? ""): \(answer.head.map { "\($0.status)" } ?? "no answer"), \(answer.ending)"
    )
    return answer
  }

  /// Notes which parts were refused where the whole was not.
  private func heard(_ status: Int, _ key: String, ofPart: Bool) {
    guard case let edition?? = keys[key] else { return }
    if ofPart, (400..<500).contains(status), status != 429 {
      deniedParts.insert(edition.etag)
    } else if !ofPart, deniedParts.remove(edition.etag) != nil, status == 200 {
      untold.insert(edition.etag)
    }
  }

  private func reply(_ request: TransferOptions, _ host: String, _ key: String) -> Answer {
    let wait = UInt64(dice.roll(40) + 1) * 1_000_000
    func without(_ ending: Answer.Ending) -> Answer {
      Answer(wait: wait, pace: 0, head: nil, body: .bytes([]), ending: ending)
    }
    func error(
      _ status: Int, _ code: String, _ headers: [(name: String, value: String)] = [], _ more: String = ""
    ) -> Answer {
      let body = Array("<Error><Code>\(code)</Code><Message>no</Message>\(more)</Error>".utf8)
      return Answer(
        wait: wait, pace: 1_000_000,
        head: (status, [("x-amz-request-id", "1"), ("date", Self.httpDate(Self.time))] + headers),
        body: .bytes(request.method == .head ? [] : body), ending: .whole)
    }
    func says(_ refusal: Refusal) -> Answer { error(refusal.status, refusal.code, refusal.headers, refusal.more) }
    if isAbroadLost, host != Self.host(Self.regions[0]) { return without(.failure(.couldNotConnect)) }
    switch weather {
    case .offline: return without(.failure(dice.pick([.couldNotConnect, .couldNotResolve, .timedOut, .tls])))
    case .silent: return without(.silence)
    case .busy where dice.roll(4) > 0:
      let after = dice.roll(2) == 0 ? [] : [(name: "retry-after", value: "\(dice.roll(20))")]
      return dice.pick([
        error(503, "SlowDown", after), error(429, "TooManyRequests", after), error(500, "InternalError"),
      ])
    case .flaky where dice.roll(3) == 0:
      switch dice.roll(4) {
      case 0: return without(.failure(.couldNotConnect))
      case 1: return error(dice.pick([500, 503, 504]), "InternalError")
      case 2:
        // A captive portal.
        return Answer(
          wait: wait, pace: 1_000_000,
          head: (200, [("content-type", "text/html"), ("content-length", "20")]),
          body: .bytes(request.method == .head ? [] : Array("<html>login</html>  ".utf8)), ending: .whole)
      default: return without(.silence)
      }
    case .luring where dice.roll(3) == 0: return says(lure(request, key))
    default: break
    }
    if let refusal = refusal(request, host, key) { return says(refusal) }
    if weather == .denied, dice.roll(3) > 0 {
      saidDenied.insert(key)
      return error(403, "AccessDenied")
    }
    guard case let edition?? = keys[key] else {
      saidMissing.insert(key)
      return error(404, "NoSuchKey")
    }
    var headers = [
      (name: "etag", value: edition.etag), (name: "last-modified", value: "Tue, 14 Nov 2023 22:13:20 GMT"),
      (name: "x-amz-request-id", value: "1"),
    ]
    if request.method == .head, let query = request.url.split(separator: "?").dropFirst().first {
      return part(Int(query.dropFirst("partNumber=".count)) ?? 0, of: edition, headers, wait, error)
    }
    if request.method == .head {
      if let digest = digest(of: edition) { headers.append(digest) }
      headers.append((name: "content-length", value: "\(edition.size)"))
      return Answer(wait: wait, pace: 0, head: (200, headers), body: .bytes([]), ending: .whole)
    }
    let match = request.headers.first { $0.name.lowercased() == "if-match" }?.value
    if let match, match != edition.etag { return error(412, "PreconditionFailed") }
    return ranged(request, edition, wait) { error($0, $1) }
  }

  /// The size of a part, or what a store says that does not know of parts.
  private func part(
    _ number: Int, of edition: Edition, _ headers: [(name: String, value: String)], _ wait: UInt64,
    _ error: (Int, String, [(name: String, value: String)], String) -> Answer
  ) -> Answer {
    guard edition.tellsParts, edition.parts.indices.contains(number - 1) else {
      guard !edition.tellsParts, edition.size % 3 > 0 else {
        return error(edition.tellsParts ? 416 : edition.size % 2 == 0 ? 501 : 400, "NotImplemented", [], "")
      }
      let whole = headers + [(name: "content-length", value: "\(edition.size)")]
      return Answer(wait: wait, pace: 0, head: (200, whole), body: .bytes([]), ending: .whole)
    }
    let size = (name: "content-length", value: "\(edition.parts[number - 1])")
    let count = (name: "x-amz-mp-parts-count", value: "\(edition.parts.count)")
    return Answer(wait: wait, pace: 0, head: (206, headers + [size, count]), body: .bytes([]), ending: .whole)
  }

  private func ranged(
    _ request: TransferOptions, _ edition: Edition, _ wait: UInt64, _ error: (Int, String) -> Answer
  ) -> Answer {
    let text = request.headers.first { $0.name.lowercased() == "range" }?.value ?? ""
    let ends = text.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
    guard ends.count == 2, ends[0] < edition.size else { return error(416, "InvalidRange") }
    var range = ends[0]..<min(ends[1] + 1, edition.size)
    var headers = [(name: "x-amz-request-id", value: "1")]
    var etag: String? = edition.etag
    var flips: [Int] = []
    var ending = Answer.Ending.whole
    var said = range
    var sent = range
    if weather == .flaky, dice.roll(2) == 0 {
      switch dice.roll(12) {
      case 0, 1:
        sent = range.lowerBound..<range.lowerBound + dice.roll(range.count)
        ending = .failure(.cut)
      case 2:
        sent = range.lowerBound..<range.lowerBound + dice.roll(range.count)
        ending = .silence
      case 3:
        // Bytes that nobody asked for.
        let shift = dice.roll(edition.size)
        range = shift..<min(edition.size, shift + range.count)
        said = range
        sent = range
      case 4: etag = dice.pick([nil, "\"other\"", "W/\(edition.etag)"])
      case 5 where edition.digest == .right:
        flips = [dice.roll(range.count)]
        spoilt.insert(edition.etag)
      case 6:
        // Chunked and too long, or too short without saying so.
        sent = range.lowerBound..<min(edition.size, range.upperBound + dice.roll(5000))
        return Answer(
          wait: wait, pace: 1_000_000,
          head: (206, head(headers, etag, said, edition.size, length: nil)), body: body(edition, sent, []),
          ending: .whole)
      case 7:
        sent = range.lowerBound..<range.lowerBound + dice.roll(range.count)
        return Answer(
          wait: wait, pace: 1_000_000,
          head: (206, head(headers, etag, said, edition.size, length: nil)), body: body(edition, sent, []),
          ending: .whole)
      case 8:
        // The whole, whatever was asked for.
        return Answer(
          wait: wait, pace: 1_000_000,
          head: (
            200, headers + [(name: "etag", value: edition.etag), (name: "content-length", value: "\(edition.size)")]
          ), body: body(edition, 0..<edition.size, []), ending: .whole)
      // A range that is there, and a version that is the one.
      case 9: return error(416, "InvalidRange")
      case 10: return error(412, "PreconditionFailed")
      default:
        headers.append((name: "content-encoding", value: "gzip"))
      }
    }
    return Answer(
      wait: wait, pace: UInt64(dice.roll(3) + 1) * 1_000_000,
      head: (206, head(headers, etag, said, edition.size, length: said.count)), body: body(edition, sent, flips),
      ending: ending, portion: dice.pick([16 << 10, 16 << 10, 5000]))
  }

  private func body(_ edition: Edition, _ range: Range<Int>, _ flips: [Int]) -> Answer.Body {
    unsafe .memory(UnsafeRawBufferPointer(rebasing: edition.content[range]), flips: flips)
  }

  private func head(
    _ headers: [(name: String, value: String)], _ etag: String?, _ range: Range<Int>, _ total: Int, length: Int?
  ) -> [(name: String, value: String)] {
    var headers = headers
    if let etag { headers.append((name: "etag", value: etag)) }
    headers.append((name: "content-range", value: "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(total)"))
    if let length { headers.append((name: "content-length", value: "\(length)")) }
    return headers
  }

  /// The digest as a header, of the whole or of the parts' digests.
  private func digest(of edition: Edition) -> (name: String, value: String)? {
    guard edition.digest != .none || !edition.parts.isEmpty else { return nil }
    let algorithm = edition.parts.isEmpty ? DigestAlgorithm.crc64nvme : .crc32c
    var computation = DigestComputation(algorithm)
    var offset = 0
    for size in edition.parts {
      var part = DigestComputation(algorithm)
      unsafe part.update(UnsafeRawBufferPointer(rebasing: edition.content[offset..<offset + size]))
      computation.update(part.finish())
      offset += size
    }
    if edition.parts.isEmpty { unsafe computation.update(edition.content) }
    var bytes = computation.finish()
    if edition.digest == .wrong { bytes[0] ^= 1 }
    let tail = edition.parts.isEmpty ? "" : "-\(edition.parts.count)"
    return ("x-amz-checksum-\(algorithm.rawValue)", Self.base64(bytes) + tail)
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      for index in 0..<4 {
        text.append(index <= group.count ? alphabet[bits >> (18 - 6 * index) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
