// Stands in for jwt-kit, as Crypto does for swift-crypto: the names that Access uses. HS256 is the real one; the other
// kinds take one fixed signature, so that what stands behind them is reached without a private key. The long run's
// FuzzKeys (Tests/Fuzz/Keys) has the real ones.

public import Crypto

/// Checks signatures of one algorithm with one key.
public protocol JWTAlgorithm: Sendable {
  func verify(_ signature: some Collection<UInt8>, signs message: some Collection<UInt8>) throws -> Bool
}

private struct SecretAlgorithm: JWTAlgorithm {
  let key: SymmetricKey

  func verify(_ signature: some Collection<UInt8>, signs message: some Collection<UInt8>) -> Bool {
    HMAC<SHA256>.authenticationCode(for: message, using: key).elementsEqual(signature)
  }
}

private struct PublicAlgorithm: JWTAlgorithm {
  func verify(_ signature: some Collection<UInt8>, signs message: some Collection<UInt8>) -> Bool {
    signature.elementsEqual(publicSignature)
  }
}

/// The signature that every public key takes, in base64url `c2lnbmVk`.
public let publicSignature = Array("signed".utf8)

public struct HMACKey: Sendable {
  let key: SymmetricKey

  public init(key: SymmetricKey) { self.key = key }
}

public enum Insecure {
  public enum RSA {
    public struct PublicKey: Sendable {
      public init(modulus: String, exponent: String) throws {}
    }
  }
}

public struct ES256PublicKey: Sendable {
  public init(parameters: (x: String, y: String)) throws {}
}

public enum EdDSA {
  public enum Curve: Sendable { case ed25519 }

  public struct PublicKey: Sendable {
    public init(x: String, curve: Curve) throws {}
  }
}

public enum DigestAlgorithm: Sendable { case sha256 }

/// Holds one key and hands out its algorithm.
public actor JWTKeyCollection {
  private struct NoKey: Error {}

  private var algorithm: (any JWTAlgorithm)?

  public init() {}

  public func add(hmac key: HMACKey, digestAlgorithm: DigestAlgorithm) { algorithm = SecretAlgorithm(key: key.key) }
  public func add(rsa key: Insecure.RSA.PublicKey, digestAlgorithm: DigestAlgorithm) { algorithm = PublicAlgorithm() }
  public func add(ecdsa key: ES256PublicKey) { algorithm = PublicAlgorithm() }
  public func add(eddsa key: EdDSA.PublicKey) { algorithm = PublicAlgorithm() }

  public func getKey() throws -> any JWTAlgorithm {
    guard let algorithm else { throw NoKey() }
    return algorithm
  }
}
