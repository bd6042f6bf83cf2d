// A user's claim on a title: made, given its object, moved to a new version.

public import LMDB

/// What a user asks for, and what the origin said of it.
public struct StartRequest: Sendable {
  public var user: UserID
  public var title: Title
  /// The origin's key of the title.
  public var key: String
  public var bucket: String
  /// Nil when the origin could not be asked.
  public var found: OriginObject?
  /// Why it could not be asked.
  public var trouble: Trouble?
  /// The failed download that is tried anew; nil for a start, which takes whatever there is.
  public var revived: DownloadID?
  /// The administrator who asks in the user's stead; nil for the user.
  public var administrator: String?

  public init(
    user: UserID, title: Title, key: String, bucket: String, found: OriginObject?, trouble: Trouble?,
    revived: DownloadID? = nil, administrator: String? = nil
  ) {
    self.administrator = administrator
    self.user = user
    self.title = title
    self.key = key
    self.bucket = bucket
    self.found = found
    self.trouble = trouble
    self.revived = revived
  }
}

/// What became of a start.
public enum StartOutcome: Sendable {
  /// A new download.
  case created(Download)
  /// The user had it already; or it had failed and is tried anew.
  case existing(Download)
  case refused(Refusal)
  /// The user has so many already that no more are taken.
  case crowded(limit: Int)
  /// What was to be tried anew was deleted meanwhile, and stays so.
  case gone
}

/// An answer of the origin about another object than was asked for, by the bytes of its names: a fault of the program.
public struct ForeignAnswer: Error, CustomStringConvertible {
  public let description = "the origin's answer is about another key or bucket than was asked for; nothing was changed"
}

extension Ledger {
  /// Makes a download, or finds the live one; a live one that has failed is tried anew.
  public func start(
    _ request: StartRequest, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> StartOutcome {
    try check(request.found, isOf: request.key)
    let live = try liveDownload(of: request.user, request.title, in: tx)
    if let revived = request.revived, live?.id != revived { return .gone }
    if let live {
      guard live.status == .failed else { return .existing(live) }
      var revived = live
      revived.key = request.key
      revived.fileExtension = StoredPath.fileExtension(ofKey: request.key)
      return try begin(revived, over: live, request, in: tx, &change)
    }
    guard change.admitsNew else { return .refused(.storageFull(needed: request.found?.version.size ?? 0)) }
    let newest = try tx.row(in: downloads, before: Array(repeating: 0xFF, count: 16)).map {
      Key.downloadID(endOf: $0.key)
    }
    var ids = DownloadIDSource(
      after: newest ?? DownloadID(upper: 0, lower: 0), random: SystemRandomNumberGenerator())
    let fresh = Download(
      id: ids.make(at: change.now), user: request.user, title: request.title, status: .pending, key: request.key,
      totalBytes: nil, created: change.now)
    return try begin(fresh, over: nil, request, in: tx, &change)
  }

  private func begin(
    _ download: Download, over old: Download?, _ request: StartRequest, in tx: borrowing WriteTransaction,
    _ change: inout Change
  ) throws -> StartOutcome {
    var new = download
    new.status = .pending
    new.updated = change.now
    new.trouble = request.trouble
    new.totalBytes = nil
    new.endedBytes = 0
    if let limit = try exceeded(by: new.user, over: old, in: tx, change.policy.bounds) {
      return .crowded(limit: limit)
    }
    let found = try request.found ?? wholeVersion(ofKey: request.key, bucket: request.bucket, in: tx)?.origin
    if let found {
      new.trouble = nil
      if let refusal = try attach(&new, to: found, in: tx, &change) { return .refused(refusal) }
    }
    try put(new, over: old, in: tx, &change)
    try record(
      .started, new, bytes: new.totalBytes ?? 0,
      cause: request.administrator == nil ? "asked for by the user" : "tried again by the administrator",
      by: request.administrator, in: tx, change)
    return old == nil ? .created(new) : .existing(new)
  }

  /// Gives a download that has none its object: the box's own copy, the fill under way, or a new one.
  ///
  /// - Returns: why it was not admitted; the download is then as it was.
  private func attach(
    _ download: inout Download, to found: OriginObject, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> Refusal? {
    let known = try object(of: found.version, in: tx)
    let size = found.version.size
    guard (0...StoredObject.largestSize).contains(size) else { return .storageFull(needed: size) }
    // Whoever has to go for it may be the last owner of this very object.
    change.awaited = known?.id ?? .none
    defer { change.awaited = .none }
    if let refusal = try admit(
      download.user, size: size, room: known == nil ? size : nil, in: tx, &change)
    {
      return refusal
    }
    if let known {
      download.object = known.id
    } else {
      let new = StoredObject(
        id: ObjectID(try nextNumber(of: "next_object", in: tx)), origin: found,
        blockSize: StoredObject.blockSize(forChunk: change.policy.chunkSize), created: change.now)
      try put(new, over: nil, in: tx, &change)
      download.object = new.id
    }
    download.totalBytes = size
    return nil
  }

  private func check(_ found: OriginObject?, isOf key: String) throws(ForeignAnswer) {
    if let found, !found.version.key.utf8.elementsEqual(key.utf8) { throw ForeignAnswer() }
  }

  /// The origin has told the version of a download that waited for it; it fails when it does not fit.
  public func identify(
    _ id: DownloadID, as found: OriginObject, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    guard let refusal = try bind(id, to: found, in: tx, &change), let old = try download(id, in: tx) else { return }
    try fail(old, refusal.trouble, in: tx, &change)
  }

  /// Gives a download that waits for its version the object of that.
  ///
  /// - Returns: why it was not admitted; it waits as before then.
  private func bind(
    _ id: DownloadID, to found: OriginObject, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> Refusal? {
    guard let old = try download(id, in: tx), old.isLive, old.status.isUnfinished, old.object == .none else {
      return nil
    }
    try check(found, isOf: old.key)
    var new = old
    new.updated = change.now
    new.trouble = nil
    if let refusal = try attach(&new, to: found, in: tx, &change) { return refusal }
    try put(new, over: old, in: tx, &change)
    return nil
  }

  /// Downloads that wait for an object which is not there: their version is asked for again, instead of waiting for ever.
  /// It takes a ledger that was damaged, or written by an older Larder, for there to be any.
  public func unbind(
    _ ids: [DownloadID], in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    for id in ids {
      guard let old = try changeable(id, in: tx), old.isLive, old.status.isUnfinished, old.object != .none,
        try object(old.object, in: tx) == nil
      else { continue }
      var new = old
      new.object = .none
      new.totalBytes = nil
      if new.status == .downloading { new.status = .pending }
      new.updated = change.now
      try put(new, over: old, in: tx, &change)
      try record(.renewed, old, bytes: 0, cause: "what the box held of it is not there", in: tx, change)
    }
  }

  /// The origin replaced an object that lacks bytes: its downloads begin again with the new version. A completed one
  /// moves only when the new version is admitted; else it keeps what there is of the old one.
  ///
  /// - Returns: why completed downloads stay; nil when none does.
  public func renew(
    _ id: ObjectID, as found: OriginObject, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> Refusal? {
    guard let object = try object(id, in: tx), object.state != .complete, object.origin.version != found.version else {
      return nil
    }
    guard found.version.isOf(bucket: object.origin.version.bucket, key: object.origin.version.key) else {
      throw ForeignAnswer()
    }
    var moving = try owners(of: id, in: tx)
    var refusal: Refusal?
    while !moving.isEmpty {
      do {
        // A try may evict some before it finds that others cannot move: then none of it has happened.
        change = try tx.nested { tx in
          var trial = change
          try move(moving, off: object, to: found, in: tx, &trial)
          return trial
        }
        break
      } catch let refused as Unmoved {
        refusal = refused.refusal
        moving.removeAll { refused.downloads.contains($0) }
      }
    }
    return refusal
  }

  /// Completed downloads that cannot begin again with a new version, because it is not admitted.
  private struct Unmoved: Error {
    var downloads: [DownloadID]
    var refusal: Refusal
  }

  private func move(
    _ downloads: [DownloadID], off object: StoredObject, to found: OriginObject, in tx: borrowing WriteTransaction,
    _ change: inout Change
  ) throws {
    var completed: [DownloadID] = []
    // Whose record cannot be read stays with the old one.
    let moving = try downloads.compactMap { try changeable($0, in: tx) }
    for old in moving {
      var loose = old
      if old.status == .completed {
        completed.append(old.id)
        loose.status = .pending
        loose.completed = nil
      }
      // Damaged beyond mending: what was whole is so no longer, and no link may outlive that. One that waited may have
      // got its link before the blocks were lost.
      if object.state == .mending { try discard(change.policy.link(of: old), bytes: 0, in: tx, &change) }
      loose.object = .none
      loose.totalBytes = nil
      loose.updated = change.now
      try put(loose, over: old, in: tx, &change)
      try record(.renewed, old, bytes: object.size, cause: "the origin has a new version", in: tx, change)
    }
    var unmoved: Unmoved?
    for id in moving.map(\.id) {
      guard let refusal = try bind(id, to: found, in: tx, &change) else { continue }
      if completed.contains(id) {
        unmoved = Unmoved(downloads: (unmoved?.downloads ?? []) + [id], refusal: refusal)
      } else if let refused = try download(id, in: tx) {
        try fail(refused, refusal.trouble, in: tx, &change)
      }
    }
    if let unmoved { throw unmoved }
  }
}
