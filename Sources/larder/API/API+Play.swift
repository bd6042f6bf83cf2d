// Playing: by the header's token or by a link, and the links themselves. Also what there is to play: the catalogue.

import Access
import Cache
import Glibc
import HTTP
import LMDB
import Loop

extension API {
  /// `GET`, `HEAD /api/downloads/{id}/play`, when the title is not open yet or the token not known.
  func play(_ request: APIRequest, id text: String) async throws -> Reply {
    let id = DownloadID(text)
    let record = try id.flatMap { id in try box.read { try $0.download(id, in: $1) } }
    let user: UserID
    if request.bearer != nil || request.parameter("token") == nil {
      user = try box.door.admit(request)
    } else {
      user = try admit(link: request.parameter("token") ?? "", to: record)
    }
    request.client.isOf(user)
    guard let download = record, download.user == user, download.isLive else { throw Rejection.notFound }
    guard download.isPlayable else { throw Rejection.notReady(download.status) }
    let playable: Playable
    do {
      guard let opened = try await box.titles.playable(download) else { throw Rejection.notFound }
      playable = opened
    } catch let error as DiskError {
      box.log.fault("play.open", "\(error)", [.download: "\(download.id)", .request: "\(request.number)"])
      // Only a file that is gone is lost: descriptors that ran out, or rights, say nothing of its bytes.
      guard error.code == ENOENT else { throw Rejection.unopened(error) }
      throw Rejection.unavailable(box.fills.trouble(of: download.object), at: Clock.steady)
    }
    if let reader = playable.reader, reader.state != .complete { request.client.watchForLeaving() }
    let hold = playable.reader?.hold()
    defer { withExtendedLifetime(hold) {} }
    switch await playable.prepare(playable.plan(of: request)) {
    case .ready: return .play(playable)
    case .paused: throw Rejection.paused
    case .missing(let trouble): throw try missing(trouble, of: download.id)
    }
  }

  /// Why bytes of a title cannot be had. As long as there are none at all, it is simply not ready.
  private func missing(_ trouble: Trouble?, of id: DownloadID) throws -> Rejection {
    let (download, object) = try box.read { ledger, tx in
      let download = try ledger.download(id, in: tx)
      return (download, try download.flatMap { try ledger.object($0.object, in: tx) })
    }
    guard let download, download.isLive else { return Rejection.notFound }
    guard download.status != .failed, let object else { return Rejection.notReady(download.status) }
    guard object.state == .filling else { return Rejection.unavailable(trouble, at: Clock.steady) }
    if object.storedBytes == 0 { return Rejection.notReady(download.status, trouble) }
    return Rejection.notYetHere(trouble, at: Clock.steady)
  }

  /// A link names its download and, through it, its user.
  private func admit(link token: String, to record: Download?) throws -> UserID {
    let bad = Rejection.link("the link does not open this title; ask for a new one")
    guard let record else { throw bad }
    let verdict = unsafe Array(token.utf8).withUnsafeBytes {
      unsafe box.door.verify(link: $0, for: record.id, of: record.user)
    }
    switch verdict {
    case .good: return record.user
    case .expired: throw Rejection.link("the link has expired; ask for a new one")
    case .bad: throw bad
    }
  }

  /// `POST /api/downloads/{id}/play-url`
  func link(_ request: APIRequest, _ user: UserID, _ id: String) throws -> Reply {
    let download = try own(user, id)
    var seconds: Int64 = 4 * 3600
    if !request.body.isEmpty {
      let document: JSONValue
      do { document = try JSONReader.read(request.body) } catch {
        throw Rejection.invalid("the body is no JSON: \(error)")
      }
      guard document.object != nil else { throw Rejection.invalid("the body must be an object, or empty") }
      if let asked = document["ttl_seconds"] {
        guard let number = asked.integer, (1...604_800).contains(number) else {
          throw Rejection.invalid("ttl_seconds must be a whole number from 1 to 604800")
        }
        seconds = number
      }
    }
    // Links end with a full second: rounded up, so that one of a second is not over at once.
    let expiry = (Clock.now.milliseconds + 999) / 1000 + seconds
    let token = box.door.links.sign(download: download.id.description, user: user.text, expiresAt: expiry)
    let body = DownloadView.json { writer in
      writer.object { writer in
        writer.field("url", "/api/downloads/\(download.id)/play?token=\(token)")
        writer.field("expires_at", milliseconds: Int(expiry * 1000))
      }
    }
    return .bytes(.ok, .json, body)
  }

  /// `GET /api/catalog`: the platform's list, and for each quality whether the box holds it and whether it fits.
  func catalogue(_ request: APIRequest, _ user: UserID) async throws -> Reply {
    guard box.catalogue.isConfigured else {
      throw Rejection.nothingHere("this box has no catalogue (origin.catalog_key)")
    }
    return .bytes(.ok, .json, try await box.catalogue.list(for: user, under: box.policy, by: box.writer.ledger))
  }
}
