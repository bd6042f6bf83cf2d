// The head of a response, written straight into the buffer that is sent.
//
// No field is remembered and no String is made: each call appends one line. What is written into a field from outside
// the program cannot end its line, since control characters become spaces.

/// Writes a status line and header fields into a caller's buffer.
///
/// The buffer must have room for everything written: a write past its end traps. Without values of the caller's own
/// an answer to a play takes less than `usualCount` bytes; to that comes the length of each value given as bytes or
/// as a String.
@safe public struct ResponseHead {
  /// Room in bytes for a head of up to twenty fields whose values are literals, numbers, dates and ranges.
  public static let usualCount = 1536

  private var writer: ByteWriter

  /// Begins a head with its status line at the start of `buffer`.
  public init(_ status: Status, into buffer: UnsafeMutableRawBufferPointer) {
    writer = unsafe ByteWriter(buffer)
    writer.append("HTTP/1.1 ")
    writer.append(decimal: status.rawValue)
    writer.append(.space)
    writer.append(status.phrase)
    writer.append("\r\n")
  }

  /// Bytes written so far.
  public var count: Int { writer.count }

  /// Appends a field with a value known when the program was written, which must hold no line end.
  public mutating func append(_ name: StaticString, _ value: StaticString) {
    begin(name)
    writer.append(value)
    writer.append("\r\n")
  }

  /// Appends a field with a number.
  public mutating func append(_ name: StaticString, _ value: Int) {
    begin(name)
    writer.append(decimal: value)
    writer.append("\r\n")
  }

  /// Appends a field with bytes of any origin; control characters become spaces (RFC 9110, section 5.5).
  public mutating func append(_ name: StaticString, bytes value: UnsafeRawBufferPointer) {
    begin(name)
    unsafe writer.append(sanitized: value)
    writer.append("\r\n")
  }

  /// Appends a field with bytes that the program made or checked itself, such as a date kept for the second.
  public mutating func append(_ name: StaticString, verbatim value: UnsafeRawBufferPointer) {
    begin(name)
    unsafe writer.append(value)
    writer.append("\r\n")
  }

  /// Appends a field with a String of any origin; control characters become spaces.
  public mutating func append(_ name: StaticString, string value: String) {
    begin(name)
    for byte in value.utf8 { writer.append(byte.isControl ? .space : byte) }
    writer.append("\r\n")
  }

  /// Appends a field with a date, given in seconds since 1970.
  public mutating func append(_ name: StaticString, date seconds: Int) {
    begin(name)
    HTTPDate.append(seconds, to: &writer)
    writer.append("\r\n")
  }

  /// Appends `Content-Range` of a partial answer (RFC 9110, section 14.4).
  public mutating func appendContentRange(_ range: ByteRange, length: Int) {
    writer.append("Content-Range: ")
    writer.append(range, length: length)
    writer.append("\r\n")
  }

  /// Appends `Content-Range: bytes */N`, which goes with 416.
  public mutating func appendContentRange(unsatisfiedLength length: Int) {
    writer.append("Content-Range: bytes */")
    writer.append(decimal: length)
    writer.append("\r\n")
  }

  /// Appends `Content-Type` of an answer in parts.
  public mutating func appendContentType(_ boundary: MultipartBoundary) {
    writer.append("Content-Type: multipart/byteranges; boundary=")
    boundary.append(to: &writer)
    writer.append("\r\n")
  }

  /// Appends the empty line and returns the length of the head in bytes.
  public mutating func end() -> Int {
    writer.append("\r\n")
    return writer.count
  }

  private mutating func begin(_ name: StaticString) {
    writer.append(name)
    writer.append(": ")
  }
}

extension ByteWriter {
  /// Appends `bytes 0-499/1234`.
  mutating func append(_ range: ByteRange, length: Int) {
    append("bytes ")
    append(decimal: range.first)
    append(UInt8(ascii: "-"))
    append(decimal: range.last)
    append(UInt8(ascii: "/"))
    append(decimal: length)
  }
}
