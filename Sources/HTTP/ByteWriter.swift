// Text written into a caller's buffer without a String.
//
// Every append checks the room left and traps when there is none: the public types that write through
// it state how much room they need, and asking for less is a fault of the program.

/// Appends bytes, literals and numbers to a fixed buffer.
@safe struct ByteWriter {
  private let buffer: UnsafeMutableRawBufferPointer
  private let capacity: Int
  /// Bytes written so far.
  private(set) var count = 0

  init(_ buffer: UnsafeMutableRawBufferPointer) {
    unsafe self.buffer = buffer
    capacity = buffer.count
  }

  /// Claims room for `additional` bytes and returns where it starts.
  @inline(__always) private mutating func claim(_ additional: Int) -> UnsafeMutableRawPointer {
    precondition(additional <= capacity &- count, "the buffer is too small for what is written")
    let start = unsafe buffer.baseAddress.unsafelyUnwrapped + count
    count &+= additional
    return unsafe start
  }

  @inline(__always) mutating func append(_ byte: UInt8) {
    unsafe claim(1).storeBytes(of: byte, as: UInt8.self)
  }

  @inline(__always) mutating func append(_ literal: StaticString) {
    let length = literal.utf8CodeUnitCount
    guard length > 0 else { return }
    unsafe claim(length).copyMemory(from: literal.utf8Start, byteCount: length)
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    unsafe claim(bytes.count).copyMemory(from: source, byteCount: bytes.count)
  }

  /// Appends a field value of unknown origin with each control character but the tab replaced by a space, as
  /// RFC 9110, section 5.5, has it: no value can end its line.
  mutating func append(sanitized bytes: UnsafeRawBufferPointer) {
    let source = unsafe ByteView(bytes)
    var index = 0
    while index < source.count {
      let byte = source[index]
      append(byte.isControl ? .space : byte)
      index &+= 1
    }
  }

  mutating func append(decimal value: Int) {
    var rest = value.magnitude
    var digits = value < 0 ? 2 : 1
    var bound: UInt = 10
    while rest >= bound {
      digits &+= 1
      let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
      if overflow { break }
      bound = next
    }
    let start = unsafe claim(digits)
    var position = digits
    repeat {
      position &-= 1
      unsafe start.storeBytes(of: UInt8(truncatingIfNeeded: 0x30 &+ rest % 10), toByteOffset: position, as: UInt8.self)
      rest /= 10
    } while rest > 0
    if value < 0 { unsafe start.storeBytes(of: UInt8(ascii: "-"), as: UInt8.self) }
  }

  /// Appends the last `digits` decimal digits of a value that is not negative, zeros first.
  @inline(__always) mutating func append(_ value: Int, digits: Int) {
    let start = unsafe claim(digits)
    var rest = UInt(value)
    var position = digits
    while position > 0 {
      position &-= 1
      unsafe start.storeBytes(of: UInt8(truncatingIfNeeded: 0x30 &+ rest % 10), toByteOffset: position, as: UInt8.self)
      rest /= 10
    }
  }

  /// Appends `value` as sixteen hexadecimal digits in lower case.
  mutating func append(hexadecimal value: UInt64) {
    for shift in stride(from: 60, through: 0, by: -4) {
      append(UInt8.lowercaseHexDigit(UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15))
    }
  }
}

extension UInt8 {
  static func lowercaseHexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
  static func uppercaseHexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }
}
