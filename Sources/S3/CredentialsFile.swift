// The file format of AWS credentials: sections of `key = value`, as the AWS tools read it.
//
//   [default]                       also [profile NAME], as the config file has it
//   aws_access_key_id = AKIA…
//   aws_secret_access_key = …
//   aws_session_token = …           optional
//   # comment                       also `;`, also behind a value after a space
//
// Other keys and indented lines (nested settings) belong to other tools and are passed over.

extension Credentials {
  /// Reads the credentials of a profile from the text of a credentials file.
  ///
  /// Sections of the same profile add up; of a key given twice the last counts.
  ///
  /// - Throws: ``CredentialsError`` with the line where the text is not of the format, and without one when the profile
  ///   or one of its keys is not there.
  public static func load(_ text: String, profile: String = "default") throws(CredentialsError) -> Credentials {
    var section: String?
    var isInSection = false
    var profiles: [String] = []
    var values: [String: (value: String, line: Int)] = [:]
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    for (index, raw) in lines.enumerated() {
      let number = index + 1
      let line = index == 0 && raw.first == "\u{FEFF}" ? raw.dropFirst() : raw
      let content = line.trimmed
      guard let first = content.first, first != "#", first != ";" else { continue }
      if first == "[" {
        let name = try sectionName(content, line: number)
        section = name
        isInSection = true
        if let name, !profiles.contains(name) { profiles.append(name) }
        continue
      }
      if line.first == " " || line.first == "\t" { continue }
      guard let equals = content.firstIndex(of: "=") else {
        throw CredentialsError(line: number, "neither a [section] nor key = value nor a comment")
      }
      let key = content[..<equals].trimmed.lowercased()
      guard !key.isEmpty else { throw CredentialsError(line: number, "a value without a key before the =") }
      guard isInSection else {
        throw CredentialsError(line: number, "\(known(key)) stands before any [section]; begin with [\(profile)]")
      }
      if section == profile { values[key] = (withoutComment(content[equals...].dropFirst()), number) }
    }
    guard profiles.contains(profile) else {
      let others = profiles.isEmpty ? "it has none" : "it has " + profiles.joined(separator: ", ")
      throw CredentialsError("the credentials file has no profile [\(profile)]; \(others)")
    }
    func required(_ key: String) throws(CredentialsError) -> (value: String, line: Int) {
      guard let found = values[key] else { throw CredentialsError("profile [\(profile)] has no \(key)") }
      guard !found.value.isEmpty else { throw CredentialsError(line: found.line, "\(key) is empty") }
      return found
    }
    let id = try required("aws_access_key_id")
    let secret = try required("aws_secret_access_key")
    let token = values["aws_session_token"].flatMap { $0.value.isEmpty ? nil : $0 }
    do {
      return try Credentials(
        accessKeyID: id.value, secretAccessKey: secret.value, sessionToken: token?.value)
    } catch {
      let line = error.reason.contains("secret") ? secret.line : error.reason.contains("token") ? token?.line : id.line
      throw CredentialsError(line: line, error.reason)
    }
  }

  /// The profile that a section names; nil for a section of another kind, such as `[sso-session x]`.
  private static func sectionName(_ content: Substring, line: Int) throws(CredentialsError) -> String? {
    guard let close = content.firstIndex(of: "]") else {
      throw CredentialsError(line: line, "[ without ] in a section's line")
    }
    let rest = content[close...].dropFirst().trimmed
    guard rest.isEmpty || rest.first == "#" || rest.first == ";" else {
      throw CredentialsError(line: line, "something stands behind the section's ]")
    }
    let words = content[..<close].dropFirst().split { $0 == " " || $0 == "\t" }
    switch words.count {
    case 1: return String(words[0])
    case 2: return words[0] == "profile" ? String(words[1]) : nil
    case 0: throw CredentialsError(line: line, "a section without a name")
    default: return nil
    }
  }

  /// A value without the comment that may follow it after a space, and without the space around it.
  private static func withoutComment(_ text: Substring) -> String {
    var previous: Character = " "
    var end = text.endIndex
    for index in text.indices {
      let character = text[index]
      if character == "#" || character == ";", previous == " " || previous == "\t" {
        end = index
        break
      }
      previous = character
    }
    return String(text[..<end].trimmed)
  }

  /// A key's name if it is a known one: a line that is out of place might hold anything, so nothing else is repeated.
  private static func known(_ key: String) -> String {
    ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"].first { $0 == key } ?? "a key"
  }
}
