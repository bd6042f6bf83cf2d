// What administrators see of the running box, at the administration socket and, with a token, over the network.

import Cache
import Configuration
import HTTP
import LMDB
import Loop

/// Shows the running box; it changes nothing.
@EventLoop
final class Overview {
  let box: Box
  private let scrub: Scrub
  private let started = Clock.now
  /// Where the box can be reached.
  var addresses: [SocketAddress] = []
  /// The network's side.
  weak var server: HTTPServer?
  var configuration: Configuration

  /// How many viewers are shown, and how many owners of one fill.
  private static let shown = 256

  init(_ box: Box, scrub: Scrub, configuration: Configuration) {
    self.box = box
    self.scrub = scrub
    self.configuration = configuration
  }

  // MARK: Documents

  func status() async throws -> Reply {
    let free = await box.space.ask()
    let document = try box.read { ledger, tx in
      StatusDocument(
        storage: configuration.storage,
        ground: try StatusDocument.ground(ledger, free: free, scrub: scrub.progress, in: tx),
        origin: configuration.origin, life: try life(ledger, in: tx), isRunning: true)
    }
    return .bytes(.ok, .json, DownloadView.json { document.write(to: &$0) })
  }

  /// - Parameter most: how many entries one page may have.
  func users(_ request: APIRequest, most: Int) throws -> Reply {
    let query = try UsersQuery(request.query ?? [], most: most)
    return .bytes(.ok, .json, try documents { documents, tx in try documents.users(query, in: tx) })
  }

  func account(of user: UserID) throws -> Reply {
    let account = try documents { documents, tx in try documents.account(of: user, in: tx) }
    return .bytes(.ok, .json, DownloadView.json { account.write(to: &$0) })
  }

  func downloads(_ request: APIRequest, most: Int) throws -> Reply {
    let filter = try DownloadFilter(request.query ?? [], most: most)
    let user = try request.parameter("user").map { text throws(Rejection) in try QueryValue.user("user", text) }
    return .bytes(.ok, .json, try documents { documents, tx in try documents.downloads(filter, of: user, in: tx) })
  }

  func audit(_ request: APIRequest, most: Int) throws -> Reply {
    let filter = try AuditFilter(request.query ?? [], most: most)
    return .bytes(.ok, .json, try documents { documents, tx in try documents.audit(filter, in: tx) })
  }

  private func documents<T>(_ body: (AdminDocuments, borrowing ReadTransaction) throws -> T) throws -> T {
    try box.read { ledger, tx in
      let documents = AdminDocuments(
        ledger, box.policy, view: { [box] download, tx in try box.view(download, in: tx) },
        sayUnreadable: { [box] what, error in box.sayUnreadable(what, error) })
      return try body(documents, tx)
    }
  }

  // MARK: What moves

  private func life(_ ledger: Ledger, in tx: borrowing ReadTransaction) throws -> StatusDocument.Life {
    StatusDocument.Life(
      started: started, listen: addresses.map(\.description), endpoint: box.origin.endpoint,
      bucket: box.origin.bucket, origin: box.origin.health, connections: server?.count ?? 0,
      fills: try fills(ledger, in: tx),
      viewers: box.titles.viewers.current.prefix(Self.shown).map { viewer in
        StatusDocument.ViewerState(
          user: viewer.user, download: viewer.download, title: viewer.title, bytesPerSecond: viewer.bytesPerSecond,
          position: viewer.position, total: viewer.size, since: viewer.since)
      })
  }

  /// What is being brought in, who asked first first.
  private func fills(_ ledger: Ledger, in tx: borrowing ReadTransaction) throws -> [StatusDocument.FillState] {
    var found: [(first: DownloadID, state: StatusDocument.FillState)] = []
    for (subject, errand) in box.fills.errands {
      var object: StoredObject?
      var owners: [DownloadID]
      switch subject {
      case .version(let download): owners = [download]
      case .object(let id):
        object = try? ledger.object(id, in: tx)
        owners = try ledger.owners(of: id, limit: Self.shown, in: tx)
      }
      let downloads = owners.compactMap { try? ledger.download($0, in: tx) }
      // Of what is ending nobody owns anything.
      guard let first = downloads.first else { continue }
      let waiting = downloads.filter { $0.status.isUnfinished }
      let status = [Download.Status.downloading, .pending, .paused].first { status in
        waiting.contains { $0.status == status }
      }
      found.append(
        (
          first.id,
          StatusDocument.FillState(
            title: first.title, status: status?.word ?? "mending", downloaded: object?.shownBytes ?? 0,
            total: object?.size ?? first.totalBytes, bytesPerSecond: errand.run?.bytesPerSecond ?? 0,
            trouble: errand.run?.trouble ?? errand.trouble, users: downloads.map(\.user))
        ))
    }
    return found.sorted { $0.first < $1.first }.map(\.state)
  }
}
