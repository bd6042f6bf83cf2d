import Testing

@testable import Access

@Suite struct KeySetTests {
  @Test func usableKeys() async throws {
    let keys = try await TokenKeys(
      secret: Make.secret(), keySet: Make.keySet(Fixtures.rsa, Fixtures.elliptic, Fixtures.edwardsWithoutName))
    #expect(keys.keys.map(\.algorithm) == [.hs256, .rs256, .es256, .edDSA])
    #expect(keys.keys.map(\.identifier) == [nil, "rsa-1", "ec-1", nil])
    #expect(keys.warnings.isEmpty)
  }

  /// Entries that are left aside, with their warning; a good key stands beside.
  @Test(arguments: [
    (#"{"kty":"oct","k":"AAAA"}"#, #"key 1: ignored, kty "oct" is not RSA, EC or OKP"#),
    (#"{"kty":"AKP","kid":"q","alg":"ML-DSA-44"}"#, #"key 1 (kid "q"): ignored, kty "AKP" is not RSA, EC or OKP"#),
    (#"{"kty":"rsa"}"#, #"key 1: ignored, kty "rsa" is not RSA, EC or OKP"#),
    (#"{"kty":"RSA","use":"enc","alg":"RSA-OAEP"}"#, #"key 1: ignored, use "enc" is not "sig""#),
    (#"{"kty":"RSA","alg":"RS512"}"#, #"key 1: ignored, alg "RS512" is not RS256, ES256 or EdDSA"#),
    (#"{"kty":"EC","key_ops":["sign"]}"#, #"key 1: ignored, key_ops has no "verify""#),
    (#"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#, #"key 1: ignored, crv "X25519" is not Ed25519"#),
    (#"{"kty":"OKP","crv":"Ed448","x":"AAAA"}"#, #"key 1: ignored, crv "Ed448" is not Ed25519"#),
    (#"{"kty":"a\nb"}"#, #"key 1: ignored, kty "a\nb" is not RSA, EC or OKP"#),
  ])
  func ignored(key: String, warning: String) async throws {
    let keys = try await TokenKeys(secret: nil, keySet: Make.keySet(key, Fixtures.edwards))
    #expect(keys.warnings == [warning])
    #expect(keys.keys.map(\.identifier) == ["ed-1"])
    let alone = await #expect(throws: KeySetError.self) { try await TokenKeys(secret: nil, keySet: Make.keySet(key)) }
    #expect(alone?.description == "the key set has no usable key; \(warning)")
  }

  @Test func aLargerCurveIsIgnored() async throws {
    let keys = try await TokenKeys(secret: nil, keySet: Make.keySet(Fixtures.elliptic384, Fixtures.edwards))
    #expect(keys.warnings == [#"key 1 (kid "ec-384"): ignored, crv "P-384" is not P-256"#])
  }

  /// Entries of a known kind that are wrong: the start stops and says where.
  @Test(arguments: [
    ("{}", #""kty" is missing"#), (#"{"kty":7}"#, #""kty" must be a text"#),
    (#"{"kty":"RSA"}"#, #""n" is missing"#), (#"{"kty":"RSA","n":7,"e":"AQAB"}"#, #""n" must be a text"#),
    (#"{"kty":"RSA","n":"A+==","e":"AQAB"}"#, #""n" is not base64url without padding"#),
    (#"{"kty":"RSA","n":"AQAB"}"#, #""e" is missing"#),
    (#"{"kty":"RSA","n":"","e":"AQAB"}"#, "an RSA key of 0 bits, and 2048 are the fewest"),
    (Fixtures.rsaWithoutName.replacing("AQAB", with: "AQ"), #""n" and "e" are no RSA public key"#),
    (Fixtures.rsaWithoutName.replacing("AQAB", with: ""), #""n" and "e" are no RSA public key"#),
    (#"{"kty":"RSA","alg":"ES256"}"#, "alg ES256 does not fit kty RSA"),
    (#"{"kty":"RSA","alg":"HS256"}"#, "alg HS256 does not fit kty RSA"),
    (#"{"kty":"EC","alg":"EdDSA"}"#, "alg EdDSA does not fit kty EC"),
    (#"{"kty":"OKP","alg":"RS256"}"#, "alg RS256 does not fit kty OKP"),
    (#"{"kty":"RSA","alg":7}"#, #""alg" must be a text"#), (#"{"kty":"RSA","use":7}"#, #""use" must be a text"#),
    (#"{"kty":"RSA","key_ops":"verify"}"#, #""key_ops" must be an array of texts"#),
    (#"{"kty":"RSA","kid":7}"#, #""kid" must be a text"#),
    (#"{"kty":"EC"}"#, #""crv" is missing"#), (#"{"kty":"EC","crv":"P-256"}"#, #""x" is missing"#),
    (#"{"kty":"EC","crv":"P-256","x":"AAAA"}"#, #""x" must be 32 bytes in base64url"#),
    (
      #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"AAAA"}"#,
      #""y" must be 32 bytes in base64url"#
    ),
    (
      #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
        + #""y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}"#, #""x" and "y" are no point of P-256"#
    ),
    (#"{"kty":"OKP","crv":"Ed25519"}"#, #""x" is missing"#),
    (#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, #""x" must be 32 bytes in base64url"#),
  ])
  func wrong(key: String, problem: String) async throws {
    let error = await #expect(throws: KeySetError.self) {
      try await TokenKeys(secret: nil, keySet: Make.keySet(Fixtures.edwards, key))
    }
    #expect(error?.problem == problem)
    #expect(error?.key?.hasPrefix("key 2") == true)
  }

  @Test func shortRSAKeys() async throws {
    let error = await #expect(throws: KeySetError.self) {
      try await TokenKeys(secret: nil, keySet: Make.keySet(Fixtures.shortRSA))
    }
    #expect(error?.description == #"key 1 (kid "short"): an RSA key of 1024 bits, and 2048 are the fewest"#)
    // 256 bytes, but of 2047 bits; and 257 of which the first is zero.
    for modulus in [[0x7F] + [UInt8](repeating: 0xFF, count: 255), [0, 0x7F] + [UInt8](repeating: 0xFF, count: 255)] {
      let key = #"{"kty":"RSA","n":"\#(Base64URL.encode(modulus))","e":"AQAB"}"#
      let error = await #expect(throws: KeySetError.self) { try await TokenKeys(secret: nil, keySet: Make.keySet(key)) }
      #expect(error?.problem == "an RSA key of 2047 bits, and 2048 are the fewest")
    }
  }

  @Test func privateKeysAreUsedAsPublicOnesWithAWarning() async throws {
    let key = Fixtures.edwards.replacing(#""crv""#, with: #""d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","crv""#)
    let keys = try await TokenKeys(secret: nil, keySet: Make.keySet(key))
    #expect(keys.warnings.count == 1)
    #expect(keys.warnings.first?.hasPrefix(#"key 1 (kid "ed-1"): holds a private key"#) == true)
    let verifier = TokenVerifier(rules: AccessRules(), keys: keys)
    #expect(verifier.refusal(of: Fixtures.edDSA) == nil)
  }

  @Test(arguments: [
    ("", "the key set is not JSON in UTF-8"), ("{", "the key set is not JSON in UTF-8"),
    ("-----BEGIN PUBLIC KEY-----", "the key set is not JSON in UTF-8"),
    ("[]", "the key set is not an object with an array \"keys\" of objects (RFC 7517)"),
    ("{}", "the key set is not an object with an array \"keys\" of objects (RFC 7517)"),
    (#"{"keys":{}}"#, "the key set is not an object with an array \"keys\" of objects (RFC 7517)"),
    (#"{"keys":["x"]}"#, "the key set is not an object with an array \"keys\" of objects (RFC 7517)"),
    (Fixtures.edwards, "the key set is not an object with an array \"keys\" of objects (RFC 7517)"),
    (#"{"keys":[]}"#, "the key set has no usable key"),
  ])
  func noKeySet(text: String, problem: String) async {
    let error = await #expect(throws: KeySetError.self) { try await TokenKeys(secret: nil, keySet: Array(text.utf8)) }
    #expect(error?.description == problem)
    #expect(error?.key == nil)
  }

  @Test func keysAreCounted() async throws {
    func set(_ count: Int) -> [UInt8] {
      Array("{\"keys\":[\(Array(repeating: Fixtures.edwards, count: count).joined(separator: ","))]}".utf8)
    }
    let most = try await TokenKeys(secret: nil, keySet: set(32))
    #expect(most.keys.count == 32)
    let error = await #expect(throws: KeySetError.self) { try await TokenKeys(secret: nil, keySet: set(33)) }
    #expect(error?.description == "the key set has 33 keys, and 32 are the most")
  }
}
