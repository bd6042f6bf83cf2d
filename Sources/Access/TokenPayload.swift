// The claims inside a token: read after the signature is known to be good, then held against the rules and the clock.

/// The registered claims (RFC 7519 section 4.1) and the roles, as the token has them.
struct TokenPayload: Decodable {
  enum Name: String, CodingKey {
    case sub, exp, nbf, iss, aud, role, roles
  }

  let subject: String
  /// Milliseconds of Unix time, as are all moments here; rounded to the stricter side.
  let expiresAt: Int64
  let notBefore: Int64?
  let issuer: String?
  let audiences: [String]
  let roles: [String]

  init(json: [UInt8]) throws(TokenRefusal) {
    self = try StrictJSON.decode(Self.self, from: json, otherwise: .claims)
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Name.self)
    guard container.contains(.exp) else { throw TokenRefusal.withoutExpiry }
    expiresAt = Self.milliseconds(try container.decode(Double.self, forKey: .exp), .down)
    notBefore =
      container.contains(.nbf) ? Self.milliseconds(try container.decode(Double.self, forKey: .nbf), .up) : nil
    issuer = try? container.decode(String.self, forKey: .iss)
    audiences =
      (try? container.decode([String].self, forKey: .aud)) ?? (try? [container.decode(String.self, forKey: .aud)]) ?? []

    guard let subject = try? container.decode(String.self, forKey: .sub), (1...128).contains(subject.utf8.count) else {
      throw TokenRefusal.subject
    }
    self.subject = subject

    var roles: [String] = []
    do {
      if container.contains(.role) { roles.append(try container.decode(String.self, forKey: .role)) }
      if container.contains(.roles) { roles += try container.decode([String].self, forKey: .roles) }
    } catch {
      throw TokenRefusal.roles
    }
    self.roles = roles
  }

  /// Whether the token was given this role.
  func has(role: String) -> Bool { roles.contains { $0.hasSameBytes(as: role) } }

  /// What the token gives its user, when the rules and the moment allow it at all.
  func claims(under rules: AccessRules, at now: Int64) throws(TokenRefusal) -> Claims {
    let leeway = rules.leewaySeconds * 1000
    let isAdmin = has(role: AccessRules.adminRole)
    let claims = Claims(
      user: subject, isPremium: isAdmin || has(role: rules.requiredRole), isAdmin: isAdmin,
      expiresAtMilliseconds: expiresAt, acceptedFromMilliseconds: notBefore.map { $0 - leeway } ?? .min,
      acceptedUntilMilliseconds: expiresAt + leeway)
    guard now < claims.acceptedUntilMilliseconds else { throw .expired }
    guard now >= claims.acceptedFromMilliseconds else { throw .notYetValid }
    if let expected = rules.issuer {
      guard let issuer, issuer.hasSameBytes(as: expected) else { throw .issuer }
    }
    if let expected = rules.audience {
      guard audiences.contains(where: { $0.hasSameBytes(as: expected) }) else { throw .audience }
    }
    return claims
  }

  /// A NumericDate (RFC 7519 section 2) in milliseconds, kept within 100,000 years of 1970 so that sums cannot overflow.
  private static func milliseconds(_ seconds: Double, _ rule: FloatingPointRoundingRule) -> Int64 {
    let limit = 3.2e15
    return Int64(min(max((seconds * 1000).rounded(rule), -limit), limit))
  }
}
