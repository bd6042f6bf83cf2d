// What a token must say to be taken: the part of `[auth]` that is not a key. Values only; the configuration checked them.

/// What a token's claims must hold, beyond a good signature, before its user is let in.
///
/// A value: a reload makes a new one, and with it a new ``TokenVerifier``.
public struct AccessRules: Sendable, Equatable {
  /// What `iss` must be; nil when any issuer (or none) will do.
  public let issuer: String?
  /// What `aud` must be or contain; nil when it is not looked at.
  public let audience: String?
  /// The role that the API asks for. ``adminRole`` may stand in for it.
  public let requiredRole: String
  /// How far clocks may be apart, in seconds: `exp` and `nbf` are taken with this much patience (RFC 7519 section 4.1.4).
  public let leewaySeconds: Int64

  /// The role that opens everything.
  public static let adminRole = "admin"

  /// Makes rules from the configuration's words: an empty `issuer` or `audience` means that it is not checked.
  public init(issuer: String = "", audience: String = "", requiredRole: String = "premium", leewaySeconds: Int64 = 60) {
    self.issuer = issuer.isEmpty ? nil : issuer
    self.audience = audience.isEmpty ? nil : audience
    self.requiredRole = requiredRole
    self.leewaySeconds = leewaySeconds
  }
}

extension String {
  /// Whether both are the same bytes of UTF-8.
  ///
  /// `==` takes canonically equivalent texts for equal; identifiers in tokens are compared code point by code point (RFC 7519 section 2).
  func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
