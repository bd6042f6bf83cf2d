// Who has to go. Pure decisions over candidates that come in the order in which they go; nothing is changed here.

/// A completed download that eviction might take.
public struct EvictionCandidate: Sendable, Hashable {
  public var download: DownloadID
  public var object: ObjectID
  public var bytes: Int
  public var lastWanted: Timestamp

  public init(download: DownloadID, object: ObjectID, bytes: Int, lastWanted: Timestamp) {
    self.download = download
    self.object = object
    self.bytes = bytes
    self.lastWanted = lastWanted
  }
}

/// An object whose owners may all be evicted.
public struct OwnedObject: Sendable, Hashable {
  public var id: ObjectID
  public var bytes: Int
  /// The last time that one of its owners wanted it.
  public var lastWanted: Timestamp

  public init(id: ObjectID, bytes: Int, lastWanted: Timestamp) {
    self.id = id
    self.bytes = bytes
    self.lastWanted = lastWanted
  }
}

/// What something had to go for.
public enum EvictionCause: String, Sendable, CaseIterable {
  /// A download, for its user's quota.
  case quota
  /// A download, for the room of the box.
  case room
  /// A whole object that no one owned, for the room of the box.
  case unowned
  /// A download, because an administrator said so.
  case administrator
}

/// The rules of eviction: least recently played first, as few as needed, and none when all would not be enough.
///
/// <doc:Who-has-to-go> measures them.
public enum Eviction {
  /// Where an object that no one owns stands among its like: the earliest goes first.
  ///
  /// That is its last use, and a day more for each whole day from when it was begun until then, up to eight weeks: what
  /// was wanted over months is wanted again, and what was seen in an evening is not. While no one owns it nothing
  /// happens to it, so that it keeps its place.
  public static func standing(begun: Timestamp, lastUsed: Timestamp) -> Timestamp {
    let day: Int64 = 86_400_000
    let days = (lastUsed.milliseconds &- begun.milliseconds) / day
    return lastUsed.adding(milliseconds: min(max(0, days), 56) * day)
  }

  /// Victims among one user's own downloads, so that `needed` bytes of quota come free; nil when that cannot be.
  ///
  /// - Parameters:
  ///   - needed: bytes over the limit, more than 0.
  ///   - isProtected: whether a download last wanted at that moment is within `playing_grace`.
  ///   - mayGo: asked of each before it is chosen.
  ///   - next: the candidates, least recently wanted first, nil at the end.
  public static func forQuota(
    needed: Int, isProtected: (Timestamp) -> Bool, mayGo: (EvictionCandidate) throws -> Bool,
    next: () throws -> EvictionCandidate?
  ) rethrows -> [EvictionCandidate]? {
    var victims: [EvictionCandidate] = []
    var freed = 0
    while freed < needed {
      guard let candidate = try next() else { return nil }
      guard candidate.bytes > 0, !isProtected(candidate.lastWanted), try mayGo(candidate) else { continue }
      victims.append(candidate)
      freed += candidate.bytes
    }
    return victims
  }

  /// What has to leave the disk so that `needed` bytes of room come free; nil when that cannot be.
  ///
  /// Objects that no one owns go first. Then downloads of all users, and only such whose object leaves with
  /// them: one victim of a shared object frees nothing, so its owners go together or not at all, when it is the last one's
  /// turn.
  ///
  /// - Parameters:
  ///   - mayGo: asked of each download before it is chosen.
  ///   - nextUnowned: whole objects without an owner, by their ``standing(begun:lastUsed:)``.
  ///   - nextOwned: objects whose owners may all be evicted, least recently wanted first; none when eviction is off.
  ///   - owners: the downloads that hold the object and have not gone for the quota.
  public static func forRoom(
    needed: Int, isProtected: (Timestamp) -> Bool, mayGo: (EvictionCandidate) throws -> Bool,
    nextUnowned: () throws -> (object: ObjectID, bytes: Int)?,
    nextOwned: () throws -> OwnedObject?,
    owners: (OwnedObject) throws -> [EvictionCandidate]
  ) rethrows -> RoomPlan? {
    var plan = RoomPlan()
    var freed = 0
    while freed < needed, let unowned = try nextUnowned() {
      guard unowned.bytes > 0 else { continue }
      plan.objects.append(unowned.object)
      freed += unowned.bytes
    }
    while freed < needed {
      guard let object = try nextOwned() else { return nil }
      guard object.bytes > 0, !isProtected(object.lastWanted) else { continue }
      let victims = try owners(object)
      // The last may be in a future that a wrong clock made, and another one not.
      if victims.contains(where: { isProtected($0.lastWanted) }) { continue }
      guard try victims.allSatisfy(mayGo) else { continue }
      plan.downloads += victims
      plan.objects.append(object.id)
      freed += object.bytes
    }
    return plan
  }
}

/// What a full box gives up for something new.
public struct RoomPlan: Sendable, Hashable {
  /// Downloads to evict, each with its object among `objects`.
  public var downloads: [EvictionCandidate] = []
  /// Objects whose files go.
  public var objects: [ObjectID] = []

  public init() {}
}
