// One verifier for bearer tokens. Everything a token says about how to verify it is held against the keys we have.

/// Decides whether a bearer token is good, and what its user may.
///
/// The key decides the algorithm, never the token (RFC 8725 section 3.1): HS256 is verified with the secret alone and the
/// others with public keys of their kind alone, so a public key can never be used as a secret. A value without state: it is
/// replaced as a whole on a reload. Costs a signature each time; ``TokenCache`` remembers.
public struct TokenVerifier: Sendable {
  /// The longest token that is looked at, in bytes.
  public static let maximumByteCount = 8192

  public let rules: AccessRules
  private let keys: TokenKeys

  public init(rules: AccessRules, keys: TokenKeys) {
    self.rules = rules
    self.keys = keys
  }

  /// Verifies a token, as the bytes of a JWT in compact form, at a moment of Unix time in milliseconds.
  ///
  /// It neither waits nor keeps anything. A good token without the required role is a success with
  /// ``Claims/isPremium`` false: that is the caller's 403 and not a 401.
  public func verify(_ token: some Collection<UInt8>, at unixMilliseconds: Int64) -> Result<Claims, TokenRefusal> {
    Result { () throws(TokenRefusal) in
      guard !token.isEmpty else { throw .missing }
      guard token.count <= Self.maximumByteCount else { throw .tooLong }
      return try claims(of: SignedToken(Array(token)), at: unixMilliseconds)
    }
  }

  private func claims(of token: SignedToken, at now: Int64) throws(TokenRefusal) -> Claims {
    let candidates = keys.candidates(algorithm: token.algorithm, identifier: token.keyIdentifier)
    guard !candidates.isEmpty else { throw .unknownKey }
    guard candidates.contains(where: { $0.verifies(token.signature, of: token.signingInput) }) else { throw .signature }
    return try TokenPayload(json: token.payload).claims(under: rules, at: now)
  }
}
