// What the box is doing, in one line: for `systemctl status`, where an administrator looks first.

import Cache
import Loop

/// The state of the box as a service manager shows it. Numbers are coarse, so that the line is another one only when
/// something is.
struct StatusLine: Sendable, Equatable, CustomStringConvertible {
  /// Titles whose bytes come in.
  var arriving = 0
  /// Over all of them.
  var bytesPerSecond = 0
  /// Titles that should come in, and something is in the way.
  var waiting = 0
  /// Why, of one of them.
  var trouble: String?
  /// Downloads whose bytes went out a moment ago.
  var viewers = 0
  /// Of the file system; nil when it cannot tell.
  var freeBytes: Int?

  var description: String {
    var parts: [String] = []
    if arriving > 0 {
      parts.append("\(Self.count(arriving, "title")) coming in at \(Self.coarse(bytesPerSecond))/s")
    }
    if waiting > 0 {
      parts.append(
        "\(Self.count(waiting, "title")) waiting" + (trouble.map { " (\($0))" } ?? ""))
    }
    if viewers > 0 { parts.append(Self.count(viewers, "viewer")) }
    if parts.isEmpty { parts.append("nothing to do") }
    parts.append(freeBytes.map { "\(Self.coarse($0)) free" } ?? "the file system does not say what is free")
    return parts.joined(separator: ", ")
  }

  private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

  /// Two digits and a decimal unit, rounded down: `810 MB`, `41 GB`, `4.1 TB`.
  static func coarse(_ bytes: Int) -> String {
    var (unit, names) = (1, ["B", "kB", "MB", "GB", "TB", "PB", "EB"][...])
    while bytes / unit >= 1000 {
      unit *= 1000
      names = names.dropFirst()
    }
    let whole = bytes / unit
    let name = names.first ?? ""
    if whole >= 100 { return "\(whole / 10 * 10) \(name)" }
    return whole >= 10 || unit == 1 ? "\(whole) \(name)" : "\(whole).\(bytes % unit * 10 / unit) \(name)"
  }
}

extension StatusLine {
  /// Looks at the box.
  @EventLoop
  init(of box: Box) async {
    freeBytes = await box.space.ask()
    viewers = box.titles.viewers.current.count
    for errand in box.fills.errands.values {
      if let trouble = errand.run?.trouble ?? errand.trouble {
        waiting += 1
        self.trouble = trouble.code.word
      } else if let run = errand.run, run.bytesPerSecond > 0 {
        arriving += 1
        bytesPerSecond += run.bytesPerSecond
      }
    }
  }
}
