// How the key of a title in the bucket is made of its content id and quality.

/// A key in the bucket with `{content_id}` and perhaps `{quality}` to fill in.
public struct KeyTemplate: Sendable, Hashable, CustomStringConvertible {
  /// The template as it is written.
  public let text: String

  init(text: String) { self.text = text }

  /// Takes a template that names `{content_id}` and no unknown placeholder.
  ///
  /// - Returns: nil when the text is no such template.
  public init?(_ text: String) {
    guard let template = try? KeyTemplate.checked(text) else { return nil }
    self = template
  }

  /// The key of one title in one quality; the values go in as they are and are not looked at again.
  public func key(contentID: String, quality: String) -> String {
    var key = ""
    var rest = text.unicodeScalars[...]
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      key.unicodeScalars += rest[..<open]
      key += String(rest[open...close]) == "{quality}" ? quality : contentID
      rest = rest[rest.index(after: close)...]
    }
    key.unicodeScalars += rest
    return key
  }

  /// The template as it is written.
  public var description: String { text }
}

extension KeyTemplate {
  static let placeholders = ["content_id", "quality"]

  /// Takes a template or says what is wrong with it.
  static func checked(_ text: String) throws(Complaint) -> KeyTemplate {
    let example = "write it as \"{content_id}/{quality}.mp4\""
    try checkText(text, 1...1024)
    var names: [String] = []
    var rest = text.unicodeScalars[...]
    while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      let name = rest[rest.index(after: brace)...].prefix { $0 != "}" && $0 != "{" }
      guard rest[brace] == "{", name.endIndex < rest.endIndex, rest[name.endIndex] == "}" else {
        throw Complaint(.invalidValue, "\(quoted(text)) has a brace without its partner", advice: example)
      }
      names.append(String(name))
      rest = rest[rest.index(after: name.endIndex)...]
    }
    if let unknown = names.first(where: { !placeholders.contains($0) }) {
      let advice = nearest(to: unknown, among: placeholders).map { "did you mean {\($0)}?" }
      throw Complaint(
        .invalidValue, "there is no placeholder \(quoted("{\(unknown)}"))",
        advice: advice ?? "use {content_id} and {quality}")
    }
    guard names.contains("content_id") else {
      throw Complaint(.invalidValue, "\(quoted(text)) does not contain {content_id}", advice: example)
    }
    return KeyTemplate(text: text)
  }
}
