// Room that is set aside, a file that is taken away, and an environment that is nobody else's.

import Foundation
import LMDB
import Testing

@Suite struct RoomTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func status() throws -> (size: Int, onDisk: Int) {
    var status = stat()
    try #require(unsafe stat(directory.dataFile.path, &status) == 0)
    return (Int(status.st_size), Int(status.st_blocks) * 512)
  }

  @Test func `room that is set aside is on the disk and not in the file's size`() throws {
    let environment = try directory.open()
    let before = try status()
    try environment.setAside(8 << 20)
    let after = try status()
    #expect(after.size == before.size)
    #expect(after.onDisk >= 8 << 20 && before.onDisk < 8 << 20)
    // It serves: what is put then takes no more.
    let table = try environment.table("titles", create: true)
    try environment.write { (tx) throws in
      for n in 0..<1000 { try tx.put(table, key(n), [UInt8](repeating: 1, count: 2_000)) }
    }
    #expect(try status().onDisk == after.onDisk)
  }

  @Test func `more room than the disk has is refused as such`() throws {
    let environment = try directory.open()
    let error = try #require(lmdbError { try environment.setAside(1 << 50) })
    #expect(error.isNoSpace || error.code == EFBIG, "\(error)")
  }

  @Test func `a file that is taken away is missed, and one put in its place is another`() throws {
    let environment = try directory.open()
    #expect(environment.isInPlace())
    let (file, away) = (directory.dataFile.path, directory.path + "/away")
    #expect(unsafe rename(file, away) == 0)
    #expect(!environment.isInPlace())
    try Data([1]).write(to: directory.dataFile)
    #expect(!environment.isInPlace())
    #expect(unsafe rename(away, file) == 0)
    #expect(environment.isInPlace())
    environment.close()
    #expect(!environment.isInPlace())
  }

  @Test func `the lock file lies in memory, for every process the same, and is made anew after a boot`() throws {
    let lock = directory.path + "/lock.mdb"
    func target() throws -> String { try FileManager.default.destinationOfSymbolicLink(atPath: lock) }
    func openToWrite() throws -> Environment {
      try Environment(path: directory.path, mapSize: 1 << 24, maxTables: 4, locksInMemory: true)
    }
    var environment = try openToWrite()
    var table = try environment.table("titles", create: true)
    try environment.write { tx in try tx.put(table, [1], [1]) }
    #expect(environment.isInPlace() && !environment.isGivenUp)
    let first = try target()
    #expect(first.hasPrefix("/dev/shm/") && FileManager.default.fileExists(atPath: first))
    environment.close()
    #expect(!FileManager.default.fileExists(atPath: first), "what was in memory is given back")
    #expect((try? target()) == nil)

    // What a boot leaves of it is a link that leads nowhere, whoever opens it next.
    for isReader in [true, false] {
      try? FileManager.default.removeItem(atPath: lock)
      try FileManager.default.createSymbolicLink(atPath: lock, withDestinationPath: first)
      environment = isReader ? try directory.open(mapSize: 0, readOnly: true) : try openToWrite()
      table = try environment.table("titles", create: false)
      #expect(try environment.read { tx in try tx.get(table, [1]) } == [1])
      environment.close()
    }
  }
}
