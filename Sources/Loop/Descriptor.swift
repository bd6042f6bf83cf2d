// An open file descriptor that is closed exactly once.

import Glibc

/// Owns a file descriptor: it is closed when this value ends.
public struct Descriptor: ~Copyable, Sendable {
  /// The number, for calls that use the descriptor while this value lives.
  public let raw: Int32

  /// Takes over `raw`, which must be open and nobody else's to close.
  public init(owning raw: Int32) { self.raw = raw }

  /// Gives the number up to a new owner, without closing it.
  public consuming func release() -> Int32 {
    let raw = raw
    discard self
    return raw
  }

  // Linux frees the number whatever close(2) answers, EINTR too: there is nothing to try again.
  deinit { _ = Glibc.close(raw) }
}
