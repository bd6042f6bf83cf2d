// Making tokens: for `larder token` and the demo. The daemon itself issues none.

internal import JWTKit

/// Why no token can be made.
public enum TokenIssueError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The user id is empty or longer than 128 bytes.
  case user
  /// The lifetime is not between a second and ten years.
  case lifetime
  /// The token would be longer than ``TokenVerifier/maximumByteCount``, and so be refused.
  case tooLong
  /// jwt-kit could not sign, with its own words.
  case signing(String)

  public var description: String {
    switch self {
    case .user: "a user id has 1 to 128 bytes"
    case .lifetime: "a token lives from one second to ten years"
    case .tooLong: "too many roles: a token has at most \(TokenVerifier.maximumByteCount) bytes"
    case .signing(let reason): "the token cannot be signed: \(reason)"
    }
  }
}

/// Makes HS256 tokens that this box's own rules take.
public struct TokenIssuer: Sendable {
  private let rules: AccessRules
  private let secret: TokenSecret

  /// `iss` and `aud` are filled in from the rules when those check them.
  public init(rules: AccessRules, secret: TokenSecret) {
    self.rules = rules
    self.secret = secret
  }

  /// Makes a token for a user with these roles, issued at a moment of Unix time in milliseconds.
  ///
  /// Its `exp` is rounded up to a full second.
  public func issue(
    user: String, roles: [String], lifetimeSeconds: Int64, at unixMilliseconds: Int64
  ) async throws(TokenIssueError) -> String {
    guard (1...128).contains(user.utf8.count) else { throw .user }
    guard (1...Self.maximumLifetimeSeconds).contains(lifetimeSeconds) else { throw .lifetime }
    let payload = IssuedPayload(
      sub: user, roles: roles, iat: unixMilliseconds / 1000,
      exp: (unixMilliseconds + 999) / 1000 + lifetimeSeconds, iss: rules.issuer, aud: rules.audience)
    let token: String
    do {
      let collection = JWTKeyCollection()
      await collection.add(hmac: HMACKey(key: secret.key), digestAlgorithm: .sha256)
      token = try await collection.sign(payload)
    } catch {
      throw .signing("\(error)")
    }
    guard token.utf8.count <= TokenVerifier.maximumByteCount else { throw .tooLong }
    return token
  }

  private static let maximumLifetimeSeconds: Int64 = 10 * 366 * 86_400
}

/// The claims that an issued token has.
private struct IssuedPayload: JWTPayload {
  let sub: String
  let roles: [String]
  let iat: Int64
  let exp: Int64
  let iss: String?
  let aud: String?

  func verify(using algorithm: some JWTAlgorithm) {}
}
