// Durations as the configuration writes them: digits and a unit, nothing else.

/// The text form of a duration: digits and one of `ms s m h d`.
///
/// No fraction, no sign, no space and no other case. A millisecond is the finest that it tells.
public enum TimeSpan {
  /// The units in milliseconds, the largest first.
  static let units: [(name: String, factor: Int)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]

  /// Reads a duration.
  ///
  /// - Returns: The duration, or nil when the text is none or its milliseconds do not fit an `Int`.
  public static func duration(in text: String) -> Duration? {
    guard case .value(let milliseconds) = Quantity(text, units: units) else { return nil }
    return .milliseconds(milliseconds)
  }

  /// Writes a duration in the largest unit that is exact, as `15m`; nothing is `0s`.
  ///
  /// What is finer than a millisecond is cut off.
  public static func text(for duration: Duration) -> String {
    let milliseconds = Self.milliseconds(of: duration)
    return milliseconds == 0 ? "0s" : Quantity.text(for: milliseconds, units: units)
  }

  /// The whole milliseconds of a duration, at the most `Int.max`.
  static func milliseconds(of duration: Duration) -> Int {
    let (seconds, attoseconds) = duration.components
    let (product, overflows) = Int(seconds).multipliedReportingOverflow(by: 1000)
    let (sum, overflowsToo) = product.addingReportingOverflow(Int(attoseconds / 1_000_000_000_000_000))
    return overflows || overflowsToo ? .max : sum
  }
}
