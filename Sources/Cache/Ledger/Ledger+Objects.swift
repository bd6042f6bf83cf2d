// What the fill engine reports of an object: blocks that are durable, the whole that is good, the whole that is not.

public import LMDB

/// A block that is on the disk for good, with its checksum.
public struct StoredBlock: Sendable, Hashable {
  public var index: Int
  /// CRC-32C (Castagnoli) of the block's bytes.
  public var checksum: UInt32

  public init(index: Int, checksum: UInt32) {
    self.index = index
    self.checksum = checksum
  }
}

/// 128 blocks of an object as one row: 16 bytes of bitmap, then a checksum for each. A block that the disk has lost keeps
/// its checksum: what is fetched in its place must be the same.
struct BlockPage {
  static let blocks = 128
  static let length = 16 + blocks * 4

  private(set) var bytes: [UInt8]

  init() { bytes = Array(repeating: 0, count: Self.length) }

  init(_ bytes: [UInt8]) throws(CorruptRecord) {
    guard bytes.count == Self.length else { throw CorruptRecord(table: "blocks", reason: "a page of odd length") }
    self.bytes = bytes
  }

  /// The checksum of a block that is there. Setting nil leaves what is expected of it.
  subscript(slot: Int) -> UInt32? {
    get { has(slot) ? checksum(slot) : nil }
    set {
      if let newValue {
        bytes[slot >> 3] |= 1 << UInt8(slot & 7)
        expect(newValue, at: slot)
      } else {
        bytes[slot >> 3] &= ~(1 << UInt8(slot & 7))
      }
    }
  }

  /// Whether the block is there.
  func has(_ slot: Int) -> Bool { bytes[slot >> 3] & 1 << UInt8(slot & 7) != 0 }

  /// The checksum that a lost block had; nil when nothing is known of it.
  ///
  /// A checksum may be 0 by chance: then nothing is expected, and the comparison of the whole decides.
  func expected(_ slot: Int) -> UInt32? {
    let checksum = checksum(slot)
    return self[slot] == nil && checksum != 0 ? checksum : nil
  }

  /// What the block must be when it comes.
  mutating func expect(_ checksum: UInt32, at slot: Int) {
    for byte in 0..<4 { bytes[16 + slot * 4 + byte] = UInt8(truncatingIfNeeded: checksum >> UInt32(byte * 8)) }
  }

  private func checksum(_ slot: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[16 + slot * 4 + $1]) << UInt32($1 * 8) }
  }
}

extension Ledger {
  /// Sets the bits of blocks that are durable.
  ///
  /// Of an object that was whole, a block must be what it was. The origin may still be right and we wrong (the ledger's
  /// checksum itself may be of damaged bytes): what comes twice in a row is taken.
  ///
  /// - Returns: the blocks that are not what they were, and have to come again; nil when the object is gone.
  @discardableResult
  public func record(
    _ stored: [StoredBlock], of id: ObjectID, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> [Int]? {
    guard let old = try object(id, in: tx), old.state != .complete else { return nil }
    var new = old
    var different: [Int] = []
    let known = stored.filter { (0..<old.blockCount).contains($0.index) }
    for (number, group) in Dictionary(grouping: known, by: { $0.index / BlockPage.blocks }) {
      let key = Key.page(id, number)
      var page = try tx.get(blocks, key).map { try BlockPage($0) } ?? BlockPage()
      for block in group {
        let slot = block.index % BlockPage.blocks
        if old.state == .mending, let expected = page.expected(slot), expected != block.checksum,
          expected != ~block.checksum
        {
          // The complement: only what comes from the origin once more may be taken for it, never what lies on the disk.
          page.expect(~block.checksum, at: slot)
          different.append(block.index)
          continue
        }
        if page[slot] == nil { new.storedBytes += old.bytes(ofBlock: block.index).count }
        page[slot] = block.checksum
        try tx.delete(starts, Key.start(id, block.index))
      }
      try tx.put(blocks, key, page.bytes)
    }
    if new != old { try put(new, over: old, in: tx, &change) }
    return different
  }

  /// The disk has lost these blocks: they count as missing from now on, and what they were is remembered.
  ///
  /// - Parameter cause: what was found, for the diary.
  /// - Returns: whether any of them counted as stored until now.
  @discardableResult
  public func damage(
    _ lost: some Sequence<Int>, of id: ObjectID, cause: String, in tx: borrowing WriteTransaction,
    _ change: inout Change
  ) throws -> Bool {
    guard let old = try object(id, in: tx) else { return false }
    var new = old
    let known = lost.filter { (0..<old.blockCount).contains($0) }
    for (number, group) in Dictionary(grouping: known, by: { $0 / BlockPage.blocks }) {
      let key = Key.page(id, number)
      guard let row = try tx.get(blocks, key) else { continue }
      var page = try BlockPage(row)
      for block in group where page[block % BlockPage.blocks] != nil {
        page[block % BlockPage.blocks] = nil
        new.storedBytes -= old.bytes(ofBlock: block).count
      }
      try tx.put(blocks, key, page.bytes)
    }
    guard new.storedBytes < old.storedBytes else { return false }
    if old.state == .complete { new.state = .mending }
    try record(.damaged, nil, object: id, bytes: old.storedBytes - new.storedBytes, cause: cause, in: tx, change)
    // What nobody owns is not worth a request.
    try put(old.owners == 0 ? nil : new, over: old, in: tx, &change)
    change.damagedObjects.append(id)
    change.queueChanged = true
    return true
  }

  /// The checksums of all blocks, of those that are there and of those that are expected; nil where nothing is known.
  public func knownChecksums(
    of object: StoredObject, in tx: borrowing some Reading & ~Copyable
  ) throws -> [UInt32?] {
    try pages(of: object, in: tx) { page, slot in page[slot] ?? page.expected(slot) }
  }

  /// The checksum of one block, nil when it is missing.
  public func checksum(
    ofBlock index: Int, of id: ObjectID, in tx: borrowing some Reading & ~Copyable
  ) throws -> UInt32? {
    guard let row = try tx.get(blocks, Key.page(id, index / BlockPage.blocks)) else { return nil }
    return try BlockPage(row)[index % BlockPage.blocks]
  }

  /// Those of the blocks that the object lacks, in the order of the ranges. Only the pages that they stand on are read.
  public func missing(
    _ wanted: [ClosedRange<Int>], of object: StoredObject, in tx: borrowing some Reading & ~Copyable
  ) throws -> [Int] {
    var found: [Int] = []
    var last: (number: Int, page: BlockPage)?
    for block in wanted.joined() where (0..<object.blockCount).contains(block) {
      let number = block / BlockPage.blocks
      let page: BlockPage
      if let last, last.number == number {
        page = last.page
      } else {
        page = try tx.get(blocks, Key.page(object.id, number)).map { try BlockPage($0) } ?? BlockPage()
        last = (number, page)
      }
      if !page.has(block % BlockPage.blocks) { found.append(block) }
    }
    return found
  }

  /// Which blocks the object has.
  public func map(of object: StoredObject, in tx: borrowing some Reading & ~Copyable) throws -> BlockMap {
    var map = BlockMap(count: object.blockCount)
    for (index, checksum) in try checksums(of: object, in: tx).enumerated() where checksum != nil { map.insert(index) }
    return map
  }

  /// The checksum of each block, nil where the block is missing.
  public func checksums(of object: StoredObject, in tx: borrowing some Reading & ~Copyable) throws -> [UInt32?] {
    try pages(of: object, in: tx) { page, slot in page[slot] }
  }

  private func pages<T>(
    of object: StoredObject, in tx: borrowing some Reading & ~Copyable, _ take: (BlockPage, Int) -> T
  ) throws -> [T] {
    var taken: [T] = []
    taken.reserveCapacity(object.blockCount)
    for number in 0..<pages(of: object) {
      let page = try tx.get(blocks, Key.page(object.id, number)).map { try BlockPage($0) } ?? BlockPage()
      for slot in 0..<min(BlockPage.blocks, object.blockCount - number * BlockPage.blocks) {
        taken.append(take(page, slot))
      }
    }
    return taken
  }

  /// Every block is there and the whole is what the origin has: from now on it is complete.
  ///
  /// - Parameter evidence: what the whole was compared with, for the audit.
  /// - Returns: whether it became so now; not when blocks were found lost meanwhile.
  @discardableResult
  public func finish(
    _ id: ObjectID, verifiedBy evidence: String = "framing and ETag alone", in tx: borrowing WriteTransaction,
    _ change: inout Change
  ) throws -> Bool {
    guard let old = try object(id, in: tx), old.state != .complete, old.storedBytes == old.size else { return false }
    var new = old
    new.state = .complete
    if old.state == .filling {
      new.lastUsed = change.now
      try record(.verified, nil, object: id, bytes: old.size, cause: "by \(evidence)", in: tx, change)
    } else {
      try record(
        .mended, nil, object: id, bytes: old.size, cause: "every block is there again, verified by \(evidence)", in: tx,
        change)
    }
    try put(new, over: old, in: tx, &change)
    change.queueChanged = true
    return true
  }

  /// The whole is not what the origin has. The first time every block is fetched anew; then its downloads fail.
  ///
  /// - Returns: whether it is tried again.
  public func mismatch(
    _ id: ObjectID, _ message: String, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> Bool {
    guard let old = try object(id, in: tx), old.state != .complete else { return false }
    guard old.mismatches == 0 else {
      for owner in try owners(of: id, in: tx) {
        guard let held = try changeable(owner, in: tx) else { continue }
        try fail(held, Trouble(.integrityMismatch, message), in: tx, &change)
      }
      return false
    }
    try record(.refetched, nil, object: id, bytes: old.size, cause: message, in: tx, change)
    try removeBlocks(of: old, in: tx)
    var new = old
    new.mismatches += 1
    new.refetchFloor = old.storedBytes
    new.storedBytes = 0
    try put(new, over: old, in: tx, &change)
    // Whoever reads it goes by what it was.
    change.damagedObjects.append(id)
    return true
  }

  func removeBlocks(of object: StoredObject, in tx: borrowing WriteTransaction) throws {
    for number in 0..<pages(of: object) { try tx.delete(blocks, Key.page(object.id, number)) }
    try removeStarts(of: object.id, in: tx)
  }

  private func pages(of object: StoredObject) -> Int {
    (object.blockCount + BlockPage.blocks - 1) / BlockPage.blocks
  }
}
