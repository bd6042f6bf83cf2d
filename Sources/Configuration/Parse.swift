// A file's values into a configuration, by the table of settings. Every mistake is
// collected with its line; a configuration comes out only when there is none.

extension Configuration {
  /// Reads and checks a configuration file.
  ///
  /// - Throws: All that is wrong with it; ``ConfigurationErrors/fileProblem`` tells a file that cannot be read.
  public static func load(path: String) throws(ConfigurationErrors) -> Configuration {
    try parse(bytes: try readConfigurationFile(path), file: path)
  }

  /// Checks the bytes of a file; `file` is what errors call it.
  public static func parse(bytes: [UInt8], file: String) throws(ConfigurationErrors) -> Configuration {
    guard bytes.count <= largestConfigurationFile else { throw fileError(.tooLarge, file) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let bad = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
      let complaint = Complaint(.syntax, "not UTF-8", advice: "save the file as plain text in UTF-8")
      throw ConfigurationErrors(file: file, line: bad.map { $0 + 1 }, complaint: complaint)
    }
    let entries: [Node.Entry]
    do throws(SyntaxError) {
      entries = try parseTOML(text)
    } catch {
      let complaint = Complaint(.syntax, error.message, advice: error.advice)
      throw ConfigurationErrors(file: file, line: error.line, complaint: complaint)
    }
    return try Decoder(file: file).configuration(entries)
  }

  /// Checks a text; `file` is what errors call it.
  public static func parse(text: String, file: String) throws(ConfigurationErrors) -> Configuration {
    try parse(bytes: Array(text.utf8), file: file)
  }
}

/// One reading of one document.
private struct Decoder {
  let file: String
  var problems: [ConfigurationProblem] = []
  var result = Configuration.defaults
  /// The lines of the settings that the file names, by key.
  var lines: [String: Int] = [:]

  init(file: String) { self.file = file }

  consuming func configuration(_ entries: [Node.Entry]) throws(ConfigurationErrors) -> Configuration {
    for entry in entries {
      if let section = Setting.sections.first(where: { $0.name == entry.key }) {
        decode(section, entry)
      } else {
        report(unknown(entry), at: [entry.key], line: entry.line)
      }
    }
    checkTogether()
    if !problems.isEmpty { throw ConfigurationErrors(file: file, problems: problems) }
    return result
  }

  private mutating func decode(_ section: Section, _ node: Node.Entry) {
    guard case .table(let entries) = node.value else {
      let advice = "write [\(section.name)] on a line of its own, once, and its keys below"
      return report(
        wrongType(node.value, wanted: "a section", advice: advice), at: [section.name], line: node.line)
    }
    for entry in entries {
      let path = [section.name, entry.key]
      guard let setting = section.settings.first(where: { $0.name == entry.key }) else {
        report(unknown(entry.key, in: section), at: path, line: entry.line)
        continue
      }
      lines[setting.key] = entry.line
      do throws(Complaints) {
        try setting.decode(entry.value, &result)
      } catch {
        for complaint in error.all {
          let below = complaint.below
          report(complaint, at: path + [below?.key].compactMap(\.self), line: below?.line ?? entry.line)
        }
      }
    }
  }

  /// What holds between two keys. A value that was refused is still its default here, so nothing is said twice.
  private mutating func checkTogether() {
    let refused = Set(problems.compactMap(\.key))
    let downloads = result.downloads
    let waits = ["downloads.retry_initial", "downloads.retry_max"]
    if downloads.retryInitial > downloads.retryMax, refused.isDisjoint(with: waits) {
      let initial = TimeSpan.text(for: downloads.retryInitial)
      let longest = TimeSpan.text(for: downloads.retryMax)
      report(
        Complaint(
          .outOfRange, "retry_initial (\(initial)) is longer than retry_max (\(longest))",
          advice: "make retry_initial \(longest) or less, or retry_max \(initial) or more"), setting: waits)
    }
    let origin = result.origin
    if origin.addressing == .virtual, origin.endpoint.isAddress {
      report(
        Complaint(
          .invalidValue, "\"virtual\" puts the bucket before the host's name, and the endpoint is an address",
          advice: "use \"path\", or an endpoint with a name"), setting: ["origin.addressing"])
    }
  }

  // MARK: - Words

  private func unknown(_ entry: Node.Entry) -> Complaint {
    let names = Setting.sections.map(\.name)
    if let home = Setting.all.first(where: { $0.name == entry.key }) {
      return Complaint(
        .unknownKey, "\(tomlKey(entry.key)) stands outside of its section",
        advice: home.defaultText.isEmpty ? "write it as [\(home.key)]" : "write it below [\(home.section)]")
    }
    let list = "the sections are \(names.joined(separator: ", "))"
    let advice = nearest(to: entry.key, among: names).map { "did you mean [\($0)]? \(list)" } ?? list
    guard case .table = entry.value else {
      return Complaint(.unknownKey, "there is no such key outside of a section", advice: advice)
    }
    return Complaint(.unknownKey, "there is no such section", advice: advice)
  }

  private func unknown(_ name: String, in section: Section) -> Complaint {
    let names = section.settings.map(\.name)
    let message = "there is no such key in [\(section.name)]"
    if let home = Setting.all.first(where: { $0.name == name }) {
      return Complaint(.unknownKey, message, advice: "\(name) belongs to [\(home.section)]")
    }
    let list = "its keys are \(names.joined(separator: ", "))"
    let advice = nearest(to: name, among: names).map { "did you mean \($0)? \(list)" } ?? list
    return Complaint(.unknownKey, message, advice: advice)
  }

  private mutating func report(_ complaint: Complaint, at path: [String], line: Int) {
    problems.append(
      ConfigurationProblem(
        file: file, line: line, key: path.map { tomlKey(abbreviated($0)) }.joined(separator: "."),
        complaint: complaint))
  }

  /// Reports at the first of the settings that the file names.
  private mutating func report(_ complaint: Complaint, setting keys: [String]) {
    guard let key = keys.first(where: { lines[$0] != nil }), let line = lines[key] else { return }
    problems.append(ConfigurationProblem(file: file, line: line, key: key, complaint: complaint))
  }
}
