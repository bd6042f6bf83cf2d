import Crypto
import Testing

@testable import Access

/// What a header may and may not say.
@Suite struct TokenHeaderTests {
  @Test(
    arguments: [
      (#"{"alg":"HS256"}"#, nil),
      (#"{"typ":"JWT","alg":"HS256"}"#, nil),
      (#"{"typ":"jwt","alg":"HS256"}"#, nil),
      (#"{"typ":"at+jwt","alg":"HS256"}"#, nil),
      (#"{"typ":"application/at+jwt","alg":"HS256"}"#, nil),
      (#"{"alg":"HS256","kid":"anything"}"#, nil),
      (#"{"alg":"HS256","x":1e300,"jku":"http://127.0.0.1/","nested":{"alg":"none"}}"#, nil),
      (#"{"typ":"dpop+jwt","alg":"HS256"}"#, .type),
      (#"{"typ":"logout+jwt","alg":"HS256"}"#, .type),
      (#"{"typ":"","alg":"HS256"}"#, .type),
      (#"{"typ":7,"alg":"HS256"}"#, .malformed),
      (#"{"alg":"none"}"#, .algorithm),
      (#"{"alg":"None"}"#, .algorithm),
      (#"{"alg":"NONE"}"#, .algorithm),
      (#"{"alg":""}"#, .algorithm),
      (#"{"alg":"hs256"}"#, .algorithm),
      (#"{"alg":"HS256 "}"#, .algorithm),
      (#"{"alg":"HS384"}"#, .algorithm),
      (#"{"alg":"HS512"}"#, .algorithm),
      (#"{"alg":"dir"}"#, .algorithm),
      (#"{"alg":"RS256"}"#, .unknownKey),
      (#"{"alg":"ES256"}"#, .unknownKey),
      (#"{"alg":"EdDSA"}"#, .unknownKey),
      (#"{"alg":"HS256","crit":["exp"],"exp":1}"#, .criticalHeader),
      (#"{"alg":"HS256","crit":[]}"#, .criticalHeader),
      (#"{"alg":"HS256","crit":null}"#, .criticalHeader),
      (#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, .criticalHeader),
      (#"{"alg":"HS256","b64":false}"#, .criticalHeader),
      (#"{"alg":"HS256","enc":"A128GCM"}"#, .encrypted),
      (#"{"alg":"HS256","zip":"DEF"}"#, .encrypted),
      (#"{"alg":"HS256","cty":"JWT"}"#, .encrypted),
      (#"{"alg":["HS256"]}"#, .malformed),
      (#"{"alg":null}"#, .malformed),
      (#"{"alg":"HS256","kid":1}"#, .malformed),
      (#"{"alg":"HS256","kid":null}"#, .malformed),
      (#"{"typ":"JWT"}"#, .malformed),
      (#"{}"#, .malformed),
      (#"[]"#, .malformed),
      (#""HS256""#, .malformed),
      (#"{"alg":"HS256""#, .malformed),
      (#"{"alg":"HS256"} x"#, .malformed),
      ("", .malformed),
      ("{\"alg\":\"HS256\"\0}", .malformed),
    ] as [(String, TokenRefusal?)])
  func header(header: String, refusal: TokenRefusal?) async throws {
    #expect(try await Make.verifier().refusal(of: Make.token(header: header)) == refusal)
  }

  @Test func headerInAnotherEncodingIsRefused() async throws {
    let verifier = try await Make.verifier()
    let wide = Array(Make.header.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] })
    let broken = Array(#"{"alg":"HS256","x":""#.utf8) + [0xFF] + Array(#""}"#.utf8)
    for header in [wide, broken] {
      let token = Make.token(header: header, payload: Array(Make.payload.utf8)) { input in
        Array(HMAC<SHA256>.authenticationCode(for: input, using: SymmetricKey(data: Array(Fixtures.secret.utf8))))
      }
      #expect(verifier.refusal(of: token) == .malformed)
    }
  }

  @Test func shapesThatAreNoToken() async throws {
    let verifier = try await Make.verifier()
    let good = Make.token()
    let parts = good.split(separator: ".").map(String.init)
    let cases: [(String, TokenRefusal)] = [
      ("", .missing), (".", .malformed), ("..", .malformed), ("...", .malformed), ("....", .encrypted),
      ("a", .malformed),
      (parts[0] + "." + parts[1], .malformed), (parts[0] + "." + parts[1] + ".", .signature), (good + ".", .malformed),
      (good + "=", .malformed), (good + " ", .malformed), (" " + good, .malformed), (good + "\n", .malformed),
      ("Bearer " + good, .malformed), (good + "." + good, .malformed), (parts[0] + ".." + parts[2], .signature),
      ("." + parts[1] + "." + parts[2], .malformed),
      // RFC 7516 appendix A.1, shortened: five parts.
      (
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.48V1_ALb6US04U3b.5eym8TW_c8SuK0lt.XFBoMYUZodetZdvT",
        .encrypted
      ),
      // RFC 7515 appendix A.5: not secured.
      ("eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODB9.", .algorithm),
    ]
    for (token, refusal) in cases { #expect(verifier.refusal(of: token) == refusal, "\(token)") }
    #expect(verifier.refusal(of: good) == nil)
  }

  @Test func lengthLimit() async throws {
    let verifier = try await Make.verifier()
    let room = TokenVerifier.maximumByteCount
    let lengths = 5900..<6100
    let tokens = lengths.map { Make.token(payload: Make.payload(#""x":"\#(String(repeating: "x", count: $0))""#)) }
    let longest = try #require(tokens.last { $0.utf8.count <= room })
    let tooLong = try #require(tokens.first { $0.utf8.count > room })
    #expect(longest.utf8.count >= room - 1)
    #expect(verifier.refusal(of: longest) == nil)
    #expect(verifier.refusal(of: tooLong) == .tooLong)
  }
}

/// What the payload must say.
@Suite struct TokenClaimsTests {
  @Test(
    arguments: [
      (Make.payload(sub: nil), .subject), (Make.payload(sub: "7"), .subject), (Make.payload(sub: "null"), .subject),
      (Make.payload(sub: "\"\""), .subject), (Make.payload(sub: "[\"a\"]"), .subject),
      (Make.payload(sub: "\"" + String(repeating: "x", count: 128) + "\""), nil),
      (Make.payload(sub: "\"" + String(repeating: "x", count: 129) + "\""), .subject),
      (Make.payload(sub: "\"" + String(repeating: "é", count: 64) + "\""), nil),
      (Make.payload(sub: "\"" + String(repeating: "é", count: 65) + "\""), .subject),
      (Make.payload(exp: nil), .withoutExpiry), (Make.payload(exp: "null"), .claims),
      (Make.payload(exp: "true"), .claims),
      (Make.payload(exp: "\"1800003600\""), .claims), (Make.payload(exp: "1800003600.5"), nil),
      (Make.payload(exp: "1.8000036e9"), nil), (Make.payload(exp: "1e300"), nil), (Make.payload(exp: "1e999"), .claims),
      (Make.payload(exp: "-1e300"), .expired), (Make.payload(exp: "0"), .expired), (Make.payload(exp: "-1"), .expired),
      (Make.payload(#""nbf":1800000000"#), nil), (Make.payload(#""nbf":"x""#), .claims),
      (Make.payload(#""nbf":null"#), .claims), (Make.payload(#""nbf":1e300"#), .notYetValid),
      (Make.payload(#""nbf":-1e300"#), nil), (Make.payload(#""iat":9999999999"#), nil),
      (Make.payload(role: nil), nil), (Make.payload(role: "null"), .roles), (Make.payload(role: "7"), .roles),
      (Make.payload(role: "[\"premium\"]"), .roles), (Make.payload(#""roles":"premium""#), .roles),
      (Make.payload(#""roles":[]"#), nil), (Make.payload(#""roles":["a",7]"#), .roles),
      (Make.payload(#""roles":["a",null]"#), .roles), (Make.payload(#""roles":null"#), .roles),
      (Make.payload(#""roles":{"premium":true}"#), .roles), (Make.payload(#""iss":7,"aud":7"#), nil),
      ("[]", .claims), ("\"x\"", .claims), ("7", .claims), ("", .claims), ("{", .claims), ("{}", .withoutExpiry),
      (Make.payload() + "x", .claims),
    ] as [(String, TokenRefusal?)])
  func payload(payload: String, refusal: TokenRefusal?) async throws {
    #expect(try await Make.verifier().refusal(of: Make.token(payload: payload)) == refusal)
  }

  @Test(
    arguments: [
      (nil, "", false, false), ("\"premium\"", "", true, false), ("\"admin\"", "", true, true),
      ("\"Premium\"", "", false, false), ("\"premium \"", "", false, false), ("\"\"", "", false, false),
      (nil, #""roles":["a","premium"]"#, true, false), (nil, #""roles":["admin"]"#, true, true),
      (nil, #""roles":["a","b"]"#, false, false), ("\"a\"", #""roles":["premium"]"#, true, false),
      ("\"premium\"", #""roles":[]"#, true, false), ("\"premium\"", #""roles":["admin"]"#, true, true),
    ] as [(String?, String, Bool, Bool)])
  func roles(role: String?, more: String, isPremium: Bool, isAdmin: Bool) async throws {
    let claims = try await Make.verifier().verify(Make.token(payload: Make.payload(role: role, more))).get()
    #expect(claims.isPremium == isPremium)
    #expect(claims.isAdmin == isAdmin)
    #expect(claims.user == "user_abc123")
    #expect(claims.expiresAtMilliseconds == 1_800_003_600_000)
  }

  @Test func theRequiredRoleIsTheConfiguredOne() async throws {
    let verifier = try await Make.verifier(AccessRules(requiredRole: "caf\u{E9}"))
    func isPremium(_ role: String) throws -> Bool {
      try verifier.verify(Make.token(payload: Make.payload(role: "\"\(role)\""))).get().isPremium
    }
    #expect(try isPremium("caf\u{E9}"))
    #expect(try isPremium("admin"))
    #expect(try !isPremium("premium"))
    // Canonically equivalent, but other bytes.
    #expect(try !isPremium("cafe\u{301}"))
  }

  @Test(
    arguments: [
      ("", "", #""iss":"x","aud":"y""#, nil),
      ("https://a", "", #""iss":"https://a""#, nil), ("https://a", "", #""iss":"https://a/""#, .issuer),
      ("https://a", "", "", .issuer), ("https://a", "", #""iss":["https://a"]"#, .issuer),
      ("https://a", "", #""iss":null"#, .issuer), ("e\u{301}", "", "\"iss\":\"\u{E9}\"", .issuer),
      ("", "box", #""aud":"box""#, nil), ("", "box", #""aud":["a","box"]"#, nil),
      ("", "box", #""aud":["a"]"#, .audience),
      ("", "box", #""aud":[]"#, .audience), ("", "box", #""aud":"boxes""#, .audience), ("", "box", "", .audience),
      ("", "box", #""aud":{"box":1}"#, .audience), ("", "box", #""aud":["box",7]"#, .audience),
      ("i", "box", #""iss":"i","aud":"box""#, nil), ("i", "box", #""iss":"j","aud":"box""#, .issuer),
    ] as [(String, String, String, TokenRefusal?)])
  func issuerAndAudience(issuer: String, audience: String, claims: String, refusal: TokenRefusal?) async throws {
    let verifier = try await Make.verifier(AccessRules(issuer: issuer, audience: audience))
    #expect(verifier.refusal(of: Make.token(payload: Make.payload(claims))) == refusal)
  }

  /// The borders of `exp` and `nbf`, to the millisecond, with 60 s of leeway: `exp` itself is outside (RFC 7519 section 4.1.4).
  @Test func borders() async throws {
    let verifier = try await Make.verifier()
    let expiring = Make.token(payload: Make.payload(exp: "1800000000"))
    #expect(verifier.refusal(of: expiring, at: 1_800_000_059_999) == nil)
    #expect(verifier.refusal(of: expiring, at: 1_800_000_060_000) == .expired)
    let fraction = Make.token(payload: Make.payload(exp: "1800000000.25"))
    #expect(verifier.refusal(of: fraction, at: 1_800_000_060_249) == nil)
    #expect(verifier.refusal(of: fraction, at: 1_800_000_060_250) == .expired)
    let coming = Make.token(payload: Make.payload(#""nbf":1800000000"#))
    #expect(verifier.refusal(of: coming, at: 1_799_999_939_999) == .notYetValid)
    #expect(verifier.refusal(of: coming, at: 1_799_999_940_000) == nil)

    let strict = try await Make.verifier(AccessRules(leewaySeconds: 0))
    #expect(strict.refusal(of: expiring, at: 1_799_999_999_999) == nil)
    #expect(strict.refusal(of: expiring, at: 1_800_000_000_000) == .expired)
    #expect(strict.refusal(of: coming, at: 1_799_999_999_999) == .notYetValid)
    #expect(strict.refusal(of: coming, at: 1_800_000_000_000) == nil)
  }

  @Test func extremeClocksDoNotTrap() async throws {
    let verifier = try await Make.verifier()
    #expect(verifier.refusal(of: Make.token(payload: Make.payload(exp: "1e300")), at: .max) == .expired)
    #expect(verifier.refusal(of: Make.token(payload: Make.payload(#""nbf":-1e300"#)), at: .min) == .notYetValid)
  }
}

@Suite struct TokenRefusalTests {
  @Test(arguments: TokenRefusal.allCases)
  func challenge(refusal: TokenRefusal) {
    #expect(refusal.description.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C })
    if refusal == .missing {
      #expect(refusal.challenge == "Bearer realm=\"larder\"")
    } else {
      #expect(refusal.challenge == "Bearer error=\"invalid_token\", error_description=\"\(refusal.description)\"")
    }
  }

  @Test func eachHasItsOwnWords() {
    #expect(Set(TokenRefusal.allCases.map(\.description)).count == TokenRefusal.allCases.count)
  }
}
