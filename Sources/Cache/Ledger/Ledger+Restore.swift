// Records from outside: what a lost ledger held, as far as the disk still says it. Whoever restores runs a recomputation
// at the end, which counts owners and usage.

public import LMDB

/// A user's link as it was found on the disk.
public struct RestoredLink: Sendable, Hashable {
  public var name: LinkName
  /// Below `storage.path`.
  public var path: String
  /// Whose file it is.
  public var object: ObjectID
  /// When its bytes were last written, which was a moment before it was completed.
  public var modified: Timestamp

  public init(name: LinkName, path: String, object: ObjectID, modified: Timestamp) {
    self.name = name
    self.path = path
    self.object = object
    // A file may be of any date.
    self.modified = modified.kept
  }
}

extension Ledger {
  /// Takes over a whole object.
  public func restore(
    _ sums: Sums, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws {
    var object = sums.object
    object.state = .complete
    object.storedBytes = object.size
    object.owners = 0
    object.mismatches = 0
    try put(object, over: try self.object(object.id, in: tx), in: tx, &change)
    for (number, start) in stride(from: 0, to: sums.checksums.count, by: BlockPage.blocks).enumerated() {
      var page = BlockPage()
      for (slot, checksum) in sums.checksums[start...].prefix(BlockPage.blocks).enumerated() { page[slot] = checksum }
      try tx.put(blocks, Key.page(object.id, number), page.bytes)
    }
  }

  /// Takes over a completed download; false when the path is not the one that such a download has, or the user has the
  /// title already.
  public func restore(
    _ link: RestoredLink, in tx: borrowing WriteTransaction, _ change: inout Change
  ) throws -> Bool {
    let name = link.name
    guard let object = try object(link.object, in: tx),
      try liveDownload(of: name.user, name.title, in: tx) == nil
    else { return false }
    let upper = UInt64(max(0, link.modified.milliseconds)) << 16 | UInt64(UInt16.random(in: .min ... .max))
    var download = Download(
      id: DownloadID(upper: upper, lower: .random(in: .min ... .max)), user: name.user, title: name.title,
      status: .completed, key: object.origin.version.key, totalBytes: object.size, created: link.modified)
    download.fileExtension = name.fileExtension
    download.object = object.id
    download.endedBytes = object.size
    download.completed = link.modified
    guard change.policy.link(of: download) == link.path, try self.download(download.id, in: tx) == nil else {
      return false
    }
    try put(download, over: nil, in: tx, &change)
    try record(.completed, download, bytes: object.size, cause: "its link was found on the disk", in: tx, change)
    return true
  }
}
