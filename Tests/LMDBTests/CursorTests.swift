// Cursors against a sorted array, by seed, and what happens at the ends and after the end.

import Foundation
import LMDB
import Testing

@Suite struct CursorTests {
  let directory: TemporaryDirectory
  let environment: Environment
  let table: Table

  init() throws {
    directory = try TemporaryDirectory()
    environment = try directory.open()
    table = try environment.table("titles", create: true)
  }

  @Test func `keys come in the order of their bytes`() throws {
    let sorted: [[UInt8]] = [[0], [0, 0], [0, 1], [1], [1, 0], [0x7F], [0x80], [0xFF], [0xFF, 0]]
    try environment.write { (tx) throws in
      for key in sorted.shuffled() { try tx.put(table, key, key) }
    }
    try environment.read { (tx) throws in
      #expect(try keys(tx, table) == sorted)
      var cursor = try tx.cursor(table)
      var backwards: [[UInt8]] = []
      while try cursor.previous() { backwards.append(try cursor.value ?? []) }
      #expect(backwards == sorted.reversed())
    }
  }

  @Test func `an empty table has no place to stand on`() throws {
    try environment.write { (tx) throws in
      var cursor = try tx.cursor(table)
      #expect(try cursor.key == nil)
      #expect(try !cursor.first())
      #expect(try !cursor.last())
      #expect(try !cursor.next())
      #expect(try !cursor.previous())
      #expect(try !cursor.seek(atOrAfter: [1]))
      #expect(try !cursor.seek(before: [1]))
      #expect(try !cursor.deleteCurrent())
      #expect(try cursor.value == nil)
      #expect(try cursor.withCurrent { _, _ in true } == nil)
    }
  }

  @Test func `seek at the edges`() throws {
    try environment.write { tx in for n: UInt8 in [10, 20, 30] { try tx.put(table, [n], [n]) } }
    let cases: [(key: [UInt8], atOrAfter: [UInt8]?, before: [UInt8]?)] = [
      ([], [10], nil), ([5], [10], nil), ([10], [10], nil), ([10, 0], [20], [10]), ([20], [20], [10]),
      ([30], [30], [20]), ([30, 0], nil, [30]), ([255], nil, [30]), ([UInt8](repeating: 255, count: 600), nil, [30]),
    ]
    try environment.read { (tx) throws in
      for (key, atOrAfter, before) in cases {
        var cursor = try tx.cursor(table)
        #expect(try cursor.seek(atOrAfter: key) == (atOrAfter != nil))
        #expect(try cursor.key == atOrAfter, "at or after \(key)")
        #expect(try cursor.seek(before: key) == (before != nil))
        #expect(try cursor.key == before, "before \(key)")
      }
    }
  }

  @Test func `scan stays within its prefix and stops when told`() throws {
    try environment.write { (tx) throws in
      for key: [UInt8] in [[1], [1, 255], [2], [2, 0], [2, 7], [3]] { try tx.put(table, key, key + key) }
    }
    func scanned(_ prefix: [UInt8], limit: Int = .max) throws -> [[UInt8]] {
      try environment.read { (tx) throws in
        var seen: [[UInt8]] = []
        try tx.scan(table, prefix: prefix) { key, value in
          #expect(value.count == 2 * key.count)
          seen.append(key.indices.map { key[$0] })
          return seen.count < limit
        }
        return seen
      }
    }
    #expect(try scanned([2]) == [[2], [2, 0], [2, 7]])
    #expect(try scanned([2], limit: 2) == [[2], [2, 0]])
    #expect(try scanned([1, 255]) == [[1, 255]])
    #expect(try scanned([4]) == [])
    #expect(try scanned([]).count == 6)
    #expect(throws: Refused()) {
      try environment.read { tx in try tx.scan(table) { _, _ in throw Refused() } }
    }
  }

  @Test func `a cursor in a read transaction does not delete`() throws {
    try environment.write { tx in try tx.put(table, [1], [1]) }
    try environment.read { (tx) throws in
      var cursor = try tx.cursor(table)
      try cursor.first()
      let error = lmdbError { try cursor.deleteCurrent() }
      #expect(error?.code == EACCES)
      #expect(try cursor.key == [1])
    }
  }

  @Test(arguments: [false, true])
  func `a cursor that outlives its transaction throws`(writes: Bool) throws {
    try environment.write { tx in try tx.put(table, [1], [1]) }
    var kept: Cursor?
    if writes {
      try environment.write { tx in kept = try tx.cursor(table) }
    } else {
      try environment.read { tx in kept = try tx.cursor(table) }
    }
    // The next transaction may be the same one renewed: the cursor is not fooled.
    try environment.read { _ in
      guard var cursor = kept.take() else { return }
      let operations = [
        lmdbError { try cursor.first() }?.operation,
        lmdbError { _ = try cursor.key }?.operation,
        lmdbError { try cursor.deleteCurrent() }?.operation,
      ]
      #expect(operations == ["move a cursor", "read at a cursor", "delete at a cursor"])
    }
  }

  /// A cursor over a sorted array, slow and plain.
  struct Model {
    enum Place: Equatable {
      case unset, beforeFirst
      case at([UInt8])
      case between([UInt8])
      case afterLast
    }

    var entries: [[UInt8]: [UInt8]] = [:]
    var place = Place.unset

    var sorted: [[UInt8]] { entries.keys.sorted { $0.lexicographicallyPrecedes($1) } }
    var key: [UInt8]? { if case .at(let key) = place { key } else { nil } }

    mutating func stand(on key: [UInt8]?, orElse outside: Place) -> Bool {
      place = key.map { .at($0) } ?? outside
      return key != nil
    }

    mutating func next() -> Bool {
      switch place {
      case .unset, .beforeFirst: stand(on: sorted.first, orElse: .afterLast)
      case .at(let key), .between(let key):
        stand(on: sorted.first { key.lexicographicallyPrecedes($0) }, orElse: .afterLast)
      case .afterLast: false
      }
    }

    mutating func previous() -> Bool {
      switch place {
      case .unset, .afterLast: stand(on: sorted.last, orElse: .beforeFirst)
      case .at(let key), .between(let key):
        stand(on: sorted.last { $0.lexicographicallyPrecedes(key) }, orElse: .beforeFirst)
      case .beforeFirst: false
      }
    }
  }

  @Test(arguments: UInt64(1)...12)
  func `a cursor walks as a sorted array does`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var model = Model()
    // Large values make many pages, which split and merge under the cursor.
    let largest = seed.isMultiple(of: 2) ? 8 : 1_500
    func randomKey() -> [UInt8] {
      (0..<Int.random(in: 1...3, using: &generator)).map { _ in .random(in: 0...6, using: &generator) }
    }
    for _ in 0..<4 {
      model.place = .unset
      try environment.write { (tx) throws in
        var cursor = try tx.cursor(table)
        for step in 0..<400 {
          let random = randomKey()
          switch Int.random(in: 0..<12, using: &generator) {
          case 0: #expect(try cursor.first() == model.stand(on: model.sorted.first, orElse: .beforeFirst))
          case 1: #expect(try cursor.last() == model.stand(on: model.sorted.last, orElse: .afterLast))
          case 2, 3: #expect(try cursor.next() == model.next())
          case 4, 5: #expect(try cursor.previous() == model.previous())
          case 6:
            let key = model.sorted.first { !$0.lexicographicallyPrecedes(random) }
            #expect(try cursor.seek(atOrAfter: random) == model.stand(on: key, orElse: .afterLast))
          case 7:
            let key = model.sorted.last { $0.lexicographicallyPrecedes(random) }
            #expect(try cursor.seek(before: random) == model.stand(on: key, orElse: .beforeFirst))
          case 8:
            #expect(try cursor.deleteCurrent() == (model.key != nil))
            if let key = model.key {
              model.entries[key] = nil
              model.place = .between(key)
            }
          case 9 where model.key != random:
            #expect(try tx.delete(table, random) == (model.entries.removeValue(forKey: random) != nil))
          default:
            if case .between = model.place { continue }
            let value = [UInt8](repeating: UInt8(step & 255), count: .random(in: 0...largest, using: &generator))
            try tx.put(table, random, value)
            model.entries[random] = value
          }
          #expect(try cursor.key == model.key, "step \(step)")
          #expect(try cursor.value == model.key.flatMap { model.entries[$0] }, "step \(step)")
        }
        #expect(try tx.count(table) == model.entries.count)
      }
      try environment.read { (tx) throws in
        #expect(try keys(tx, table) == model.sorted)
        for (key, value) in model.entries { #expect(try tx.get(table, key) == value) }
      }
    }
  }
}
