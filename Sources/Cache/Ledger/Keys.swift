// The keys of the ledger's tables. Numbers are big-endian, so that LMDB's order is the order of the field; a user comes
// with its length before it, so that no user's rows run into another's.

enum Key {
  static func download(_ id: DownloadID) -> [UInt8] { bigEndian(id.upper) + bigEndian(id.lower) }

  static func object(_ id: ObjectID) -> [UInt8] { bigEndian(id.number) }

  static func user(_ user: UserID) -> [UInt8] { [UInt8(user.text.utf8.count)] + user.text.utf8 }

  static func claim(_ user: UserID, _ title: Title) -> [UInt8] {
    Key.user(user) + [UInt8(title.contentID.utf8.count)] + title.contentID.utf8 + title.quality.utf8
  }

  /// When an owner of an object last wanted it; what sorts before all of them while that one may not be evicted.
  static func wanted(_ moment: Timestamp?) -> [UInt8] {
    bigEndian(moment.map { UInt64(max(1, $0.milliseconds)) } ?? 0)
  }

  static func moment(_ moment: Timestamp) -> [UInt8] { bigEndian(UInt64(bitPattern: max(0, moment.milliseconds))) }

  /// The rows of one page of an object's blocks.
  static func page(_ object: ObjectID, _ page: Int) -> [UInt8] { numbered(object, page) }

  /// The row of the beginning of one of an object's blocks.
  static func start(_ object: ObjectID, _ block: Int) -> [UInt8] { numbered(object, block) }

  private static func numbered(_ object: ObjectID, _ number: Int) -> [UInt8] {
    bigEndian(object.number) + bigEndian(UInt64(number)).suffix(4)
  }

  /// Objects of one key of the origin stand together, under a hash: keys are longer than LMDB's may be. Whoever looks
  /// compares the record, so that a collision costs a look and no more.
  static func origin(bucket: String, key: String) -> [UInt8] {
    bigEndian(fnv1a(Array(bucket.utf8) + [0] + Array(key.utf8)))
  }

  static func bigEndian(_ number: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    var shift = number.bitWidth
    while shift > 0 {
      shift -= 8
      bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
    }
    return bytes
  }

  /// The number that starts at `offset`; the caller knows that the row is as long as that.
  static func number(in bytes: some RandomAccessCollection<UInt8>, at offset: Int) -> UInt64 {
    bytes.dropFirst(offset).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A size that starts at `offset`: small enough to calculate with.
  static func size(in bytes: [UInt8], at offset: Int, table: String) throws(CorruptRecord) -> Int {
    let number = number(in: bytes, at: offset)
    guard number <= UInt64(RecordReader.largestSize) else {
      throw CorruptRecord(table: table, reason: "a size of \(number)")
    }
    return Int(number)
  }

  /// The id that ends a key; of a shorter one, which only a damaged page has, what there is of it.
  static func downloadID(endOf key: [UInt8]) -> DownloadID {
    let id = key.suffix(16)
    return DownloadID(upper: number(in: id.dropLast(8), at: 0), lower: number(in: id.suffix(8), at: 0))
  }

  /// Fowler, Noll, Vo 1a, 64 bits: the same on every machine and in every process.
  static func fnv1a(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
