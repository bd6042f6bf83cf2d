// The head of a request as offsets into the buffer that it was parsed from.
//
// A RequestHead is made once for each connection or loop and filled again for each request: its header
// table has a fixed place for 100 entries, so parsing allocates nothing. It says nothing without the bytes it
// was parsed from, and assumes that they are still the same ones, at the same distance from the start.

/// A stretch of a request head.
public struct HeadSlice: Equatable, Sendable {
  /// Bytes from the start of the head's buffer.
  public let offset: UInt16
  /// Length in bytes.
  public let count: UInt16

  init(_ lower: Int, _ upper: Int) {
    // A head is 16 KiB at the most.
    offset = UInt16(truncatingIfNeeded: lower)
    count = UInt16(truncatingIfNeeded: upper &- lower)
  }

  /// The stretch as a range of offsets.
  public var range: Range<Int> { Int(offset)..<Int(offset) + Int(count) }

  /// The bytes in the buffer that the head was parsed from; a buffer too short for the stretch traps.
  public func bytes(in buffer: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    precondition(range.upperBound <= buffer.count, "not the buffer that the head was parsed from")
    return unsafe UnsafeRawBufferPointer(rebasing: buffer[range])
  }

  /// The bytes as a String, invalid UTF-8 repaired; for what is not on the path of an ordinary request.
  public func string(in buffer: UnsafeRawBufferPointer) -> String {
    unsafe String(decoding: bytes(in: buffer), as: UTF8.self)
  }

  func view(in head: ByteView) -> ByteView { head[range] }
}

/// One line of the header section.
public struct HeaderField: Equatable, Sendable {
  /// The name, when it is one of those with a slot.
  public let known: HeaderName
  /// The name as it was sent.
  public let name: HeadSlice
  /// The value without the blanks around it.
  public let value: HeadSlice
}

/// The version that a request was sent in, as far as it matters to the answer.
public enum HTTPVersion: UInt8, Sendable {
  case http10
  /// HTTP/1.1 and any later minor version.
  case http11
}

/// How the length of a body is known (RFC 9112, section 6.3).
public enum BodyFraming: Equatable, Sendable {
  case none
  /// A Content-Length in bytes.
  case length(Int)
  case chunked
}

/// A parsed and checked request head.
///
/// It is not copied, because its table is: take from it what is to outlive the next request.
public struct RequestHead: ~Copyable, Sendable {
  /// The method, one of those that are known.
  public internal(set) var method = Method.get
  /// The version that it was sent in.
  public internal(set) var version = HTTPVersion.http11
  /// The request target as it was sent.
  public internal(set) var target = HeadSlice(0, 0)
  /// The path, percent-encoded, never empty: it begins with `/`, or is `*` (with OPTIONS only). For an absolute
  /// target without a path this is one of the slashes before its authority, which reads the same as the `/` meant.
  public internal(set) var path = HeadSlice(0, 0)
  /// What follows the `?`, percent-encoded; nil when there is none.
  public internal(set) var query: HeadSlice?
  /// Host and port that the request is for: the target's when it is absolute, else the Host header's. Nil in
  /// HTTP/1.0 without either.
  public internal(set) var host: HeadSlice?
  /// Whether the connection may carry another request after this one.
  public internal(set) var keepsAlive = true
  /// Whether the client waits for `100 Continue` before it sends the body.
  public internal(set) var expectsContinue = false
  /// How the body's length is known.
  public internal(set) var framing = BodyFraming.none
  /// How many header fields there are.
  public internal(set) var fieldCount = 0

  // Both arrays are written in place: this is their only owner, so they never grow and are never copied.
  private var table = [HeaderField](
    repeating: HeaderField(known: .other, name: HeadSlice(0, 0), value: HeadSlice(0, 0)),
    count: RequestHead.maximumFieldCount)
  private var slots = [UInt8](repeating: 0, count: Int(HeaderName.other.rawValue))
  private var present: UInt32 = 0
  private var repeated: UInt32 = 0

  /// An empty head to parse into.
  public init() {}

  /// The most header fields that a head can hold.
  static let maximumFieldCount = 100

  /// The header field at `index`, in the order in which they were sent; outside `0..<fieldCount` it traps.
  public subscript(index: Int) -> HeaderField {
    precondition(index < fieldCount, "no such header field")
    return table[index]
  }

  /// The value of the first field of that name, nil when there is none; `other` has none.
  public subscript(name: HeaderName) -> HeadSlice? {
    contains(name) ? table[Int(slots[Int(name.rawValue)])].value : nil
  }

  /// Whether there is a field of that name.
  public func contains(_ name: HeaderName) -> Bool { present & name.bit != 0 }

  /// Whether there is more than one field of that name. A header that is not a list has then no valid value.
  public func isRepeated(_ name: HeaderName) -> Bool { repeated & name.bit != 0 }

  /// Whether any of the conditional headers of RFC 9110, section 13.1, is there.
  public var isConditional: Bool { present & Self.conditions != 0 }

  private static let conditions: UInt32 =
    HeaderName.ifMatch.bit | HeaderName.ifNoneMatch.bit | HeaderName.ifModifiedSince.bit
    | HeaderName.ifUnmodifiedSince.bit | HeaderName.ifRange.bit

  /// Forgets the request before.
  mutating func reset() {
    query = nil
    host = nil
    keepsAlive = true
    expectsContinue = false
    framing = .none
    fieldCount = 0
    present = 0
    repeated = 0
  }

  /// Adds a field, for which there must be room.
  @inline(__always) mutating func append(_ known: HeaderName, name: HeadSlice, value: HeadSlice) {
    table[fieldCount] = HeaderField(known: known, name: name, value: value)
    if known != .other {
      if present & known.bit == 0 {
        present |= known.bit
        slots[Int(known.rawValue)] = UInt8(truncatingIfNeeded: fieldCount)
      } else {
        repeated |= known.bit
      }
    }
    fieldCount &+= 1
  }
}
