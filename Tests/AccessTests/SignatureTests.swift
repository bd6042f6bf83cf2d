import Crypto
import Testing

@testable import Access

/// Which key may verify what: the fixtures of another library, the vectors of the RFCs, and every confusion we know of.
@Suite struct SignatureTests {
  @Test func tokensOfAnotherLibrary() async throws {
    let verifier = try await Make.verifier(keys: Fixtures.rsa, Fixtures.elliptic, Fixtures.edwards)
    let cases: [(String, TokenRefusal?)] = [
      (Fixtures.hs256, nil), (Fixtures.rs256, nil), (Fixtures.rs256WithoutName, nil), (Fixtures.es256, nil),
      (Fixtures.es256WithoutName, nil), (Fixtures.edDSA, nil), (Fixtures.edDSAWithoutName, nil),
      (Fixtures.hs384, .algorithm), (Fixtures.hs512, .algorithm), (Fixtures.rs512, .algorithm),
      (Fixtures.ps256, .algorithm), (Fixtures.es384, .algorithm), (Fixtures.rs256OfOther, .signature),
      (Fixtures.rs256WithWrongName, .signature), (Fixtures.withEmbeddedKey, .signature),
    ]
    for (token, refusal) in cases {
      #expect(verifier.refusal(of: token) == refusal, "\(token)")
      if refusal == nil {
        let claims = try verifier.verify(token).get()
        #expect(claims.user == "user_abc123" && claims.isPremium && !claims.isAdmin)
      }
    }
  }

  @Test func aKeyIsFoundByNameOrByTrying() async throws {
    // Without `kid` in the token each key of the kind is tried; a nameless key stands in for a `kid` nobody has.
    let several = try await Make.verifier(keys: Fixtures.rsa, Fixtures.edwards, Fixtures.otherRSA)
    #expect(several.refusal(of: Fixtures.rs256OfOther) == nil)
    #expect(several.refusal(of: Fixtures.rs256WithWrongName) == .signature)
    let nameless = try await Make.verifier(
      keys: Fixtures.rsaWithoutName, Fixtures.ellipticWithoutName, Fixtures.edwardsWithoutName)
    for token in [Fixtures.rs256, Fixtures.es256, Fixtures.edDSA] { #expect(nameless.refusal(of: token) == nil) }
    let other = try await Make.verifier(keys: Fixtures.otherRSA, Fixtures.otherElliptic, Fixtures.otherEdwards)
    for token in [Fixtures.rs256, Fixtures.es256, Fixtures.edDSA] { #expect(other.refusal(of: token) == .unknownKey) }
    #expect(other.refusal(of: Fixtures.es256WithoutName) == .signature)
  }

  @Test func eachAlgorithmNeedsItsOwnKind() async throws {
    let withoutSecret = try await Make.verifier(secret: nil, keys: Fixtures.rsa)
    #expect(withoutSecret.refusal(of: Fixtures.hs256) == .unknownKey)
    #expect(withoutSecret.refusal(of: Fixtures.es256) == .unknownKey)
    let withoutKeys = try await Make.verifier()
    #expect(withoutKeys.refusal(of: Fixtures.rs256) == .unknownKey)
    let otherSecret = try await Make.verifier(secret: String(repeating: "x", count: 32))
    #expect(otherSecret.refusal(of: Fixtures.hs256) == .signature)
    let nothing = try await Make.verifier(secret: nil)
    #expect(nothing.refusal(of: Fixtures.hs256) == .unknownKey)
  }

  /// A public key is known to everyone: as an HMAC key it must be worth nothing (RFC 8725 section 2.1).
  @Test(arguments: [Fixtures.rsa, Fixtures.elliptic, Fixtures.edwards])
  func aPublicKeyIsNoSecret(key: String) async throws {
    let alone = try await Make.verifier(secret: nil, keys: key)
    let beside = try await Make.verifier(keys: key)
    let pem = Fixtures.rsaPEM
    let material = [Array(key.utf8), Array(pem.utf8), Array(pem.utf8.dropLast()), Make.keySet(key), []]
    for bytes in material {
      for kid in ["", #","kid":"rsa-1""#, #","kid":"ec-1""#, #","kid":"ed-1""#] {
        let asHMAC = Make.token(header: #"{"alg":"HS256"\#(kid)}"#, key: bytes)
        #expect(alone.refusal(of: asHMAC) == .unknownKey)
        #expect(beside.refusal(of: asHMAC) == .signature)
        for algorithm in ["RS256", "ES256", "EdDSA"] {
          let disguised = Make.token(header: #"{"alg":"\#(algorithm)"\#(kid)}"#, key: bytes)
          #expect([.signature, .unknownKey].contains(beside.refusal(of: disguised)))
        }
      }
    }
  }

  /// A header that names another algorithm over a signature that is good in itself.
  @Test func theHeaderCannotChangeTheAlgorithm() async throws {
    let verifier = try await Make.verifier(keys: Fixtures.rsa, Fixtures.elliptic, Fixtures.edwards)
    let tokens = [Fixtures.hs256, Fixtures.rs256WithoutName, Fixtures.es256WithoutName, Fixtures.edDSAWithoutName]
    for (index, token) in tokens.enumerated() {
      let parts = token.split(separator: ".")
      for (otherIndex, algorithm) in ["HS256", "RS256", "ES256", "EdDSA"].enumerated() where otherIndex != index {
        let header = Base64URL.encode(#"{"alg":"\#(algorithm)","typ":"JWT"}"#.utf8)
        #expect(verifier.refusal(of: "\(header).\(parts[1]).\(parts[2])") == .signature)
      }
    }
  }

  @Test func wrongSignatureLengthsAndShapes() async throws {
    let verifier = try await Make.verifier(keys: Fixtures.rsa, Fixtures.elliptic, Fixtures.edwards)
    for token in [Fixtures.hs256, Fixtures.rs256, Fixtures.es256, Fixtures.edDSA] {
      let parts = token.split(separator: ".").map(String.init)
      let signature = try #require(Base64URL.decode(parts[2].utf8))
      for changed in [
        [], Array(signature.dropLast()), signature + [0], [0] + signature, Array(signature.dropFirst()),
        [UInt8](repeating: 0, count: signature.count), [UInt8](repeating: 0xFF, count: signature.count),
        signature + signature,
      ] {
        #expect(verifier.refusal(of: "\(parts[0]).\(parts[1]).\(Base64URL.encode(changed))") == .signature)
      }
    }
  }

  @Test func ellipticSignaturesInDERAreRefused() async throws {
    let key = P256.Signing.PrivateKey()
    let point = key.publicKey.rawRepresentation
    let jwk =
      #"{"kty":"EC","crv":"P-256","x":"\#(Base64URL.encode(point.prefix(32)))","y":"\#(Base64URL.encode(point.suffix(32)))"}"#
    let verifier = try await Make.verifier(keys: jwk)
    func token(_ encode: (P256.Signing.ECDSASignature) -> [UInt8]) throws -> String {
      try Make.token(header: Array(#"{"alg":"ES256"}"#.utf8), payload: Array(Make.payload.utf8)) { input in
        encode(try key.signature(for: input))
      }
    }
    #expect(verifier.refusal(of: try token { Array($0.rawRepresentation) }) == nil)
    #expect(verifier.refusal(of: try token { Array($0.derRepresentation) }) == .signature)
  }

  /// RFC 7515 appendices A.1, A.2 and A.3: their claims have no `sub`, which is noticed only once the signature is good.
  @Test func vectorsOfRFC7515() async throws {
    let payload = """
      eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ
      """
    let secret = try #require(
      Base64URL.decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow".utf8))
    let rsa = """
      {"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0\
      Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo\
      7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9\
      gb54h4FRWyuXpoQ"}
      """
    let elliptic = """
      {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",\
      "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
      """
    let keys = try await TokenKeys(secret: TokenSecret(bytes: secret), keySet: Make.keySet(rsa, elliptic))
    let verifier = TokenVerifier(rules: AccessRules(), keys: keys)
    let vectors = [
      ("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
      (
        "eyJhbGciOiJSUzI1NiJ9",
        """
        cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ\
        cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e\
        OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw
        """
      ),
      (
        "eyJhbGciOiJFUzI1NiJ9", "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
      ),
    ]
    for (header, signature) in vectors {
      #expect(verifier.refusal(of: "\(header).\(payload).\(signature)") == .subject)
      #expect(verifier.refusal(of: "\(header).\(payload)AA.\(signature)") == .signature)
    }
  }

  /// RFC 8037 appendix A.4: the payload is no JSON, which is noticed only once the signature is good.
  @Test func vectorOfRFC8037() async throws {
    let key = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
    let verifier = try await Make.verifier(keys: key)
    let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    #expect(verifier.refusal(of: "\(input).\(signature)") == .claims)
    #expect(verifier.refusal(of: "\(input).i\(signature.dropFirst())") == .signature)
  }

  /// No character of a token can be changed, left out or doubled; not even the last ones, whose spare bits lenient decoders drop.
  @Test func everyCharacterCounts() async throws {
    let verifier = try await Make.verifier(keys: Fixtures.elliptic, Fixtures.edwards)
    var random = SeededGenerator(seed: 7)
    let alphabet =
      Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n".utf8) + [0, 0x80, 0xFF]
    for token in [Fixtures.hs256, Fixtures.edDSA] {
      let bytes = Array(token.utf8)
      for place in bytes.indices {
        // Of the last six characters all others, so that each way to set the spare bits is seen.
        let others = place >= bytes.count - 6 ? alphabet : [alphabet.randomElement(using: &random) ?? 0]
        for other in others where other != bytes[place] {
          var changed = bytes
          changed[place] = other
          #expect(throws: TokenRefusal.self, "place \(place)") { try verifier.verify(changed, at: Make.now).get() }
        }
        var shorter = bytes
        shorter.remove(at: place)
        #expect(throws: TokenRefusal.self) { try verifier.verify(shorter, at: Make.now).get() }
        if place + 1 < bytes.count, bytes[place] != bytes[place + 1] {
          var swapped = bytes
          swapped.swapAt(place, place + 1)
          #expect(throws: TokenRefusal.self) { try verifier.verify(swapped, at: Make.now).get() }
        }
      }
      #expect(verifier.refusal(of: token) == nil)
    }
  }

  /// Rubbish of every kind is refused and traps nothing.
  @Test func rubbish() async throws {
    let verifier = try await Make.verifier(keys: Fixtures.rsa, Fixtures.elliptic, Fixtures.edwards)
    var random = SeededGenerator(seed: 8)
    let pieces = [
      "{", "}", "[", "]", ":", ",", "\"", "alg", "HS256", "crit", "exp", "sub", "1e300", "-0", "null", "\\ud800",
      "\\u0000",
      "é", "\u{10FFFF}", " ", "9223372036854775808", "roles",
    ]
    for _ in 0..<400 {
      func text() -> String {
        (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
      }
      #expect(verifier.refusal(of: Make.token(header: text(), payload: text())) != nil)
      #expect(verifier.refusal(of: Make.token(payload: text())) != nil)
      let bytes = (0..<Int.random(in: 1...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(throws: TokenRefusal.self) { try verifier.verify(bytes, at: Make.now).get() }
    }
  }
}
