// A download as JSON, whatever its record says of time.

import Cache
import Foundation
import HTTP
import Testing

@testable import larder

@Suite struct DownloadViewTests {
  @Test("no moment ends the program that tells of it", arguments: [Int64.min, -1, 0, 1 << 53, .max])
  func moments(milliseconds: Int64) throws {
    let moment = Cache.Timestamp(milliseconds: milliseconds)
    var download = Download(
      id: DownloadID(upper: 1 << 20, lower: 3), user: try #require(UserID("ann")),
      title: try Title(contentID: "a", quality: "720p"), status: .failed, key: "a.mp4", totalBytes: 1, created: moment)
    (download.completed, download.lastPlayed, download.deleted) = (moment, moment, moment)
    let view = DownloadView(
      download: download, downloadedBytes: 0, bytesPerSecond: 0,
      trouble: Trouble(.originError, "why", nextAttempt: moment), filePath: nil)
    let json = try JSONSerialization.jsonObject(with: Data(DownloadView.json { view.write(to: &$0) }))
    let object = try #require(json as? [String: Any])
    for name in ["created_at", "updated_at", "completed_at", "last_played_at", "deleted_at"] {
      #expect((object[name] as? String)?.utf8.count == HTTP.Timestamp.count, "\(name)")
    }
  }
}
