// What an administrator changes, each time with their name: in the diary with the deed, and in the log.

import Cache
import HTTP
import Loop

extension AdminAPI {
  /// `POST /downloads/{id}/evict`, `/pin`, `/unpin`, `/cancel`
  func apply(_ deed: Deed, to text: String, _ request: APIRequest) async throws -> Reply {
    guard let id = DownloadID(text) else { throw Rejection.noDownload }
    let name = await administrator(request)
    let outcome = try await box.change { ledger, tx, change in
      try ledger.apply(deed, to: id, by: name, in: tx, &change)
    }
    switch outcome {
    case .done(let download):
      if !download.isLive { await box.volume.caughtUp() }
      tell(deed.rawValue, download, name)
      return try reply(download)
    case .notFound: throw Rejection.noDownload
    case .conflict(let status): throw Rejection.conflict(status, deed.rawValue)
    case .pinned: throw Rejection.pinned
    }
  }

  /// `POST /downloads/{id}/retry`
  func retry(_ text: String, _ request: APIRequest) async throws -> Reply {
    let name = await administrator(request)
    guard let id = DownloadID(text), let download = try box.read({ try $0.download(id, in: $1) }), download.isLive
    else { throw Rejection.noDownload }
    let retried = try await api.retry(download, by: name)
    tell("retry", retried, name)
    return try reply(retried)
  }

  /// `POST /users/{id}/quota` `{"limit_bytes": n}`, null for no limit; `DELETE` for what the configuration says.
  func setLimit(of text: String, _ request: APIRequest) async throws -> Reply {
    let user = try QueryValue.user("the path", text)
    let order = request.method == .delete ? LimitOrder.configuration : try Self.limit(in: request.body)
    let name = await administrator(request)
    try await box.change { ledger, tx, change in
      try ledger.setLimit(order, of: user, by: name, in: tx, &change)
    }
    box.log.notice("admin.quota", "\(name) set the quota of \(user.text)", [.user: user.text])
    return try overview.account(of: user)
  }

  private static func limit(in body: [UInt8]) throws(Rejection) -> LimitOrder {
    let document: JSONValue
    do { document = try JSONReader.read(body) } catch { throw .invalid("the body is no JSON: \(error)") }
    guard let value = document["limit_bytes"] else { throw .invalid("the body must be an object with limit_bytes") }
    if value.isNull { return .none }
    guard let bytes = value.integer, (1...Int64(Ledger.largestLimit)).contains(bytes) else {
      throw .invalid("limit_bytes must be a whole number from 1 to \(Ledger.largestLimit), or null for no limit")
    }
    return .bytes(Int(bytes))
  }

  private func reply(_ download: Download) throws -> Reply {
    let view = try box.view(download)
    return .bytes(.ok, .json, DownloadView.json { view.write(to: &$0, namesUser: true) })
  }

  private func tell(_ deed: String, _ download: Download, _ name: String) {
    box.log.notice(
      "admin.\(deed)", "\(name): \(deed) of \(download.title.contentID) in \(download.title.quality)",
      [.download: download.id.description, .user: download.user.text])
  }
}
