// A token taken apart, strictly, before any key is looked at: three parts, a header that says nothing unexpected.

internal import FoundationEssentials

/// The parts of a JWS in compact form (RFC 7515 section 7.1) whose header asks for nothing that we do not do.
///
/// jwt-kit's own header type is not used on purpose: it takes any number for an `Int` and traps on `1e300`.
struct SignedToken {
  let algorithm: TokenAlgorithm
  /// `kid`, to choose among keys.
  let keyIdentifier: String?
  /// What is signed: the header's and the payload's text and the period between.
  let signingInput: ArraySlice<UInt8>
  let signature: [UInt8]
  /// The payload's JSON. Not to be believed before the signature is verified.
  let payload: [UInt8]

  init(_ token: [UInt8]) throws(TokenRefusal) {
    let parts = token.split(separator: 0x2E, omittingEmptySubsequences: false)
    // Five parts are an encrypted token (RFC 7516 section 7.1).
    guard parts.count != 5 else { throw .encrypted }
    guard parts.count == 3, let headerJSON = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
      let signature = Base64URL.decode(parts[2])
    else { throw .malformed }

    let header = try Header(json: headerJSON)
    guard !header.isEncrypted else { throw .encrypted }
    guard !header.isCritical else { throw .criticalHeader }
    guard let algorithm = TokenAlgorithm(rawValue: header.algorithm) else { throw .algorithm }
    guard header.hasKnownType else { throw .type }

    self.algorithm = algorithm
    self.keyIdentifier = header.keyIdentifier
    self.signingInput = token[..<parts[1].endIndex]
    self.signature = signature
    self.payload = payload
  }
}

/// The header's parameters that decide something; keys and addresses of keys in it (`jwk`, `jku`, `x5c`) are never used.
private struct Header: Decodable {
  enum Name: String, CodingKey {
    case alg, kid, typ, cty, crit, b64, enc, zip
  }

  let algorithm: String
  let keyIdentifier: String?
  let hasKnownType: Bool
  let isEncrypted: Bool
  let isCritical: Bool

  init(json: [UInt8]) throws(TokenRefusal) {
    self = try StrictJSON.decode(Self.self, from: json, otherwise: .malformed)
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Name.self)
    algorithm = try container.decode(String.self, forKey: .alg)
    keyIdentifier = container.contains(.kid) ? try container.decode(String.self, forKey: .kid) : nil
    isEncrypted = container.contains(.enc) || container.contains(.zip) || container.contains(.cty)
    isCritical = container.contains(.crit) || container.contains(.b64)
    if container.contains(.typ) {
      // A media type, its "application/" left out as a rule, case without meaning (RFC 7515 section 4.1.9; RFC 9068 section 2.1).
      let type = try container.decode(String.self, forKey: .typ).lowercased()
      hasKnownType = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"].contains(type)
    } else {
      hasKnownType = true
    }
  }
}

/// JSON as tokens must have it.
enum StrictJSON {
  /// Decodes a value from JSON in UTF-8: a ``TokenRefusal`` that `Value` throws goes through, all else is `refusal`.
  ///
  /// Foundation guesses UTF-16 and UTF-32 from zero bytes, and does not look into texts that no one asks for. JSON in UTF-8
  /// has no zero bytes (RFC 8259 section 7).
  static func decode<Value: Decodable>(
    _ type: Value.Type, from json: [UInt8], otherwise refusal: TokenRefusal
  ) throws(TokenRefusal) -> Value {
    guard !json.contains(0), String(validating: json, as: UTF8.self) != nil else { throw refusal }
    do {
      return try JSONDecoder().decode(type, from: Data(json))
    } catch let error as TokenRefusal {
      throw error
    } catch {
      throw refusal
    }
  }
}
