// Bytes of somebody else's buffer, read with every access checked.
//
// The parsers of this module work on offsets. They read through a ByteView, which traps on an offset
// outside the buffer in release builds too, so that a slip in a parser is a stop and never a leak.
// A view assumes that the buffer outlives it and does not change meanwhile.

/// A borrowed run of bytes whose every access is bounds checked.
@safe struct ByteView {
  private let buffer: UnsafeRawBufferPointer

  init(_ buffer: UnsafeRawBufferPointer) {
    unsafe self.buffer = buffer
  }

  var count: Int {
    @inline(__always) get { unsafe buffer.count }
  }

  subscript(index: Int) -> UInt8 {
    @inline(__always) get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "offset outside the buffer")
      return unsafe buffer.baseAddress.unsafelyUnwrapped.load(fromByteOffset: index, as: UInt8.self)
    }
  }

  /// Eight bytes as one number, the first byte lowest.
  @inline(__always) func word(at index: Int) -> UInt64 {
    precondition(index >= 0 && index <= count &- 8, "offset outside the buffer")
    let word = unsafe buffer.baseAddress.unsafelyUnwrapped.loadUnaligned(fromByteOffset: index, as: UInt64.self)
    return UInt64(littleEndian: word)
  }

  /// Whether CR LF is at `index`; the bytes may end before it.
  @inline(__always) func hasLineEnd(at index: Int) -> Bool {
    guard index >= 0, index < count &- 1 else { return false }
    let pair = unsafe buffer.baseAddress.unsafelyUnwrapped.loadUnaligned(fromByteOffset: index, as: UInt16.self)
    return UInt16(littleEndian: pair) == 0x0a0d
  }

  /// The decimal number that begins at `index`, held at Int's largest, and where it ends.
  @inline(__always) func decimal(at index: Int) -> (value: Int, end: Int) {
    precondition(index >= 0 && index <= count, "offset outside the buffer")
    guard let base = unsafe buffer.baseAddress else { return (0, index) }
    var value = 0
    var end = index
    while end < count {
      let digit = unsafe base.load(fromByteOffset: end, as: UInt8.self) &- 0x30
      guard digit < 10 else { break }
      value = value &* 10 &+ Int(digit)
      end &+= 1
      // Eighteen digits fit; from there on each step is checked.
      if end &- index == 18 { return saturatingDecimal(from: value, at: end) }
    }
    return (value, end)
  }

  @inline(never) private func saturatingDecimal(from start: Int, at index: Int) -> (value: Int, end: Int) {
    var value = start
    var end = index
    while end < count, let digit = self[end].decimalDigit {
      let (tens, tensOverflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, sumOverflow) = tens.addingReportingOverflow(Int(digit))
      value = tensOverflow || sumOverflow ? .max : sum
      end &+= 1
    }
    return (value, end)
  }

  subscript(range: Range<Int>) -> ByteView {
    @inline(__always) get {
      precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside the buffer")
      guard let base = unsafe buffer.baseAddress else { return self }
      return unsafe ByteView(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }
  }

  /// The first offset at or after `start` that is looked for, or `count`.
  ///
  /// - Parameters:
  ///   - inWord: marks bytes of eight with their high bit; the lowest mark must be exact, those above it may be false.
  ///   - inByte: says the same of one byte.
  @inline(__always) func firstIndex(
    from start: Int, inWord: (UInt64) -> UInt64, inByte: (UInt8) -> Bool
  ) -> Int {
    precondition(start >= 0 && start <= count, "offset outside the buffer")
    guard let base = unsafe buffer.baseAddress else { return start }
    var index = start
    let lastWord = count &- 8
    while index <= lastWord {
      let word = unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      let marks = inWord(UInt64(littleEndian: word))
      if marks != 0 { return index &+ marks.trailingZeroBitCount &>> 3 }
      index &+= 8
    }
    while index < count {
      if inByte(unsafe base.load(fromByteOffset: index, as: UInt8.self)) { return index }
      index &+= 1
    }
    return index
  }

  /// The first offset whose byte meets the condition, or `count`.
  @inline(__always) func firstIndex(where condition: (UInt8) -> Bool) -> Int {
    guard let base = unsafe buffer.baseAddress else { return 0 }
    var index = 0
    while index < count, !condition(unsafe base.load(fromByteOffset: index, as: UInt8.self)) { index &+= 1 }
    return index
  }

  /// Whether these are exactly the bytes of `other`.
  @inline(__always) func equals(_ other: ByteView) -> Bool {
    guard count == other.count else { return false }
    var index = 0
    while index <= count &- 8 {
      if word(at: index) != other.word(at: index) { return false }
      index &+= 8
    }
    while index < count {
      if self[index] != other[index] { return false }
      index &+= 1
    }
    return true
  }

  /// Whether these are the bytes of `literal`, which is written in lower case, in any case.
  @inline(__always) func equalsIgnoringCase(_ literal: StaticString) -> Bool {
    let expected = literal.view
    guard count == expected.count else { return false }
    var index = 0
    while index < count {
      if self[index].lowercased != expected[index] { return false }
      index &+= 1
    }
    return true
  }

  /// The bytes without spaces and tabs at either end.
  var trimmed: ByteView {
    var lower = 0
    var upper = count
    while lower < upper, self[lower].isBlank { lower &+= 1 }
    while lower < upper, self[upper &- 1].isBlank { upper &-= 1 }
    return self[lower..<upper]
  }
}

extension StaticString {
  /// The first eight bytes of a literal of at least eight, as `ByteView.word` reads them; folded by the compiler.
  var word: UInt64 {
    @inline(__always) get {
      unsafe UInt64(littleEndian: UnsafeRawPointer(utf8Start).loadUnaligned(as: UInt64.self))
    }
  }

  /// The literal's bytes, which live as long as the program.
  var view: ByteView {
    @inline(__always) get { unsafe ByteView(UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount)) }
  }
}

extension UInt8 {
  static let tab = UInt8(ascii: "\t")
  static let lineFeed = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")
  static let quote = UInt8(ascii: "\"")
  static let comma = UInt8(ascii: ",")
  static let colon = UInt8(ascii: ":")

  /// Whether this is a space or a tab (`OWS` of RFC 9110, section 5.6.3).
  var isBlank: Bool {
    @inline(__always) get { self == .space || self == .tab }
  }

  /// Whether this is a control character other than the tab.
  var isControl: Bool {
    @inline(__always) get { (self < 0x20 && self != .tab) || self == 0x7f }
  }

  var lowercased: UInt8 {
    @inline(__always) get { self &- 0x41 < 26 ? self | 0x20 : self }
  }

  /// The value of a decimal digit, else nil.
  var decimalDigit: UInt8? {
    @inline(__always) get {
      let value = self &- 0x30
      return value < 10 ? value : nil
    }
  }

  /// The value of a hexadecimal digit in either case, else nil.
  var hexDigit: UInt8? {
    @inline(__always) get {
      if let digit = decimalDigit { return digit }
      let letter = (self | 0x20) &- 0x61
      return letter < 6 ? letter &+ 10 : nil
    }
  }
}
