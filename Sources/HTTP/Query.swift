// The query of a request target as names and values: `a=b&c=d`.
//
// Read lazily from the request's own bytes, which must outlive it. `+` stands for a space, as in forms. Nothing is
// decoded, and no String made, before it is asked for.

/// Iterates over the parameters of a query.
@safe public struct Query: IteratorProtocol, Sequence {
  /// One name with its value.
  @safe public struct Item {
    private let encodedName: ByteView
    private let encodedValue: ByteView

    fileprivate init(_ name: ByteView, _ value: ByteView) {
      encodedName = name
      encodedValue = value
    }

    /// Whether the decoded name is `literal`; allocates nothing.
    public func isNamed(_ literal: StaticString) -> Bool {
      let expected = literal.view
      var reader = PercentReader(text: encodedName, plusIsSpace: true)
      var index = 0
      while let byte = reader.next() {
        guard index < expected.count, byte == expected[index] else { return false }
        index += 1
      }
      return index == expected.count && !reader.isMalformed
    }

    /// The decoded name, nil when it is malformed or not UTF-8.
    public var name: String? { PercentCoding.decodeString(encodedName, plusIsSpace: true) }

    /// The decoded value, empty without `=`, nil when it is malformed or not UTF-8.
    public var value: String? { PercentCoding.decodeString(encodedValue, plusIsSpace: true) }
  }

  private let text: ByteView
  private var position = 0

  /// The parameters in what follows the `?` of a target.
  public init(_ bytes: UnsafeRawBufferPointer) {
    text = unsafe ByteView(bytes)
  }

  /// The next parameter; empty ones are passed over.
  public mutating func next() -> Item? {
    while position < text.count {
      let start = position
      var equals: Int?
      while position < text.count, text[position] != UInt8(ascii: "&") {
        if equals == nil, text[position] == UInt8(ascii: "=") { equals = position }
        position += 1
      }
      let end = position
      position += 1
      guard end > start else { continue }
      let nameEnd = equals ?? end
      return Item(text[start..<nameEnd], text[(equals.map { $0 + 1 } ?? end)..<end])
    }
    return nil
  }
}
