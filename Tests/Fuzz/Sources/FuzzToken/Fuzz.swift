// Bearer headers, base64url, whole tokens, tokens signed with the box's secret, and links.
//
// The first byte chooses. Invariants: a token is taken only with our secret's own signature (or the one that the stand-in's
// public keys take) and never after one of its bytes has changed; what it gives its user follows from it; a link opens
// one title for one user until its second, and nothing else.

import Crypto
import Driver
import JWTKit

@testable import Access

private let now: Int64 = 1_800_000_000_000
private let rules = AccessRules(issuer: "https://issuer", audience: "larder")
private let lenient = AccessRules()

/// Keys of every kind, made once.
private struct World {
  let bytes = Array("0123456789abcdef0123456789abcdef".utf8)
  let keys: TokenKeys
  let links: Links

  init() {
    guard let secret = try? TokenSecret(bytes: bytes) else { fatalError("the secret is long enough") }
    let coordinate = Base64URL.encode(Array(repeating: 7, count: 32))
    let modulus = Base64URL.encode(Array(repeating: 0xF7, count: 256))
    let set = """
      {"keys": [{"kty": "RSA", "kid": "r", "n": "\(modulus)", "e": "AQAB"}, \
      {"kty": "EC", "crv": "P-256", "x": "\(coordinate)", "y": "\(coordinate)"}, \
      {"kty": "OKP", "crv": "Ed25519", "x": "\(coordinate)", "alg": "EdDSA", "use": "sig"}]}
      """
    let made = result(of: { try? await TokenKeys(secret: secret, keySet: Array(set.utf8)) })
    guard let keys = made else { fatalError("the key set is sound") }
    self.keys = keys
    links = Links(secret: secret)
  }
}
private let world = World()

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  guard let choice = unsafe bytes.first else { return }
  var choices = unsafe Choices(bytes)
  let rest = unsafe Array(bytes.dropFirst())
  switch choice % 5 {
  case 0: checkBearer(rest)
  case 1: checkBase64(rest)
  case 2: checkToken(rest, &choices)
  case 3: checkSigned(rest, &choices)
  default: checkLink(rest, &choices)
  }
}

private func checkBearer(_ value: [UInt8]) {
  unsafe value.withUnsafeBytes { buffer in
    guard let token = unsafe Authorization.bearerToken(in: buffer) else { return }
    let scheme = String(decoding: value.prefix(6), as: UTF8.self).lowercased()
    check(scheme == "bearer" && value[6] == 0x20, "the scheme is Bearer and a space follows")
    check(unsafe !token.isEmpty && token[0] != 0x20, "the token begins behind the spaces")
    check(unsafe value.suffix(token.count).elementsEqual(token), "the token is the rest")
    check(value[6..<(value.count - token.count)].allSatisfy { $0 == 0x20 }, "nothing is passed over but spaces")
  }
}

private func checkBase64(_ bytes: [UInt8]) {
  check(Base64URL.decode(Array(Base64URL.encode(bytes).utf8)) == bytes, "base64url undoes itself")
  guard let decoded = Base64URL.decode(bytes) else { return }
  check(Base64URL.encode(decoded).utf8.elementsEqual(bytes), "only one text stands for the bytes")
}

/// Any text as a token.
private func checkToken(_ token: [UInt8], _ choices: inout Choices) {
  let verifier = TokenVerifier(rules: lenient, keys: world.keys)
  guard case .success(let claims) = verifier.verify(token, at: now) else { return }
  check(token.count <= TokenVerifier.maximumByteCount, "no long token is taken")
  let parts = token.split(separator: 0x2E, omittingEmptySubsequences: false)
  check(parts.count == 3, "a token has three parts")
  guard parts.count == 3, let signature = Base64URL.decode(parts[2]) else { fatalError("the signature is base64url") }
  check(
    signature == sign(Array(token[..<parts[1].endIndex])) || signature == publicSignature, "the signature is a key's")
  check(claims, from: token, lenient)
}

/// A header and a payload, with a line feed between them, signed with our secret.
private func checkSigned(_ input: [UInt8], _ choices: inout Choices) {
  let parts = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
  guard parts.count == 2 else { return }
  let signed = Array("\(Base64URL.encode(parts[0])).\(Base64URL.encode(parts[1]))".utf8)
  let token = signed + [0x2E] + Base64URL.encode(sign(signed)).utf8
  for rules in [lenient, rules] {
    let verifier = TokenVerifier(rules: rules, keys: world.keys)
    guard case .success(let claims) = verifier.verify(token, at: now) else { continue }
    check(claims, from: token, rules)
    let cache = TokenCache(verifier: verifier, capacity: 8)
    let cached = unsafe token.withUnsafeBytes { bytes in
      unsafe [cache.verify(bytes, at: now), cache.verify(bytes, at: now)]
    }
    check(cached == [.success(claims), .success(claims)] && cache.count == 1, "it is remembered as it is")
    let later = claims.acceptedUntilMilliseconds
    check(unsafe token.withUnsafeBytes { unsafe cache.lookup($0, at: later) } == nil, "it is forgotten at its end")
    check(verifier.verify(token, at: later) == .failure(.expired), "it ends")
    var changed = token
    changed[choices.next(upTo: token.count - 1)] ^= UInt8(1 << choices.next(upTo: 6))
    if case .success = verifier.verify(changed, at: now) { check(false, "a changed token is no token") }
  }
}

private func check(_ claims: Claims, from token: [UInt8], _ rules: AccessRules) {
  check((1...128).contains(claims.user.utf8.count), "a user has 1 to 128 bytes")
  check(!claims.isAdmin || claims.isPremium, "an administrator may what others may")
  check(claims.areAccepted(at: now), "it is good now")
  check(claims.expiresAtMilliseconds > now - rules.leewaySeconds * 1000, "it has not ended")
  guard let parsed = try? SignedToken(token), let payload = try? TokenPayload(json: parsed.payload) else {
    return check(false, "what was taken can be read")
  }
  check(payload.subject.utf8.elementsEqual(claims.user.utf8), "the user is the subject")
  check(claims.isPremium == (payload.has(role: "premium") || payload.has(role: "admin")), "roles give what they say")
  check(rules.issuer == nil || payload.issuer == rules.issuer, "the issuer is ours")
  check(rules.audience.map(payload.audiences.contains) ?? true, "we are the audience")
}

private func sign(_ message: [UInt8]) -> [UInt8] {
  HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: world.bytes))
}

/// A link for names and a moment made of the input, and the input itself as a link.
private func checkLink(_ input: [UInt8], _ choices: inout Choices) {
  let links = world.links
  let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  let download = String(decoding: parts[0], as: UTF8.self)
  let user = String(decoding: parts.count > 1 ? parts[1] : [], as: UTF8.self)
  let expiry = Int64(choices.next(upTo: 1 << 30)) * 1024
  let token = Array(links.sign(download: download, user: user, expiresAt: expiry).utf8)
  check(token.count == Links.tokenLength, "a link's token has its length")
  func verdict(_ token: [UInt8], _ download: String, _ user: String, at moment: Int64) -> LinkVerdict {
    links.verify(token, download: download, user: user, at: moment)
  }
  check(
    verdict(token, download, user, at: expiry * 1000 - 1) == .good(expiresAtSeconds: expiry),
    "it opens until its second")
  check(verdict(token, download, user, at: expiry * 1000) == .expired, "it ends at its second")
  check(verdict(token, download + "x", user, at: 0) == .bad, "it opens no other title")
  check(verdict(token, download, user + "x", at: 0) == .bad, "it opens for no one else")
  check(verdict(token, user, download, at: 0) == .bad || download.utf8.elementsEqual(user.utf8), "names do not swap")
  var changed = token
  changed[choices.next(upTo: token.count - 1)] ^= UInt8(1 << choices.next(upTo: 6))
  check(verdict(changed, download, user, at: 0) == .bad, "a changed link is no link")
  check(verdict(input, "download", "user", at: now) == .bad, "nobody guesses a link")
  check(
    TokenVerifier(rules: lenient, keys: world.keys).verify(token, at: now) == .failure(.malformed),
    "a link is no bearer token")
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzToken_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
