// Lines and fields of a request head, eight bytes at a time.
//
// The scanner walks over the bytes that are there and throws `incomplete` where they end. Its inner loops look for the
// first byte that cannot belong to what is read, with the word tricks known from strlen: subtracting n from each byte
// sets the high bit of one below n, adding 1 sets that of 0x7f. A borrow or a carry can only mark bytes above one that
// is marked rightly, so the lowest mark is exact.

/// A position in the bytes of a head.
struct HeadScanner {
  let text: ByteView
  var position = 0

  init(text: ByteView) {
    self.text = text
  }

  /// Skips a few empty lines (RFC 9112, section 2.2).
  mutating func skipEmptyLines() throws(Stop) {
    guard text.count > 0 else { throw .incomplete }
    var lines = 0
    while position < text.count, text[position] == .carriageReturn || text[position] == .lineFeed {
      guard lines < RequestParser.maximumEmptyLines else { throw .refused(.emptyLines) }
      position = try endOfLine(from: position)
      lines &+= 1
    }
  }

  /// Where the line goes on after the CR LF that must be at `index`.
  @inline(__always) func endOfLine(from index: Int) throws(Stop) -> Int {
    guard index < text.count else { throw .incomplete }
    guard text[index] == .carriageReturn else { throw .refused(.lineEnd) }
    guard index &+ 1 < text.count else { throw .incomplete }
    guard text[index &+ 1] == .lineFeed else { throw .refused(.lineEnd) }
    return index &+ 2
  }

  /// Reads the header fields and the empty line after them.
  @inline(__always) mutating func readFields(into head: inout RequestHead) throws(Stop) {
    let text = text
    // A local of its own stays in a register.
    var index = position
    while index < text.count {
      let start = index
      let first = text[start]
      if first <= .space {
        guard !first.isBlank else { throw .refused(.foldedLine) }
        guard first == .carriageReturn || first == .lineFeed else { throw .refused(.fieldName) }
        position = try endOfLine(from: start)
        return
      }
      let colon = try endOfName(from: start)
      let known = HeaderName.recognize(text, at: start, count: colon &- start)
      if known == .other, text[start..<colon].firstIndex(where: { !ByteSet.token.contains($0) }) < colon &- start {
        throw .refused(.fieldName)
      }
      index = colon &+ 1
      while index < text.count, text[index].isBlank { index &+= 1 }
      let valueStart = index
      var valueEnd = endOfText(from: valueStart)
      if text.hasLineEnd(at: valueEnd) {
        index = valueEnd &+ 2
      } else {
        guard valueEnd < text.count else { throw .incomplete }
        guard text[valueEnd] == .carriageReturn || text[valueEnd] == .lineFeed else { throw .refused(.fieldValue) }
        index = try endOfLine(from: valueEnd)
      }
      while valueEnd > valueStart, text[valueEnd &- 1].isBlank { valueEnd &-= 1 }
      guard head.fieldCount < RequestHead.maximumFieldCount else { throw .refused(.tooManyFields) }
      head.append(known, name: HeadSlice(start, colon), value: HeadSlice(valueStart, valueEnd))
    }
    throw .incomplete
  }

  /// Finds the colon after a name at `start`; the name itself is not checked, only that it is not empty.
  @inline(__always) private func endOfName(from start: Int) throws(Stop) -> Int {
    let colon = text.firstIndex(
      from: start,
      inWord: { word in
        let rest = word ^ 0x3a3a_3a3a_3a3a_3a3a
        return (rest &- Self.ones) & ~rest & Self.highBits
      },
      inByte: { $0 == .colon })
    if colon == text.count {
      let name = text[start..<colon]
      guard name.firstIndex(where: { !ByteSet.token.contains($0) }) == name.count else { throw .refused(.fieldName) }
      throw .incomplete
    }
    guard colon > start else { throw .refused(.fieldName) }
    return colon
  }

  /// The first control character other than a tab at or after `start`, or the end of the bytes.
  @inline(__always) private func endOfText(from start: Int) -> Int {
    var index = start
    while true {
      // Marks the bytes below 0x20, delete, and, to save two steps, those above it too: they are passed over below.
      index = text.firstIndex(
        from: index,
        inWord: { word in ((word &- Self.ones &* 0x20) | (word &+ Self.ones) | word) & Self.highBits },
        inByte: { $0.isControl })
      if text.hasLineEnd(at: index) { return index }
      guard index < text.count, !text[index].isControl else { return index }
      index &+= 1
    }
  }

  /// The end of the target at the position and its first question mark. The byte at the end is one that no target may
  /// hold: the space that should be there, or a reason to refuse it.
  @inline(__always) func endOfTarget() throws(Stop) -> (end: Int, question: Int?) {
    // Bytes below 0x21, hashes, delete and what is above it.
    let end = text.firstIndex(
      from: position,
      inWord: { word in
        let hashes = word ^ 0x2323_2323_2323_2323
        return ((word &- Self.ones &* 0x21) | (hashes &- Self.ones) | (word &+ Self.ones) | word) & Self.highBits
      },
      inByte: { $0 <= 0x20 || $0 >= 0x7f || $0 == UInt8(ascii: "#") })
    guard end < text.count else {
      throw end &- position > RequestParser.maximumTargetCount ? .refused(.targetTooLong) : .incomplete
    }
    let target = text[0..<end]
    let question = target.firstIndex(
      from: position,
      inWord: { word in
        let rest = word ^ 0x3f3f_3f3f_3f3f_3f3f
        return (rest &- Self.ones) & ~rest & Self.highBits
      },
      inByte: { $0 == UInt8(ascii: "?") })
    return (end, question < end ? question : nil)
  }

  private static var ones: UInt64 {
    @inline(__always) get { 0x0101_0101_0101_0101 }
  }
  private static var highBits: UInt64 {
    @inline(__always) get { 0x8080_8080_8080_8080 }
  }
}
