// Tokens and keys by hand, for the tests: any header, any payload, any signature.

import Crypto
import Foundation

@testable import Access

enum Make {
  /// The moment at which the tests take place, in milliseconds of Unix time: the fixtures end an hour later.
  static let now: Int64 = 1_800_000_000_000

  static let header = #"{"alg":"HS256","typ":"JWT"}"#
  static let payload = #"{"sub":"user_abc123","exp":1800003600,"role":"premium"}"#

  static func secret(_ text: String = Fixtures.secret) throws -> TokenSecret {
    try TokenSecret(fileContent: Array(text.utf8))
  }

  /// A key set of these JWKs.
  static func keySet(_ keys: String...) -> [UInt8] { Array("{\"keys\":[\(keys.joined(separator: ","))]}".utf8) }

  static func verifier(
    _ rules: AccessRules = AccessRules(), secret: String? = Fixtures.secret, keys: String...
  ) async throws -> TokenVerifier {
    let set = keys.isEmpty ? nil : Array("{\"keys\":[\(keys.joined(separator: ","))]}".utf8)
    return TokenVerifier(
      rules: rules, keys: try await TokenKeys(secret: secret.map { try Make.secret($0) }, keySet: set))
  }

  /// A token of these parts, signed with HMAC-SHA256 whatever the header says.
  static func token(
    header: String = Make.header, payload: String = Make.payload, key: [UInt8] = Array(Fixtures.secret.utf8)
  ) -> String {
    token(header: Array(header.utf8), payload: Array(payload.utf8)) { input in
      Array(HMAC<SHA256>.authenticationCode(for: input, using: SymmetricKey(data: key)))
    }
  }

  static func token(header: [UInt8], payload: [UInt8], sign: ([UInt8]) throws -> [UInt8]) rethrows -> String {
    let input = Base64URL.encode(header) + "." + Base64URL.encode(payload)
    return input + "." + Base64URL.encode(try sign(Array(input.utf8)))
  }

  /// A payload with other members than the usual ones; nil leaves one out.
  static func payload(
    sub: String? = #""user_abc123""#, exp: String? = "1800003600", role: String? = #""premium""#, _ more: String = ""
  ) -> String {
    let members = [("sub", sub), ("exp", exp), ("role", role)].compactMap { name, value in
      value.map { "\"\(name)\":\($0)" }
    }
    return "{" + (members + (more.isEmpty ? [] : [more])).joined(separator: ",") + "}"
  }
}

extension TokenVerifier {
  func verify(_ token: String, at now: Int64 = Make.now) -> Result<Claims, TokenRefusal> { verify(token.utf8, at: now) }

  /// Why it refuses the token; nil when it does not.
  func refusal(of token: String, at now: Int64 = Make.now) -> TokenRefusal? {
    if case .failure(let refusal) = verify(token, at: now) { refusal } else { nil }
  }
}

/// A small generator with a seed (SplitMix64), so that a failing case comes again.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
