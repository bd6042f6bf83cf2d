// A download's progress as one line of text.

/// What a progress bar shows.
struct ProgressBar: Equatable {
  /// In percent.
  var progress = 0.0
  var downloaded = 0
  /// Nil while nobody knows.
  var total: Int?
  var bytesPerSecond = 0
  /// What is in the way; nil when nothing is.
  var trouble: String?

  private static let width = 24

  /// `[########------] 57 %  179 kB of 313 kB  152 kB/s`.
  var bar: String {
    let filled = min(Self.width, max(0, Int(progress / 100 * Double(Self.width))))
    let cells = String(repeating: "#", count: filled) + String(repeating: "-", count: Self.width - filled)
    return "[\(cells)] \(text)"
  }

  /// The same without the bar, for where nothing can be drawn over.
  var text: String {
    let percent = "\(Int(progress))"
    let padded = String(repeating: " ", count: max(0, 3 - percent.count)) + percent
    let size = ByteText.short(downloaded) + (total.map { " of \(ByteText.short($0))" } ?? "")
    let rate = trouble.map { "  \($0)" } ?? (bytesPerSecond > 0 ? "  \(ByteText.short(bytesPerSecond))/s" : "")
    return "\(padded) %  \(size)\(rate)"
  }
}
