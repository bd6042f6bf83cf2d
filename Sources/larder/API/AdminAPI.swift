// What the administration socket answers. Who may connect to it is the file's matter (mode 0660), so no token is asked
// for; what it changes is reached from here alone and never from the network.

import Cache
import Glibc
import HTTP
import Loop

/// Answers the requests of the program's own commands and of a local Prometheus.
@EventLoop
final class AdminAPI: RequestHandler {
  let box: Box
  let api: API
  let overview: Overview
  /// Asks who somebody is, which may ask another machine.
  private let directory = Worker(name: "directory")

  init(_ api: API, overview: Overview) {
    self.api = api
    self.overview = overview
    box = api.box
  }

  func answerNow(
    _ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer, on connection: HTTPConnection
  ) -> Bool { false }

  func answer(_ request: APIRequest) async -> Reply {
    await box.answer(request) { request in try await self.route(request) }
  }

  private typealias Action = @EventLoop (APIRequest) async throws -> Reply

  private func route(_ request: APIRequest) async throws -> Reply {
    guard let segments = request.segments else { throw Rejection.invalid("the path is not percent-encoded UTF-8") }
    guard request.query != nil else { throw Rejection.invalid("the query is not percent-encoded UTF-8") }
    let actions = actions(segments)
    guard !actions.isEmpty else {
      throw Rejection.nothingHere("there is no such resource on the administration socket")
    }
    let wanted = request.method == .head ? .get : request.method
    guard let action = actions.first(where: { $0.0 == wanted })?.1 else {
      throw Rejection.methodNotAllowed(actions.flatMap { $0.0 == .get ? [.get, .head] : [$0.0] })
    }
    return try await action(request)
  }

  /// A resource and what may be done with it. HEAD goes where GET goes.
  private func actions(_ segments: [String]) -> [(Method, Action)] {
    let most = AdminDocuments.largePage
    switch segments {
    case ["repair"]: return [(.post, { try self.repair($0) })]
    case ["metrics"]: return [(.get, { _ in await self.box.scrape() })]
    case ["status"]: return [(.get, { _ in try self.overview.status() })]
    case ["users"]: return [(.get, { try self.overview.users($0, most: most) })]
    case ["downloads"]: return [(.get, { try self.overview.downloads($0, most: most) })]
    case ["audit"]: return [(.get, { try self.overview.audit($0, most: most) })]
    case let path where path.count == 2 && path[0] == "users":
      return [(.get, { _ in try self.overview.account(of: try QueryValue.user("the path", path[1])) })]
    case let path where path.count == 3 && path[0] == "users" && path[2] == "quota":
      return [
        (.post, { try await self.setLimit(of: path[1], $0) }), (.delete, { try await self.setLimit(of: path[1], $0) }),
      ]
    case let path where path.count == 3 && path[0] == "downloads":
      if path[2] == "retry" { return [(.post, { try await self.retry(path[1], $0) })] }
      guard let deed = Deed(rawValue: path[2]) else { return [] }
      return [(.post, { try await self.apply(deed, to: path[1], $0) })]
    default: return []
    }
  }

  // MARK: Deeds

  /// Who asks: the name of the user whose process is at the other end, or the number that has none.
  func administrator(_ request: APIRequest) async -> String {
    guard let user = request.client.peerUser else { return "unknown" }
    return await directory.run { Self.name(of: user) }
  }

  private nonisolated static func name(of user: UInt32) -> String {
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { room in
      guard let start = room.baseAddress,
        unsafe getpwuid_r(user, &entry, start, room.count, &found) == 0, unsafe found != nil
      else { return "uid \(user)" }
      return unsafe String(cString: entry.pw_name)
    }
  }

  /// `POST /repair?json=1&rate=BYTES`: a line for each difference and what became of it, then a summary, then how it ended;
  /// for `larder verify --repair` beside the daemon.
  private func repair(_ request: APIRequest) throws -> Reply {
    let rate = request.parameter("rate").map { Int($0) ?? 0 }
    guard rate ?? 1 > 0 else { throw Rejection.invalid("rate must be a number of bytes") }
    guard box.repair == nil else { throw Rejection.busyRepairing }
    let report = InspectionReport(isJSON: request.parameter("json") == "1")
    return .stream(
      LineStream(report.isJSON ? .ndjson : .text) { [box] lines in
        let end: RepairEnd
        do {
          let summary = try await box.repair(report, bytesPerSecond: rate) { await lines.write($0) }
          end = summary.isSound ? .sound : .damaged
        } catch {
          await lines.write(report.failure("\(error)"))
          end = .failed
        }
        await lines.write(end.line)
      })
  }
}
