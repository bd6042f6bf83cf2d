// ObjectResponse: what an object store's status and headers say about one object.
// Header lookups are by lower-case name; when a header came several times, the lookup joins the values with commas.

/// One version of an object as its store describes it.
public struct ObjectHead: Sendable, Hashable {
  /// Bytes.
  public let size: Int
  /// The strong ETag as sent, with its quotes.
  public let etag: String
  /// When it was last written, in seconds since 1970.
  public let lastModified: Int64?
  /// Its media type.
  public let contentType: String?
  /// Its digests, the one to trust most first.
  public let digests: [ObjectDigest]
  /// The number of parts it was uploaded in, when the store says so.
  public let partsCount: Int?
  /// When the store answered by its own clock, in seconds since 1970.
  public let date: Int64?
}

/// The meaning of an answer to ``ObjectRequest/head(_:part:checksums:)``.
public enum HeadAnswer: Sendable, Hashable {
  /// The object is there.
  case found(ObjectHead)
  /// It is not, or nothing could be learned.
  case failed(OriginFailure)
}

/// The meaning of the status and headers of an answer to a ranged ``ObjectRequest/get(_:range:ifMatch:checksums:)``.
public enum RangeAnswer: Sendable, Hashable {
  /// The framing is exact: a body of so many bytes follows, which are the ones asked for.
  case good(length: Int)
  /// The object is another version now, or was never as long as was thought: ask for its head again.
  case changed(reason: String)
  /// Nothing that follows is of use.
  case failed(OriginFailure)
}

/// The bytes that were asked for, of the version that was asked for.
public struct RangeAsked: Sendable, Hashable {
  /// Offsets of the first and the last byte.
  public let range: ClosedRange<Int>
  /// Bytes in the whole object.
  public let total: Int
  /// The strong ETag of the version, with its quotes.
  public let etag: String

  /// A range within an object of `total` bytes.
  public init(_ range: ClosedRange<Int>, total: Int, etag: String) {
    precondition(range.lowerBound >= 0 && range.upperBound < total, "the range lies within the object")
    self.range = range
    self.total = total
    self.etag = etag
  }
}

/// Interprets answers; the functions know no state.
public enum ObjectResponse {
  /// Interprets the answer to a HEAD of a whole object.
  ///
  /// A 200 without a strong ETag or a length is not a store's: it counts as unreachable, and so does a web page.
  ///
  /// - Parameters:
  ///   - status: of the answer.
  ///   - region: the region that the request was signed for.
  ///   - now: the store's time as far as it is known, else the machine's; seconds since 1970.
  ///   - header: looks up a header by its lower-case name.
  public static func head(
    status: Int, region: String, now: Int64, header: (String) -> String?
  ) -> HeadAnswer {
    guard (200..<300).contains(status) else {
      return .failed(OriginFailure(status: status, error: nil, region: region, now: now, header: header))
    }
    func unreachable(_ what: String) -> HeadAnswer {
      .failed(.unreachable(reason: "the origin's answer \(what): something else answered in its place?"))
    }
    guard status == 200 else { return unreachable("has status \(status)") }
    guard !OriginFailure.isForeignPage(header) else { return unreachable("is a web page") }
    guard let etag = header("etag").map({ String($0.trimmed) }), isStrong(etag: etag) else {
      return unreachable("has no strong ETag")
    }
    guard let size = header("content-length").flatMap({ decimal($0.trimmed) }) else {
      return unreachable("has no length")
    }
    guard isPlain(header) else {
      let coding = header("content-encoding") ?? ""
      return .failed(.refused(status: status, text: "the object has the Content-Encoding \(coding)"))
    }
    return .found(
      ObjectHead(
        size: size, etag: etag, lastModified: seconds(header("last-modified")), contentType: header("content-type"),
        digests: ObjectDigest.all(header: header),
        partsCount: header("x-amz-mp-parts-count").flatMap { decimal($0.trimmed) }, date: seconds(header("date"))))
  }

  /// The length of a part, from the answer to a HEAD with a part's number; nil unless it is of the version `etag`.
  public static func partLength(status: Int, etag: String, header: (String) -> String?) -> Int? {
    guard status == 206 || status == 200, let sent = header("etag"), sent.trimmed.hasSameBytes(as: etag),
      header("x-amz-mp-parts-count") != nil
    else { return nil }
    return header("content-length").flatMap { decimal($0.trimmed) }.flatMap { $0 > 0 ? $0 : nil }
  }

  /// Interprets the answer to a ranged GET, before its body.
  ///
  /// Good is a 206 whose `Content-Range` is exactly what was asked for, and a 200 when that is the whole object and the
  /// ETag says so; in both, the ETag must be there, and whatever else speaks of length or coding must agree. A server
  /// that sends chunked states no length: whoever reads the body counts.
  ///
  /// - Parameters:
  ///   - asked: what the request said.
  ///   - status: of the answer.
  ///   - error: the scanned body of an answer that is no success, when it was read.
  ///   - region: the region that the request was signed for.
  ///   - now: the store's time as far as it is known, else the machine's; seconds since 1970.
  ///   - header: looks up a header by its lower-case name.
  public static func range(
    _ asked: RangeAsked, status: Int, error: S3ErrorBody? = nil, region: String, now: Int64,
    header: (String) -> String?
  ) -> RangeAnswer {
    switch status {
    case 200..<300: return success(asked, status: status, header: header)
    case 412: return .changed(reason: "the origin has another version now")
    case 416: return .changed(reason: "the origin's object has no such range now")
    default: return .failed(OriginFailure(status: status, error: error, region: region, now: now, header: header))
    }
  }

  private static func success(_ asked: RangeAsked, status: Int, header: (String) -> String?) -> RangeAnswer {
    func lie(_ what: String) -> RangeAnswer {
      .failed(.troubled(reason: "the origin's answer to a range \(what)", retryAfter: nil))
    }
    let etag = header("etag").map { String($0.trimmed) }
    let isAsked = etag?.hasSameBytes(as: asked.etag) ?? false
    if !isAsked, OriginFailure.isForeignPage(header) {
      return .failed(.unreachable(reason: "a web page answered in the origin's place: a captive portal?"))
    }
    guard let etag else {
      // A store names the version of each part that it sends (RFC 9110 section 15.3.7); one that does not may mix them.
      guard status == 200 else { return lie("names no ETag") }
      let reason = "the origin's answer to a range is a whole document without an ETag: a captive portal?"
      return .failed(.unreachable(reason: reason))
    }
    guard isAsked else {
      guard isStrong(etag: etag) else { return lie("has an ETag that is no strong validator") }
      return .changed(reason: "the origin's ETag is now \(etag)")
    }
    guard isPlain(header) else { return lie("has the Content-Encoding \(header("content-encoding") ?? "")") }
    if let coding = header("transfer-encoding")?.trimmed.lowercased() {
      guard coding == "chunked" else { return lie("has the Transfer-Encoding \(coding)") }
      guard header("content-length") == nil else { return lie("has two lengths: Content-Length and chunked") }
    }
    switch status {
    case 206:
      guard let sent = header("content-range").flatMap(ContentRange.init) else {
        return lie("has no Content-Range of one range")
      }
      guard sent.total == asked.total else {
        return lie("is of \(sent.total) bytes in all, and the ETag is of \(asked.total)")
      }
      guard sent.first == asked.range.lowerBound, sent.last == asked.range.upperBound else {
        return lie("is of bytes \(sent.first) to \(sent.last), which were not asked for")
      }
    case 200:
      guard asked.range.count == asked.total else { return lie("is the whole object") }
      guard header("content-length") != nil else { return lie("is the whole object without a length") }
    default: return lie("has status \(status)")
    }
    if let length = header("content-length"), decimal(length.trimmed) != asked.range.count {
      return lie("has Content-Length \(length) instead of \(asked.range.count)")
    }
    return .good(length: asked.range.count)
  }

  /// `"…"` without `W/`: quotes around visible bytes other than quotes (RFC 9110 section 8.8.3).
  static func isStrong(etag: String) -> Bool {
    let bytes = Array(etag.utf8)
    guard bytes.count >= 2, bytes.count <= 1024, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"")
    else { return false }
    return bytes[1..<(bytes.count - 1)].allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != 0x7F }
  }

  private static func isPlain(_ header: (String) -> String?) -> Bool {
    guard let coding = header("content-encoding")?.trimmed.lowercased() else { return true }
    return coding.isEmpty || coding == "identity"
  }

  private static func seconds(_ date: String?) -> Int64? {
    date.flatMap { CalendarTime(httpDate: $0)?.unixSeconds }
  }
}

/// A `Content-Range` of one range with a known total: `bytes 0-99/1000` (RFC 9110 section 14.4).
private struct ContentRange {
  let first: Int
  let last: Int
  let total: Int

  init?(_ value: String) {
    let words = value.trimmed.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
    let halves = words[1].split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count == 2, let total = decimal(halves[1]) else { return nil }
    let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = decimal(ends[0]), let last = decimal(ends[1]) else { return nil }
    (self.first, self.last, self.total) = (first, last, total)
  }
}
