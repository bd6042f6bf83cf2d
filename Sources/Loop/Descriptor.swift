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

  /// Lets the process have as many descriptors as it may (`RLIMIT_NOFILE`): the usual soft limit of 1024 is for programs
  /// that use `select(2)`. Where that is refused, all stays as it was.
  public static func raiseLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// How many descriptors the process may have now (the soft limit of `RLIMIT_NOFILE`).
  public static var limit: Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return Int(clamping: limit.rlim_cur)
  }

  // Linux frees the number whatever close(2) answers, EINTR too: there is nothing to try again.
  deinit { _ = Glibc.close(raw) }
}
