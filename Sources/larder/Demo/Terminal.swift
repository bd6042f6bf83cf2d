// Writing for whoever watches: on a terminal, or into a file or a pipe.

import Glibc

/// Standard output, written at once.
enum Terminal {
  /// Whether lines can be drawn over: a terminal that knows more than lines.
  static let isLive = isatty(1) == 1 && environment("TERM") != nil && environment("TERM") != "dumb"

  /// How large the terminal at standard output is (`TIOCGWINSZ`); nil when it is none, or does not say.
  static var size: (columns: Int, rows: Int)? {
    var size = winsize()
    guard unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Writes a line, or several.
  static func say(_ text: String) { write("\(text)\n") }

  /// Draws over the line that the cursor is in; what would go on in the next one is cut off.
  static func draw(_ line: String) { write("\r\(String(line.prefix(79)))\u{1B}[K") }

  /// Writes the text as it is.
  static func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let wrote = unsafe rest.withUnsafeBytes { unsafe Glibc.write(1, $0.baseAddress, $0.count) }
      // A reader that is gone does not end the demo.
      guard wrote > 0 || errno == EINTR else { return }
      if wrote > 0 { rest = rest.dropFirst(wrote) }
    }
  }
}

/// Sizes as people read them.
enum ByteText {
  /// Decimal units and three digits: `312 kB`, `1.07 GB`.
  static func short(_ bytes: Int) -> String {
    guard bytes >= 1000 else { return "\(bytes) B" }
    var unit = 1000
    var units = ["kB", "MB", "GB", "TB", "PB"][...]
    while bytes / unit >= 1000, units.count > 1 {
      unit *= 1000
      units = units.dropFirst()
    }
    let whole = bytes / unit
    let decimals = whole >= 100 ? 0 : whole >= 10 ? 1 : 2
    let scale = [1, 10, 100][decimals]
    let tail = bytes % unit * scale / unit
    let digits = String(repeating: "0", count: max(0, decimals - "\(tail)".count)) + "\(tail)"
    return "\(whole)\(decimals == 0 ? "" : ".\(digits)") \(units.first ?? "")"
  }
}
