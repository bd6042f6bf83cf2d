// larder.toml(5): the table of settings as a manual page, in the macros of man(7).

extension Configuration {
  /// The manual page as shipped, `etc/man/larder.toml.5`: every key with its type, range, default and meaning.
  public static func manual() -> String {
    var lines = [
      ".TH LARDER.TOML 5 \"\" \"\" \"Larder\"",
      ".SH NAME",
      "larder.toml \\- the configuration of larder",
      ".SH SYNOPSIS",
      ".I /etc/larder/larder.toml",
      ".SH DESCRIPTION",
    ]
    lines += paragraph(
      """
      The file is TOML. Every key may be left out and has then its default. A key that is not known, a wrong type and a \
      value out of range are errors that name the file, the line, the key and what would be right: the daemon does not \
      start on them, and a reload keeps the settings it had.
      """)
    lines += paragraph(
      """
      A size is a number of bytes or a text of digits and one of B KB MB GB TB KiB MiB GiB TiB. A duration is a text \
      of digits and one of ms s m h d. Neither has fractions, spaces or another case.
      """)
    lines += paragraph(
      """
      SIGHUP and `systemctl reload larder` read the file again; `larder check` says what it comes to, or everything \
      that is wrong with it.
      """)
    for section in Setting.sections {
      lines += [".SH [\(section.name)]"] + paragraph(section.prose, isFirst: true)
      for setting in section.settings { lines += entry(setting) }
    }
    lines += [
      ".SH FILES", ".TP", ".I /etc/larder/larder.toml", "the file that is read when no other is named",
      ".TP", ".I /etc/larder/credentials/origin",
      roff("the origin's keys, which systemd passes to the service when credentials_file is empty"),
      ".SH SEE ALSO", ".BR larder (1),", ".BR systemd.socket (5)",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func paragraph(_ prose: String, isFirst: Bool = false) -> [String] {
    (isFirst ? [] : [".PP"]) + [roff(prose)]
  }

  private static func entry(_ setting: Setting) -> [String] {
    let standard = setting.defaultText.isEmpty ? "" : " = \\fI\(roff(setting.defaultText))\\fR"
    let restart = setting.changesWhileRunning ? "" : "a change takes a restart"
    let facts = [setting.type, setting.range, restart].filter { !$0.isEmpty }.joined(separator: "; ")
    return [".TP", "\\fB\(roff(setting.name))\\fR\(standard)", roff(setting.prose), ".br", roff("(\(facts))")]
  }

  /// Running text: what troff would take for its own is escaped, and no line begins a request.
  private static func roff(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "\\": escaped += "\\e"
      case "-": escaped += "\\-"
      case "'": escaped += "\\(aq"
      case "`": escaped += "\\(ga"
      default: escaped.append(character)
      }
    }
    return escaped.hasPrefix(".") ? "\\&" + escaped : escaped
  }
}
