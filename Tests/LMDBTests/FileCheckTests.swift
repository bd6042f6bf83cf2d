// The check of the file itself: a sound one passes whatever was done to it, and whatever is broken is found before LMDB
// trusts it, since LMDB would not live to tell.

import Foundation
import LMDB
import Testing

@Suite struct FileCheckTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// An environment after a thousand changes: small values, values of several pages, tables that grew and shrank.
  private func busyEnvironment(_ seed: UInt64) throws -> Environment {
    let environment = try directory.open(mapSize: 1 << 26)
    let tables = [try environment.table("titles", create: true), try environment.table("users", create: true)]
    var random = SeededGenerator(seed: seed)
    for _ in 0..<40 {
      try environment.write { tx throws in
        for _ in 0..<60 {
          let table = tables[Int.random(in: 0..<2, using: &random)]
          let key = Array("key \(Int.random(in: 0..<900, using: &random))".utf8)
          if Int.random(in: 0..<3, using: &random) == 0 {
            try tx.delete(table, key)
          } else {
            let size = Int.random(in: 0..<20, using: &random) == 0 ? 20_000 : 300
            try tx.put(table, key, Array(repeating: 7, count: Int.random(in: 0...size, using: &random)))
          }
        }
      }
      #expect(try environment.damage(in: directory.path, .whole) == nil)
      #expect(try environment.damage(in: directory.path, .roots) == nil)
    }
    return environment
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `a sound file passes after any changes`(_ seed: UInt64) throws {
    let environment = try busyEnvironment(seed)
    environment.close()
    let again = try directory.open(readOnly: true)
    #expect(try again.damage(in: directory.path, .whole) == nil)
  }

  @Test func `a new environment passes`() throws {
    let environment = try directory.open()
    #expect(try environment.damage(in: directory.path, .whole) == nil)
  }

  @Test func `a cut file is found by either check, wherever it is cut`() throws {
    try busyEnvironment(4).close()
    let whole = try Data(contentsOf: directory.dataFile)
    for part in [whole.count / 8, whole.count / 2, whole.count * 3 / 4] {
      try whole.prefix(part / 4096 * 4096 + 100).write(to: directory.dataFile)
      for depth in [Environment.CheckDepth.roots, .whole] {
        let environment = try directory.open(readOnly: true)
        #expect(try environment.damage(in: directory.path, depth) != nil, "\(part) of \(whole.count), \(depth)")
      }
    }
  }

  @Test func `zeroed pages, swapped pages and flipped bits in their headers are found`() throws {
    try busyEnvironment(5).close()
    let whole = try Data(contentsOf: directory.dataFile)
    let sound = try directory.open(readOnly: true)
    let used = try sound.usedBytes() / 4096
    sound.close()
    var random = SeededGenerator(seed: 6)
    var found = 0
    let rounds = 150
    for round in 0..<rounds {
      var damaged = whole
      let page = Int.random(in: 2..<used, using: &random) * 4096
      switch round % 3 {
      case 0: damaged.replaceSubrange(page..<page + 4096, with: Data(count: 4096))
      case 1:
        let other = Int.random(in: 2..<used, using: &random) * 4096
        damaged.replaceSubrange(page..<page + 4096, with: whole[other..<other + 4096])
      default: damaged[page + Int.random(in: 0..<16, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
      try damaged.write(to: directory.dataFile)
      let environment = try directory.open(readOnly: true)
      // A page that came free is of no meaning, and much of such a file is that.
      guard try environment.damage(in: directory.path, .whole) == nil else {
        found += 1
        continue
      }
      // What passes can be read from end to end.
      let names = ["titles", "users"]
      for name in names {
        let table = try environment.table(name, create: false)
        try environment.read { tx throws in try tx.scan(table) { _, _ in true } }
      }
    }
    #expect(found > rounds / 6, "\(found)")
  }

  @Test func `a check up to a size looks at every page up to there, and beyond at the roots`() throws {
    try busyEnvironment(8).close()
    var damaged = try Data(contentsOf: directory.dataFile)
    let sound = try directory.open(readOnly: true)
    let used = try sound.usedBytes()
    // A page that is in use and no root: the whole check says which.
    var isFound = false
    for page in 2..<used / 4096 where !isFound {
      let was = damaged
      damaged.replaceSubrange(page * 4096..<page * 4096 + 4096, with: Data(count: 4096))
      try damaged.write(to: directory.dataFile)
      let inWhole = try sound.damage(in: directory.path, .whole) != nil
      if try inWhole && sound.damage(in: directory.path, .roots) == nil {
        isFound = true
        #expect(try sound.damage(in: directory.path, .wholeUpTo(used)) != nil)
        #expect(try sound.damage(in: directory.path, .wholeUpTo(used - 1)) == nil)
      }
      damaged = was
    }
    #expect(isFound)
  }

  @Test func `an entry that would be two kinds at once is refused, also where it goes beyond its page`() throws {
    try busyEnvironment(9).close()
    var bytes = Array(try Data(contentsOf: directory.dataFile))
    func number(_ place: Int, _ size: Int) -> Int {
      (0..<size).reduce(0) { $0 | Int(bytes[place + $1]) << ($1 * 8) }
    }
    // The root of the table of tables; its first entry is moved to the page's end, with room for 8 bytes and not for 48.
    let head = [0, 4096].max { number($0 + 144, 8) < number($1 + 144, 8) }!
    let page = number(head + 128, 8) * 4096
    let entry = page + number(page + 16, 2)
    let keyLength = number(entry + 6, 2)
    let fresh = page + 4096 - 8 - keyLength - 8
    let moved = [48, 0, 0, 0, 0x03, 0] + bytes[entry + 6..<entry + 8 + keyLength] + Array(repeating: 0, count: 8)
    bytes.replaceSubrange(fresh..<page + 4096, with: moved)
    let offset = fresh - page
    bytes.replaceSubrange(page + 16..<page + 18, with: [UInt8(offset & 255), UInt8(offset >> 8)])
    try Data(bytes).write(to: directory.dataFile)
    let environment = try directory.open(readOnly: true)
    for depth in [Environment.CheckDepth.roots, .whole] {
      #expect(try environment.damage(in: directory.path, depth)?.reason == "an entry of an unknown kind")
    }
  }

  @Test func `heads that are none are refused by LMDB or found`() throws {
    try busyEnvironment(7).close()
    var damaged = try Data(contentsOf: directory.dataFile)
    // LMDB checks the first head only.
    damaged.replaceSubrange(4096..<8192, with: Data(count: 4096))
    try damaged.write(to: directory.dataFile)
    let environment = try? directory.open(readOnly: true)
    #expect(try environment?.damage(in: directory.path, .roots) != nil || environment == nil)
  }
}
