// The digest that follows a fill, over a file that grows.

import Cache
import Foundation
import Glibc
import Loop
import S3
import Testing

@testable import larder

@Suite struct DigestRunTests {
  /// A file of its own with some bytes, and the object that it is of.
  private final class Piece {
    let path = "\(NSTemporaryDirectory())/digest-\(UUID().uuidString)"
    let file: ObjectFile
    let bytes: [UInt8]
    let worker = Worker(name: "digest", yields: true)

    init(size: Int) throws {
      var random = SplitMix64(seed: 7)
      bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      try #require(descriptor >= 0)
      file = ObjectFile(owning: descriptor)
    }

    deinit { unsafe unlink(path) }

    func write(_ range: Range<Int>) throws { try file.write(Array(bytes[range]), at: range.lowerBound) }

    func digest(_ algorithm: DigestAlgorithm, partBytes: Int = 0) throws -> DigestRun {
      let origin = OriginObject(
        version: ObjectVersion(bucket: "b", key: "k", etag: "\"1\"", size: bytes.count), lastModifiedSeconds: 0,
        digest: OfferedDigest(algorithm: algorithm.number, partBytes: partBytes, bytes: []))
      let object = StoredObject(
        id: .none, origin: origin, blockSize: 64 << 10, created: Timestamp(milliseconds: 0))
      return try #require(DigestRun(of: object, in: file, on: worker))
    }
  }

  @Test("what was digested leaves memory when others play, and stays otherwise", arguments: [true, false])
  func memory(_ forgetting: Bool) async throws {
    let piece = try Piece(size: 1 << 20)
    // As a fill writes it: memory forgets what was written at once only as a whole.
    for start in stride(from: 0, to: 1 << 20, by: 256 << 10) { try piece.write(start..<start + (256 << 10)) }
    try piece.file.synchronize()
    try #require(piece.file.isResident(at: 512 << 10))
    let run = try piece.digest(.md5)
    run.follow(to: 1 << 20, forgetting: forgetting)
    _ = try #require(await run.finish { true })
    #expect(piece.file.isResident(at: 0) == !forgetting)
    #expect(piece.file.isResident(at: 512 << 10) == !forgetting)
    // That folder forgets. A look at what is not there may have the kernel read it, which has to end first.
    var looks = 0
    repeat {
      piece.file.forget(0..<1 << 20)
      looks += 1
      try await Task.sleep(for: .milliseconds(10))
    } while piece.file.isResident(at: 0) && looks < 1000
    #expect(looks < 1000)
  }

  @Test("what memory had forgotten it forgets again: nobody has compared what came from the disk")
  func forgotten() async throws {
    let piece = try Piece(size: 1 << 20)
    try piece.write(0..<1 << 20)
    try piece.file.synchronize()
    piece.file.forget(0..<1 << 20)
    let residency = Residency(piece.file, size: 1 << 20)
    try #require(residency.end(0..<1 << 20) == 0)
    _ = try #require(await piece.digest(.md5).finish { true })
    for start in stride(from: 0, to: 1 << 20, by: 64 << 10) { #expect(residency.end(start..<start + 1) == start) }
  }

  @Test("whatever comes when, it is the digest of the whole", arguments: DigestAlgorithm.allCases, [0, 100_000])
  func whole(_ algorithm: DigestAlgorithm, partBytes: Int) async throws {
    let piece = try Piece(size: 700_001)
    let run = try piece.digest(algorithm, partBytes: partBytes)
    for (end, next) in [(0, 1), (1, 65_536), (65_536, 65_536), (65_536, 500_000), (500_000, 700_001)] {
      run.follow(to: end)
      try piece.write(end..<next)
      if end.isMultiple(of: 2) { await piece.worker.run {} }
    }
    let found = try await run.finish { true }
    if partBytes == 0 {
      var expected = DigestComputation(algorithm)
      expected.update(piece.bytes)
      #expect(found == expected.finish())
    } else {
      var expected = CompositeComputation(algorithm, partLength: partBytes)
      unsafe piece.bytes.withUnsafeBytes { unsafe expected.update($0) }
      #expect(found == expected.finish())
    }
  }

  @Test("what it has followed is not read a second time, and what is not there yet is not read at all")
  func follows() async throws {
    let piece = try Piece(size: 20 << 20)
    try piece.write(0..<piece.bytes.count)
    let run = try piece.digest(.crc32c)
    let end = 17 << 20
    run.follow(to: end)
    // More than one step; each posts the next.
    for _ in 0..<3 { await piece.worker.run {} }
    try piece.file.write([UInt8](repeating: 0, count: end), at: 0)
    var expected = DigestComputation(.crc32c)
    expected.update(piece.bytes)
    #expect(try await run.finish { true } == expected.finish())
  }

  @Test("a file that ends before it should is an error however often one asks, and no error of whoever wants none")
  func short() async throws {
    let piece = try Piece(size: 300_000)
    try piece.write(0..<200_000)
    let run = try piece.digest(.md5)
    run.follow(to: 300_000)
    await piece.worker.run {}
    for _ in 0..<2 {
      await #expect(throws: DiskError("read a whole object", EIO)) { try await run.finish { true } }
    }
    #expect(try await run.finish { false } == nil)
    try piece.write(200_000..<300_000)
    var expected = DigestComputation(.md5)
    expected.update(piece.bytes)
    #expect(try await run.finish { true } == expected.finish())
  }
}
