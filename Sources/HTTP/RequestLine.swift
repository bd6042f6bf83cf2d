// The first line of a request: RFC 9112, section 3.
//
// An unknown method or version is refused only once the line is complete, so that the most telling
// status is given: the preface of HTTP/2 is an unsupported version, not an unknown method.

/// The request line, of which the head keeps the parts and this value what is needed to check the rest.
struct RequestLine {
  /// Host and port of an absolute target.
  private(set) var authority: HeadSlice?

  /// Reads the line into the head.
  init(_ scanner: inout HeadScanner, into head: inout RequestHead) throws(Stop) {
    let text = scanner.text
    let method = try Self.readMethod(&scanner)
    let start = scanner.position
    let (end, question) = try scanner.endOfTarget()
    if end &- start > RequestParser.maximumTargetCount { throw .refused(.targetTooLong) }
    guard text[end] == .space, end > start else { throw .refused(.target) }
    scanner.position = end &+ 1
    head.version = try Self.readVersion(&scanner)
    guard let method else { throw .refused(.unknownMethod) }
    guard method != .connect else { throw .refused(.tunnel) }
    head.method = method
    head.target = HeadSlice(start, end)
    try readTarget(text, start, end, question, into: &head)
    if let question { head.query = HeadSlice(question &+ 1, end) }
  }

  /// The method with the space after it; nil for a token that names none.
  @inline(__always) private static func readMethod(_ scanner: inout HeadScanner) throws(Stop) -> Method? {
    let text = scanner.text
    let start = scanner.position
    if start &+ 8 <= text.count, text.word(at: start) & 0xffff_ffff == ("GET \0\0\0\0" as StaticString).word {
      scanner.position = start &+ 4
      return .get
    }
    let end = start &+ text[start..<text.count].firstIndex(where: { !ByteSet.token.contains($0) })
    guard end < text.count else { throw .incomplete }
    guard end > start, text[end] == .space else { throw .refused(.method) }
    scanner.position = end &+ 1
    return Method(text[start..<end])
  }

  /// The version with the line's end after it.
  @inline(__always) private static func readVersion(_ scanner: inout HeadScanner) throws(Stop) -> HTTPVersion {
    let text = scanner.text
    let start = scanner.position
    if text.hasLineEnd(at: start &+ 8), text.word(at: start) == ("HTTP/1.1" as StaticString).word {
      scanner.position = start &+ 10
      return .http11
    }
    let pattern = ("HTTP/?.?" as StaticString).view
    var index = 0
    while index < 8 {
      guard start &+ index < text.count else { throw .incomplete }
      let byte = text[start &+ index]
      let expected = pattern[index]
      guard expected == UInt8(ascii: "?") ? byte.decimalDigit != nil : byte == expected else {
        throw .refused(.version)
      }
      index &+= 1
    }
    guard start &+ 8 < text.count else { throw .incomplete }
    guard text[start &+ 8] == .carriageReturn || text[start &+ 8] == .lineFeed else { throw .refused(.version) }
    scanner.position = try scanner.endOfLine(from: start &+ 8)
    guard text[start &+ 5] == UInt8(ascii: "1") else { throw .refused(.unsupportedVersion) }
    return text[start &+ 7] == UInt8(ascii: "0") ? .http10 : .http11
  }

  /// Tells the forms of RFC 9112, section 3.2, apart.
  @inline(__always) private mutating func readTarget(
    _ text: ByteView, _ start: Int, _ end: Int, _ question: Int?, into head: inout RequestHead
  ) throws(Stop) {
    if text[start] == UInt8(ascii: "/") {
      head.path = HeadSlice(start, question ?? end)
      return
    }
    if text[start] == UInt8(ascii: "*") {
      guard end &- start == 1, head.method == .options else { throw .refused(.target) }
      head.path = HeadSlice(start, end)
      return
    }
    try readAbsoluteTarget(text, start, end, question, into: &head)
  }

  private mutating func readAbsoluteTarget(
    _ text: ByteView, _ start: Int, _ end: Int, _ question: Int?, into head: inout RequestHead
  ) throws(Stop) {
    let host: Int
    if end - start > 7, text[start..<start + 7].equalsIgnoringCase("http://") {
      host = start + 7
    } else if end - start > 8, text[start..<start + 8].equalsIgnoringCase("https://") {
      host = start + 8
    } else {
      throw .refused(.target)
    }
    let pathEnd = question ?? end
    var hostEnd = host
    while hostEnd < pathEnd, text[hostEnd] != UInt8(ascii: "/") { hostEnd += 1 }
    guard Authority.isValid(text[host..<hostEnd]) else { throw .refused(.host) }
    authority = HeadSlice(host, hostEnd)
    head.path = hostEnd < pathEnd ? HeadSlice(hostEnd, pathEnd) : HeadSlice(host - 1, host)
  }
}
