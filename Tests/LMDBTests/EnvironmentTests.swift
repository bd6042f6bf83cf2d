// Opening, closing, and what an environment says when the file or the call is wrong.

import Foundation
import LMDB
import Testing

@Suite struct EnvironmentTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test func `values survive a close and an open`() throws {
    do {
      let environment = try directory.open()
      let table = try environment.table("titles", create: true)
      try environment.write { tx in try tx.put(table, [1], [2, 3]) }
      environment.close()
    }
    let environment = try directory.open()
    let table = try environment.table("titles", create: false)
    #expect(try environment.read { tx in try tx.get(table, [1]) } == [2, 3])
  }

  @Test func `dropping the last reference closes`() throws {
    for round in 0..<3 {
      let environment = try directory.open()
      let table = try environment.table("titles", create: true)
      #expect(try environment.read { tx in try tx.count(table) } == round)
      try environment.write { tx in try tx.put(table, key(round), []) }
    }
  }

  @Test func `a closed environment refuses everything`() throws {
    let environment = try directory.open()
    let table = try environment.table("titles", create: true)
    environment.close()
    environment.close()
    let attempts: [(String, () throws -> Void)] = [
      ("read", { try environment.read { tx in _ = try tx.get(table, [1]) } }),
      ("write", { try environment.write { tx in try tx.put(table, [1], [1]) } }),
      ("table", { _ = try environment.table("titles", create: true) }),
      ("grow", { try environment.setMapSize(1 << 25) }),
      ("usedBytes", { _ = try environment.usedBytes() }),
      ("readerCheck", { _ = try environment.readerCheck() }),
    ]
    for (name, attempt) in attempts {
      #expect(lmdbError(attempt)?.code == EBADF, "\(name)")
    }
  }

  @Test func `a transaction outlives the last reference to its environment`() throws {
    var environment: Environment? = try directory.open()
    let table = try #require(try environment?.table("titles", create: true))
    try environment?.write { tx in try tx.put(table, [1], [2]) }
    let transaction = try #require(try environment?.beginReadBoxed())
    environment = nil
    #expect(try transaction.get(table, [1]) == [2])
  }

  @Test func `a table that is not there is not found`() throws {
    let environment = try directory.open()
    #expect(lmdbError { _ = try environment.table("titles", create: false) }?.isNotFound == true)
    // The failed attempt left nothing open.
    _ = try environment.table("titles", create: true)
    _ = try environment.table("titles", create: false)
  }

  @Test func `tables are apart`() throws {
    let environment = try directory.open()
    let titles = try environment.table("titles", create: true)
    let users = try environment.table("users", create: true)
    try environment.write { (tx) throws in
      try tx.put(titles, [1], [1])
      try tx.put(users, [1], [2])
      try tx.put(users, [2], [2])
      try tx.deleteAll(titles)
    }
    try environment.read { (tx) throws in
      #expect(try tx.count(titles) == 0)
      #expect(try tx.count(users) == 2)
      #expect(try tx.get(users, [1]) == [2])
    }
  }

  @Test func `read only reads and does not write`() throws {
    do {
      let environment = try directory.open()
      let table = try environment.table("titles", create: true)
      try environment.write { tx in try tx.put(table, [1], [2]) }
    }
    let environment = try directory.open(mapSize: 0, readOnly: true)
    let table = try environment.table("titles", create: false)
    #expect(try environment.read { tx in try tx.get(table, [1]) } == [2])
    #expect(lmdbError { try environment.write { tx in try tx.put(table, [1], [3]) } }?.code == EACCES)
    #expect(try environment.mapSize() == 1 << 24)
  }

  @Test func `a missing directory is an errno`() throws {
    let error = lmdbError { _ = try Environment(path: directory.path + "/none", mapSize: 1 << 20, maxTables: 1) }
    #expect(error?.code == ENOENT)
    #expect(error?.description.contains("/none: No such file or directory (2)") == true)
  }

  @Test(arguments: [(-1, 1, 1), (1, -1, 1), (1, 1, -1), (Int.max, 1, 1)])
  func `sizes out of range are refused`(mapSize: Int, maxTables: Int, maxReaders: Int) throws {
    let error = lmdbError {
      _ = try Environment(path: directory.path, mapSize: mapSize, maxTables: maxTables, maxReaders: maxReaders)
    }
    #expect(error?.code == EINVAL)
  }

  @Test func `files are for the owner and the group`() throws {
    _ = try directory.open()
    for name in ["data.mdb", "lock.mdb"] {
      let mode = try FileManager.default.attributesOfItem(atPath: directory.path + "/" + name)[.posixPermissions]
      #expect((mode as? Int ?? 0o777) & ~0o640 == 0, "\(name)")
    }
  }

  enum Damage: CaseIterable { case noise, short, zeros, version, secondMeta }

  @Test(arguments: Damage.allCases)
  func `a damaged file is an error and no crash`(damage: Damage) throws {
    do {
      let environment = try directory.open()
      let table = try environment.table("titles", create: true)
      try environment.write { tx in for n in 0..<100 { try tx.put(table, key(n), key(n)) } }
    }
    var bytes = [UInt8](try Data(contentsOf: directory.dataFile))
    var generator = SeededGenerator(seed: 7)
    switch damage {
    case .noise: for index in 0..<8192 { bytes[index] = .random(in: 0...255, using: &generator) }
    case .short: bytes.removeLast(bytes.count - 100)
    case .zeros: for index in 0..<8192 { bytes[index] = 0 }
    case .version: bytes[20] ^= 0x40
    case .secondMeta: for index in 4096..<4200 { bytes[index] = 0xFF }
    }
    try Data(bytes).write(to: directory.dataFile)
    #expect(lmdbError { _ = try directory.open() }?.isCorrupted == true)
  }

  @Test func `used bytes follow the file`() throws {
    let environment = try directory.open()
    let table = try environment.table("titles", create: true)
    let before = try environment.usedBytes()
    try environment.write { tx in for n in 0..<64 { try tx.put(table, key(n), [UInt8](repeating: 1, count: 4000)) } }
    let after = try environment.usedBytes()
    #expect(after - before >= 64 * 4000)
    let fileSize = try #require(
      try FileManager.default.attributesOfItem(atPath: directory.dataFile.path)[.size] as? Int)
    #expect(fileSize <= after)
    #expect(try environment.mapSize() == 1 << 24)
  }

  @Test func `no reader is dead here`() throws {
    let environment = try directory.open()
    _ = try environment.read { _ in }
    #expect(try environment.readerCheck() == 0)
  }
}

/// A transaction that a test can hold without a scope.
final class BoxedRead {
  private let transaction: ReadTransaction
  init(_ transaction: consuming ReadTransaction) { self.transaction = transaction }
  func get(_ table: Table, _ key: [UInt8]) throws -> [UInt8]? { try transaction.get(table, key) }
}

extension Environment {
  func beginReadBoxed() throws -> BoxedRead { BoxedRead(try beginRead()) }
}
