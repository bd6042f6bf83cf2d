// The box's own secret: it signs tokens (HS256) and, through a derived key, links. It prints as nothing.

internal import Crypto

/// The secret of the HS256 key: at least 32 bytes (RFC 7518 section 3.2).
///
/// Its bytes leave this module only inside signatures: it neither describes nor reflects itself.
public struct TokenSecret: Sendable {
  /// The fewest bytes a secret may have.
  public static let minimumByteCount = 32

  let key: SymmetricKey

  /// Takes the raw bytes of a secret.
  public init(bytes: [UInt8]) throws(TokenSecretError) {
    guard bytes.count >= Self.minimumByteCount else { throw TokenSecretError(byteCount: bytes.count) }
    key = SymmetricKey(data: bytes)
  }

  /// Takes the content of a key file: its bytes less one trailing newline.
  public init(fileContent: [UInt8]) throws(TokenSecretError) {
    try self.init(bytes: fileContent.last == 0x0A ? fileContent.dropLast() : fileContent)
  }
}

extension TokenSecret: CustomStringConvertible, CustomReflectable {
  public var description: String { "(secret)" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A secret that is too short to sign with.
public struct TokenSecretError: Error, Sendable, Equatable, CustomStringConvertible {
  /// How many bytes it has, the trailing newline not counted.
  public let byteCount: Int

  public var description: String {
    "the key has \(byteCount) bytes and needs at least \(TokenSecret.minimumByteCount) (openssl rand -hex 32 makes one)"
  }
}
