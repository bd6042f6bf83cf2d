// Records as bytes: what is written comes back, and what is damaged is an error or another valid value, never a trap.

import Testing

@testable import Cache

@Suite struct RecordTests {
  private func text(_ random: inout SplitMix64, _ lengths: ClosedRange<Int>) -> String {
    String((0..<Int.random(in: lengths, using: &random)).map { _ in "ab/é片 \"%".randomElement(using: &random) ?? "a" })
  }

  private func moment(_ random: inout SplitMix64) -> Timestamp? {
    Bool.random(using: &random) ? nil : Timestamp(milliseconds: Int64.random(in: 1...4_000_000_000_000, using: &random))
  }

  private func download(_ random: inout SplitMix64) throws -> Download {
    var download = Download(
      id: DownloadID(upper: random.next(), lower: random.next()), user: UserID(text(&random, 1...30)) ?? "u",
      title: try Title(contentID: text(&random, 1...30), quality: "720p"),
      status: Download.Status.allCases.randomElement(using: &random) ?? .pending, key: text(&random, 0...300),
      totalBytes: Bool.random(using: &random) ? nil : Int.random(in: 0...1 << 50, using: &random),
      created: Timestamp(milliseconds: Int64.random(in: 0...4_000_000_000_000, using: &random)))
    download.pinned = Bool.random(using: &random)
    download.object = ObjectID(random.next())
    download.fileExtension = ["mp4", "m", "MKV9"].randomElement(using: &random) ?? "mp4"
    download.endedBytes = Int.random(in: 0...1 << 50, using: &random)
    download.updated = moment(&random) ?? download.created
    download.completed = moment(&random)
    download.lastPlayed = moment(&random)
    download.deleted = moment(&random)
    if Bool.random(using: &random) {
      download.trouble = Trouble(
        Trouble.Code.allCases.randomElement(using: &random) ?? .evicted, text(&random, 0...200),
        nextAttempt: moment(&random))
    }
    return download
  }

  private func object(_ random: inout SplitMix64) -> StoredObject {
    let size = Int.random(in: 0...1 << 40, using: &random)
    var digest: OfferedDigest?
    if Bool.random(using: &random) {
      digest = OfferedDigest(
        algorithm: UInt8.random(in: 1...255, using: &random), partBytes: Int.random(in: 0...1 << 40, using: &random),
        bytes: (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
    let version = ObjectVersion(
      bucket: text(&random, 0...60), key: text(&random, 0...1000), etag: text(&random, 0...60), size: size)
    var object = StoredObject(
      id: ObjectID(random.next()),
      origin: OriginObject(
        version: version, lastModifiedSeconds: Int64.random(in: -9...1 << 40, using: &random), digest: digest),
      blockSize: [64 * kibi, 128 * kibi, 256 * kibi].randomElement(using: &random) ?? block,
      created: Timestamp(milliseconds: Int64.random(in: 1...1 << 42, using: &random)))
    object.state = Bool.random(using: &random) ? .complete : .filling
    object.storedBytes = Int.random(in: 0...size, using: &random)
    object.refetchFloor = Int.random(in: 0...size, using: &random)
    object.mismatches = UInt8.random(in: 0...255, using: &random)
    object.owners = Int.random(in: 0...100_000, using: &random)
    object.lastUsed = Timestamp(milliseconds: Int64.random(in: 1...1 << 42, using: &random))
    return object
  }

  @Test func whatIsWrittenComesBack() throws {
    var random = SplitMix64(seed: 20)
    for _ in 0..<500 {
      let download = try download(&random)
      #expect(try Download(id: download.id, record: download.record) == download)
      let object = object(&random)
      #expect(try StoredObject(id: object.id, record: object.record) == object)
      let usage = Usage(
        used: Int.random(in: 0...1 << 60, using: &random), reserved: Int.random(in: 0...9, using: &random))
      #expect(try Usage(record: usage.record) == usage)
      let box = BoxUsage(
        complete: 1, filling: 2, fillingStored: 3, discarded: Int.random(in: 0...1 << 60, using: &random))
      #expect(try BoxUsage(record: box.record) == box)
    }
  }

  /// Every moment of every record is one that can be calculated with: a bit that flips in it makes an error of it.
  @Test func aMomentThatCannotBeIsAnError() throws {
    let now: Int64 = 1_795_348_756_123
    var (download, object) = (try sample(), sampleObject())
    download.trouble = Trouble(.originError, "why", nextAttempt: Timestamp(milliseconds: 6))
    (download.created, download.updated) = (Timestamp(milliseconds: 1), Timestamp(milliseconds: 2))
    (download.completed, download.lastPlayed) = (Timestamp(milliseconds: 3), Timestamp(milliseconds: 4))
    download.deleted = Timestamp(milliseconds: 5)
    (object.created, object.lastUsed) = (Timestamp(milliseconds: 1), Timestamp(milliseconds: 2))
    let limit = SetLimit(bytes: 5, moment: Timestamp(milliseconds: 1), by: "admin")
    let entry = AuditEntry(
      number: 1, moment: Timestamp(milliseconds: 1), event: .started, download: nil, object: .none, user: "u", bytes: 0,
      cause: "")
    // Where its moments are: in this order, eight bytes each.
    let kinds: [(name: String, record: [UInt8], first: Int, count: Int, read: ([UInt8]) throws -> Void)] = [
      ("download", download.record, 28, 6, { _ = try Download(id: download.id, record: $0) }),
      ("object", object.record, 35, 2, { _ = try StoredObject(id: object.id, record: $0) }),
      ("limit", limit.record, 9, 1, { _ = try SetLimit(record: $0) }),
      ("audit", entry.record, 1, 1, { _ = try AuditEntry(number: 1, record: $0) }),
    ]
    for kind in kinds {
      for index in 0..<kind.count {
        let place = kind.first + index * 8
        #expect(kind.record[place..<place + 8].elementsEqual([UInt8(index + 1)] + Array(repeating: 0, count: 7)))
        for wrong in [Int64.min, .min | now, -1, .max, 1 << 53 + 1] {
          var bytes = kind.record
          bytes.replaceSubrange(
            place..<place + 8, with: unsafe withUnsafeBytes(of: wrong.littleEndian) { unsafe Array($0) })
          #expect(throws: CorruptRecord.self, "\(kind.name) \(index): \(wrong)") { try kind.read(bytes) }
        }
      }
    }
  }

  /// A clock before 1970, or a file of such a date, makes no record that cannot be read, and takes no moment for none.
  @Test func aMomentBeforeAllIsTheFirst() throws {
    for wrong in [Int64.min, -1, 0] {
      var download = try sample()
      (download.created, download.deleted) = (Timestamp(milliseconds: wrong), Timestamp(milliseconds: wrong))
      let read = try Download(id: download.id, record: download.record)
      #expect(read.created == Timestamp(milliseconds: 0) && read.deleted == Timestamp(milliseconds: 1))
    }
    var download = try sample()
    download.lastPlayed = Timestamp(milliseconds: .max)
    #expect(try Download(id: download.id, record: download.record).lastPlayed == Timestamp(milliseconds: 1 << 53))
  }

  private func sampleObject() -> StoredObject {
    var random = SplitMix64(seed: 22)
    return object(&random)
  }

  private func sample() throws -> Download {
    var random = SplitMix64(seed: 21)
    return try download(&random)
  }

  /// The layout that "The ledger on disk" draws, byte by byte: whoever changes it must change the version.
  @Test func recordsLieAsDrawn() throws {
    func little(_ number: Int64, _ width: Int = 8) -> [UInt8] {
      (0..<width).map { UInt8(truncatingIfNeeded: number >> Int64($0 * 8)) }
    }
    func text(_ text: String) -> [UInt8] { little(Int64(text.utf8.count), 2) + text.utf8 }

    var download = Download(
      id: DownloadID(upper: 1, lower: 2), user: "ann", title: "a", status: .paused, key: "k/a.mkv", totalBytes: nil,
      created: Timestamp(milliseconds: 11))
    download.pinned = true
    download.object = ObjectID(0x0102_0304_0506_0708)
    download.endedBytes = 5
    download.updated = Timestamp(milliseconds: 12)
    download.completed = Timestamp(milliseconds: 13)
    download.lastPlayed = Timestamp(milliseconds: 14)
    download.deleted = Timestamp(milliseconds: 15)
    download.trouble = Trouble(.quotaExceeded, "why", nextAttempt: Timestamp(milliseconds: 16))
    let numbers = [-1, 5, 11, 12, 13, 14, 15, 16].flatMap { little($0) }
    let texts = ["ann", "a", "720p", "k/a.mkv", "mkv", "why"].flatMap(text)
    #expect(download.record == [1, 2, 1, 6, 8, 7, 6, 5, 4, 3, 2, 1] + numbers + texts)
    #expect(download.record.count - texts.count == 76)

    let version = ObjectVersion(bucket: "b", key: "k", etag: "\"e\"", size: 9)
    let digest = OfferedDigest(algorithm: 3, partBytes: 4, bytes: [7, 8])
    var object = StoredObject(
      id: ObjectID(1), origin: OriginObject(version: version, lastModifiedSeconds: -2, digest: digest),
      blockSize: block, created: Timestamp(milliseconds: 21))
    object.state = .complete
    object.mismatches = 2
    object.storedBytes = 6
    object.refetchFloor = 7
    object.owners = 8
    object.lastUsed = Timestamp(milliseconds: 22)
    let sizes = little(65536, 4) + [9, 6, 7].flatMap { little($0) } + little(8, 4)
    let rest = [21, 22, -2].flatMap { little($0) } + [3] + little(4) + [2, 0, 7, 8]
    #expect(object.record == [1, 1, 2] + sizes + rest + ["b", "k", "\"e\""].flatMap(text))
    #expect(Usage(used: 1, reserved: 2).record == [1] + little(1) + little(2))
    let box = BoxUsage(complete: 1, unowned: 5, filling: 2, fillingStored: 3, discarded: 4)
    #expect(box.record == [2] + [1, 2, 3, 4, 5].flatMap { little($0) })
    let limit = SetLimit(bytes: nil, moment: Timestamp(milliseconds: 6), by: "root")
    #expect(limit.record == [1] + little(-1) + little(6) + text("root"))
    var entry = AuditEntry(
      number: 1, moment: Timestamp(milliseconds: 2), event: .evicted, download: download.id, object: object.id,
      user: "ann", bytes: 3, cause: "why")
    let common = little(2) + [6] + [1, 2, 1, 3].flatMap { little($0) } + text("ann") + text("why")
    #expect(entry.record == [1] + common)
    entry.by = "root"
    #expect(entry.record == [2] + common + text("root"))
    #expect(Key.page(ObjectID(1), 2) == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2])
    #expect(Key.claim("ann", "a") == [3] + Array("ann".utf8) + [1] + Array("a720p".utf8))
    // FNV-1a of "b", zero, "k".
    let hash = [UInt8](arrayLiteral: 0x62, 0, 0x6B).reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01B3
    }
    #expect(Key.origin(bucket: "b", key: "k") == Key.bigEndian(hash))
  }

  /// A record of each kind and what reads it: whatever is read is written as it was.
  private func kinds() throws -> [(record: [UInt8], read: ([UInt8]) throws -> Void)] {
    var random = SplitMix64(seed: 21)
    let download = try download(&random)
    let object = object(&random)
    let page = BlockPage()
    return [
      (
        download.record,
        { bytes in
          let read = try Download(id: download.id, record: bytes)
          #expect(read.record == bytes && !read.rows.isEmpty)
        }
      ),
      (
        object.record,
        { bytes in
          let read = try StoredObject(id: object.id, record: bytes)
          #expect(read.record == bytes && !read.rows.isEmpty && read.size <= StoredObject.largestSize)
        }
      ),
      (
        Usage(used: 1, reserved: 2).record,
        { bytes in
          let again = try Usage(record: bytes).record
          #expect(again == bytes)
        }
      ),
      (
        SetLimit(bytes: 7, moment: Timestamp(milliseconds: 2), by: "root").record,
        { bytes in
          let again = try SetLimit(record: bytes).record
          #expect(again == bytes)
        }
      ),
      (
        try StatusCounts(record: StatusCounts().record).record,
        { bytes in
          let again = try StatusCounts(record: bytes).record
          #expect(again == bytes)
        }
      ),
      (
        AuditEntry(
          number: 1, moment: Timestamp(milliseconds: 2), event: .pinned, download: download.id, object: object.id,
          user: "ann", bytes: 3, cause: "why", by: "root"
        ).record,
        { bytes in
          let again = try AuditEntry(number: 1, record: bytes).record
          #expect(again == bytes)
        }
      ),
      (
        BoxUsage(complete: 1).record,
        { bytes in
          let again = try BoxUsage(record: bytes).record
          #expect(again == bytes)
        }
      ),
      (
        AuditEntry(
          number: 1, moment: Timestamp(milliseconds: 2), event: .evicted, download: download.id, object: object.id,
          user: "ann", bytes: 3, cause: "why"
        ).record,
        { bytes in
          let again = try AuditEntry(number: 1, record: bytes).record
          #expect(again == bytes)
        }

      ),
      (
        page.bytes,
        { bytes in
          let page = try BlockPage(bytes)
          for slot in 0..<BlockPage.blocks { _ = page[slot] }
        }
      ),
      (
        Key.bigEndian(UInt64(7)) + Key.bigEndian(UInt64(9)),
        { _ = try Discard(key: Array("objects/1".utf8), value: $0) }
      ),
      (
        Key.object(ObjectID(1)) + Key.bigEndian(UInt64(9)),
        {
          _ = try EvictionCandidate(key: Array(repeating: 255, count: 24), value: $0)
        }
      ),
    ]
  }

  @Test func everyTruncationAndEveryAdditionIsAnError() throws {
    for kind in try kinds() {
      try kind.read(kind.record)
      for length in 0..<kind.record.count {
        #expect(throws: CorruptRecord.self) { try kind.read(Array(kind.record.prefix(length))) }
      }
      #expect(throws: CorruptRecord.self) { try kind.read(kind.record + [0]) }
    }
  }

  @Test func flippedBytesAreAnErrorOrAnotherValue() throws {
    var random = SplitMix64(seed: 22)
    for kind in try kinds() {
      var refused = 0
      for round in 0..<4000 {
        var record = kind.record
        if round < record.count * 8 {
          record[round / 8] ^= 1 << UInt8(round % 8)
        } else {
          for _ in 0..<Int.random(in: 1...6, using: &random) {
            record[Int.random(in: 0..<record.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
          }
        }
        do { try kind.read(record) } catch is CorruptRecord { refused += 1 }
      }
      // A page of blocks has no wrong bytes; everything else has a version or a bound.
      #expect(refused > 0 || kind.record.count == BlockPage.length)
    }
  }

  @Test func whatCannotBeIsSaid() throws {
    #expect(throws: CorruptRecord(table: "users", reason: "empty")) { try Usage(record: []) }
    #expect(throws: CorruptRecord(table: "users", reason: "version 2, not 1")) { try Usage(record: [2]) }
    #expect(throws: CorruptRecord(table: "users", reason: "a size of -1")) {
      try Usage(record: [1] + Array(repeating: 255, count: 16))
    }
    var random = SplitMix64(seed: 23)
    // An extension goes into a path: a damaged one must not lead out of its folder.
    for odd in ["", "../../x", "m p", "é", "12345678901234567"] {
      var download = try download(&random)
      download.fileExtension = odd
      #expect(throws: CorruptRecord(table: "downloads", reason: "no extension")) {
        try Download(id: download.id, record: download.record)
      }
    }
    var huge = object(&random)
    huge.origin.version.size = StoredObject.largestSize + 1
    #expect(throws: CorruptRecord.self) { try StoredObject(id: huge.id, record: huge.record) }
    var object = object(&random)
    object.refetchFloor = object.size + 1
    #expect(throws: CorruptRecord(table: "objects", reason: "more stored than there is")) {
      try StoredObject(id: object.id, record: object.record)
    }
    #expect(CorruptRecord(table: "users", reason: "empty").description.contains("larder verify"))
  }

  @Test func aPageHoldsAChecksumForEachBit() throws {
    var page = BlockPage()
    #expect(page.bytes.count == 528)
    for slot in 0..<BlockPage.blocks { #expect(page[slot] == nil) }
    page[0] = 0
    page[127] = 0xDEAD_BEEF
    page[9] = 1
    #expect(page[0] == 0 && page[127] == 0xDEAD_BEEF && page[9] == 1 && page[8] == nil)
    #expect(page.bytes[0] == 1 && page.bytes[1] == 2 && page.bytes[15] == 0x80)
    #expect(Array(page.bytes[524...]) == [0xEF, 0xBE, 0xAD, 0xDE])
    page[127] = nil
    #expect(page[127] == nil && page.expected(127) == 0xDEAD_BEEF)
    #expect(page.expected(9) == nil && page.expected(8) == nil, "one is there, of the other nothing is known")
  }

  @Test func keysSortAsTheirFieldsDo() throws {
    var random = SplitMix64(seed: 24)
    let numbers = (0..<300).map { _ in random.next() >> UInt64.random(in: 0..<64, using: &random) }.sorted()
    for (a, b) in zip(numbers, numbers.dropFirst()) where a != b {
      #expect(Key.bigEndian(a).lexicographicallyPrecedes(Key.bigEndian(b)))
      #expect(Key.number(in: Key.bigEndian(a), at: 0) == a)
    }
    // A moment before the epoch sorts as the epoch.
    #expect(Key.moment(Timestamp(milliseconds: -1)) == Key.moment(Timestamp(milliseconds: 0)))
    // One user's rows never lie among another's.
    #expect(!Key.user("ab").starts(with: Key.user("a")))
    let longest = Key.claim(
      UserID(String(repeating: "u", count: 128))!,
      try Title(contentID: String(repeating: "c", count: 128), quality: "ABCDEFGHIJKLMNOP"))
    #expect(longest.count <= 511, "LMDB takes no longer keys")
  }
}
