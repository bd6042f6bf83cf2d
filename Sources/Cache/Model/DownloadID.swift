// The name of a download: a ULID, so that ids sort by creation time (github.com/ulid/spec).

/// A download's id: 48 bits of milliseconds and 80 random bits, written as 26 characters of Crockford's base 32.
public struct DownloadID: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The upper 64 bits: the time and the first 16 random bits.
  public let upper: UInt64
  /// The lower 64 random bits.
  public let lower: UInt64

  public init(upper: UInt64, lower: UInt64) {
    self.upper = upper
    self.lower = lower
  }

  /// How long the text is, always.
  public static let textLength = 26

  /// Reads 26 characters; nil for anything else. Lower case is taken too; `I L O U` are not, since we never write them.
  ///
  /// Of one type and not of any sequence: each play reads an id, and what is generic is slow across the modules.
  public init?(_ text: UnsafeRawBufferPointer) { unsafe self.init(characters: text) }

  public init?(_ text: String) { self.init(characters: text.utf8) }

  private init?(characters text: some Sequence<UInt8>) {
    let values = Self.values
    var upper: UInt64 = 0
    var lower: UInt64 = 0
    var count = 0
    for byte in text {
      let digit = values[Int(byte)]
      guard count < Self.textLength, digit < 32 else { return nil }
      // 26 digits hold 130 bits: the first may use only three of its five.
      if count == 0, digit > 7 { return nil }
      upper = upper << 5 | lower >> 59
      lower = lower << 5 | UInt64(digit)
      count += 1
    }
    guard count == Self.textLength else { return nil }
    self.init(upper: upper, lower: lower)
  }

  /// When the id was made.
  public var created: Timestamp { Timestamp(milliseconds: Int64(upper >> 16)) }

  public var description: String {
    unsafe String(unsafeUninitializedCapacity: Self.textLength) { buffer in
      var (high, low) = (upper, lower)
      for index in stride(from: Self.textLength - 1, through: 0, by: -1) {
        unsafe buffer[index] = Self.alphabet[Int(low & 31)]
        low = low >> 5 | high << 59
        high >>= 5
      }
      return Self.textLength
    }
  }

  public static func < (a: DownloadID, b: DownloadID) -> Bool { (a.upper, a.lower) < (b.upper, b.lower) }

  /// The id that follows directly; used when two are made in the same millisecond.
  var next: DownloadID { DownloadID(upper: lower == .max ? upper &+ 1 : upper, lower: lower &+ 1) }

  private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

  /// What each byte stands for; 32 and more for nothing.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 32, count: 256)
    for (value, character) in alphabet.enumerated() {
      values[Int(character)] = UInt8(value)
      // A letter in lower case too.
      if character >= 0x41 { values[Int(character) + 0x20] = UInt8(value) }
    }
    return values
  }()
}

/// Makes ids that strictly grow, also when the clock stands still or steps back.
public struct DownloadIDSource<Random: RandomNumberGenerator> {
  private var last: DownloadID
  private var random: Random

  /// `last` is the newest id that exists already.
  public init(after last: DownloadID = DownloadID(upper: 0, lower: 0), random: Random) {
    self.last = last
    self.random = random
  }

  public mutating func make(at now: Timestamp) -> DownloadID {
    let fresh = DownloadID(
      upper: UInt64(max(0, now.milliseconds)) << 16 | UInt64(UInt16.random(in: .min ... .max, using: &random)),
      lower: random.next())
    last = fresh > last ? fresh : last.next
    return last
  }
}
