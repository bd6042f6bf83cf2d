// Who has what: the same hundred downloads for each user, in all their states.

import Cache
import LMDB

/// What is to lie on the disk for a download that was completed once.
struct Placed {
  var object: ObjectID
  /// The path of the user's link; nil for one that was deleted.
  var link: String?
}

/// Downloads by number, and the users whose they are.
struct Population {
  /// The bytes of each object.
  static let content = [UInt8](repeating: 0x4C, count: 1000)
  private static let beginning: Int64 = 1_700_000_000_000
  private static let owners = 10

  let users: Int
  private let policy = Policy(
    defaultQuota: nil, evicts: true, playingGrace: 600_000, capacity: nil, reserve: 0, chunkSize: 8 << 20
  ) { _ in "" }
  private let checksum = crc32c(Population.content)

  init(downloads: Int) { users = downloads / 100 }

  /// Adds download `number` in its state; what there is of it on the disk is returned.
  func add(_ number: Int, to ledger: Ledger, in tx: borrowing WriteTransaction) throws -> Placed? {
    var change = Change(
      now: Timestamp(milliseconds: Self.beginning + Int64(number)), policy: policy, freeBytes: nil)
    let state = (number + number / users) % 20
    // What was never completed is a title of its own: an object that is whole completes all who wait for it.
    let name = state < 15 ? "title\(number / Self.owners)" : "other\(number)"
    let user = UserID("user\(number % users)")!
    let version = ObjectVersion(
      bucket: "titles", key: name, etag: "\"\(name)\"", size: Self.content.count)
    let request = StartRequest(
      user: user, title: try Title(contentID: name, quality: "720p"), key: name, bucket: "titles",
      found: state == 19 ? nil : OriginObject(version: version, lastModifiedSeconds: 0, digest: nil), trouble: nil)
    guard case .created(let download) = try ledger.start(request, in: tx, &change) else {
      fatalError("download \(number) was not made")
    }
    switch state {
    case 0..<15:
      if try ledger.object(download.object, in: tx)?.state != .complete {
        try ledger.record([StoredBlock(index: 0, checksum: checksum)], of: download.object, in: tx, &change)
        try ledger.finish(download.object, in: tx, &change)
      }
      try ledger.complete([download.id], in: tx, &change)
      if state < 10 { return Placed(object: download.object, link: policy.link(of: download)) }
      _ = try ledger.apply(.delete, to: download.id, of: user, in: tx, &change)
      return Placed(object: download.object)
    case 15, 16: try ledger.fail([download.id], Trouble(.contentNotFound, "gone"), in: tx, &change)
    default: _ = try ledger.apply(.pause, to: download.id, of: user, in: tx, &change)
    }
    return nil
  }
}

/// CRC-32C (Castagnoli), a bit at a time: it is needed once.
private func crc32c(_ bytes: [UInt8]) -> UInt32 {
  var sum = ~UInt32(0)
  for byte in bytes {
    sum ^= UInt32(byte)
    for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
  }
  return ~sum
}
