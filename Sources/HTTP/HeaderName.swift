// The request headers that the server looks at, recognised while a head is parsed.
//
// Names are compared eight bytes at a time with the case bit set where letters are. On the letters and the hyphen of
// these names this is exact, so a name that matches needs no further check that it is a token.

/// A request header with a slot of its own in `RequestHead`, or any other.
public enum HeaderName: UInt8, Sendable, CaseIterable {
  case host, range
  case ifRange, ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince
  case authorization, contentLength, transferEncoding, connection, expect, contentType, accept
  case acceptEncoding, acceptLanguage, userAgent, referer, origin, cookie
  /// A header without a slot: look at its name's bytes.
  case other

  /// One bit for each name.
  var bit: UInt32 {
    @inline(__always) get { 1 &<< UInt32(rawValue) }
  }

  /// The name in lower case; empty for `other`.
  public var lowercaseName: StaticString {
    switch self {
    case .host: "host"
    case .range: "range"
    case .ifRange: "if-range"
    case .ifMatch: "if-match"
    case .ifNoneMatch: "if-none-match"
    case .ifModifiedSince: "if-modified-since"
    case .ifUnmodifiedSince: "if-unmodified-since"
    case .authorization: "authorization"
    case .contentLength: "content-length"
    case .transferEncoding: "transfer-encoding"
    case .connection: "connection"
    case .expect: "expect"
    case .contentType: "content-type"
    case .accept: "accept"
    case .acceptEncoding: "accept-encoding"
    case .acceptLanguage: "accept-language"
    case .userAgent: "user-agent"
    case .referer: "referer"
    case .origin: "origin"
    case .cookie: "cookie"
    case .other: ""
    }
  }

  /// Recognises the name at `start` of `head`, `count` bytes long, without regard to case.
  @inline(__always) static func recognize(_ head: ByteView, at start: Int, count: Int) -> HeaderName {
    guard count >= 4, count <= 19, start &+ 8 <= head.count else {
      return recognizeBytewise(head, at: start, count: count)
    }
    let first = head.word(at: start).lowercasedLetters
    if count < 8 {
      let name = first & (UInt64.max &>> UInt64(64 &- 8 &* count))
      switch count {
      case 4: return name.isWord("host\0\0\0\0") ? .host : .other
      case 5: return name.isWord("range\0\0\0") ? .range : .other
      case 6:
        if name.isWord("accept\0\0") { return .accept }
        if name.isWord("cookie\0\0") { return .cookie }
        if name.isWord("origin\0\0") { return .origin }
        return name.isWord("expect\0\0") ? .expect : .other
      default: return name.isWord("referer\0") ? .referer : .other
      }
    }
    let last = head.word(at: start &+ count &- 8).lowercasedLetters
    func matches(_ firstWord: StaticString, _ lastWord: StaticString) -> Bool {
      first.isWord(firstWord) && last.isWord(lastWord)
    }
    switch count {
    case 8:
      if first.isWord("if-range") { return .ifRange }
      return first.isWord("if-match") ? .ifMatch : .other
    case 10:
      if matches("connecti", "nnection") { return .connection }
      return matches("user-age", "er-agent") ? .userAgent : .other
    case 12: return matches("content-", "ent-type") ? .contentType : .other
    case 13:
      if matches("authoriz", "rization") { return .authorization }
      return matches("if-none-", "ne-match") ? .ifNoneMatch : .other
    case 14: return matches("content-", "t-length") ? .contentLength : .other
    case 15:
      if matches("accept-e", "encoding") { return .acceptEncoding }
      return matches("accept-l", "language") ? .acceptLanguage : .other
    case 17:
      let middle = head.word(at: start &+ 8).lowercasedLetters
      if matches("if-modif", "ed-since"), middle.isWord("ied-sinc") { return .ifModifiedSince }
      return matches("transfer", "encoding") && middle.isWord("-encodin") ? .transferEncoding : .other
    case 19:
      let middle = head.word(at: start &+ 8).lowercasedLetters
      return matches("if-unmod", "ed-since") && middle.isWord("ified-si") ? .ifUnmodifiedSince : .other
    default: return .other
    }
  }

  /// The same for a name too near the end of the bytes for a whole word.
  private static func recognizeBytewise(_ head: ByteView, at start: Int, count: Int) -> HeaderName {
    let name = head[start..<start &+ count]
    for known in HeaderName.allCases where known != .other && name.equalsIgnoringCase(known.lowercaseName) {
      return known
    }
    return .other
  }
}

extension UInt64 {
  /// The bytes with 0x20 added to those from 0x40 on. No byte but `A` and `a` becomes `a`, and none but `-` becomes
  /// `-`: setting the bit everywhere would let a carriage return pass for a hyphen.
  fileprivate var lowercasedLetters: UInt64 {
    @inline(__always) get { self | (self & 0x4040_4040_4040_4040) &>> 1 }
  }

  /// Whether this is the eight bytes of a literal.
  @inline(__always) fileprivate func isWord(_ literal: StaticString) -> Bool { self == literal.word }
}
