// What the administration socket answers. Who may connect to it is the file's matter (mode 0660), so no token is asked
// for; nothing of it is reached from the network.

import HTTP
import Loop

/// Answers the requests of the program's own commands and of a local Prometheus.
@EventLoop
final class AdminAPI: RequestHandler {
  let box: Box

  init(_ box: Box) { self.box = box }

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
    switch segments {
    case ["repair"]: [(.post, { try self.repair($0) })]
    case ["metrics"]: [(.get, { _ in await self.box.scrape() })]
    default: []
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
