// Bytes to a request head, strictly: RFC 9112.
//
// The parser keeps no state. While a head is incomplete it is called again with the same bytes and more, and
// reads them anew; a head is 16 KiB at the most, and scanning one costs less than receiving it. What can be
// refused is refused as soon as it is seen, and stays refused whatever follows.

/// Parses the head of an HTTP/1.x request.
///
/// It is stricter than RFC 9112 makes it be, so that no other recipient in front of it can read a request
/// differently: lines end in CR LF, headers are never folded, and a length that is stated twice is refused.
public enum RequestParser {
  /// The most bytes of a head, empty lines before it included; more are answered 431.
  public static let maximumHeadCount = 16_384
  /// The most bytes of a request target; more are answered 414.
  public static let maximumTargetCount = 8192
  /// How many empty lines may precede a request line (RFC 9112, section 2.2).
  static let maximumEmptyLines = 4

  /// What the bytes were.
  public enum Outcome: Equatable, Sendable {
    /// More bytes are needed; nothing in the head may be used yet.
    case incomplete
    /// A head of that many bytes, empty lines before it included; the body or the next request follows.
    case complete(headLength: Int)
    /// No request that this server takes; answer with the status and close.
    case refused(Refusal)
  }

  /// Parses the head that `bytes` begin with.
  ///
  /// - Parameters:
  ///   - bytes: what was received and not used yet, from the first byte of the request on.
  ///   - head: filled when the outcome is complete, with offsets from the start of `bytes`.
  public static func parse(_ bytes: UnsafeRawBufferPointer, into head: inout RequestHead) -> Outcome {
    let whole = unsafe ByteView(bytes)
    let text = whole.count > maximumHeadCount ? whole[0..<maximumHeadCount] : whole
    head.reset()
    do throws(Stop) {
      var scanner = HeadScanner(text: text)
      try scanner.skipEmptyLines()
      let line = try RequestLine(&scanner, into: &head)
      try scanner.readFields(into: &head)
      try check(&head, line, text)
      return .complete(headLength: scanner.position)
    } catch {
      switch error {
      case .incomplete: return whole.count >= maximumHeadCount ? .refused(.headTooLarge) : .incomplete
      case .refused(let refusal): return .refused(refusal)
      }
    }
  }

  /// What can be said only of the head as a whole.
  private static func check(_ head: inout RequestHead, _ line: RequestLine, _ text: ByteView) throws(Stop) {
    if head.isRepeated(.host) { throw .refused(.repeatedHost) }
    if let host = head[.host] {
      guard Authority.isValid(host.view(in: text)) else { throw .refused(.host) }
      head.host = line.authority ?? host
    } else {
      guard head.version == .http10 else { throw .refused(.missingHost) }
      head.host = line.authority
    }
    try checkFraming(&head, text)
    checkConnection(&head, text)
    guard head.contains(.expect) else { return }
    for index in 0..<head.fieldCount where head[index].known == .expect {
      guard head[index].value.view(in: text).equalsIgnoringCase("100-continue") else { throw .refused(.expectation) }
    }
    head.expectsContinue = head.version == .http11 && head.framing != .none
  }

  /// The body's length by RFC 9112, section 6.3, with every doubtful case refused.
  @inline(__always) private static func checkFraming(_ head: inout RequestHead, _ text: ByteView) throws(Stop) {
    if head.contains(.transferEncoding) {
      if head.version == .http10 { throw .refused(.transferEncodingInHTTP10) }
      if head.contains(.contentLength) { throw .refused(.contentLengthWithTransferEncoding) }
      guard !head.isRepeated(.transferEncoding), let coding = head[.transferEncoding],
        coding.view(in: text).equalsIgnoringCase("chunked")
      else { throw .refused(.transferEncoding) }
      head.framing = .chunked
    } else if let length = head[.contentLength] {
      if head.isRepeated(.contentLength) { throw .refused(.repeatedContentLength) }
      let digits = length.view(in: text)
      guard digits.count > 0 else { throw .refused(.contentLength) }
      var value = 0
      for index in 0..<digits.count {
        guard let digit = digits[index].decimalDigit else {
          throw .refused(digits[index] == .comma ? .repeatedContentLength : .contentLength)
        }
        let (tens, tensOverflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, sumOverflow) = tens.addingReportingOverflow(Int(digit))
        if tensOverflow || sumOverflow { throw .refused(.contentLength) }
        value = sum
      }
      head.framing = .length(value)
    }
  }

  /// Persistence by RFC 9112, section 9.3: `close` goes before everything.
  private static func checkConnection(_ head: inout RequestHead, _ text: ByteView) {
    head.keepsAlive = head.version == .http11
    guard let first = head[.connection] else { return }
    if !head.isRepeated(.connection), first.view(in: text).equalsIgnoringCase("keep-alive") {
      head.keepsAlive = true
      return
    }
    var closes = false
    var keeps = false
    for index in 0..<head.fieldCount where head[index].known == .connection {
      let value = head[index].value.view(in: text)
      var start = 0
      while start < value.count {
        var end = start
        while end < value.count, value[end] != .comma { end &+= 1 }
        let option = value[start..<end].trimmed
        if option.equalsIgnoringCase("close") {
          closes = true
        } else if option.equalsIgnoringCase("keep-alive") {
          keeps = true
        }
        start = end &+ 1
      }
    }
    head.keepsAlive = !closes && (keeps || head.version == .http11)
  }
}

/// Why parsing ended before the head did.
enum Stop: Error {
  case incomplete
  case refused(Refusal)
}
