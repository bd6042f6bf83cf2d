// Reading a JWK Set: what is usable, what is left aside with a warning, and what is wrong and stops the start.

internal import FoundationEssentials
internal import JWTKit

/// What is wrong with a JWK Set, so that whoever wrote it can find it.
public struct KeySetError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Which key, such as `key 2 (kid "a")`; nil when it is the set as a whole.
  public let key: String?
  /// What is wrong with it.
  public let problem: String

  public var description: String { key.map { "\($0): \(problem)" } ?? problem }
}

/// A public key of the platform, ready to verify.
struct PublicKeyEntry {
  enum Key {
    case rsa(Insecure.RSA.PublicKey)
    case p256(ES256PublicKey)
    case ed25519(EdDSA.PublicKey)
  }

  let identifier: String?
  let key: Key
}

/// A JWK Set (RFC 7517 section 5) of public signature keys.
///
/// Entries of an unknown kind are ignored, as section 5 asks, with a warning. An entry of a known kind that does not hold
/// what it must is an error: leaving it aside in silence would lock out everyone whose token it signed.
struct KeySet {
  /// The most keys: a token without `kid` is tried against all of its kind, and each try is work for a stranger's token.
  static let maximumCount = 32

  let entries: [PublicKeyEntry]
  let warnings: [String]

  init(json: [UInt8]) throws(KeySetError) {
    var entries: [PublicKeyEntry] = []
    var warnings: [String] = []
    for (index, parameters) in try Self.decode(json).enumerated() {
      let kid = parameters.texts["kid"]
      let name = "key \(index + 1)" + (kid.map { " (kid \($0.debugDescription))" } ?? "")
      do throws(Finding) {
        entries.append(PublicKeyEntry(identifier: kid, key: try parameters.publicKey()))
        if parameters.texts["d"] != nil {
          warnings.append(
            "\(name): holds a private key, of which only the public part is used: take \"d\" out of the file")
        }
      } catch {
        switch error {
        case .ignored(let reason): warnings.append("\(name): ignored, \(reason)")
        case .wrong(let problem): throw KeySetError(key: name, problem: problem)
        }
      }
    }
    guard !entries.isEmpty else {
      throw KeySetError(key: nil, problem: (["the key set has no usable key"] + warnings).joined(separator: "; "))
    }
    guard entries.count <= Self.maximumCount else {
      throw KeySetError(
        key: nil, problem: "the key set has \(entries.count) keys, and \(Self.maximumCount) are the most")
    }
    self.entries = entries
    self.warnings = warnings
  }

  private static func decode(_ json: [UInt8]) throws(KeySetError) -> [KeyParameters] {
    struct Document: Decodable {
      let keys: [KeyParameters]
    }
    do {
      return try JSONDecoder().decode(Document.self, from: Data(json)).keys
    } catch DecodingError.dataCorrupted {
      throw KeySetError(key: nil, problem: "the key set is not JSON in UTF-8")
    } catch {
      throw KeySetError(key: nil, problem: "the key set is not an object with an array \"keys\" of objects (RFC 7517)")
    }
  }
}

/// Why an entry gives no key.
private enum Finding: Error {
  /// It is of a kind that is not used here.
  case ignored(String)
  /// It is of a known kind and does not hold what it must.
  case wrong(String)
}

/// The members of one JWK, as they are in the file.
private struct KeyParameters: Decodable {
  private struct Name: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  private(set) var texts: [String: String] = [:]
  private(set) var operations: [String]?
  private(set) var others: Set<String> = []

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Name.self)
    for name in container.allKeys {
      if name.stringValue == "key_ops", let list = try? container.decode([String].self, forKey: name) {
        operations = list
      } else if name.stringValue != "key_ops", let text = try? container.decode(String.self, forKey: name) {
        texts[name.stringValue] = text
      } else {
        others.insert(name.stringValue)
      }
    }
  }

  func publicKey() throws(Finding) -> PublicKeyEntry.Key {
    if others.contains("kid") { throw .wrong("\"kid\" must be a text") }
    let kind = try text("kty")
    let algorithm: TokenAlgorithm
    switch kind {
    case "RSA": algorithm = .rs256
    case "EC": algorithm = .es256
    case "OKP": algorithm = .edDSA
    default: throw .ignored("kty \(kind.debugDescription) is not RSA, EC or OKP")
    }
    if let use = try optionalText("use"), use != "sig" { throw .ignored("use \(use.debugDescription) is not \"sig\"") }
    if others.contains("key_ops") { throw .wrong("\"key_ops\" must be an array of texts") }
    if let operations, !operations.contains("verify") { throw .ignored("key_ops has no \"verify\"") }
    if let given = try optionalText("alg"), given != algorithm.rawValue {
      guard let known = TokenAlgorithm(rawValue: given) else {
        throw .ignored("alg \(given.debugDescription) is not RS256, ES256 or EdDSA")
      }
      throw .wrong("alg \(known.rawValue) does not fit kty \(kind)")
    }
    switch algorithm {
    case .rs256, .hs256: return .rsa(try rsaKey())
    case .es256: return .p256(try ellipticKey())
    case .edDSA: return .ed25519(try edwardsKey())
    }
  }

  private func rsaKey() throws(Finding) -> Insecure.RSA.PublicKey {
    let modulus = try bytes("n").drop { $0 == 0 }
    _ = try bytes("e")
    let bitCount = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
    guard bitCount >= 2048 else { throw .wrong("an RSA key of \(bitCount) bits, and 2048 are the fewest") }
    guard let key = try? Insecure.RSA.PublicKey(modulus: text("n"), exponent: text("e")) else {
      throw .wrong("\"n\" and \"e\" are no RSA public key")
    }
    return key
  }

  private func ellipticKey() throws(Finding) -> ES256PublicKey {
    let curve = try text("crv")
    guard curve == "P-256" else { throw .ignored("crv \(curve.debugDescription) is not P-256") }
    guard try bytes("x").count == 32 else { throw .wrong("\"x\" must be 32 bytes in base64url") }
    guard try bytes("y").count == 32 else { throw .wrong("\"y\" must be 32 bytes in base64url") }
    guard let key = try? ES256PublicKey(parameters: (x: text("x"), y: text("y"))) else {
      throw .wrong("\"x\" and \"y\" are no point of P-256")
    }
    return key
  }

  private func edwardsKey() throws(Finding) -> EdDSA.PublicKey {
    let curve = try text("crv")
    guard curve == "Ed25519" else { throw .ignored("crv \(curve.debugDescription) is not Ed25519") }
    guard try bytes("x").count == 32, let key = try? EdDSA.PublicKey(x: text("x"), curve: .ed25519) else {
      throw .wrong("\"x\" must be 32 bytes in base64url")
    }
    return key
  }

  private func optionalText(_ name: String) throws(Finding) -> String? {
    if others.contains(name) { throw .wrong("\"\(name)\" must be a text") }
    return texts[name]
  }

  private func text(_ name: String) throws(Finding) -> String {
    guard let text = try optionalText(name) else { throw .wrong("\"\(name)\" is missing") }
    return text
  }

  private func bytes(_ name: String) throws(Finding) -> [UInt8] {
    guard let bytes = Base64URL.decode(Array(try text(name).utf8)) else {
      throw .wrong("\"\(name)\" is not base64url without padding")
    }
    return bytes
  }
}
