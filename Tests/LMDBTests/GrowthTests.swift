// A full map, and a map that moves while others read.

import Foundation
import LMDB
import Synchronization
import Testing

@Suite struct GrowthTests: Sendable {
  let directory: TemporaryDirectory
  let environment: Environment
  let table: Table

  init() throws {
    directory = try TemporaryDirectory()
    environment = try directory.open(mapSize: 1 << 17)
    table = try environment.table("titles", create: true)
  }

  private func fill(_ count: Int, _ environment: Environment, _ table: Table) throws {
    try environment.write { (tx) throws in
      for n in 0..<count { try tx.put(table, key(n), [UInt8](repeating: UInt8(truncatingIfNeeded: n), count: 2_000)) }
    }
  }

  @Test func `a full map fails the body, and succeeds after growth`() throws {
    try fill(2, environment, table)
    #expect(lmdbError { try fill(500, environment, table) }?.isMapFull == true)
    #expect(try environment.read { tx in try tx.count(table) } == 2)
    try environment.setMapSize(1 << 22)
    #expect(try environment.mapSize() == 1 << 22)
    try fill(500, environment, table)
    try environment.read { (tx) throws in
      #expect(try tx.count(table) == 500)
      #expect(try tx.get(table, key(499)) == [UInt8](repeating: 243, count: 2_000))
    }
  }

  @Test func `a map that is full at the commit loses nothing of before, and succeeds after growth`() throws {
    // Somewhere between room and no room lies a transaction whose own pages fit and whose list of freed pages does not.
    var failedAtCommit = 0
    for count in 1...40 {
      let directory = try TemporaryDirectory()
      let environment = try directory.open(mapSize: 1 << 17)
      let table = try environment.table("titles", create: true)
      try environment.write { tx in for n in 0..<8 { try tx.put(table, key(n), [1]) } }
      let transaction = try environment.beginWrite()
      let bodyError = lmdbError {
        for n in 0..<count { try transaction.put(table, key(n), [UInt8](repeating: 2, count: 2_000)) }
      }
      let error = commitError(transaction)
      guard bodyError == nil, let error else { continue }
      failedAtCommit += 1
      #expect(error.isMapFull)
      #expect(error.operation == "commit")
      #expect(try environment.read { tx in try tx.get(table, key(0)) } == [1])
      try environment.setMapSize(1 << 20)
      try fill(count, environment, table)
      #expect(try environment.read { tx in try tx.count(table) } == max(8, count))
    }
    #expect(failedAtCommit > 0)
  }

  private func commitError(_ transaction: consuming WriteTransaction) -> LMDBError? {
    do throws(LMDBError) { try transaction.commit() } catch { return error }
    return nil
  }

  @Test func `a map never shrinks below what is used`() throws {
    try fill(20, environment, table)
    try environment.setMapSize(1)
    #expect(try environment.mapSize() >= environment.usedBytes())
    #expect(try environment.read { tx in try tx.count(table) } == 20)
  }

  @Test(arguments: [1 << 60, Int.max, 0, -1])
  func `a map of an impossible size is refused and the old one stays`(size: Int) throws {
    try fill(2, environment, table)
    #expect(lmdbError { try environment.setMapSize(size) } != nil)
    #expect(try environment.mapSize() == 1 << 17)
    try fill(3, environment, table)
    #expect(try environment.read { tx in try tx.count(table) } == 3)
  }

  @Test func `growth waits for the readers inside, and lets them read on`() throws {
    try fill(2, environment, table)
    let progress = Progress()
    let grower = Thread { [environment] in
      progress.isAsking.store(true, ordering: .releasing)
      do { try environment.setMapSize(1 << 22) } catch { Issue.record(error) }
      progress.isGrown.store(true, ordering: .releasing)
      progress.end.signal()
    }
    do {
      let reader = try environment.beginRead()
      grower.start()
      while !progress.isAsking.load(ordering: .acquiring) { sched_yield() }
      for _ in 0..<20_000 {
        let isWhole = try reader.withValue(table, key(1)) { $0.count == 2_000 && $0[1_999] == 1 }
        try #require(isWhole == true)
        // A second read inside the first goes through also while somebody waits to grow.
        try environment.read { _ in }
      }
      let isGrown = progress.isGrown.load(ordering: .acquiring)
      #expect(!isGrown)
    }
    progress.end.wait()
    #expect(try environment.mapSize() == 1 << 22)
  }

  /// How far the thread that grows the map has come.
  final class Progress: Sendable {
    let isAsking = Atomic(false)
    let isGrown = Atomic(false)
    let end = DispatchSemaphore(value: 0)
  }

  @Test func `others read while the map grows again and again`() async throws {
    let (environment, table) = (environment, table)
    try fill(2, environment, table)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for reader in 0..<3 {
        group.addTask {
          var generator = SeededGenerator(seed: UInt64(reader))
          for _ in 0..<3_000 {
            try environment.read { (tx) throws in
              let n = Int.random(in: 0..<(try tx.count(table)), using: &generator)
              let first = try tx.withValue(table, key(n)) { $0[0] }
              #expect(first == UInt8(truncatingIfNeeded: n))
            }
          }
        }
      }
      group.addTask {
        var growths = 0
        for count in stride(from: 50, through: 1_000, by: 50) {
          while true {
            do {
              try fill(count, environment, table)
              break
            } catch let error as LMDBError where error.isMapFull {
              try environment.setMapSize(try environment.mapSize() + 1 << 17)
              growths += 1
            }
          }
        }
        #expect(growths > 5)
      }
      try await group.waitForAll()
    }
    #expect(try environment.read { tx in try tx.count(table) } == 1_000)
  }
}
