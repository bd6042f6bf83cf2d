// The Range header: RFC 9110, sections 14.1 and 14.2.
//
// A header that is malformed, of another unit, or asks for more work than the whole would be is ignored, which the
// RFC allows everywhere: the answer is then the whole representation. Reading one range allocates nothing.
//
// Ranges that overlap, or touch become one, as section 15.3.7.2 suggests, so that no request makes the
// server send a byte twice. An answer in parts is hence always smaller than the whole but for the parts' heads.

/// Reads a Range header against a representation's length.
public enum RangeHeader {
  /// What to send.
  public enum Outcome: Sendable {
    /// Ignore the header: 200 with the whole.
    case whole
    /// No range can be satisfied: 416 with `Content-Range: bytes */N`.
    case unsatisfiable
    /// 206 with `Content-Range`.
    case single(ByteRange)
    /// 206 as `multipart/byteranges`; two ranges at the least.
    case several(ByteRangeSet)
  }

  /// Ranges with no more bytes than this between them are sent as one. The RFC would allow as many as the head of a part
  /// costs (section 15.3.7.2); but a client that asks for two ranges expects two.
  public static let coalescingGap = 0

  /// Reads the Range header of a head, if any. More than one such header is no valid value, and ignored.
  ///
  /// Whether a range applies at all (method and If-Range) is what `Conditional.evaluate` says.
  public static func evaluate(_ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer, length: Int) -> Outcome {
    guard !head.isRepeated(.range), let value = head[.range] else { return .whole }
    return unsafe parse(value.bytes(in: bytes), length: length)
  }

  /// Reads a field value.
  ///
  /// Positions beyond what Int holds count as its largest. Of an empty representation no position can be satisfied
  /// (416), while a suffix that is not 0 can (section 14.1.2), but no Content-Range can say so: it gets the whole.
  ///
  /// - Parameters:
  ///   - value: the field value without blanks around it.
  ///   - length: the length of the representation in bytes.
  ///   - gap: how many bytes may lie between ranges that become one; -1 keeps even adjacent ranges apart.
  public static func parse(_ value: UnsafeRawBufferPointer, length: Int, gap: Int = coalescingGap) -> Outcome {
    let text = unsafe ByteView(value)
    guard text.count > 6, text[0..<6].equalsIgnoringCase("bytes=") else { return .whole }
    if let range = onlyRange(text, length: length) { return .single(range) }
    var reader = SpecificationReader(text: text, position: 6, length: length)
    var single: ByteRange?
    var set: ByteRangeSet?
    while let specification = reader.next() {
      guard case .range(let range) = specification else { continue }
      guard let first = single else {
        single = range
        continue
      }
      if reader.isFull { continue }
      if set == nil { set = ByteRangeSet(first) }
      if set?.insert(range, gap: gap) == false { reader.isFull = true }
    }
    guard reader.isValid, !reader.wantsWhole else { return .whole }
    guard let single else { return .unsatisfiable }
    guard !reader.isFull else { return .whole }
    guard let set else { return .single(single) }
    if set.byteCount >= length { return .whole }
    return set.count == 1 ? .single(set[0]) : .several(set)
  }

  /// What players ask for, `bytes=first-last` or `bytes=first-` and satisfiable, read without a list; nil for all else.
  @inline(__always) private static func onlyRange(_ text: ByteView, length: Int) -> ByteRange? {
    let (first, hyphen) = text.decimal(at: 6)
    guard hyphen > 6, hyphen < text.count, text[hyphen] == UInt8(ascii: "-"), first < length else { return nil }
    if hyphen &+ 1 == text.count { return ByteRange(first: first, last: length &- 1) }
    let (last, end) = text.decimal(at: hyphen &+ 1)
    guard end == text.count, last >= first else { return nil }
    return ByteRange(first: first, last: min(last, length &- 1))
  }
}

/// Steps through `1#range-spec`.
private struct SpecificationReader {
  enum Specification {
    case range(ByteRange)
    case unsatisfiable
  }

  let text: ByteView
  var position: Int
  let length: Int
  /// Set when the ranges no longer fit a set; the rest is then read for its syntax only.
  var isFull = false
  /// Whether a suffix of an empty representation was asked for.
  private(set) var wantsWhole = false
  private var found = 0
  private var isMalformed = false

  init(text: ByteView, position: Int, length: Int) {
    self.text = text
    self.position = position
    self.length = length
  }

  /// Whether the list, read to its end, held at least one specification and nothing else.
  var isValid: Bool { found > 0 && !isMalformed }

  /// The next specification, or nil at the end or at the first thing that is none.
  @inline(__always) mutating func next() -> Specification? {
    // Empty elements: `[ element ] *( OWS "," OWS [ element ] )`, RFC 9110, section 5.6.1.2.
    var isFirst = found == 0
    while position < text.count {
      if text[position] == .comma {
        isFirst = false
        position &+= 1
        skipBlanks()
      } else if isFirst, text[position].isBlank {
        // Blanks may only stand beside a comma.
        skipBlanks()
        if position == text.count || text[position] != .comma { isMalformed = true }
      } else {
        break
      }
      if isMalformed { return nil }
    }
    guard position < text.count else { return nil }
    found &+= 1
    let specification = read()
    if specification == nil { isMalformed = true }
    return specification
  }

  /// Reads one specification and the blanks after it, up to a comma or the end.
  @inline(__always) private mutating func read() -> Specification? {
    let first = digits()
    guard position < text.count, text[position] == UInt8(ascii: "-") else { return nil }
    position &+= 1
    let last = digits()
    skipBlanks()
    guard position == text.count || text[position] == .comma else { return nil }
    guard let first else {
      guard let suffix = last else { return nil }
      guard suffix > 0 else { return .unsatisfiable }
      guard length > 0 else {
        wantsWhole = true
        return .unsatisfiable
      }
      return .range(ByteRange(first: max(0, length &- suffix), last: length &- 1))
    }
    if let last, last < first { return nil }
    guard first < length else { return .unsatisfiable }
    return .range(ByteRange(first: first, last: min(last ?? Int.max, length &- 1)))
  }

  @inline(__always) private mutating func skipBlanks() {
    while position < text.count, text[position].isBlank { position &+= 1 }
  }

  /// A run of digits, nil when there is none.
  @inline(__always) private mutating func digits() -> Int? {
    let (value, end) = text.decimal(at: position)
    guard end > position else { return nil }
    position = end
    return value
  }
}
