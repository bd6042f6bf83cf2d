// Several ranges in one answer: RFC 9110, section 14.6.
//
// A value that a sender steps through: text to send from its buffer, a range to send from the file, text, and so on.
// The length is known before the first step. A step lost cannot be had again, but a copy of the value taken before
// can repeat it.

/// What separates the parts: 32 hexadecimal digits of the caller's random numbers.
///
/// It must not occur in the parts, which 128 random bits see to.
public struct MultipartBoundary: Equatable, Sendable {
  /// Length in bytes.
  public static let count = 32

  private let high: UInt64
  private let low: UInt64

  /// A boundary from 128 random bits.
  public init(_ high: UInt64, _ low: UInt64) {
    self.high = high
    self.low = low
  }

  func append(to writer: inout ByteWriter) {
    writer.append(hexadecimal: high)
    writer.append(hexadecimal: low)
  }
}

/// Steps through the body of a `multipart/byteranges` answer.
public struct MultipartRanges: Sendable {
  /// The next thing to send.
  public enum Segment: Equatable, Sendable {
    /// That many bytes from the start of the buffer given.
    case text(count: Int)
    /// These bytes of the representation.
    case range(ByteRange)
  }

  /// Room in bytes that suffices for any text segment.
  public static let maximumTextCount = 256

  private enum Position {
    case head, range, end
  }

  /// The ranges sent.
  public let ranges: ByteRangeSet
  /// The length of the whole representation in bytes.
  public let length: Int
  /// The media type of the representation.
  public let mediaType: MediaType
  /// What separates the parts.
  public let boundary: MultipartBoundary
  private var index = 0
  private var position = Position.head

  /// The body for these ranges of a representation of `length` bytes.
  ///
  /// A length within 8 KiB of Int's largest traps: with the parts' heads the body could be longer than Int counts.
  public init(_ ranges: ByteRangeSet, length: Int, mediaType: MediaType, boundary: MultipartBoundary) {
    precondition(length <= Int.max - 8192, "no file is that long")
    self.ranges = ranges
    self.length = length
    self.mediaType = mediaType
    self.boundary = boundary
  }

  /// The length of the whole body in bytes, for Content-Length.
  public var contentLength: Int {
    let fixed: StaticString = "\r\n--\r\nContent-Type: \r\nContent-Range: bytes -/\r\n\r\n"
    let constant =
      fixed.utf8CodeUnitCount + MultipartBoundary.count + mediaType.name.utf8CodeUnitCount + Self.digits(length)
    // The first part has no line end before its boundary; the last boundary has two hyphens more.
    var sum = -2 + 2 + 2 + MultipartBoundary.count + 2 + 2
    for index in 0..<ranges.count {
      let range = ranges[index]
      sum += constant + Self.digits(range.first) + Self.digits(range.last) + range.count
    }
    return sum
  }

  /// Moves on to the next segment, or returns nil after the last.
  ///
  /// - Parameter buffer: takes the text; at least `maximumTextCount` bytes.
  public mutating func next(into buffer: UnsafeMutableRawBufferPointer) -> Segment? {
    switch position {
    case .head where index < ranges.count:
      var writer = unsafe ByteWriter(buffer)
      writer.append(index == 0 ? "--" : "\r\n--")
      boundary.append(to: &writer)
      writer.append("\r\nContent-Type: ")
      writer.append(mediaType.name)
      writer.append("\r\nContent-Range: ")
      writer.append(ranges[index], length: length)
      writer.append("\r\n\r\n")
      position = .range
      return .text(count: writer.count)
    case .head:
      var writer = unsafe ByteWriter(buffer)
      writer.append("\r\n--")
      boundary.append(to: &writer)
      writer.append("--\r\n")
      position = .end
      return .text(count: writer.count)
    case .range:
      position = .head
      index += 1
      return .range(ranges[index - 1])
    case .end:
      return nil
    }
  }

  private static func digits(_ value: Int) -> Int {
    var count = 1
    var rest = value / 10
    while rest > 0 {
      count += 1
      rest /= 10
    }
    return count
  }
}
