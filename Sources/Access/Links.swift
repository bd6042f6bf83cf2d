// Links for players that send no header: a short token in the URL that opens one title for one user until it ends.

internal import Crypto
internal import FoundationEssentials

/// What a link's token turned out to be.
public enum LinkVerdict: Sendable, Equatable {
  /// It opens this download, until `expiresAtSeconds` of Unix time.
  case good(expiresAtSeconds: Int64)
  /// It would have opened this download, but its time is over.
  case expired
  /// It is not a link of this box to this download of this user.
  case bad
}

/// Signs links and verifies them.
///
/// A token is 32 characters of base64url:
///
/// ```
/// byte  0      1 … 5            6 … 23
///       0x01   expiry, seconds  HMAC-SHA256(link key, 0x01 ‖ expiry ‖ length, download ‖ length, user), first 18 bytes
/// ```
///
/// Neither the download nor the user is in it: both are known where it is verified (the path names the download, and the
/// ledger its owner), and each other pair gives another code. The link key is derived from the box's secret (HKDF,
/// RFC 5869), so that links survive a restart, no token is ever a link, and a new secret ends all links.
public struct Links: Sendable {
  /// How long a link's token is, in characters: always.
  public static let tokenLength = 32

  private static let version: UInt8 = 1
  private static let codeLength = 18

  private let key: SymmetricKey

  /// Derives the link key from the box's secret.
  public init(secret: TokenSecret) {
    key = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: secret.key, info: Array("larder link v1".utf8), outputByteCount: SHA256.byteCount)
  }

  /// The token of a link to `download` for `user` that ends at a second of Unix time (0 to 2^40 − 1, else the nearest).
  public func sign(download: String, user: String, expiresAt seconds: Int64) -> String {
    let expiry = UInt64(min(max(seconds, 0), 1 << 40 - 1))
    let head = [Self.version] + (0..<5).map { UInt8(truncatingIfNeeded: expiry >> (32 - 8 * $0)) }
    return Base64URL.encode(head + code(head: head, download: download, user: user))
  }

  /// What a link's token is worth for `download`, whose owner is `user`, at a moment of Unix time in milliseconds.
  ///
  /// The comparison takes constant time. `user` must be the owner as the ledger has it: that is what binds the link to
  /// its user. The clock is the one that signed, so there is no leeway.
  public func verify(
    _ token: some Collection<UInt8>, download: String, user: String, at unixMilliseconds: Int64
  ) -> LinkVerdict {
    guard token.count == Self.tokenLength, let bytes = Base64URL.decode(token), bytes[0] == Self.version else {
      return .bad
    }
    let head = Array(bytes[..<6])
    let expected = code(head: head, download: download, user: user)
    let isGenuine = unsafe bytes[6...].withUnsafeBytes { given in
      unsafe expected.withUnsafeBytes { unsafe areEqualInConstantTime(given, $0) }
    }
    guard isGenuine else { return .bad }
    let expiry = head[1...].reduce(Int64(0)) { $0 << 8 | Int64($1) }
    return unixMilliseconds < expiry * 1000 ? .good(expiresAtSeconds: expiry) : .expired
  }

  /// The authentication code: each text is preceded by its length, so that no two pairs make the same input.
  private func code(head: [UInt8], download: String, user: String) -> [UInt8] {
    var message = head
    message.reserveCapacity(head.count + download.utf8.count + user.utf8.count + 8)
    for text in [download, user] {
      let count = UInt32(truncatingIfNeeded: text.utf8.count)
      for shift in [24, 16, 8, 0] as [UInt32] { message.append(UInt8(truncatingIfNeeded: count >> shift)) }
      message += text.utf8
    }
    return Array(HMAC<SHA256>.authenticationCode(for: message, using: key).prefix(Self.codeLength))
  }
}
