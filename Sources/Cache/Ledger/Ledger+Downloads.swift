// What a user or the fill engine does to one download. Each change says what it found instead of guessing: whoever comes
// late (a writer in flight after a delete) finds nothing to do.

public import LMDB

/// What became of a wish for a download.
public enum WishOutcome: Sendable {
  case done(Download)
  /// No such live download, or another user's: the two look alike.
  case notFound
  /// It does not fit the download's state.
  case conflict(Download.Status)
}

/// What a user may wish for a download of their own.
public enum Wish: Sendable, Hashable {
  case pause, resume, pin, unpin
  /// Ends an unfinished one.
  case cancel
  /// Removes a completed or failed one.
  case delete
}

extension Ledger {
  /// Does what the user wishes, when the download's state allows it.
  ///
  /// - Parameter administrator: who does it in the user's stead; nil for the user.
  public func apply(
    _ wish: Wish, to id: DownloadID, of user: UserID, by administrator: String? = nil,
    in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> WishOutcome {
    guard let old = try download(id, in: tx), old.user == user, old.isLive else { return .notFound }
    var new = old
    new.updated = change.now
    switch (wish, old.status) {
    case (.pause, .pending), (.pause, .downloading): new.status = .paused
    case (.resume, .paused): new.status = .pending
    case (.pause, .paused), (.resume, .pending), (.resume, .downloading): return .done(old)
    case (.pin, _), (.unpin, _):
      guard old.pinned != (wish == .pin) else { return .done(old) }
      new.pinned = wish == .pin
      // Users' own pins are no news.
      if let administrator {
        try record(
          wish == .pin ? .pinned : .unpinned, old, bytes: old.totalBytes ?? 0, cause: "by the administrator",
          by: administrator, in: tx, change)
      }
    case (.cancel, .pending), (.cancel, .downloading), (.cancel, .paused), (.cancel, .failed),
      (.delete, .failed), (.delete, .completed):
      try record(
        wish == .cancel ? .cancelled : .deleted, old, bytes: old.totalBytes ?? 0,
        cause: administrator == nil ? "by the user" : "by the administrator", by: administrator, in: tx, change)
      try remove(old, as: wish == .cancel ? .cancelled : old.status, in: tx, &change)
      return .done(try download(id, in: tx) ?? old)
    case (.pause, _), (.resume, _), (.cancel, _), (.delete, _): return .conflict(old.status)
    }
    try put(new, over: old, in: tx, &change)
    return .done(new)
  }

  /// Removes everything the user has, but for what cannot be read.
  ///
  /// - Returns: how many downloads, and how many bytes of quota came free.
  public func removeAll(
    of user: UserID, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> (deleted: Int, freed: Int) {
    let before = try usage(of: user, in: tx).total
    let prefix = Key.user(user)
    var deleted = 0
    var row = try tx.row(in: table(.live), prefix: prefix)
    while let (key, _) = row {
      row = try tx.row(in: table(.live), after: key, prefix: prefix)
      guard let old = try readable(Key.downloadID(endOf: key), in: tx) else { continue }
      try record(.deleted, old, bytes: old.totalBytes ?? 0, cause: "by the user, with all others", in: tx, change)
      try remove(old, as: old.status.isUnfinished ? .cancelled : old.status, in: tx, &change)
      deleted += 1
    }
    return (deleted, before - (try usage(of: user, in: tx).total))
  }

  /// The download gets its turn: what was queued is downloading.
  public func begin(
    _ ids: [DownloadID], in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    for id in ids {
      guard let old = try readable(id, in: tx), old.isLive, old.status == .pending else { continue }
      var new = old
      new.status = .downloading
      new.trouble = nil
      new.updated = change.now
      try put(new, over: old, in: tx, &change)
    }
  }

  /// Its link is there and durable: from now on it is completed.
  public func complete(
    _ ids: [DownloadID], in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    for id in ids {
      guard let old = try changeable(id, in: tx) else { continue }
      guard old.isLive, old.status.isUnfinished, let object = try object(old.object, in: tx),
        object.state == .complete
      else {
        // Its end was quicker: the link made for it must go again, unless a newer download stands there by now, or
        // may at any moment; that one's link replaces it, and goes when that one ends.
        let newest: Download.Status
        do { newest = try liveDownload(of: old.user, old.title, in: tx)?.status ?? .cancelled } catch is CorruptRecord {
          continue
        }
        if !newest.isUnfinished, newest != .completed {
          try discard(change.policy.link(of: old), bytes: 0, in: tx, &change)
        }
        continue
      }
      var new = old
      new.status = .completed
      new.completed = change.now
      new.updated = change.now
      new.endedBytes = object.size
      new.trouble = nil
      try keep(change.policy.link(of: new), in: tx)
      try put(new, over: old, in: tx, &change)
      try record(.completed, new, bytes: object.size, cause: "whole and verified", in: tx, change)
    }
  }

  /// It will not mend by waiting: the reservation is released, the record says why.
  public func fail(
    _ ids: [DownloadID], _ trouble: Trouble, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    for id in ids {
      guard let old = try changeable(id, in: tx), old.isLive, old.status.isUnfinished else { continue }
      try fail(old, trouble, in: tx, &change)
    }
  }

  func fail(
    _ old: Download, _ trouble: Trouble, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    var new = old
    new.status = .failed
    new.trouble = trouble
    new.endedBytes = try object(old.object, in: tx)?.shownBytes ?? 0
    new.object = .none
    new.completed = nil
    new.updated = change.now
    try discard(change.policy.link(of: old), bytes: 0, in: tx, &change)
    try record(.failed, old, bytes: old.totalBytes ?? 0, cause: trouble.message, in: tx, change)
    try put(new, over: old, in: tx, &change)
  }

  /// Records plays, each at its own moment.
  public func touch(
    _ plays: [DownloadID: Timestamp], in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    for (id, moment) in plays {
      guard let old = try readable(id, in: tx), old.isLive,
        old.lastPlayed.map({ change.outdates($0, moment) }) ?? true
      else { continue }
      var new = old
      new.lastPlayed = moment
      try put(new, over: old, in: tx, &change)
      if let held = try object(old.object, in: tx), change.outdates(held.lastUsed, moment) {
        var used = held
        used.lastUsed = moment
        try put(used, over: held, in: tx, &change)
      }
    }
  }
}
