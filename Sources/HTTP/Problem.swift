// Errors as the API tells them: RFC 9457, application/problem+json.
//
// Off the path of an ordinary request, so its texts are Strings.

/// A problem's details.
public struct Problem: Sendable {
  /// A further member with a number.
  public struct Extra: Equatable, Sendable {
    /// The member's name.
    public let name: String
    /// Null when nil.
    public let value: Int?

    /// A member of that name.
    public init(_ name: String, _ value: Int?) {
      self.name = name
      self.value = value
    }
  }

  /// The status to answer.
  public let status: Status
  /// The stable code that programs go by.
  public let code: String
  /// What happened this time, for people.
  public let detail: String
  /// A short text for the kind of problem; the status' phrase unless given.
  public let title: String
  /// A URI reference for the kind of problem.
  public let type: String
  /// Further members, in order.
  public let extras: [Extra]

  /// A problem to be answered with `status`.
  public init(
    _ status: Status, code: String, detail: String, title: String? = nil, type: String = "about:blank",
    extras: [Extra] = []
  ) {
    self.status = status
    self.code = code
    self.detail = detail
    self.title = title ?? status.phrase.description
    self.type = type
    self.extras = extras
  }

  /// The details as JSON.
  public var json: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.field("type", type)
      writer.field("title", title)
      writer.field("status", status.rawValue)
      writer.field("detail", detail)
      writer.field("code", code)
      for extra in extras { writer.field(extra.name, extra.value) }
    }
    return writer.bytes
  }
}
