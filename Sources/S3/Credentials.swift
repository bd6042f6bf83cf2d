// Credentials: the key pair that requests are signed with, and how it never shows in a log.

/// What is wrong with credentials, in words for the administrator; it never repeats a secret.
public struct CredentialsError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The line of the file, from 1; nil when the fault is no line's.
  public let line: Int?
  /// What is wrong and what would be right.
  public let reason: String

  init(line: Int? = nil, _ reason: String) {
    self.line = line
    self.reason = reason
  }

  /// The reason, behind `line N: ` when there is a line.
  public var description: String { line.map { "line \($0): \(reason)" } ?? reason }
}

/// An access key of an object store; the secret and the session token show in no description and no mirror.
public struct Credentials: Sendable, Hashable {
  /// The public half, which goes into each request.
  public let accessKeyID: String
  /// The secret half, which never leaves this module.
  let secretAccessKey: String
  /// The token of temporary credentials, which goes into each request.
  let sessionToken: String?

  /// Takes credentials as they are.
  ///
  /// - Throws: ``CredentialsError`` when a value is empty or has characters that cannot stand in a request.
  public init(
    accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil
  ) throws(CredentialsError) {
    guard Self.isVisible(accessKeyID), !accessKeyID.contains(where: { "/,=".contains($0) }) else {
      throw CredentialsError("the access key ID is empty or has characters that no key ID has")
    }
    guard Self.isVisible(secretAccessKey) else {
      throw CredentialsError("the secret access key is empty or has characters that no key has")
    }
    if let sessionToken, !Self.isVisible(sessionToken) {
      throw CredentialsError("the session token is empty or has characters that no token has")
    }
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
  }

  /// Credentials from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
  ///
  /// - Returns: nil when neither key is set; an empty variable counts as not set.
  /// - Throws: ``CredentialsError`` when only one half is there, or a value is not sound.
  public static func load(environment: [String: String]) throws(CredentialsError) -> Credentials? {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    switch (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY")) {
    case (nil, nil): return nil
    case (_?, nil): throw CredentialsError("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not")
    case (nil, _?): throw CredentialsError("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not")
    case (let id?, let secret?):
      return try Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: value("AWS_SESSION_TOKEN"))
    }
  }

  /// Visible ASCII only, and some of it.
  private static func isVisible(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The access key ID, and that there is more.
  public var description: String {
    "Credentials(\(accessKeyID), secret ***\(sessionToken == nil ? "" : ", session token ***"))"
  }

  /// The same as ``description``: no debugger prints the secret either.
  public var debugDescription: String { description }

  /// Shows the access key ID alone.
  public var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}
