// Who else reads the file. A read transaction keeps every page of the state that it reads, and so the file grows as long as
// one goes on: whoever wonders why can be told.

internal import CLMDB
internal import Glibc

/// A read transaction of another process that is under way.
public struct ForeignReader: Sendable, Hashable {
  /// The number of the process.
  public let process: Int32
  /// How many commits there have been since the one that it reads.
  public let age: Int
}

extension Environment {
  /// The read transactions of other processes, which may be dead ones: see ``readerCheck()`` (`mdb_reader_list`).
  public func foreignReaders() throws(LMDBError) -> [ForeignReader] {
    let operation = "list readers"
    let environment = try unsafe gate.enter(operation)
    defer { gate.leave() }
    var information = unsafe MDB_envinfo()
    try unsafe check(mdb_env_info(environment, &information), operation)
    let last = unsafe information.me_last_txnid
    // It tells them in lines of text alone: a process, a thread, and the number of a commit or a dash.
    var text = ""
    let code = unsafe withUnsafeMutablePointer(to: &text) { text in
      unsafe mdb_reader_list(
        environment,
        { line, context in
          guard let line = unsafe line, let context = unsafe context else { return 0 }
          unsafe context.assumingMemoryBound(to: String.self).pointee += String(cString: line)
          return 0
        }, text)
    }
    guard code >= 0 else { throw LMDBError(code: code, operation: operation) }
    let own = getpid()
    return text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 3, let process = Int32(words[0]), process != own, let commit = Int(words[2]) else {
        return nil
      }
      return ForeignReader(process: process, age: max(0, Int(last) - commit))
    }
  }
}
