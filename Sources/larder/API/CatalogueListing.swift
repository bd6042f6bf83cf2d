// `GET /api/catalog`: what the platform offers, and for each quality whether the box holds it and whether it fits. A
// catalogue may be large, so that the list is made on a thread of its own: all that it is made of is a value, or may be
// read from any thread.

import Cache
import HTTP
import LMDB

/// The list of one moment, for one user.
struct CatalogueListing: Sendable {
  let titles: [CatalogueTitle]
  let bucket: String
  let user: UserID
  let policy: Policy
  let ledger: Ledger

  /// How many titles one look at the ledger is for: who writes meanwhile need not keep old pages for all of them.
  private static let page = 200

  /// The answer's body. It takes as long as the catalogue is.
  func document() throws -> [UInt8] {
    let free = try ledger.environment.read { tx in
      let limit = try ledger.limit(of: user, under: policy, in: tx).bytes
      return try limit.map { max(0, $0 - (try ledger.usage(of: user, in: tx).total)) }
    }
    let holdings = try holdings()
    return DownloadView.json { writer in
      writer.object { writer in
        writer.field(
          "titles",
          array: { writer in
            for (title, held) in zip(titles, holdings) { write(title, held, free, to: &writer) }
          })
      }
    }
  }

  /// For each title whether the box holds each of its qualities.
  private func holdings() throws -> [[Bool]] {
    var found: [[Bool]] = []
    found.reserveCapacity(titles.count)
    for first in stride(from: 0, to: titles.count, by: Self.page) {
      try ledger.environment.read { tx in
        for title in titles[first..<min(first + Self.page, titles.count)] {
          found.append(try title.qualities.map { try isHeld($0.key, in: tx) })
        }
      }
    }
    return found
  }

  /// Whether the box holds a key, as far as its records can be read: one that cannot hides no other title.
  private func isHeld(_ key: String, in tx: borrowing ReadTransaction) throws -> Bool {
    do { return try ledger.wholeVersion(ofKey: key, bucket: bucket, in: tx) != nil } catch is CorruptRecord {
      return false
    }
  }

  /// - Parameter holdings: whether the box holds each of its qualities.
  private func write(_ title: CatalogueTitle, _ holdings: [Bool], _ free: Int?, to writer: inout JSONWriter) {
    writer.object { writer in
      for member in title.members where member.name != "qualities" { writer.field(member.name, member.value) }
      writer.field(
        "qualities",
        object: { writer in
          for (quality, isHeld) in zip(title.qualities, holdings) {
            writer.field(
              quality.name,
              object: { writer in
                writer.field("key", quality.key)
                writer.field("size", quality.size)
                writer.field("held", isHeld)
                writer.field("fits", free.map { (quality.size ?? 0) <= $0 } ?? true)
              })
          }
        })
    }
  }
}
