// What transactions promise: all or nothing, one consistent look, and errors that arrive unchanged.

import LMDB
import Testing

@Suite struct TransactionTests {
  let directory: TemporaryDirectory
  let environment: Environment
  let table: Table

  init() throws {
    directory = try TemporaryDirectory()
    environment = try directory.open()
    table = try environment.table("titles", create: true)
  }

  @Test(arguments: [0, 1, 511, 4096, 100_000])
  func `a value comes back as it was`(count: Int) throws {
    let value = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try environment.write { (tx) throws in
      try tx.put(table, [1], value)
      #expect(try tx.get(table, [1]) == value)
    }
    try environment.read { (tx) throws in
      #expect(try tx.get(table, [1]) == value)
      #expect(try tx.withValue(table, [1]) { bytes in bytes.count } == value.count)
      #expect(try tx.withValue(table, [1]) { bytes in bytes.indices.map { bytes[$0] } } == value)
    }
  }

  @Test func `what is not there is nil or false`() throws {
    try environment.write { (tx) throws in
      #expect(try tx.get(table, [9]) == nil)
      #expect(try !tx.contains(table, [9]))
      #expect(try !tx.delete(table, [9]))
      #expect(try tx.withValue(table, [9]) { _ in true } == nil)
      #expect(try tx.count(table) == 0)
    }
  }

  @Test func `put replaces and putNew does not`() throws {
    try environment.write { (tx) throws in
      #expect(try tx.putNew(table, [1], [1]))
      #expect(try !tx.putNew(table, [1], [2]))
      #expect(try tx.get(table, [1]) == [1])
      try tx.put(table, [1], [3])
      #expect(try tx.get(table, [1]) == [3])
      #expect(try tx.delete(table, [1]))
      #expect(try !tx.contains(table, [1]))
    }
  }

  @Test(arguments: [0, 512])
  func `a key of a wrong size is an error`(count: Int) throws {
    let key = [UInt8](repeating: 1, count: count)
    #expect(lmdbError { try environment.write { tx in try tx.put(table, key, [1]) } }?.isBadSize == true)
    try environment.write { tx in try tx.put(table, [UInt8](repeating: 1, count: 511), [1]) }
  }

  @Test func `a body that throws changes nothing and its error arrives`() throws {
    try environment.write { tx in try tx.put(table, [1], [1]) }
    #expect(throws: Refused()) {
      try environment.write { (tx) throws in
        try tx.put(table, [1], [2])
        try tx.put(table, [2], [2])
        throw Refused()
      }
    }
    #expect(throws: Refused()) { try environment.read { _ in throw Refused() } }
    try environment.read { (tx) throws in
      #expect(try tx.get(table, [1]) == [1])
      #expect(try tx.count(table) == 1)
    }
    // The writer's lock is free again.
    try environment.write { tx in try tx.put(table, [3], [3]) }
  }

  @Test func `begin, commit and abort by hand`() throws {
    let first = try environment.beginWrite()
    try first.put(table, [1], [1])
    first.abort()
    let second = try environment.beginWrite()
    #expect(try !second.contains(table, [1]))
    try second.put(table, [2], [2])
    try second.commit()
    do {
      let dropped = try environment.beginWrite()
      try dropped.put(table, [3], [3])
    }
    #expect(try environment.read { tx in try keys(tx, table) } == [[2]])
  }

  @Test func `a reader sees the commit before it began`() throws {
    try environment.write { tx in try tx.put(table, [1], [1]) }
    let before = try environment.beginRead()
    try environment.write { (tx) throws in
      try tx.put(table, [1], [2])
      #expect(try before.get(table, [1]) == [1])
    }
    #expect(try before.get(table, [1]) == [1])
    #expect(try environment.read { tx in try tx.get(table, [1]) } == [2])
  }

  @Test func `a nested transaction that throws leaves the outer one whole`() throws {
    try environment.write { (tx) throws in
      try tx.put(table, [1], [1])
      #expect(throws: Refused()) {
        try tx.nested { inner in
          try inner.put(table, [1], [9])
          try inner.put(table, [2], [9])
          throw Refused()
        }
      }
      let seen = try tx.nested { inner in
        try inner.put(table, [3], [3])
        return try inner.get(table, [1])
      }
      #expect(seen == [1])
      #expect(try tx.contains(table, [3]))
    }
    try environment.read { (tx) throws in
      #expect(try keys(tx, table) == [[1], [3]])
      #expect(try tx.get(table, [1]) == [1])
    }
  }

  @Test func `the outer transaction is refused while a nested one runs`() throws {
    #expect(throws: LMDBError.self) {
      try environment.write { (tx) throws in
        try tx.nested { _ in try tx.put(table, [1], [1]) }
      }
    }
  }

  @Test func `readers are used again and their slots run out as told`() throws {
    let directory = try TemporaryDirectory()
    let environment = try directory.open(maxReaders: 2)
    let table = try environment.table("titles", create: true)
    for round in 0..<100 {
      try environment.write { tx in try tx.put(table, [1], key(round)) }
      #expect(try environment.read { tx in try tx.get(table, [1]) } == key(round))
    }
    do {
      let first = try environment.beginRead()
      let second = try environment.beginRead()
      #expect(lmdbError { try environment.read { _ in } }?.isReadersFull == true)
      #expect(try first.get(table, [1]) == second.get(table, [1]))
    }
    try environment.read { _ in }
    // Nobody is counted as inside: this would wait for ever.
    try environment.setMapSize(1 << 25)
  }

  @Test func `many threads read while one writes`() async throws {
    // Both keys always change together; a reader that sees them differ saw half a commit.
    let (environment, table) = (environment, table)
    try environment.write { tx in for n in 0..<2 { try tx.put(table, key(n), key(0)) } }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<2_000 {
            let same = try environment.read { tx in try tx.get(table, key(0)) == tx.get(table, key(1)) }
            #expect(same)
          }
        }
      }
      group.addTask {
        for round in 1...100 {
          try environment.write { tx in for n in 0..<2 { try tx.put(table, key(n), key(round)) } }
        }
      }
      try await group.waitForAll()
    }
    #expect(try environment.read { tx in try tx.get(table, key(1)) } == key(100))
  }
}
