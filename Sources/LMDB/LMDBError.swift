// What LMDB answered when it refused: the code, what was being done, and the library's own words.
// Everything in this target throws this one type; "not found" is an optional or a Bool, not an error, wherever
// a caller may expect it.

internal import CLMDB
internal import Glibc

/// A failed call of LMDB, with its return code and what was being done.
///
/// Codes below zero are LMDB's own (`MDB_…` in lmdb.h), codes above zero are values of `errno`.
public struct LMDBError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The return code of the C function: `MDB_…` when negative, an `errno` when positive.
  public let code: Int32

  /// What was being done, in words that fit in front of a colon: `"commit"`, `"open /var/lib/larder/ledger"`.
  public let operation: String

  /// The library's own text for the code, as `mdb_strerror` gives it.
  public let text: String

  /// An error with a text of its own, for what this target refuses before LMDB is asked.
  public init(code: Int32, operation: String, text: String) {
    self.code = code
    self.operation = operation
    self.text = text
  }

  /// An error with the text of `mdb_strerror`, which is `strerror` for an `errno`.
  public init(code: Int32, operation: String) {
    self.init(code: code, operation: operation, text: unsafe String(cString: mdb_strerror(code)))
  }

  /// Whether the map is too small for the transaction: abort, ``Environment/setMapSize(_:)``, run it again.
  public var isMapFull: Bool { code == MDB_MAP_FULL }

  /// Whether a table asked for without `create` is not there.
  public var isNotFound: Bool { code == MDB_NOTFOUND }

  /// Whether the file is not an LMDB file of this version, or a page of it is damaged.
  public var isCorrupted: Bool {
    [MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_VERSION_MISMATCH].contains(code)
  }

  /// Whether the file system refused to give more room (`ENOSPC`, `EDQUOT`); nothing of the transaction remains.
  public var isNoSpace: Bool { code == ENOSPC || code == EDQUOT }

  /// Whether every slot for readers is taken; ``Environment/readerCheck()`` frees those of dead processes.
  public var isReadersFull: Bool { code == MDB_READERS_FULL }

  /// Whether a key is empty or longer than 511 bytes, or a value is too large.
  public var isBadSize: Bool { code == MDB_BAD_VALSIZE }

  /// Whether LMDB gave the environment up (`MDB_PANIC`): only closing and opening it again helps.
  public var needsReopening: Bool { code == MDB_PANIC }

  /// One line for a log: operation, text and code.
  public var description: String { "\(operation): \(text) (\(code))" }
}

/// Throws unless `code` is success.
func check(_ code: Int32, _ operation: @autoclosure () -> String) throws(LMDBError) {
  if code != MDB_SUCCESS { throw LMDBError(code: code, operation: operation()) }
}

/// Tells "there" from "not there", and throws for every other code.
func found(_ code: Int32, _ operation: @autoclosure () -> String) throws(LMDBError) -> Bool {
  if code == MDB_NOTFOUND { return false }
  try check(code, operation())
  return true
}
