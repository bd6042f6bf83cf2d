// An object of 20 GiB in the plan and in the ledger: offsets and sums that no 32 bits hold.

import Testing

@testable import Cache

@Suite struct LargeObjectTests {
  private static let size = (20 << 30) + 5

  @Test func thePlanReachesTheLastByte() throws {
    let object = StoredObject(
      id: ObjectID(1), origin: OriginObject(size: Self.size, key: "k"), blockSize: 256 << 10,
      created: Timestamp(milliseconds: 0))
    var present = BlockMap(count: object.blockCount)
    let missing = [(1 << 31) / (256 << 10) - 1, (1 << 32) / (256 << 10), object.blockCount - 1]
    for index in 0..<object.blockCount where !missing.contains(index) { present.insert(index) }
    var plan = ChunkPlan(object: object, present: present, chunkSize: 8 << 20)
    #expect(plan.claim()?.bytes == (1 << 31) - (256 << 10)..<(1 << 31))
    #expect(plan.claim()?.bytes == (1 << 32)..<(1 << 32) + (256 << 10))
    #expect(plan.claim()?.bytes == 20 << 30..<Self.size)
    #expect(plan.claim() == nil)
  }

  @Test func theLedgerCountsItToTheByte() throws {
    let box = try Box()
    let download = try #require(try box.start("ann", "a", size: Self.size).download)
    #expect(try box.usage("ann") == Usage(used: 0, reserved: Self.size))
    let blocks = try #require(try box.object(download.object)).blockCount
    try box.change { tx, change throws in
      let last = [StoredBlock(index: blocks - 1, checksum: 1), StoredBlock(index: blocks - 2, checksum: 2)]
      try box.ledger.record(last, of: download.object, in: tx, &change)
    }
    let object = try #require(try box.object(download.object))
    #expect(object.storedBytes == object.bytes(ofBlock: blocks - 1).count + object.blockSize)
    #expect(object.bytes(ofBlock: blocks - 1).upperBound == Self.size)
    #expect(try box.findings() == [])
  }
}
