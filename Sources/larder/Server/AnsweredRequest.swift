// What the log says of a request that was answered, when that is switched on: gathered on the way, and one line in the end.
// Never the query, in which a link's token may stand, and nothing of the header.

import Cache
import HTTP
import Loop

/// One request and its answer, for the log.
struct AnsweredRequest: Sendable {
  /// As problems and other lines name it.
  let number: UInt64
  /// Nil for what was no request.
  let method: Method?
  /// As it was sent; empty for what was no request.
  let path: String
  /// Whose it is, once that is known.
  var user: UserID?
  /// Nil as long as there is no answer.
  var status: Status?
  /// Bytes of the answer's body that went out.
  var bytes = 0

  /// What was no request.
  init(number: UInt64) {
    self.number = number
    method = nil
    path = ""
  }

  init(number: UInt64, _ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer) {
    self.number = number
    method = head.method
    path = String(decoding: unsafe Array(head.path.bytes(in: bytes)), as: UTF8.self)
  }

  /// For people.
  ///
  /// - Parameter microseconds: from its head to the end of its answer.
  func sentence(_ microseconds: Int) -> String {
    let what = method.map { "\($0.name) \(path)" } ?? "no request"
    let (whole, rest) = microseconds.quotientAndRemainder(dividingBy: 1000)
    let time = "\(whole).\(String(1000 + rest).dropFirst()) ms"
    return "\(what): \(status?.rawValue ?? 0), \(bytes) bytes in \(time)"
  }

  /// Names and values of what it is about.
  var subjects: [String: String] {
    var subjects = ["request": "\(number)"]
    if let user { subjects["user"] = user.text }
    return subjects
  }

  /// For programs.
  func write(_ microseconds: Int, to writer: inout JSONWriter) {
    writer.field("method", method.map { "\($0.name)" })
    writer.field("path", method == nil ? nil : path)
    writer.field("status", status?.rawValue)
    writer.field("bytes", bytes)
    writer.field("microseconds", microseconds)
  }
}
