// What is left of a token once it is verified: who it is, what it may, and for how long.

/// The facts of a verified token that requests are decided on.
///
/// Small and cheap to copy, as every request gets one: the roles are boiled down to the two answers that matter.
public struct Claims: Sendable, Equatable {
  /// The user id (`sub`): 1 to 128 bytes.
  public let user: String
  /// Whether the token holds the required role, or `admin`, which stands in for it.
  public let isPremium: Bool
  /// Whether the token holds the role `admin`.
  public let isAdmin: Bool
  /// The moment of `exp`, in milliseconds of Unix time.
  public let expiresAtMilliseconds: Int64
  /// The first millisecond at which the token is taken: `nbf` less the leeway, or the beginning of time.
  let acceptedFromMilliseconds: Int64
  /// The first millisecond at which the token is not taken any more: `exp` and the leeway.
  let acceptedUntilMilliseconds: Int64

  /// Whether the token may be used at this moment, leeway included.
  func areAccepted(at unixMilliseconds: Int64) -> Bool {
    acceptedFromMilliseconds <= unixMilliseconds && unixMilliseconds < acceptedUntilMilliseconds
  }
}
