// What the tests of this target share: a directory that goes away, and numbers that come again by seed.

import Foundation
import LMDB

/// A directory of its own for one test, removed at the end of its scope.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("lmdb-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var dataFile: URL { URL(fileURLWithPath: path).appendingPathComponent("data.mdb") }

  func open(
    mapSize: Int = 1 << 24, maxReaders: Int = 126, readOnly: Bool = false
  ) throws(LMDBError) -> Environment {
    try Environment(path: path, mapSize: mapSize, maxTables: 4, maxReaders: maxReaders, readOnly: readOnly)
  }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// An error that is none of LMDB's.
struct Refused: Error, Equatable {}

/// Big-endian bytes, which sort as the numbers do.
func key(_ number: Int) -> [UInt8] {
  (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
}

/// The error that `body` throws as LMDB's, or nil.
func lmdbError(_ body: () throws -> Void) -> LMDBError? {
  do { try body() } catch { return error as? LMDBError }
  return nil
}

/// Every key of a table, in order.
func keys(_ tx: borrowing some Reading & ~Copyable, _ table: Table) throws -> [[UInt8]] {
  var keys: [[UInt8]] = []
  var cursor = try tx.cursor(table)
  while try cursor.next() { keys.append(try cursor.key ?? []) }
  return keys
}
