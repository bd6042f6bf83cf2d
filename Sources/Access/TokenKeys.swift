// The keys that tokens may be signed with, each bound to its one algorithm when it is read, never by what a token says.

internal import FoundationEssentials
internal import JWTKit

/// The algorithms that tokens may be signed with (RFC 7518 section 3.1, RFC 8037 section 3.1).
enum TokenAlgorithm: String, Sendable, CaseIterable {
  case hs256 = "HS256"
  case rs256 = "RS256"
  case es256 = "ES256"
  case edDSA = "EdDSA"
}

/// One key, good for one algorithm.
struct TokenKey: Sendable {
  let algorithm: TokenAlgorithm
  /// The JWK's `kid`; nil for the secret and for keys without one.
  let identifier: String?
  private let signer: any JWTAlgorithm

  /// Whether `signature` is this key's over `message`.
  func verifies(_ signature: [UInt8], of message: ArraySlice<UInt8>) -> Bool {
    // What throws is a signature of the wrong length for its algorithm.
    (try? signer.verify(signature, signs: message)) ?? false
  }

  init(secret: TokenSecret) async throws {
    let collection = JWTKeyCollection()
    await collection.add(hmac: HMACKey(key: secret.key), digestAlgorithm: .sha256)
    self.init(algorithm: .hs256, identifier: nil, signer: try await collection.getKey())
  }

  init(_ entry: PublicKeyEntry) async throws {
    let collection = JWTKeyCollection()
    let algorithm: TokenAlgorithm
    switch entry.key {
    case .rsa(let key):
      await collection.add(rsa: key, digestAlgorithm: .sha256)
      algorithm = .rs256
    case .p256(let key):
      await collection.add(ecdsa: key)
      algorithm = .es256
    case .ed25519(let key):
      await collection.add(eddsa: key)
      algorithm = .edDSA
    }
    self.init(algorithm: algorithm, identifier: entry.identifier, signer: try await collection.getKey())
  }

  private init(algorithm: TokenAlgorithm, identifier: String?, signer: any JWTAlgorithm) {
    self.algorithm = algorithm
    self.identifier = identifier
    self.signer = signer
  }
}

/// Every key that a token may be signed with: the box's secret, the platform's public keys, or both.
///
/// A value: a reload makes a new one, and a failed reload leaves the old one in use. Making it awaits because
/// jwt-kit hands its verifiers out of an actor; using it does not.
public struct TokenKeys: Sendable {
  let keys: [TokenKey]
  /// What in the key set was left aside and why, one sentence each, to be logged once.
  public let warnings: [String]

  /// Takes the secret for HS256, and a JWK Set (RFC 7517 section 5) for RS256, ES256 and EdDSA.
  ///
  /// - Parameters:
  ///   - secret: nil when HS256 is not to be taken.
  ///   - keySet: the JWKS file as it is; nil when there is none.
  /// - Throws: ``KeySetError`` with the key and what is wrong with it.
  public init(secret: TokenSecret?, keySet: [UInt8]? = nil) async throws(KeySetError) {
    var keys: [TokenKey] = []
    let set = try keySet.map { content throws(KeySetError) in try KeySet(json: content) }
    do {
      if let secret { keys.append(try await TokenKey(secret: secret)) }
      for entry in set?.entries ?? [] { keys.append(try await TokenKey(entry)) }
    } catch {
      throw KeySetError(key: nil, problem: "the keys cannot be used: \(error)")
    }
    self.keys = keys
    self.warnings = set?.warnings ?? []
  }

  /// The keys that may have made a token of this algorithm and `kid`.
  ///
  /// A `kid` picks the keys of that name, else those without a name; without a `kid` all that fit are tried. The secret
  /// has no name, so a `kid` does not matter to it.
  func candidates(algorithm: TokenAlgorithm, identifier: String?) -> [TokenKey] {
    let fitting = keys.filter { $0.algorithm == algorithm }
    guard let identifier else { return fitting }
    let named = fitting.filter { $0.identifier?.hasSameBytes(as: identifier) ?? false }
    return named.isEmpty ? fitting.filter { $0.identifier == nil } : named
  }
}
