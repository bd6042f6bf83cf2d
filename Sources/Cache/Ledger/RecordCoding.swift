// How a record becomes bytes and comes back. Numbers are little-endian in values, big-endian in keys (so that they sort);
// texts carry their length before them. Reading checks every length: a damaged record is an error, never a trap.

/// A record that the ledger holds could not be read, or cannot be true.
public struct CorruptRecord: Error, Sendable, Equatable, CustomStringConvertible {
  /// The table it stands in.
  public let table: String
  public let reason: String

  public init(table: String, reason: String) {
    self.table = table
    self.reason = reason
  }

  public var description: String {
    "the ledger's table \(table) holds a record that cannot be right (\(reason)); run larder verify"
  }
}

/// Appends the fields of one record.
struct RecordWriter {
  private(set) var bytes: [UInt8] = []

  init(version: UInt8, reserving size: Int = 160) {
    bytes.reserveCapacity(size)
    bytes.append(version)
  }

  mutating func put(_ number: some FixedWidthInteger) {
    let bits = UInt64(truncatingIfNeeded: number)
    var shift = 0
    while shift < number.bitWidth {
      bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
      shift += 8
    }
  }

  /// A text of at most 65,535 bytes.
  mutating func put(_ text: String) {
    precondition(text.utf8.count <= Int(UInt16.max), "texts are bounded where they come in")
    put(UInt16(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  mutating func put(_ blob: [UInt8]) {
    precondition(blob.count <= Int(UInt16.max), "blobs are bounded where they come in")
    put(UInt16(blob.count))
    bytes.append(contentsOf: blob)
  }

  /// A moment. What is read back must be one: that of a clock before 1970 is the first there is.
  mutating func put(_ moment: Timestamp) { put(min(max(0, moment.milliseconds), Timestamp.latest)) }

  /// A moment, or zero for none: nothing happened in 1970.
  mutating func put(_ moment: Timestamp?) { put(moment?.kept.milliseconds ?? 0) }
}

/// Takes the fields of one record in the order in which they were put.
struct RecordReader {
  /// No size or sum of sizes is larger; what says so is damaged.
  static let largestSize = Int64(1) << 60

  private let bytes: [UInt8]
  private let table: String
  private var position = 1

  /// Checks the version, which is the first byte.
  init(_ bytes: [UInt8], table: String, version: UInt8) throws(CorruptRecord) {
    self.bytes = bytes
    self.table = table
    guard bytes.first == version else {
      throw CorruptRecord(table: table, reason: bytes.isEmpty ? "empty" : "version \(bytes[0]), not \(version)")
    }
  }

  mutating func take<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws(CorruptRecord) -> Number {
    Number(truncatingIfNeeded: try takeBits(Number.bitWidth))
  }

  private mutating func takeBits(_ width: Int) throws(CorruptRecord) -> UInt64 {
    guard bytes.count - position >= width / 8 else { throw corrupt("too short") }
    var number: UInt64 = 0
    var shift = 0
    while shift < width {
      number |= UInt64(bytes[position]) << UInt64(shift)
      position += 1
      shift += 8
    }
    return number
  }

  mutating func takeBlob() throws(CorruptRecord) -> [UInt8] {
    let length = Int(try take(UInt16.self))
    guard bytes.count - position >= length else { throw corrupt("too short") }
    defer { position += length }
    return Array(bytes[position..<position + length])
  }

  mutating func takeText() throws(CorruptRecord) -> String {
    guard let text = String(validating: try takeBlob(), as: UTF8.self) else { throw corrupt("not UTF-8") }
    return text
  }

  /// A moment: never negative, and near enough to calculate with.
  mutating func takeMoment() throws(CorruptRecord) -> Timestamp {
    let milliseconds = try take(Int64.self)
    guard (0...Timestamp.latest).contains(milliseconds) else { throw corrupt("a moment of \(milliseconds)") }
    return Timestamp(milliseconds: milliseconds)
  }

  /// A moment, nil for zero.
  mutating func takeMomentOrNone() throws(CorruptRecord) -> Timestamp? {
    let moment = try takeMoment()
    return moment.milliseconds == 0 ? nil : moment
  }

  /// A count or size: never negative, and small enough to calculate with.
  mutating func takeSize() throws(CorruptRecord) -> Int {
    let size = try take(Int64.self)
    guard size >= 0, size <= Self.largestSize else { throw corrupt("a size of \(size)") }
    return Int(size)
  }

  /// Nothing may follow the last field.
  func finish() throws(CorruptRecord) {
    guard position == bytes.count else { throw corrupt("\(bytes.count - position) bytes too long") }
  }

  func corrupt(_ reason: String) -> CorruptRecord { CorruptRecord(table: table, reason: reason) }
}
