// How a program comes to its ledger, and what it tells the administrator when it does not: always what is wrong and what
// to do, and never a new ledger where there was one.

import Cache
import Glibc
import LMDB

/// Opens the ledger of a data directory.
enum LedgerOpening {
  /// What a start checks of the file. Of every ledger the roots. After a run that did not end in order, every page of one
  /// that has 8 MiB at the most: they are read in one go, less than a tenth of a second of a disk that gives 100 MB/s, and
  /// looking at them takes some 4 ms. A larger one would keep its users waiting by its size.
  static func depth(afterDisorder: Bool) -> Environment.CheckDepth { afterDisorder ? .wholeUpTo(8 << 20) : .roots }

  /// - Parameters:
  ///   - path: `storage.path`.
  ///   - readOnly: beside a daemon; nothing is made.
  ///   - depth: how far the file is checked first.
  static func open(
    _ path: String, readOnly: Bool = false, checking depth: Environment.CheckDepth = .roots
  ) throws(StartFailure) -> Ledger {
    let folder = "\(path)/ledger"
    if isEmpty("\(folder)/data.mdb") {
      guard !holdsVideos(path) else {
        throw lost("there is no ledger at \(folder), and \(path) holds videos")
      }
      if readOnly { throw .configuration("storage.path: \(path) holds no ledger yet; larder serve makes one") }
    }
    LedgerFault.watch(folder)
    do {
      // What is only looked at takes the map's size from the file.
      return try Ledger(path: folder, mapSize: readOnly ? 0 : 64 << 20, readOnly: readOnly, checking: depth)
    } catch let error as LMDBError {
      switch error.code {
      // Its file is there: it is the way to it that is not.
      case EACCES, EPERM, EROFS, ENOTDIR, ELOOP, ENOENT:
        throw .configuration("the ledger at \(folder) cannot be opened: \(error); mend the permissions or storage.path")
      case _ where error.isReadersFull:
        throw .temporary("the ledger at \(folder) cannot be opened now: \(error)")
      case ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EAGAIN, EBUSY:
        throw .temporary("the ledger at \(folder) cannot be opened now: \(error)")
      default: throw lost("the ledger at \(folder) cannot be opened: \(error)")
      }
    } catch LedgerError.incomplete(let table) {
      throw .fault("the ledger at \(folder): \(LedgerError.incomplete(table: table))")
    } catch LedgerError.older {
      throw .configuration(
        "storage.path: \(path) holds a ledger of an earlier version; larder serve brings it up to date")
    } catch LedgerError.foreignSchema(let found) {
      // Sound, as far as anybody knows: no new one takes its place unasked.
      throw .configuration(
        "storage.path: \(LedgerError.foreignSchema(found: found)), or move \(folder) away, and larder verify --rebuild makes "
          + "a new one from the videos on the disk")
    } catch {
      throw lost("the ledger at \(folder) cannot be opened: \(error)")
    }
  }

  /// Checks every page of a ledger that is open, also while it is written to.
  static func check(_ ledger: Ledger, _ path: String) throws {
    if let damage = try ledger.environment.damage(in: "\(path)/ledger", .whole) {
      throw lost("the ledger at \(path)/ledger: \(LedgerError.damaged(damage))")
    }
  }

  private static func lost(_ what: String) -> StartFailure {
    .fault("\(what); larder verify --rebuild makes a new one from the videos on the disk")
  }

  /// Whether there is no such file, or nothing in it: LMDB would take that for a wish for a new one.
  private static func isEmpty(_ file: String) -> Bool {
    var status = stat()
    guard unsafe stat(file, &status) == 0 else { return errno == ENOENT }
    return status.st_size == 0
  }

  /// Whether there is anything that a ledger would have to know of.
  static func holdsVideos(_ path: String) -> Bool {
    guard let root = try? DataDirectory.open(path) else { return false }
    defer { close(root) }
    var holds = false
    for folder in ["objects", "downloads/users"] {
      try? FolderNames.each(in: folder, below: root) { _ in holds = true }
    }
    return holds
  }
}
