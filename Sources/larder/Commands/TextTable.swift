// Aligned columns for people, and texts from elsewhere made harmless: a title's name must not move the cursor.

/// Rows of text under headings, in columns.
struct TextTable {
  struct Column {
    let title: String
    /// Numbers stand to the right.
    var isNumber = false
    /// Whether it gives way when the line is too long.
    var shrinks = false

    init(_ title: String, isNumber: Bool = false, shrinks: Bool = false) {
      self.title = title
      self.isNumber = isNumber
      self.shrinks = shrinks
    }
  }

  /// A column is not made narrower than this.
  private static let least = 8

  let columns: [Column]
  private(set) var rows: [[String]] = []

  init(_ columns: [Column]) { self.columns = columns }

  mutating func add(_ row: [String]) { rows.append(row.map(PlainText.harmless)) }

  /// The lines, the headings first.
  ///
  /// - Parameter width: of the screen; nil when lines may be as long as they are.
  func lines(width: Int?) -> [String] {
    let all = [columns.map(\.title)] + rows
    var widths = columns.indices.map { index in all.map { $0[index].count }.max() ?? 0 }
    if let width {
      // The widest gives way first.
      while widths.reduce(0, +) + 2 * (widths.count - 1) > width,
        let widest = columns.indices.filter({ columns[$0].shrinks && widths[$0] > Self.least })
          .max(by: { widths[$0] < widths[$1] })
      { widths[widest] -= 1 }
    }
    return all.map { row in
      let cells = columns.indices.map { index in
        PlainText.padded(row[index], to: widths[index], isRight: columns[index].isNumber)
      }
      return PlainText.withoutEnd(cells.joined(separator: "  "))
    }
  }
}

/// Text on a terminal or in a file.
enum PlainText {
  /// The same without characters that a terminal takes for orders.
  static func harmless(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { scalars.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
    return String(scalars)
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    // Format characters turn the direction of the text around.
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }

  /// Exactly so wide: what is longer ends with an ellipsis.
  static func padded(_ text: String, to width: Int, isRight: Bool = false) -> String {
    let cut = text.count > width ? "\(text.prefix(max(0, width - 1)))…" : text
    let space = String(repeating: " ", count: max(0, width - cut.count))
    return isRight ? space + cut : cut + space
  }

  static func withoutEnd(_ text: String) -> String {
    var text = text[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  /// `2 d 3 h`, `4 h 5 min`, `6 min`, `7 s`: two units at the most.
  static func span(seconds: Int) -> String {
    switch seconds {
    case ..<60: "\(max(0, seconds)) s"
    case ..<3600: "\(seconds / 60) min"
    case ..<86_400: "\(seconds / 3600) h \(seconds % 3600 / 60) min"
    default: "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h"
    }
  }

  /// `2026-11-30 09:35:12` of the RFC 3339 text that documents have, in UTC; `-` for none.
  static func moment(_ text: String?) -> String {
    guard let text, text.utf8.count >= 19 else { return "-" }
    let (day, time) = (text.prefix(10), text.dropFirst(11).prefix(8))
    return "\(day) \(time)"
  }

  /// The width of the terminal at standard output; nil when it is none.
  static var screenWidth: Int? { Terminal.size?.columns }
}
