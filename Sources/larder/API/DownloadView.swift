// A download as the API shows it: the record, what of its object is there, and what only the fill engine knows.

import Cache
import HTTP

/// What a download's JSON is made of.
struct DownloadView: Sendable, Equatable {
  let download: Download
  /// Bytes that are there for good.
  let downloadedBytes: Int
  let bytesPerSecond: Int
  /// Its next attempt is a moment on `Clock.steady`.
  let trouble: Trouble?
  /// Where the finished file is, relative to `storage.path`.
  let filePath: String?

  /// In tenths of a percent: 1000 exactly when completed.
  var progress: Int {
    guard download.status != .completed else { return 1000 }
    guard let total = download.totalBytes, total > 0 else { return 0 }
    // In two steps, so that no size overflows.
    return min(999, Int(Double(downloadedBytes) / Double(total) * 1000))
  }

  /// Nil when nobody can say.
  var etaSeconds: Int? {
    guard download.status == .downloading, bytesPerSecond > 0, let total = download.totalBytes else { return nil }
    return (total - downloadedBytes + bytesPerSecond - 1) / bytesPerSecond
  }

  /// The whole download.
  ///
  /// - Parameter namesUser: whether it says whose it is, for administrators.
  func write(to writer: inout JSONWriter, namesUser: Bool = false) {
    writer.object { writer in
      writer.field("id", download.id.description)
      if namesUser { writer.field("user", download.user.text) }
      writer.field("content_id", download.title.contentID)
      writer.field("quality", download.title.quality)
      writeMovingPart(to: &writer)
      writer.field("file_path", filePath)
      writer.field("s3_key", download.key)
      writer.field("pinned", download.pinned)
      writer.field("created_at", milliseconds: Int(download.created.milliseconds))
      writer.field("updated_at", milliseconds: Int(download.updated.milliseconds))
      writer.field("completed_at", milliseconds: download.completed.map { Int($0.milliseconds) })
      writer.field("last_played_at", milliseconds: download.lastPlayed.map { Int($0.milliseconds) })
      writer.field("deleted_at", milliseconds: download.deleted.map { Int($0.milliseconds) })
    }
  }

  /// What `/progress` and the events show.
  func writeProgress(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.field("id", download.id.description)
      writeMovingPart(to: &writer)
    }
  }

  private func writeMovingPart(to writer: inout JSONWriter) {
    writer.field("status", download.status.word)
    writer.key("progress")
    writer.tenths(progress)
    writer.field("downloaded_bytes", downloadedBytes)
    writer.field("total_bytes", download.totalBytes)
    writer.field("bytes_per_second", bytesPerSecond)
    writer.field("eta_seconds", etaSeconds)
    Self.write(trouble, to: &writer)
  }

  /// The member `error`.
  static func write(_ trouble: Trouble?, to writer: inout JSONWriter) {
    guard let trouble else { return writer.field("error", String?.none) }
    writer.field(
      "error",
      object: { writer in
        writer.field("code", trouble.code.word)
        writer.field("message", trouble.message)
        writer.field("retryable", trouble.code.isRetryable)
        writer.field(
          "next_attempt_at", milliseconds: trouble.nextAttempt.map { Int(Clock.timeOfDay(of: $0).milliseconds) })
      })
  }

  /// The bytes of one whole document.
  static func json(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter(reserving: 1024)
    body(&writer)
    return writer.bytes
  }
}
