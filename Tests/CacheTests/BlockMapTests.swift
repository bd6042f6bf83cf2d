// The bitmap and the plan of chunks, against sets of numbers.

import Testing

@testable import Cache

@Suite struct BlockMapTests {
  @Test(arguments: [0, 1, 63, 64, 65, 127, 128, 129, 1000])
  func likeASet(_ count: Int) {
    var random = SplitMix64(seed: UInt64(count))
    var map = BlockMap(count: count)
    var set: Set<Int> = []
    #expect(map.isFull == (count == 0))
    for _ in 0..<(count * 4) {
      let block = Int.random(in: 0..<count, using: &random)
      if Int.random(in: 0..<3, using: &random) > 0 {
        #expect(map.insert(block) == set.insert(block).inserted)
      } else {
        #expect(map.remove(block) == (set.remove(block) != nil))
      }
      #expect(map.population == set.count)
      #expect(map.isFull == (set.count == count))
      #expect(map.contains(block) == set.contains(block))
      let start = Int.random(in: 0...count, using: &random)
      #expect(map.firstMissing(from: start) == (start..<count).first { !set.contains($0) })
    }
    for block in 0..<count { map.insert(block) }
    #expect(map.isFull && map.firstMissing() == nil)
    #expect(map.firstMissing(from: count) == nil && map.firstMissing(from: count + 64) == nil)
  }

  @Test func equalWhenTheSameBlocksAreIn() {
    var a = BlockMap(count: 70)
    var b = BlockMap(count: 70)
    for block in [3, 64, 69] { a.insert(block) }
    for block in [69, 3, 5, 64] { b.insert(block) }
    #expect(a != b)
    b.remove(5)
    #expect(a == b)
  }
}

@Suite struct ChunkPlanTests {
  private func object(size: Int, blockSize: Int) -> StoredObject {
    StoredObject(
      id: ObjectID(1), origin: OriginObject(size: size, key: "k"), blockSize: blockSize,
      created: Timestamp(milliseconds: 1))
  }

  @Test func blocksOfAnObject() {
    let empty = object(size: 0, blockSize: block)
    #expect(empty.blockCount == 0)
    let whole = object(size: 2 * block, blockSize: block)
    #expect(whole.blockCount == 2 && whole.bytes(ofBlock: 1) == block..<2 * block)
    let odd = object(size: 2 * block + 1, blockSize: block)
    #expect(odd.blockCount == 3 && odd.bytes(ofBlock: 2) == 2 * block..<2 * block + 1)
  }

  @Test(arguments: [
    (64 * kibi, 64), (64 * kibi + 1, 64), (128 * kibi - 1, 64), (128 * kibi, 128), (256 * kibi - 1, 128),
    (256 * kibi, 256),
    (8192 * kibi, 256), (1 << 30, 256),
  ])
  func blockSizes(_ chunk: Int, _ kibibytes: Int) {
    #expect(StoredObject.blockSize(forChunk: chunk) == kibibytes * kibi)
  }

  /// Every span lies in one chunk and is one run; together they are what is missing, once; what is given back comes
  /// again, and nothing else does.
  @Test(arguments: 0..<200 as Range<UInt64>)
  func claimsWhatIsMissingOnce(_ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let object = object(size: Int.random(in: 0...200 * block, using: &random), blockSize: block)
    let blocksInChunk = Int.random(in: 1...20, using: &random)
    var present = BlockMap(count: object.blockCount)
    for index in 0..<object.blockCount where Int.random(in: 0..<3, using: &random) == 0 { present.insert(index) }
    var plan = ChunkPlan(
      object: object, present: present, chunkSize: blocksInChunk * block + Int.random(in: 0..<block, using: &random))
    var missing = Set((0..<object.blockCount).filter { !present.contains($0) })
    var out: [ChunkSpan] = []
    var steps = 0
    while steps < 400 {
      steps += 1
      if !out.isEmpty, Int.random(in: 0..<3, using: &random) == 0 {
        let span = out.remove(at: Int.random(in: 0..<out.count, using: &random))
        let kept = Int.random(in: 0...span.blocks.count, using: &random)
        let lost = span.blocks.lowerBound + kept..<span.blocks.upperBound
        plan.release(lost)
        missing.formUnion(lost)
      } else if case let most = [.max, 0, block, 5 * block].randomElement(using: &random) ?? .max,
        let span = plan.claim(bytes: most)
      {
        #expect(span.blocks.count <= max(1, most / block))
        #expect(!span.blocks.isEmpty)
        #expect(span.blocks.lowerBound / blocksInChunk == (span.blocks.upperBound - 1) / blocksInChunk)
        #expect(missing.isSuperset(of: span.blocks))
        #expect(span.bytes.lowerBound == span.blocks.lowerBound * block)
        #expect(span.bytes.upperBound == min(object.size, span.blocks.upperBound * block))
        missing.subtract(span.blocks)
        out.append(span)
      } else {
        #expect(missing.isEmpty)
      }
      #expect(plan.isExhausted == missing.isEmpty)
    }
    while let span = plan.claim() { missing.subtract(span.blocks) }
    #expect(missing.isEmpty && plan.isExhausted)
  }

  @Test func aChunkSmallerThanABlockIsABlock() {
    let large = object(size: 3 * 256 * kibi, blockSize: 256 * kibi)
    var plan = ChunkPlan(object: large, present: BlockMap(count: 3), chunkSize: 64 * kibi)
    #expect(plan.claim()?.blocks == 0..<1)
    #expect(plan.claim()?.blocks == 1..<2)
  }

  @Test func earlierBlocksThatCameBackGoFirst() {
    let ten = object(size: 10 * block, blockSize: block)
    var plan = ChunkPlan(object: ten, present: BlockMap(count: 10), chunkSize: 4 * block)
    #expect(plan.claim()?.blocks == 0..<4)
    #expect(plan.claim()?.blocks == 4..<8)
    plan.release(2..<4)
    #expect(plan.claim()?.blocks == 2..<4)
    #expect(plan.claim()?.blocks == 8..<10)
    #expect(plan.claim() == nil)
  }
}
