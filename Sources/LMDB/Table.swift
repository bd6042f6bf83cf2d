// A named table inside an environment. Opened once at start, then a number that any thread may hold.

internal import CLMDB

/// A handle to one named table (LMDB says database) of one environment.
///
/// It is got from ``Environment/table(_:create:)``, stays valid until the environment is closed, and means nothing to
/// any other environment.
public struct Table: Sendable, Hashable {
  /// The name under which the environment's main table lists this one.
  public let name: String

  let handle: MDB_dbi
}
