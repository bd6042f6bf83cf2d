// A user who starts, plays and deletes titles for a while, on a thread of their own.

import Foundation
import Synchronization

/// Keeps a box busy.
final class BusyUser: Sendable {
  private let port: Int
  private let authorization: [String: String]
  private let titles: [String]
  private let seed: UInt64
  private let deadline: Double
  private let over = Atomic<Bool>(false)
  private let failure = Mutex<String?>(nil)

  init(user: User, titles: [Title], seed: UInt64, until deadline: Double) {
    port = user.box.port
    authorization = user.authorization
    self.titles = titles.map(User.startBody)
    self.seed = seed
    self.deadline = deadline
  }

  var isOver: Bool { over.load(ordering: .sequentiallyConsistent) }

  /// What went wrong, if anything did.
  var trouble: String? { failure.withLock { $0 } }

  func run() {
    var random = SplitMix64(seed: seed)
    var ids: [String] = []
    do {
      while now() < deadline {
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1:
          let answer = try ask("POST", "/api/downloads/start", body: titles.randomElement(using: &random))
          if let id = answer.json?.id?.text { ids.append(id) }
          guard [200, 201, 507].contains(answer.status) else { throw RigFailure("\(answer)") }
        case 2:
          guard let id = ids.randomElement(using: &random) else { continue }
          _ = try ask("GET", "/api/downloads/\(id)/play", headers: ["Range": "bytes=0-99"])
        default:
          guard let index = ids.indices.randomElement(using: &random) else { continue }
          let id = ids.remove(at: index)
          if try ask("DELETE", "/api/downloads/\(id)/delete").status == 409 {
            _ = try ask("DELETE", "/api/downloads/\(id)")
          }
        }
      }
    } catch { failure.withLock { $0 = "\(error)" } }
    over.store(true, ordering: .sequentiallyConsistent)
  }

  private func ask(
    _ method: String, _ target: String, headers: [String: String] = [:], body: String? = nil
  ) throws -> Answer {
    let connection = try Connection(port: port)
    try connection.send(request(method, target, headers: authorization.merging(headers) { $1 }, body: body))
    return try connection.receive(to: method)
  }
}
