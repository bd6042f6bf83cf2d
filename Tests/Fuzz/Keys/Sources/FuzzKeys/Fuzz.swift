// Key sets, tokens and signatures against the real keys of another library.
//
// The first byte chooses. Invariants: a key set gives as many keys as it has entries or is refused; whatever is taken as a
// token was signed by a fixture's key; no signature is taken but the one that was made (of ES256, one of the two that
// are worth the same).

import Driver

@testable import Access

private let now: Int64 = 1_800_000_000_000
private let known = [
  Fixtures.hs256, Fixtures.rs256, Fixtures.rs256WithoutName, Fixtures.es256, Fixtures.es256WithoutName, Fixtures.edDSA,
  Fixtures.edDSAWithoutName,
].map { Array($0.utf8) }

private let verifier: TokenVerifier = {
  let set = "{\"keys\":[\(Fixtures.rsa),\(Fixtures.elliptic),\(Fixtures.edwards)]}"
  let made = result(of: {
    try? await TokenKeys(secret: TokenSecret(bytes: Array(Fixtures.secret.utf8)), keySet: Array(set.utf8))
  })
  guard let keys = made else { fatalError("the fixtures are keys") }
  return TokenVerifier(rules: AccessRules(), keys: keys)
}()

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  guard let choice = unsafe bytes.first else { return }
  let rest = unsafe Array(bytes.dropFirst())
  switch choice % 4 {
  case 0: checkKeySet(rest)
  case 1: checkToken(rest)
  default: checkSignature(rest, of: known[Int(choice / 4) % known.count])
  }
}

private func checkKeySet(_ json: [UInt8]) {
  guard let set = try? KeySet(json: json) else { return }
  let made = result(of: { try? await TokenKeys(secret: nil, keySet: json) })
  guard let keys = made else { return check(false, "what can be read can be used") }
  check(keys.keys.count == set.entries.count && keys.warnings == set.warnings, "each entry is a key")
  let verifier = TokenVerifier(rules: AccessRules(), keys: keys)
  for token in known { _ = verifier.verify(token, at: now) }
  if case .success = verifier.verify(known[0], at: now) { check(false, "a public key is no secret") }
}

private func checkToken(_ token: [UInt8]) {
  guard case .success(let claims) = verifier.verify(token, at: now) else { return }
  check(known.contains { signed($0) == signed(token) }, "what is taken was signed")
  check(claims.user == "user_abc123" && claims.isPremium && !claims.isAdmin, "claims are those that were signed")
}

private func checkSignature(_ signature: [UInt8], of token: [UInt8]) {
  let forged = signed(token) + [0x2E] + Base64URL.encode(signature).utf8
  guard case .success = verifier.verify(forged, at: now), let parsed = try? SignedToken(forged) else { return }
  check(parsed.algorithm == .es256 || forged == token, "there is one signature only")
}

/// The part of a token that is signed.
private func signed(_ token: [UInt8]) -> [UInt8] {
  Array(token[..<(token.lastIndex(of: 0x2E) ?? token.startIndex)])
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzKeys_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
