// The configuration as text: the file as shipped, the file as it is in force, and the
// page that explains each key. All three are the table of settings, read aloud.

extension Configuration {
  /// The whole configuration as TOML, the defaults filled in; ``parse(text:file:)`` reads it back the same.
  public func describe() -> String {
    Setting.sections.map { section in
      var lines = ["[\(section.name)]"]
      for setting in section.settings {
        switch setting.encode(self) {
        case .value(let text): lines.append("\(setting.name) = \(text)")
        case .table(let entries): lines += ["", "[\(setting.key)]"] + entries.map { "\($0.key) = \($0.value)" }
        }
      }
      return lines.joined(separator: "\n") + "\n"
    }.joined(separator: "\n")
  }

  /// The file as shipped, `etc/larder.toml`: every key with its meaning, set to its default.
  public static func defaultFile() -> String {
    var lines = wrapped(
      """
      Larder's configuration. Every key is here with its default: change what should differ, or leave it out. \
      A size is a number of bytes or a text of digits and one of B KB MB GB TB KiB MiB GiB TiB. A duration is a text \
      of digits and one of ms s m h d. `larder check` says what a file comes to, and SIGHUP or `systemctl reload larder` \
      reads it again.
      """)
    for section in Setting.sections {
      lines += [""] + wrapped(section.prose) + ["[\(section.name)]"]
      for setting in section.settings { lines += [""] + explained(setting) }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The reference of all keys in Markdown: a table for each section.
  public static func reference() -> String {
    func cell(_ text: String) -> String {
      text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
    return Setting.sections.map { section in
      var lines = ["## `[\(section.name)]`", "", section.prose, ""]
      lines += ["| key | type | range | default | on reload | meaning |", "| --- | --- | --- | --- | --- | --- |"]
      for setting in section.settings {
        let cells = [
          "`\(setting.name)`", setting.type, setting.range,
          setting.defaultText.isEmpty ? "none" : "`\(setting.defaultText)`",
          setting.changesWhileRunning ? "changes" : "kept until a restart", setting.prose,
        ]
        lines.append("| " + cells.map(cell).joined(separator: " | ") + " |")
      }
      return lines.joined(separator: "\n") + "\n"
    }.joined(separator: "\n")
  }

  /// A secret as it may be shown: its first 4 characters and `…`, and of a short one nothing at all.
  public static func mask(_ secret: String) -> String { secret.count < 12 ? "…" : secret.prefix(4) + "…" }
}

/// A key of the file as shipped, below what it means.
private func explained(_ setting: Setting) -> [String] {
  let restart = setting.changesWhileRunning ? "" : "a change takes a restart"
  let facts = [setting.type, setting.range, restart].filter { !$0.isEmpty }.joined(separator: "; ")
  let comment = wrapped(setting.prose) + wrapped("(\(facts))")
  let text = setting.defaultText
  return comment + [text.isEmpty ? "[\(setting.key)]" : "\(setting.name) = \(text)"]
}

/// Comment lines of at most 80 columns.
private func wrapped(_ prose: String) -> [String] {
  var lines: [String] = []
  for word in prose.split(separator: " ") {
    if let last = lines.last, last.count + 1 + word.count <= 80 {
      lines[lines.count - 1] += " \(word)"
    } else {
      lines.append("# \(word)")
    }
  }
  return lines
}
