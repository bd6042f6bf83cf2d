// What users do with their downloads: ask, look, change their mind.

import Cache
import HTTP
import Loop

extension API {
  // MARK: Start

  /// `POST /api/downloads/start`
  func start(_ request: APIRequest, _ user: UserID) async throws -> Reply {
    let title = try Self.title(in: request.body)
    let live = try box.read { ledger, tx in try ledger.liveDownload(of: user, title, in: tx) }
    if let live, live.status != .failed { return .bytes(.ok, .json, try json(live)) }
    return try await start(title, user, reviving: live)
  }

  /// Asks the origin and then the ledger; a live failed download is tried anew.
  private func start(_ title: Title, _ user: UserID, reviving failed: Download?) async throws -> Reply {
    let key = box.catalogue.copy?.key(of: title) ?? box.keyOf(title)
    var found: OriginObject?
    var trouble: Trouble?
    switch try await box.questions.ask(key, for: user) {
    case .found(let object): found = object
    case .missing: throw Rejection.contentNotFound(title)
    case .denied(let why), .refused(let why): throw Rejection.originRefused(why)
    case .unreachable(let why): trouble = Trouble(.originUnreachable, why)
    case .troubled(let why, _): trouble = Trouble(.originError, why)
    }
    let wish = StartRequest(
      user: user, title: title, key: key, bucket: box.origin.bucket, found: found, trouble: trouble,
      revived: failed?.id)
    let (outcome, held) = try await box.change { ledger, tx, change in
      let outcome = try ledger.start(wish, in: tx, &change)
      guard case .created(let download) = outcome else { return (outcome, StoredObject?.none) }
      return (outcome, try ledger.object(download.object, in: tx))
    }
    switch outcome {
    case .refused(let refusal): throw Rejection.refused(refusal)
    case .crowded(let limit): throw Rejection.tooManyDownloads(limit)
    case .gone: throw Rejection.notFound
    case .existing(let download): return .bytes(.ok, .json, try json(try await settled(download)))
    case .created(let download):
      box.metrics.count(.starts, held?.state == .complete ? "hit" : held?.owners ?? 0 > 1 ? "partial" : "miss")
      let now = try await settled(download)
      box.log.info(
        "download.start", "\(title.contentID) in \(title.quality) was asked for",
        [.download: download.id.description, .user: user.text])
      return .bytes(
        .created, .json, try json(now), [Reply.Field("Location", "/api/downloads/\(download.id)")])
    }
  }

  /// The download once its link is made, when the box holds its object already and only the link is missing.
  private func settled(_ download: Download) async throws -> Download {
    let isWhole = try box.read { ledger, tx in try ledger.object(download.object, in: tx)?.state == .complete }
    if isWhole, download.status.isUnfinished { await box.fills.settle(download) }
    return try box.read { ledger, tx in try ledger.download(download.id, in: tx) } ?? download
  }

  /// `{"content_id": …, "quality": …}`
  private static func title(in body: [UInt8]) throws -> Title {
    let document: JSONValue
    do { document = try JSONReader.read(body) } catch { throw Rejection.invalid("the body is no JSON: \(error)") }
    guard document.object != nil else {
      throw Rejection.invalid("the body must be an object with content_id and quality")
    }
    guard let contentID = document["content_id"]?.string else {
      throw Rejection.invalid("content_id must be a text")
    }
    guard let quality = document["quality"]?.string else { throw Rejection.invalid("quality must be a text") }
    do throws(Title.Fault) {
      return try Title(contentID: contentID, quality: quality)
    } catch {
      switch error {
      case .contentID:
        throw Rejection.invalid("content_id must be 1 to 128 bytes without control characters, and not . or ..")
      case .quality: throw Rejection.invalid("quality must be 1 to 16 of A-Z a-z 0-9 . -")
      }
    }
  }

  /// `POST /api/downloads/{id}/retry`: takes a failed one; harmless when it is under way.
  func retry(_ user: UserID, _ id: String) async throws -> Reply {
    let download = try own(user, id)
    switch download.status {
    case .pending, .downloading: return .bytes(.ok, .json, try json(download))
    case .failed: return try await start(download.title, user, reviving: download)
    case .paused, .completed, .cancelled: throw Rejection.conflict(download.status, "retry")
    }
  }

  // MARK: Look

  /// `GET /api/downloads`
  func list(_ request: APIRequest, _ user: UserID) throws -> Reply {
    var filter = DownloadFilter(limit: 50)
    for (name, value) in request.query ?? [] {
      switch name {
      case "status":
        let words = value.split(separator: ",", omittingEmptySubsequences: false)
        let statuses = words.map { Download.Status(word: $0) }
        guard !statuses.contains(nil) else {
          let known = Download.Status.allCases.map(\.word).joined(separator: ", ")
          throw Rejection.invalid("status must be one or several of \(known), with commas")
        }
        filter.statuses = Set(statuses.compactMap { $0 })
      case "include_deleted":
        guard value == "true" || value == "false" else {
          throw Rejection.invalid("include_deleted must be true or false")
        }
        filter.includesDeleted = value == "true"
      case "limit":
        guard let limit = Int(value), (1...100).contains(limit), value.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { throw Rejection.invalid("limit must be a number from 1 to 100") }
        filter.limit = limit
      case "cursor":
        guard let before = DownloadID(value) else {
          throw Rejection.invalid("cursor must be the next_cursor of the answer before")
        }
        filter.before = before
      default: break
      }
    }
    let chosen = filter
    // One look for all of it: titles and usage add up.
    let (views, next, usage) = try box.read { ledger, tx in
      let (downloads, more, unreadable) = try ledger.list(of: user, chosen, in: tx)
      box.sayUnreadable(unreadable)
      return (
        try downloads.map { try box.view($0, in: tx) }, more ? downloads.last?.id.description : nil,
        try ledger.usage(of: user, in: tx)
      )
    }
    let body = DownloadView.json { writer in
      writer.object { writer in
        writer.field("downloads", array: { writer in for view in views { view.write(to: &writer) } })
        writer.field("next_cursor", next)
        writer.key("storage")
        write(usage, of: user, to: &writer)
      }
    }
    return .bytes(.ok, .json, body)
  }

  /// `GET /api/downloads/storage`
  func storage(_ request: APIRequest, _ user: UserID) throws -> Reply {
    let usage = try box.read { ledger, tx in try ledger.usage(of: user, in: tx) }
    return .bytes(.ok, .json, DownloadView.json { write(usage, of: user, to: &$0) })
  }

  private func write(_ usage: Usage, of user: UserID, to writer: inout JSONWriter) {
    let limit = box.policy.quota(of: user)
    writer.object { writer in
      writer.field("limit_bytes", limit)
      writer.field("used_bytes", usage.used)
      writer.field("reserved_bytes", usage.reserved)
      writer.field("available_bytes", limit.map { max(0, $0 - usage.total) })
    }
  }

  /// `GET /api/downloads/{id}`: a deleted one stays readable.
  func show(_ user: UserID, _ id: String) throws -> Reply {
    .bytes(.ok, .json, try json(try own(user, id, isDeletedToo: true)))
  }

  /// `GET /api/downloads/{id}/progress`
  func progress(_ user: UserID, _ id: String) throws -> Reply {
    let view = try box.view(try own(user, id, isDeletedToo: true))
    return .bytes(.ok, .json, DownloadView.json { view.writeProgress(to: &$0) })
  }

  /// `GET /api/downloads/events`
  func follow(_ request: APIRequest, _ user: UserID) throws -> Reply {
    guard let subscriber = box.events.subscribe(user) else {
      throw Rejection.tooManyRequests("you have \(Limits.eventStreamsPerUser) event streams open; close one")
    }
    return .stream(subscriber)
  }

  // MARK: Change

  /// Pause, resume, pin, unpin, cancel, delete.
  func wish(_ wish: Wish, _ user: UserID, _ id: String, _ name: String) async throws -> Reply {
    guard let id = DownloadID(id) else { throw Rejection.notFound }
    let outcome = try await box.change { ledger, tx, change in
      try ledger.apply(wish, to: id, of: user, in: tx, &change)
    }
    switch outcome {
    case .done(let download):
      // Who is told that it is deleted finds no file any more.
      if !download.isLive { await box.volume.caughtUp() }
      return .bytes(.ok, .json, try json(download))
    case .notFound: throw Rejection.notFound
    case .conflict(let status): throw Rejection.conflict(status, name)
    }
  }

  /// `POST /api/downloads/cleanup/all`
  func removeAll(_ user: UserID) async throws -> Reply {
    let (deleted, freed) = try await box.change { ledger, tx, change in
      try ledger.removeAll(of: user, in: tx, &change)
    }
    await box.volume.caughtUp()
    let body = DownloadView.json { writer in
      writer.object { writer in
        writer.field("deleted", deleted)
        writer.field("freed_bytes", freed)
      }
    }
    return .bytes(.ok, .json, body)
  }

  // MARK: Shared

  /// The user's download of that id.
  func own(_ user: UserID, _ text: String, isDeletedToo: Bool = false) throws -> Download {
    guard let id = DownloadID(text), let download = try box.read({ try $0.download(id, in: $1) }),
      download.user == user, download.isLive || isDeletedToo
    else { throw Rejection.notFound }
    return download
  }

  func json(_ download: Download) throws -> [UInt8] {
    let view = try box.view(download)
    return DownloadView.json { view.write(to: &$0) }
  }
}
