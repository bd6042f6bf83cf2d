// What an administrator does to anybody's download, which the diary keeps with their name.

public import LMDB

/// What an administrator may do to a download; `retry` is a start, see ``StartRequest``.
public enum Deed: String, Sendable, CaseIterable {
  /// Removes a completed one, and its object when no one else owns it or is being sent it.
  case evict
  case pin, unpin
  /// Ends an unfinished or failed one.
  case cancel
}

/// What became of a deed.
public enum DeedOutcome: Sendable {
  case done(Download)
  case notFound
  /// It does not fit the download's state.
  case conflict(Download.Status)
  /// A pinned download is never evicted.
  case pinned
}

extension Ledger {
  /// Does what the administrator says, when the download's state allows it.
  public func apply(
    _ deed: Deed, to id: DownloadID, by administrator: String, in tx: borrowing WriteTransaction,
    _ change: inout Change
  ) throws -> DeedOutcome {
    guard let old = try download(id, in: tx), old.isLive else { return .notFound }
    let wish: Wish
    switch deed {
    case .evict: return try evict(old, by: administrator, in: tx, &change)
    case .pin: wish = .pin
    case .unpin: wish = .unpin
    case .cancel: wish = .cancel
    }
    switch try apply(wish, to: id, of: old.user, by: administrator, in: tx, &change) {
    case .done(let download): return .done(download)
    case .notFound: return .notFound
    case .conflict(let status): return .conflict(status)
    }
  }

  private func evict(
    _ old: Download, by administrator: String, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> DeedOutcome {
    guard old.status == .completed else { return .conflict(old.status) }
    guard !old.pinned else { return .pinned }
    change.evictions[.administrator, default: 0] += 1
    try record(
      .evicted, old, bytes: old.totalBytes ?? 0, cause: "by the administrator", by: administrator, in: tx, change)
    let reason = Trouble(.evicted, "removed by the administrator (\(administrator)); start it again to get it back")
    try remove(old, as: old.status, because: reason, in: tx, &change)
    // It is room that is wanted: what no one owns now does not stay. What somebody is being sent would free none, and is
    // nobody's until room is needed, so that they get the rest of it.
    if let object = try object(old.object, in: tx), object.owners == 0, !change.isHeld(object.id) {
      try record(
        .objectEvicted, nil, object: object.id, bytes: object.size, cause: "by the administrator, no one owned it",
        by: administrator, in: tx, change)
      try put(nil, over: object, in: tx, &change)
    }
    return .done(try download(old.id, in: tx) ?? old)
  }
}
