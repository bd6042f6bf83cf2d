// Why a token is not taken, in words that may go back to whoever sent it: never a byte of the token.

/// The reason for a 401: each way in which a bearer token can fail has its own case.
public enum TokenRefusal: Error, Sendable, Equatable, CaseIterable {
  /// The request has no bearer token.
  case missing
  /// The token has more than ``TokenVerifier/maximumByteCount`` bytes.
  case tooLong
  /// It is not a JWS in compact form with JSON inside (RFC 7515 section 7.1); so is a link's token in the header.
  case malformed
  /// It is encrypted (RFC 7516), compressed, or holds another token (`cty`).
  case encrypted
  /// `alg` is not HS256, RS256, ES256 or EdDSA, or is `none`.
  case algorithm
  /// It has `crit` (or `b64`): extensions that must be understood, and none is (RFC 7515 section 4.1.11).
  case criticalHeader
  /// `typ` names another kind of token (RFC 8725 section 3.11).
  case type
  /// No configured key is of the algorithm's kind and of the token's `kid`.
  case unknownKey
  /// The signature does not fit.
  case signature
  /// It has no `exp`: a token must end.
  case withoutExpiry
  /// `exp` is past, leeway included.
  case expired
  /// `nbf` is still to come, leeway included.
  case notYetValid
  /// `iss` is not the configured one.
  case issuer
  /// `aud` does not name the configured audience.
  case audience
  /// `sub` is missing, not text, empty or longer than 128 bytes.
  case subject
  /// `role` is not text, or `roles` not an array of texts.
  case roles
  /// The payload is no JSON object, or a time in it is no number.
  case claims
}

extension TokenRefusal: CustomStringConvertible {
  /// One sentence in plain ASCII without quotes, fit for an `error_description` (RFC 6750 section 3).
  public var description: String {
    switch self {
    case .missing: "a bearer token is needed"
    case .tooLong: "the token is longer than \(TokenVerifier.maximumByteCount) bytes"
    case .malformed: "the token is not a signed JWT in compact form"
    case .encrypted: "encrypted, compressed and nested tokens are not taken"
    case .algorithm: "the algorithm of the token is not taken: use HS256, RS256, ES256 or EdDSA"
    case .criticalHeader: "the token asks for extensions that are not understood"
    case .type: "the token is of another type than JWT or at+jwt"
    case .unknownKey: "no configured key fits the algorithm and the kid of the token"
    case .signature: "the signature of the token does not fit"
    case .withoutExpiry: "the token has no expiry (exp)"
    case .expired: "the token has expired"
    case .notYetValid: "the token is not valid yet (nbf)"
    case .issuer: "the token is from another issuer (iss)"
    case .audience: "the token is for another audience (aud)"
    case .subject: "the token needs a subject (sub) of 1 to 128 bytes"
    case .roles: "role must be a text and roles an array of texts"
    case .claims: "the claims of the token are not what RFC 7519 says"
    }
  }

  /// The value of `WWW-Authenticate` (RFC 6750 section 3): without an error code when no token was sent at all.
  public var challenge: String {
    switch self {
    case .missing: "Bearer realm=\"larder\""
    default: "Bearer error=\"invalid_token\", error_description=\"\(description)\""
    }
  }
}
