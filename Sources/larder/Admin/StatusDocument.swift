// The box at a glance, as JSON. The running daemon fills in all of it, a command without one what the ledger says.

import Cache
import Configuration
import Glibc
import HTTP
import LMDB

/// Everything that `status` shows.
struct StatusDocument {
  /// What is being brought in.
  struct FillState {
    let title: Title
    /// A download's status, or `mending` when nobody waits for it but the disk has lost some of it.
    let status: String
    let downloaded: Int
    let total: Int?
    let bytesPerSecond: Int
    let trouble: Trouble?
    /// Who owns it.
    let users: [UserID]

    /// In tenths of a percent; 999 at the most, since it is not through.
    var progress: Int {
      guard let total, total > 0 else { return 0 }
      return min(999, Int(Double(downloaded) / Double(total) * 1000))
    }

    /// Nil when nobody can say.
    var etaSeconds: Int? {
      guard bytesPerSecond > 0, let total else { return nil }
      return (total - downloaded + bytesPerSecond - 1) / bytesPerSecond
    }
  }

  /// Who watches what.
  struct ViewerState {
    let user: UserID
    let download: DownloadID
    let title: Title
    let bytesPerSecond: Int
    let position: Int
    let total: Int
    let since: Cache.Timestamp
  }

  /// What the ledger and the file system say.
  struct Ground {
    let usage: BoxUsage
    let statuses: StatusCounts
    let users: Int
    let free: Int?
    let scrub: ScrubProgress?
  }

  /// What only a running daemon knows.
  struct Life {
    let started: Cache.Timestamp
    let listen: [String]
    let endpoint: String
    let bucket: String
    let origin: OriginHealth
    let connections: Int
    let fills: [FillState]
    let viewers: [ViewerState]
  }

  let storage: Configuration.Storage
  let ground: Ground
  /// What the configuration says of the origin, for when no daemon does.
  let origin: Configuration.Origin
  /// Nil without a daemon.
  let life: Life?
  /// Whether a daemon runs; nil when that cannot be told.
  let isRunning: Bool?

  /// The file system's free bytes and the ledger's counters, all of one moment.
  static func ground(
    _ ledger: Ledger, free: Int?, scrub: ScrubProgress? = nil, in tx: borrowing ReadTransaction
  ) throws -> Ground {
    Ground(
      usage: try ledger.boxUsage(in: tx), statuses: try ledger.statusCounts(in: tx),
      users: try ledger.userCount(in: tx), free: free, scrub: try scrub ?? ledger.scrubProgress(in: tx))
  }

  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.field("version", Version.current)
      writer.field("time", milliseconds: Int(Clock.now.milliseconds))
      writer.field("started_at", milliseconds: life.map { Int($0.started.milliseconds) })
      writer.key("running")
      if let isRunning { writer.bool(isRunning) } else { writer.null() }
      writer.field("listen", array: { writer in for address in life?.listen ?? [] { writer.string(address) } })
      writeOrigin(to: &writer)
      writeStorage(to: &writer)
      writer.field(
        "downloads",
        object: { writer in
          writer.field("pending", ground.statuses.pending)
          writer.field("downloading", ground.statuses.downloading)
          writer.field("paused", ground.statuses.paused)
          writer.field("completed", ground.statuses.completed)
          writer.field("failed", ground.statuses.failed)
        })
      writer.field("users", ground.users)
      writer.field("connections", life?.connections)
      writer.field("fills", array: { writer in for fill in life?.fills ?? [] { fill.write(to: &writer) } })
      writer.field("viewers", array: { writer in for viewer in life?.viewers ?? [] { viewer.write(to: &writer) } })
      writeScrub(to: &writer)
    }
  }

  private func writeOrigin(to writer: inout JSONWriter) {
    let health = life?.origin
    writer.field(
      "origin",
      object: { writer in
        writer.field("endpoint", life?.endpoint ?? origin.endpoint.description)
        writer.field("bucket", life?.bucket ?? origin.bucket)
        writer.key("reachable")
        if let isReachable = health?.isReachable { writer.bool(isReachable) } else { writer.null() }
        writer.field("since", milliseconds: health?.since.map { Int($0.milliseconds) })
        guard let health, let code = health.code else { return writer.field("error", String?.none) }
        writer.field(
          "error",
          object: { writer in
            writer.field("code", code)
            writer.field("message", health.message)
          })
      })
  }

  private func writeStorage(to writer: inout JSONWriter) {
    let usage = ground.usage
    writer.field(
      "storage",
      object: { writer in
        writer.field("path", storage.path)
        writer.field("capacity_bytes", storage.capacity == 0 ? nil : storage.capacity)
        writer.field("used_bytes", usage.complete + usage.filling)
        writer.field("complete_bytes", usage.complete)
        writer.field("filling_bytes", usage.filling)
        writer.field("filling_stored_bytes", usage.fillingStored)
        writer.field("discarded_bytes", usage.discarded)
        writer.field("unowned_bytes", usage.unowned)
        writer.field("reserve_bytes", storage.reserve)
        writer.field("free_bytes", ground.free)
      })
  }

  private func writeScrub(to writer: inout JSONWriter) {
    let scrub = ground.scrub
    writer.field(
      "scrub",
      object: { writer in
        writer.field("bytes_per_second", storage.scrubRate)
        writer.field("began_at", milliseconds: scrub?.began.map { Int($0.milliseconds) })
        writer.field("finished_at", milliseconds: scrub?.finished.map { Int($0.milliseconds) })
        writer.field("checked_bytes", scrub?.checkedBytes)
        writer.field("bad_blocks", scrub?.badBlocks)
      })
  }
}

extension StatusDocument.FillState {
  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.field("content_id", title.contentID)
      writer.field("quality", title.quality)
      writer.field("status", status)
      writer.key("progress")
      writer.tenths(progress)
      writer.field("downloaded_bytes", downloaded)
      writer.field("total_bytes", total)
      writer.field("bytes_per_second", bytesPerSecond)
      writer.field("eta_seconds", etaSeconds)
      DownloadView.write(trouble, to: &writer)
      writer.field("users", array: { writer in for user in users { writer.string(user.text) } })
    }
  }
}

extension StatusDocument.ViewerState {
  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.field("user", user.text)
      writer.field("download", download.description)
      writer.field("content_id", title.contentID)
      writer.field("quality", title.quality)
      writer.field("bytes_per_second", bytesPerSecond)
      writer.field("position_bytes", position)
      writer.field("total_bytes", total)
      writer.field("since", milliseconds: Int(since.milliseconds))
    }
  }
}
