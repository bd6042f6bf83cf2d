// Where a command gets what it shows: from the daemon when one runs, over the administration socket, and else from the
// ledger itself, which it only reads. Both give the same documents.

import Cache
import Configuration
import Glibc
import HTTP
import LMDB

/// The box, as a command sees it.
final class BoxSource {
  /// What can be asked for, by its path at the administration socket.
  enum Resource: String {
    case status, users, downloads, audit
  }

  /// What the daemon answers.
  struct DaemonAnswer {
    let status: Int
    let document: JSONValue

    var isGood: Bool { status < 300 }
    /// Why not, in words.
    var detail: String { document["detail"]?.string ?? "larder answers \(status)" }
  }

  private let configuration: Configuration
  /// Nil before it was asked.
  private var isDaemonThere: Bool?
  /// Once there is no daemon to ask.
  private var ground: (ledger: Ledger, root: Int32)?

  init(_ configuration: Configuration) { self.configuration = configuration }

  deinit {
    if let ground { close(ground.root) }
  }

  /// One document.
  ///
  /// - Throws: a ``StartFailure`` that says what is wrong in one line.
  func document(_ resource: Resource, _ query: QueryItems = []) throws -> JSONValue {
    guard let answer = try ask("GET", "/\(resource.rawValue)", query) else { return try look(resource, query) }
    switch answer.status {
    case ..<300: return answer.document
    case 400: throw StartFailure(status: 64, description: answer.detail)
    default: throw StartFailure.temporary(answer.detail)
    }
  }

  /// All pages of a list, one after the other.
  ///
  /// - Parameters:
  ///   - limit: how many entries are enough; nil for all.
  ///   - take: gets the entries of each page.
  func pages(
    _ resource: Resource, _ query: QueryItems, limit: Int? = nil, _ take: ([JSONValue]) throws -> Void
  ) throws {
    let isAudit = resource == .audit
    var position: String?
    var left = limit ?? .max
    repeat {
      var items = query
      items.append(("limit", "\(min(left, AdminDocuments.largePage))"))
      if let position { items.append((isAudit ? "before" : "cursor", position)) }
      let document = try document(resource, items)
      let found = document[isAudit ? "events" : resource.rawValue]?.array ?? []
      try take(found)
      left -= found.count
      let next = document[isAudit ? "next_before" : "next_cursor"]
      position = next?.string ?? next?.integer.map { "\($0)" }
    } while position != nil && left > 0
  }

  // MARK: The daemon

  /// Asks the daemon; nil when none runs, or it has no socket.
  func ask(
    _ method: String, _ path: String, _ query: QueryItems = [], body: [UInt8] = [], patience: Int = 30
  ) throws(StartFailure) -> DaemonAnswer? {
    let socket = configuration.server.adminSocket
    guard !socket.isEmpty, isDaemonThere != false else { return nil }
    let items = query.map { "\(PercentCoding.encode($0.name))=\(PercentCoding.encode($0.value))" }
    do throws(AdminSocket.Failure) {
      let answer = try AdminSocket(path: socket, patience: patience)
        .request(method, items.isEmpty ? path : "\(path)?\(items.joined(separator: "&"))", body: body)
      guard let document = try? JSONReader.read(try answer.body()) else { throw .garbled(socket) }
      isDaemonThere = true
      return DaemonAnswer(status: answer.status, document: document)
    } catch {
      switch error {
      case .missing where isDaemonThere == nil, .deserted where isDaemonThere == nil:
        isDaemonThere = false
        return nil
      default: throw .temporary("\(error)")
      }
    }
  }

  /// Why there is no daemon to ask, for what only a daemon can do.
  var absence: StartFailure {
    let socket = configuration.server.adminSocket
    return .temporary(
      socket.isEmpty
        ? "server.admin_socket is off, and only there larder takes orders; set it and restart larder"
        : "\(AdminSocket.Failure.missing(socket))")
  }

  // MARK: The ledger

  private func look(_ resource: Resource, _ query: QueryItems) throws -> JSONValue {
    let (ledger, root) = try ground ?? openGround()
    ground = (ledger, root)
    let policy = Policy(configuration)
    do {
      let bytes = try ledger.environment.read { tx in
        let documents = AdminDocuments(ledger, policy)
        let most = AdminDocuments.largePage
        switch resource {
        case .status: return try status(ledger, root, in: tx)
        case .users: return try documents.users(try UsersQuery(query, most: most), in: tx)
        case .downloads:
          let user = try query.last { $0.name == "user" }.map { item throws(Rejection) in
            try QueryValue.user("user", item.value)
          }
          return try documents.downloads(try DownloadFilter(query, most: most), of: user, in: tx)
        case .audit: return try documents.audit(try AuditFilter(query, most: most), in: tx)
        }
      }
      return try JSONReader.read(bytes)
    } catch let rejection as Rejection {
      throw StartFailure(status: 64, description: rejection.problem.detail)
    }
  }

  private func status(_ ledger: Ledger, _ root: Int32, in tx: borrowing ReadTransaction) throws -> [UInt8] {
    let document = StatusDocument(
      storage: configuration.storage,
      ground: try StatusDocument.ground(ledger, free: DataDirectory.freeBytes(root), in: tx),
      origin: configuration.origin, life: nil,
      // Without a socket to ask at, one may run all the same.
      isRunning: configuration.server.adminSocket.isEmpty ? nil : false)
    return DownloadView.json { document.write(to: &$0) }
  }

  private func openGround() throws -> (ledger: Ledger, root: Int32) {
    let path = configuration.storage.path
    try Owner(of: path)?.become()
    let root: Int32
    do throws(DiskError) { root = try DataDirectory.open(path) } catch {
      throw StartFailure.configuration("storage.path: \(error)")
    }
    do { return (try LedgerOpening.open(path, readOnly: true), root) } catch {
      close(root)
      throw error
    }
  }
}
