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
    // A full disk may take no other name.
    #expect(try target() == first)
    environment = try openToWrite()
    #expect(try target() == first && FileManager.default.fileExists(atPath: first))
    environment.close()

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
  @Test func `a copy of an environment has a lock file of its own`() throws {
    let (copy, reader) = (try TemporaryDirectory(), try TemporaryDirectory())
    func openToWrite(_ path: String) throws -> Environment {
      try Environment(path: path, mapSize: 1 << 24, maxTables: 4, locksInMemory: true)
    }
    func target(_ path: String) throws -> String {
      try FileManager.default.destinationOfSymbolicLink(atPath: path + "/lock.mdb")
    }
    var environment = try openToWrite(directory.path)
    let table = try environment.table("titles", create: true)
    try environment.write { tx in try tx.put(table, [1], [1]) }
    environment.close()
    for name in ["data.mdb", "lock.mdb"] {
      for other in [copy, reader] {
        try FileManager.default.copyItem(atPath: "\(directory.path)/\(name)", toPath: "\(other.path)/\(name)")
      }
    }
    environment = try openToWrite(directory.path)
    let file = try target(directory.path)
    #expect(try target(copy.path) == file, "so far")
    let second = try openToWrite(copy.path)
    #expect(try target(copy.path) != file)
    let third = try Environment(path: reader.path, mapSize: 0, maxTables: 4, readOnly: true)
    let titles = try third.table("titles", create: false)
    #expect(try third.read { tx in try tx.get(titles, [1]) } == [1])
    #expect((try? target(reader.path)) == nil, "a file on its own disk")
    for one in [second, third, environment] { one.close() }
  }
}
