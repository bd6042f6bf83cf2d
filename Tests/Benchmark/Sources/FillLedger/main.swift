// Makes a ledger with many downloads, by the ledger's own code: FillLedger FOLDER DOWNLOADS USERS
// Half of the downloads are completed, a quarter deleted, a tenth failed, the rest pending; ten users share each object.

import Cache
import LMDB

guard CommandLine.arguments.count == 4, let count = Int(CommandLine.arguments[2]),
  let users = Int(CommandLine.arguments[3]), count > 0, users > 0
else { fatalError("usage: FillLedger FOLDER DOWNLOADS USERS") }

let policy = Policy(
  defaultQuota: nil, evicts: true, playingGrace: 600_000, capacity: nil, reserve: 0, chunkSize: 8 << 20
) { "\($0.hashValue)" }
let ledger = try Ledger(path: CommandLine.arguments[1], mapSize: 4 << 30)
let beginning: Int64 = 1_700_000_000_000

for start in stride(from: 0, to: count, by: 5000) {
  try ledger.environment.write { tx in
    for number in start..<min(count, start + 5000) {
      var change = Change(
        now: Timestamp(milliseconds: beginning + Int64(number)), policy: policy, freeBytes: nil)
      let user = UserID("user\(number % users)")!
      let title = try Title(contentID: "title\(number / 10)", quality: "q\(number % 10)")
      let version = ObjectVersion(bucket: "media", key: "title\(number / 10)", etag: "\"\(number / 10)\"", size: 1000)
      let origin = OriginObject(version: version, lastModifiedSeconds: 0, digest: nil)
      let request = StartRequest(
        user: user, title: title, key: version.key, bucket: "media", found: number % 20 == 19 ? nil : origin,
        trouble: nil)
      guard case .created(let download) = try ledger.start(request, in: tx, &change) else { continue }
      switch number % 20 {
      case 0..<15:
        try ledger.record([StoredBlock(index: 0, checksum: 1)], of: download.object, in: tx, &change)
        try ledger.finish(download.object, in: tx, &change)
        try ledger.complete([download.id], in: tx, &change)
        if number % 20 >= 10 { _ = try ledger.apply(.delete, to: download.id, of: user, in: tx, &change) }
      case 15, 16: try ledger.fail([download.id], Trouble(.contentNotFound, "gone"), in: tx, &change)
      default: _ = try ledger.apply(.pause, to: download.id, of: user, in: tx, &change)
      }
    }
    // What was discarded on the way never was on the disk.
    try ledger.settle(ledger.pendingDiscards(in: tx), in: tx)
  }
}
print("\(count) downloads of \(users) users, \(try ledger.environment.usedBytes() >> 10) KiB")
