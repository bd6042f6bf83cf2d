// A request that could not be answered on the spot, copied out of the connection's buffer, and what is answered to it.

import Access
import Cache
import HTTP
import Loop

/// Who sent a request.
@EventLoop
protocol RequestClient: AnyObject, Sendable {
  /// From now on the wait for the answer ends when the client leaves.
  func watchForLeaving()
  /// The request is this user's.
  func isOf(_ user: UserID)
  /// The number of the user whose process asks; nil over the network.
  var peerUser: UInt32? { get }
}

/// What the servers of one box count together.
@EventLoop
final class SharedCounts {
  private var lastNumber: UInt64 = 0
  /// When somebody was last answered, or was being sent something, on the loop's clock; nil once what that took was let go.
  var answeredAt: UInt64?

  /// The number by which problems and the log name a request: each is given once, whichever server the request came to.
  func nextNumber() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }
}

/// A request with everything that outlives the buffer it was read from.
struct APIRequest: Sendable {
  /// Names this request in logs and problems.
  let number: UInt64
  /// The head's bytes; parse them again to use them.
  let head: [UInt8]
  let method: Method
  /// The path's segments, percent-decoded; nil when they cannot be.
  let segments: [String]?
  /// Names and values of the query, decoded; nil when they cannot be.
  let query: [(name: String, value: String)]?
  /// What follows `Bearer `; nil without it.
  let bearer: [UInt8]?
  let contentType: String?
  let body: [UInt8]
  /// Whoever asks, for answers that may take long.
  let client: any RequestClient

  init(
    number: UInt64, _ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer, body: [UInt8],
    client: any RequestClient
  ) {
    self.number = number
    self.client = client
    self.head = unsafe Array(bytes)
    self.method = head.method
    let path = unsafe head.path.bytes(in: bytes)
    let parts = unsafe path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
    let decoded = unsafe parts.map { unsafe PercentCoding.decodeString(UnsafeRawBufferPointer(rebasing: $0)) }
    self.segments = decoded.contains { $0 == nil } ? nil : decoded.compactMap { $0 }
    if let query = head.query {
      let items = unsafe Array(Query(query.bytes(in: bytes))).map { ($0.name, $0.value) }
      self.query = items.contains { $0.0 == nil || $0.1 == nil } ? nil : items.map { ($0.0 ?? "", $0.1 ?? "") }
    } else {
      self.query = []
    }
    self.bearer = unsafe Self.token(head, in: bytes)
    self.contentType = unsafe head[.contentType]?.string(in: bytes)
    self.body = body
  }

  /// The value of a query's parameter; the last one when it is repeated.
  func parameter(_ name: String) -> String? { query?.last { $0.name == name }?.value }

  private static func token(_ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    guard !head.isRepeated(.authorization), let value = head[.authorization] else { return nil }
    return unsafe Authorization.bearerToken(in: value.bytes(in: bytes)).map { unsafe Array($0) }
  }
}

/// What is answered.
enum Reply: Sendable {
  /// A whole body at once.
  case bytes(Status, MediaType, [UInt8], [Field] = [])
  /// A title's bytes; the request's own head says which of them.
  case play(Playable)
  /// A file of the page; the request's own head says whether it is wanted.
  case page(PageFile)
  /// What is made while it is sent: events, lines.
  case stream(any AnswerStream)

  /// A header field beyond the usual ones.
  struct Field: Sendable {
    let name: StaticString
    let value: String

    init(_ name: StaticString, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  static func problem(_ problem: Problem, _ fields: [Field] = []) -> Reply {
    .bytes(problem.status, .problemJSON, problem.json, fields)
  }
}
