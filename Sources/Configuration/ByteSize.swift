// Sizes as the configuration writes them: digits and a unit, nothing else.

/// The text form of a size: digits and one of `B KB MB GB TB KiB MiB GiB TiB`.
///
/// No fraction, no sign, no space and no other case, so that a size reads one way only.
public enum ByteSize {
  /// The units, the largest first. `KB` is 1000 bytes and `KiB` is 1024.
  static let units: [(name: String, factor: Int)] = [
    ("TiB", 1 << 40), ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000),
    ("MiB", 1 << 20), ("MB", 1_000_000), ("KiB", 1 << 10), ("KB", 1000), ("B", 1),
  ]

  /// Reads a size.
  ///
  /// - Returns: The bytes, or nil when the text is no size or does not fit an `Int`.
  public static func bytes(in text: String) -> Int? {
    guard case .value(let bytes) = Quantity(text, units: units) else { return nil }
    return bytes
  }

  /// Writes a size in the largest unit that is exact, as `8MiB`; nothing is `0B`.
  public static func text(for bytes: Int) -> String { Quantity.text(for: bytes, units: units) }
}

/// What digits followed by a unit come to.
enum Quantity: Equatable {
  /// The number in the smallest unit.
  case value(Int)
  /// The text has the right form and is more than an `Int` holds.
  case overflow
  /// The text is something else.
  case malformed

  init(_ text: String, units: [(name: String, factor: Int)]) {
    let digits = text.utf8.prefix { UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "9") }
    let unitName = text.utf8.dropFirst(digits.count)
    guard !digits.isEmpty, let unit = units.first(where: { $0.name.utf8.elementsEqual(unitName) }) else {
      self = .malformed
      return
    }
    guard let number = Int(Substring(digits)) else {
      self = .overflow
      return
    }
    let (product, overflows) = number.multipliedReportingOverflow(by: unit.factor)
    self = overflows ? .overflow : .value(product)
  }

  /// The largest unit that leaves no remainder; zero is written in the smallest.
  static func text(for value: Int, units: [(name: String, factor: Int)]) -> String {
    let unit = units.first { value != 0 && value.isMultiple(of: $0.factor) } ?? units[units.count - 1]
    return "\(value / unit.factor)\(unit.name)"
  }
}
