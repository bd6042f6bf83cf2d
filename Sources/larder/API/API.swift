// The API: which request goes where, who may, and what is answered when something goes wrong. The answers themselves are
// in the files beside this one.

import Access
import Cache
import HTTP
import LMDB
import Loop

/// Answers requests; the server's one handler.
@EventLoop
final class API: RequestHandler {
  let box: Box
  /// What administrators see.
  private let overview: Overview
  /// How many requests of each user are being answered.
  private var inFlight: [UserID: Int] = [:]
  private let turns = FairTurns()

  init(_ box: Box, overview: Overview) {
    self.box = box
    self.overview = overview
  }

  // MARK: Without a wait

  /// Plays of titles that are open, by users whose token is known: no copy, no task, no ledger.
  func answerNow(
    _ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer, on connection: HTTPConnection
  ) -> Bool {
    guard head.method == .get || head.method == .head,
      let id = unsafe PlayPath.download(in: head.path.bytes(in: bytes)), let playable = box.titles.known(id),
      let user = playable.user
    else { return false }
    guard !head.isRepeated(.authorization) else { return false }
    if let value = head[.authorization] {
      guard let token = unsafe Authorization.bearerToken(in: value.bytes(in: bytes)),
        let claims = unsafe box.door.known(token), claims.isPremium || claims.isAdmin, UserID(claims.user) == user
      else { return false }
    } else {
      guard let query = head.query, let token = unsafe PlayPath.token(in: query.bytes(in: bytes)),
        unsafe box.door.known(link: token, for: id, of: user)
      else { return false }
    }
    let plan = unsafe playable.plan(head, in: bytes)
    guard playable.isReady(for: plan) else { return false }
    connection.isOf(user)
    playable.carryOut(plan, isHead: head.method == .head, on: connection)
    return true
  }

  // MARK: With a wait

  func answer(_ request: APIRequest) async -> Reply {
    await box.answer(request) { request in try await self.route(request) }
  }

  /// A resource and what may be done with it. HEAD goes where GET goes.
  private typealias Action = @EventLoop (APIRequest, UserID) async throws -> Reply

  private func route(_ request: APIRequest) async throws -> Reply {
    guard let segments = request.segments else { throw Rejection.invalid("the path is not percent-encoded UTF-8") }
    guard request.query != nil else { throw Rejection.invalid("the query is not percent-encoded UTF-8") }
    switch segments {
    case ["healthz"], ["readyz"]:
      guard request.method == .get || request.method == .head else { throw Rejection.methodNotAllowed([.get, .head]) }
      await turns.wait(nil)
      return try await health(isReadiness: segments == ["readyz"])
    case ["metrics"]:
      guard request.method == .get || request.method == .head else { throw Rejection.methodNotAllowed([.get, .head]) }
      try box.door.admitAdmin(request)
      return await box.scrape()
    case let path where path.count == 4 && path[0...1] == ["api", "downloads"] && path[3] == "play":
      guard request.method == .get || request.method == .head else { throw Rejection.methodNotAllowed([.get, .head]) }
      return try await play(request, id: segments[2])
    default: break
    }
    if let file = PageFile.at(segments) {
      guard request.method == .get || request.method == .head else { throw Rejection.methodNotAllowed([.get, .head]) }
      await turns.wait(nil)
      return .page(file)
    }
    guard segments.first == "api" else {
      throw Rejection.nothingHere("there is nothing at this path; the API is below /api")
    }
    // Strangers learn nothing of what is there.
    let isAdministration = segments.count > 1 && segments[1] == "admin"
    let user = isAdministration ? try box.door.admitAdmin(request) : try box.door.admit(request)
    request.client.isOf(user)
    let actions = isAdministration ? administration(segments) : actions(segments)
    guard !actions.isEmpty else { throw Rejection.nothingHere("there is no such resource; see the API reference") }
    let wanted = request.method == .head ? .get : request.method
    guard let action = actions.first(where: { $0.0 == wanted })?.1 else {
      throw Rejection.methodNotAllowed(actions.flatMap { $0.0 == .get ? [.get, .head] : [$0.0] })
    }
    let count = inFlight[user] ?? 0
    guard count < Limits.requestsPerUser else {
      throw Rejection.tooManyRequests("\(count) of your requests are being answered already; wait for some of them")
    }
    inFlight[user] = count + 1
    defer {
      let left = (inFlight[user] ?? 1) - 1
      inFlight[user] = left == 0 ? nil : left
    }
    await turns.wait(user)
    return try await action(request, user)
  }

  /// What an administrator's token opens: to look, and never to change anything.
  private func administration(_ segments: [String]) -> [(Method, Action)] {
    let most = AdminDocuments.page
    return switch segments.dropFirst(2) {
    case ["status"]: [(.get, { [overview] _, _ in try await overview.status() })]
    case ["users"]: [(.get, { [overview] request, _ in try overview.users(request, most: most) })]
    case ["downloads"]: [(.get, { [overview] request, _ in try overview.downloads(request, most: most) })]
    case ["audit"]: [(.get, { [overview] request, _ in try overview.audit(request, most: most) })]
    default: []
    }
  }

  private func actions(_ segments: [String]) -> [(Method, Action)] {
    switch segments.count {
    case 2 where segments == ["api", "downloads"]: [(.get, { try self.list($0, $1) })]
    case 2 where segments == ["api", "catalog"]: [(.get, { try await self.catalogue($0, $1) })]
    case 3 where segments[1] == "downloads":
      switch segments[2] {
      case "start": [(.post, { try await self.start($0, $1) })]
      case "storage": [(.get, { try await self.storage($0, $1) })]
      case "events": [(.get, { try self.follow($0, $1) })]
      case let id: [(.get, { try self.show($1, id) }), (.delete, { try await self.wish(.cancel, $1, id, "cancel") })]
      }
    case 4 where segments == ["api", "downloads", "cleanup", "all"]: [(.post, { try await self.removeAll($1) })]
    case 4 where segments[1] == "downloads": actions(segments[3], segments[2])
    default: []
    }
  }

  private func actions(_ operation: String, _ id: String) -> [(Method, Action)] {
    switch operation {
    case "progress": [(.get, { try self.progress($1, id) })]
    case "play-url": [(.post, { try self.link($0, $1, id) })]
    case "pause": [(.post, { try await self.wish(.pause, $1, id, "pause") })]
    case "resume": [(.post, { try await self.wish(.resume, $1, id, "resume") })]
    case "retry": [(.post, { try await self.retry($1, id) })]
    case "pin":
      [
        (.put, { try await self.wish(.pin, $1, id, "pin") }),
        (.delete, { try await self.wish(.unpin, $1, id, "unpin") }),
      ]
    case "delete": [(.delete, { try await self.wish(.delete, $1, id, "delete") })]
    default: []
    }
  }

  private func health(isReadiness: Bool) async throws -> Reply {
    var reasons: [String] = []
    do {
      _ = try box.read { try $0.boxUsage(in: $1) }
    } catch { reasons.append("the ledger cannot be read: \(error)") }
    if isReadiness {
      if await box.space.ask() == nil { reasons.append("the data directory cannot be asked for its free bytes") }
      if !box.writer.ledger.environment.isInPlace() { reasons.append("\(LedgerLoss.NotInPlace())") }
    }
    let body = DownloadView.json { writer in
      writer.object { writer in
        writer.field("status", reasons.isEmpty ? "ok" : "failing")
        writer.field("reasons", array: { writer in for reason in reasons { writer.string(reason) } })
      }
    }
    return .bytes(reasons.isEmpty ? .ok : .serviceUnavailable, .json, body)
  }
}

/// `/api/downloads/{id}/play` taken apart without a String.
enum PlayPath {
  private static let start = Array("/api/downloads/".utf8)
  private static let end = Array("/play".utf8)

  /// The download whose play the path names; nil for every other path.
  static func download(in path: UnsafeRawBufferPointer) -> DownloadID? {
    guard path.count == start.count + DownloadID.textLength + end.count else { return nil }
    for index in start.indices where unsafe path[index] != start[index] { return nil }
    let tail = start.count + DownloadID.textLength
    for index in end.indices where unsafe path[tail + index] != end[index] { return nil }
    return unsafe DownloadID(UnsafeRawBufferPointer(rebasing: path[start.count..<tail]))
  }

  /// What stands behind `token=` in the query, which a link's token needs no decoding for.
  static func token(in query: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var start = 0
    while start < query.count {
      var end = start
      while unsafe end < query.count && query[end] != UInt8(ascii: "&") { end += 1 }
      if end - start >= name.count, name.indices.allSatisfy({ unsafe query[start + $0] == name[$0] }) {
        return unsafe UnsafeRawBufferPointer(rebasing: query[start + name.count..<end])
      }
      start = end + 1
    }
    return nil
  }

  private static let name = Array("token=".utf8)
}
