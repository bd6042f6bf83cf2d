// The demo as a client of its own box: over loopback, with a token, as any other client.

import Curl
import HTTP
import Loop

/// What went other than it should; the demo ends with it.
struct DemoFailure: Error, CustomStringConvertible {
  let description: String
}

/// Asks the box.
@EventLoop
struct DemoClient {
  /// `http://HOST:PORT`.
  let base: String
  let token: String
  private let transfers: Transfers

  /// An answer that is a success.
  struct Answer {
    let head: TransferHead
    let body: [UInt8]
  }

  init(base: String, token: String) throws(CurlError) {
    self.base = base
    self.token = token
    transfers = try Transfers(maxConnectionsPerHost: 4, maxTotal: 4)
  }

  func shutDown() { transfers.shutDown() }

  /// The status and the JSON that a request is answered with.
  func json(
    _ method: TransferOptions.Method, _ path: String, _ body: [UInt8] = []
  ) async throws -> (status: Int, value: JSONValue) {
    let headers = body.isEmpty ? [] : [(name: "Content-Type", value: "application/json")]
    let answer = try await ask(method, path, headers, body, limit: 1 << 20)
    guard let value = try? JSONReader.read(answer.body) else {
      throw DemoFailure(description: "\(method.rawValue) \(path) was answered with what is no JSON")
    }
    return (answer.head.status, value)
  }

  /// Some bytes of a resource.
  func bytes(_ path: String, _ range: ClosedRange<Int>) async throws -> Answer {
    let header = (name: "Range", value: "bytes=\(range.lowerBound)-\(range.upperBound)")
    return try await ask(.get, path, [header], [], limit: range.count)
  }

  private func ask(
    _ method: TransferOptions.Method, _ path: String, _ headers: [(name: String, value: String)], _ body: [UInt8],
    limit: Int
  ) async throws -> Answer {
    let options = TransferOptions(
      method: method, url: base + path, headers: [(name: "Authorization", value: "Bearer \(token)")] + headers,
      body: body, deadline: .seconds(30), proxy: "")
    let (head, answer) = try await transfers.perform(options, bodyLimit: limit)
    guard (200..<300).contains(head.status) else {
      let detail = (try? JSONReader.read(answer))?["detail"]?.string ?? "no reason given"
      throw DemoFailure(description: "\(method.rawValue) \(path) was answered with \(head.status): \(detail)")
    }
    return Answer(head: head, body: answer)
  }
}
