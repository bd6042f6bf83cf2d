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
    let (download, isNew) = try await start(title, user, reviving: live)
    guard isNew else { return .bytes(.ok, .json, try json(download)) }
    return .bytes(
      .created, .json, try json(download), [Reply.Field("Location", "/api/downloads/\(download.id)")])
  }

  /// Asks the origin and then the ledger; a live failed download is tried anew.
  private func start(
    _ title: Title, _ user: UserID, reviving failed: Download?, by administrator: String? = nil
  ) async throws -> (download: Download, isNew: Bool) {
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
      revived: failed?.id, administrator: administrator)
    let (outcome, held) = try await box.change { ledger, tx, change in
      let outcome = try ledger.start(wish, in: tx, &change)
      guard case .created(let download) = outcome else { return (outcome, StoredObject?.none) }
      return (outcome, try ledger.object(download.object, in: tx))
    }
    switch outcome {
    case .refused(let refusal): throw Rejection.refused(refusal)
    case .crowded(let limit): throw Rejection.tooManyDownloads(limit)
    case .gone: throw Rejection.notFound
    case .existing(let download): return (try await settled(download), false)
    case .created(let download):
      box.metrics.count(.starts, held?.state == .complete ? "hit" : held?.owners ?? 0 > 1 ? "partial" : "miss")
      let now = try await settled(download)
      box.log.info(
        "download.start", "\(title.contentID) in \(title.quality) was asked for",
        [.download: download.id.description, .user: user.text])
      return (now, true)
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
    .bytes(.ok, .json, try json(try await retry(try own(user, id))))
  }

  /// The download under way again.
  ///
  /// - Parameter administrator: who asks in the user's stead; nil for the user.
  func retry(_ download: Download, by administrator: String? = nil) async throws -> Download {
    switch download.status {
    case .pending, .downloading: return download
    case .failed:
      return try await start(download.title, download.user, reviving: download, by: administrator).download
    case .paused, .completed, .cancelled: throw Rejection.conflict(download.status, "retry")
    }
  }

  // MARK: Look

  /// `GET /api/downloads`
  func list(_ request: APIRequest, _ user: UserID) throws -> Reply {
    let chosen = try DownloadFilter(request.query ?? [])
    // One look for all of it: titles and usage add up.
    let (views, next, usage, limit) = try box.read { ledger, tx in
      let (downloads, next, unreadable) = try ledger.list(
        of: user, chosen, examining: Limits.examinedRecords, in: tx)
      box.sayUnreadable(unreadable)
      return (
        try downloads.map { try box.view($0, in: tx) }, next?.description,
        try ledger.usage(of: user, in: tx), try ledger.limit(of: user, under: box.policy, in: tx).bytes
      )
    }
    let body = DownloadView.json { writer in
      writer.object { writer in
        writer.field("downloads", array: { writer in for view in views { view.write(to: &writer) } })
        writer.field("next_cursor", next)
        writer.key("storage")
        write(usage, limit, to: &writer)
      }
    }
    return .bytes(.ok, .json, body)
  }

  /// `GET /api/downloads/storage`, with `needed_bytes` also what a new title of that size would come to.
  func storage(_ request: APIRequest, _ user: UserID) async throws -> Reply {
    guard let text = request.parameter("needed_bytes") else {
      let (usage, limit) = try box.read { ledger, tx in
        (try ledger.usage(of: user, in: tx), try ledger.limit(of: user, under: box.policy, in: tx).bytes)
      }
      return .bytes(.ok, .json, DownloadView.json { write(usage, limit, to: &$0) })
    }
    guard let needed = Int(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      needed <= StoredObject.largestSize
    else { throw Rejection.invalid("needed_bytes must be a number from 0 to \(StoredObject.largestSize)") }
    // On the writer's thread, as a start is decided: it may look at as many downloads, and nothing of it is written.
    let (usage, limit, prospect) = try await box.change { ledger, tx, change in
      (
        try ledger.usage(of: user, in: tx), try ledger.limit(of: user, under: change.policy, in: tx).bytes,
        try ledger.prospect(of: needed, for: user, in: tx, change)
      )
    }
    return .bytes(.ok, .json, DownloadView.json { write(usage, limit, prospect, to: &$0) })
  }

  private func write(_ usage: Usage, _ limit: Int?, _ prospect: Prospect? = nil, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.field("limit_bytes", limit)
      writer.field("used_bytes", usage.used)
      writer.field("reserved_bytes", usage.reserved)
      writer.field("available_bytes", limit.map { max(0, $0 - usage.total) })
      if let prospect { write(prospect, to: &writer) }
    }
  }

  private func write(_ prospect: Prospect, to writer: inout JSONWriter) {
    writer.field("fits", prospect.fits)
    writer.field(
      "would_evict",
      array: { writer in
        for download in prospect.evicted {
          writer.object { writer in
            writer.field("id", download.id.description)
            writer.field("content_id", download.title.contentID)
            writer.field("quality", download.title.quality)
            writer.field("bytes", download.totalBytes ?? 0)
          }
        }
      })
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
