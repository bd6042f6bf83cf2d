// One change of the ledger: what it may rely on, and what the rest of the program must hear of afterwards.

/// The administrator's rules, as one change sees them.
public struct Policy: Sendable {
  /// Bytes for each user; nil for no limit.
  public var defaultQuota: Int?
  public var quotas: [UserID: Int?]
  /// Whether completed downloads may be evicted to make room.
  public var evicts: Bool
  /// In milliseconds.
  public var playingGrace: Int64
  /// Bytes of video kept at the most; nil for what the file system holds.
  public var capacity: Int?
  /// Bytes always left free on the file system.
  public var reserve: Int
  /// Bytes of a chunk; decides the block size of new objects.
  public var chunkSize: Int
  /// How many downloads of one user the ledger takes.
  public var bounds = UserBounds()
  /// Hexadecimal SHA-256, for paths of long identifiers.
  public var digest: @Sendable (String) -> String

  public init(
    defaultQuota: Int?, quotas: [UserID: Int?] = [:], evicts: Bool, playingGrace: Int64, capacity: Int?,
    reserve: Int, chunkSize: Int, digest: @escaping @Sendable (String) -> String
  ) {
    self.defaultQuota = defaultQuota
    self.quotas = quotas
    self.evicts = evicts
    self.playingGrace = playingGrace
    self.capacity = capacity
    self.reserve = reserve
    self.chunkSize = chunkSize
    self.digest = digest
  }

  /// The user's limit in bytes; nil for none.
  public func quota(of user: UserID) -> Int? { quotas[user] ?? defaultQuota }

  /// The path of the download's hard link.
  public func link(of download: Download) -> String {
    StoredPath.link(
      user: download.user, title: download.title, fileExtension: download.fileExtension, digest: digest)
  }
}

/// A file or link that the ledger has given up and the volume has yet to remove.
public struct Discard: Sendable, Hashable {
  public var path: String
  /// Tells this discard from a later one of the same path.
  public var sequence: UInt64
  /// What it still counts against the box.
  public var bytes: Int

  /// The object whose file it is; nil for a link.
  public var object: ObjectID? {
    path.hasPrefix("objects/") ? StoredPath.objectID(ofFile: String(path.dropFirst("objects/".count))) : nil
  }

  public init(path: String, sequence: UInt64, bytes: Int) {
    self.path = path
    self.sequence = sequence
    self.bytes = bytes
  }
}

/// The moment and the rules of one change, and its consequences as they come up.
///
/// A change may run twice (the map was full and grew): its consequences are collected here and believed only after
/// the commit.
public struct Change: Sendable {
  public let now: Timestamp
  public let policy: Policy
  /// Bytes free on the file system; nil when unknown.
  public let freeBytes: Int?
  /// Bytes of files that were given up and cannot be removed: they are still there.
  public let stuckBytes: Int
  /// Whether somebody holds an object's file open: its blocks do not come free when it goes.
  public let isHeld: @Sendable (ObjectID) -> Bool
  /// Whether the ledger has room for new downloads; what is there may change and go in any case.
  public let admitsNew: Bool

  /// Downloads whose record changed, as they are now.
  public private(set) var downloads: [DownloadID: Download] = [:]
  /// Those of `downloads` whose status changed, or that were made or ended.
  public private(set) var news: Set<DownloadID> = []
  /// Files that must go.
  public internal(set) var discards: [Discard] = []
  /// Objects that left the ledger: their fills and open files are over.
  public internal(set) var goneObjects: [ObjectID] = []
  /// Objects that lost blocks: fills and readers of them must look again.
  public internal(set) var damagedObjects: [ObjectID] = []
  /// How many downloads and objects had to go, by the reason.
  public internal(set) var evictions: [EvictionCause: Int] = [:]
  /// Lacks bytes and is about to get an owner: it does not go with the last one that it has until then.
  var awaited = ObjectID.none
  /// Whether the queue of fills may look different.
  public internal(set) var queueChanged = false

  public init(
    now: Timestamp, policy: Policy, freeBytes: Int?, stuckBytes: Int = 0,
    isHeld: @escaping @Sendable (ObjectID) -> Bool = { _ in false }, admitsNew: Bool = true
  ) {
    self.now = now.kept
    self.policy = policy
    self.freeBytes = freeBytes
    self.stuckBytes = stuckBytes
    self.isHeld = isHeld
    self.admitsNew = admitsNew
  }

  mutating func note(_ download: Download, over old: Download?) {
    downloads[download.id] = download
    if old?.status != download.status || old?.deleted != download.deleted { news.insert(download.id) }
  }
}
