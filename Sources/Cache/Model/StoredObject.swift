// One version of one object of the origin, as the box holds it: whole, or on its way.

/// The box's own number for an object; it names the file and the rows of its blocks.
public struct ObjectID: Sendable, Hashable, Comparable {
  public let number: UInt64

  public init(_ number: UInt64) { self.number = number }

  /// No object: a download whose version is not known yet, or whose object is gone.
  public static let none = ObjectID(0)

  /// The one behind it; `.none` behind the last.
  public var next: ObjectID { ObjectID(number &+ 1) }

  public static func < (a: ObjectID, b: ObjectID) -> Bool { a.number < b.number }

  /// 16 digits, so that names sort as numbers do.
  public var hexadecimal: String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// What makes two copies the same: bucket, key, entity tag and size.
public struct ObjectVersion: Sendable, Hashable {
  public var bucket: String
  public var key: String
  /// The strong validator as the origin sent it, quotes and all.
  public var etag: String
  /// In bytes.
  public var size: Int

  public init(bucket: String, key: String, etag: String, size: Int) {
    self.bucket = bucket
    self.key = key
    self.etag = etag
    self.size = size
  }

  // By bytes, as the origin has it: texts that only look alike are keys and tags of different objects.
  public static func == (a: ObjectVersion, b: ObjectVersion) -> Bool {
    a.size == b.size && a.etag.utf8.elementsEqual(b.etag.utf8) && a.isOf(bucket: b.bucket, key: b.key)
  }

  /// Whether it is a version of this key in this bucket.
  public func isOf(bucket: String, key: String) -> Bool {
    self.key.utf8.elementsEqual(key.utf8) && self.bucket.utf8.elementsEqual(bucket.utf8)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(size)
    for byte in etag.utf8 { hasher.combine(byte) }
  }
}

/// A digest of the whole object that the origin offered, kept until it was compared.
public struct OfferedDigest: Sendable, Hashable {
  /// The algorithm's number, given and understood by the origin's side.
  public var algorithm: UInt8
  /// Bytes of each part but the last of which a composite digest was made; 0 for a digest of the whole object.
  public var partBytes: Int
  public var bytes: [UInt8]

  public init(algorithm: UInt8, partBytes: Int, bytes: [UInt8]) {
    self.algorithm = algorithm
    self.partBytes = partBytes
    self.bytes = bytes
  }
}

/// What a positive answer of the origin says of an object.
public struct OriginObject: Sendable, Hashable {
  public var version: ObjectVersion
  /// Seconds since the epoch; 0 when the origin did not say.
  public var lastModifiedSeconds: Int64
  public var digest: OfferedDigest?

  public init(version: ObjectVersion, lastModifiedSeconds: Int64, digest: OfferedDigest?) {
    self.version = version
    self.lastModifiedSeconds = lastModifiedSeconds
    self.digest = digest
  }
}

/// An object's row in the ledger.
public struct StoredObject: Sendable, Hashable {
  public enum State: UInt8, Sendable {
    /// Some blocks may be missing, or all are there and not yet compared with the origin's digest.
    case filling = 0
    /// Whole, compared, durable, and linked for its owners.
    case complete = 1
    /// It was complete, and then the disk lost some of its blocks: those are fetched again, and only those.
    case mending = 2
  }

  public var id: ObjectID
  public var origin: OriginObject
  public var state: State
  /// The unit of the bitmap and of the checksums: 64, 128 or 256 KiB, fixed when the object is made.
  public var blockSize: Int
  /// Bytes in blocks whose bit is set.
  public var storedBytes: Int
  /// What `storedBytes` was when a mismatch made every block be fetched anew; keeps progress from going back.
  public var refetchFloor: Int
  /// How many whole copies failed their digest.
  public var mismatches: UInt8
  /// Live downloads that hold it.
  public var owners: Int
  public var created: Timestamp
  /// When it was last played or completed; orders the objects that no one owns.
  public var lastUsed: Timestamp

  public init(id: ObjectID, origin: OriginObject, blockSize: Int, created: Timestamp) {
    self.id = id
    self.origin = origin
    self.state = .filling
    self.blockSize = blockSize
    self.storedBytes = 0
    self.refetchFloor = 0
    self.mismatches = 0
    self.owners = 0
    self.created = created
    self.lastUsed = created
  }

  public var size: Int { origin.version.size }

  /// No object may be larger: 1 PiB, more than any store keeps in one, and small enough to add up and to calculate with.
  public static let largestSize = 1 << 50

  /// How many blocks the object has; the last may be short, and an empty object has none.
  public var blockCount: Int { (size + blockSize - 1) / blockSize }

  /// The bytes of block `index`.
  public func bytes(ofBlock index: Int) -> Range<Int> {
    index * blockSize..<min(size, (index + 1) * blockSize)
  }

  /// What of its file is surely on the disk; what was written and not recorded, or is bad, is left out.
  public var bytesOnDisk: Int { state == .complete ? size : storedBytes }

  /// What users are told has arrived: it never goes back while the version stays, and is never the whole before the
  /// whole was compared, since progress is 100 exactly when it is completed.
  public var shownBytes: Int { state == .complete ? size : min(max(storedBytes, refetchFloor), max(0, size - 1)) }

  /// The largest block of 64, 128 or 256 KiB that is not larger than a chunk.
  public static func blockSize(forChunk chunkSize: Int) -> Int {
    chunkSize >= 256 << 10 ? 256 << 10 : chunkSize >= 128 << 10 ? 128 << 10 : 64 << 10
  }
}
