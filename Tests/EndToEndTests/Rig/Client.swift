// An HTTP/1.1 client for tests: it sends exactly what it is told and hides nothing of
// what comes back.

import Glibc

/// An answer.
struct Answer: CustomStringConvertible {
  var status: Int
  var headers: [(name: String, value: String)]
  var body = Bytes([])

  /// The value of a header that may come once; nil when it does not come.
  subscript(name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The body as JSON; nil when it is none.
  var json: JSON? { try? JSON(body.array) }

  /// The `code` of a problem.
  var code: String? { json?.code?.text }

  var description: String {
    "\(status) \(headers.map { "\($0.name): \($0.value)" }) \(body[..<min(body.count, 1000)].text)"
  }
}

/// A connection to the box.
final class Connection {
  private let socket: Socket
  private var buffer: [UInt8] = []
  private var position = 0

  init(port: Int) throws {
    socket = try Socket(port: port)
  }

  /// Connects to a Unix socket.
  init(path: String) throws {
    socket = try Socket(path: path)
  }

  deinit { socket.close() }

  func send(_ text: String) throws { try socket.send(text.utf8) }
  func send(_ bytes: [UInt8]) throws { try socket.send(bytes) }

  /// Takes little at a time from now on, so that the other side must wait.
  func readSlowly() { socket.setBuffers(65536) }
  func close() { socket.shut() }
  func finish() { socket.finish() }

  /// The next answer; interim ones (1xx) are passed over unless asked for.
  func receive(to method: String = "GET", interim: Bool = false) throws -> Answer {
    while true {
      var answer = try receiveHead()
      if answer.status / 100 == 1 {
        if interim { return answer }
        continue
      }
      if method != "HEAD", answer.status != 204, answer.status != 304 { answer.body = try body(of: answer) }
      return answer
    }
  }

  /// A status line and the header fields after it, held to their grammar.
  func receiveHead() throws -> Answer {
    let parts = try line().split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "HTTP/1.1", parts[1].count == 3, let status = Int(parts[1]) else {
      throw RigFailure("not a status line: \(parts)")
    }
    var answer = Answer(status: status, headers: [])
    while true {
      let field = try line()
      if field.isEmpty { return answer }
      guard let colon = field.firstIndex(of: ":"), !field[..<colon].contains(" ") else {
        throw RigFailure("not a header field: \(field)")
      }
      let value = field[field.index(after: colon)...].drop { $0 == " " }
      answer.headers.append((String(field[..<colon]), String(value)))
    }
  }

  private func body(of answer: Answer) throws -> Bytes {
    if answer["transfer-encoding"]?.lowercased() == "chunked" {
      var body: [UInt8] = []
      while let chunk = try receiveChunk() { body += chunk }
      return Bytes(body)
    }
    guard let text = answer["content-length"] else { return try receiveUntilEnd() }
    guard let length = Int(text) else { throw RigFailure("not a length: \(text)") }
    return try receive(count: length)
  }

  /// The next chunk of a chunked body; nil for the last.
  func receiveChunk() throws -> [UInt8]? {
    let size = try line()
    guard let count = Int(size.prefix { $0 != ";" }, radix: 16) else { throw RigFailure("not a chunk size: \(size)") }
    let bytes = try receive(count: count).array
    guard try line().isEmpty else { throw RigFailure("a chunk that does not end") }
    return count == 0 ? nil : bytes
  }

  /// So many bytes, exactly.
  func receive(count: Int) throws -> Bytes {
    while buffer.count - position < count {
      guard try fill() else { throw RigFailure("closed after \(buffer.count - position) of \(count) bytes") }
    }
    defer { position += count }
    return Bytes(Array(buffer[position..<position + count]))
  }

  /// Everything until the other side closes.
  func receiveUntilEnd() throws -> Bytes {
    while try fill() {}
    defer { position = buffer.count }
    return Bytes(Array(buffer[position...]))
  }

  /// Whether the other side closes, having sent nothing more.
  func isClosed() throws -> Bool {
    do {
      return try receiveUntilEnd().isEmpty
    } catch let failure as RigFailure where failure.description.contains("reset") {
      return true
    }
  }

  /// A line without its end, which must be that and no other.
  func line(endedBy ending: String = "\r\n") throws -> String {
    while true {
      if let end = buffer[position...].firstIndex(of: 10) {
        let line = buffer[position...end]
        position = end + 1
        guard line.reversed().starts(with: ending.utf8.reversed()) else {
          throw RigFailure("a line that ends without CR")
        }
        return String(decoding: line.dropLast(ending.utf8.count), as: UTF8.self)
      }
      guard try fill() else { throw RigFailure("closed within a line") }
    }
  }

  private func fill() throws -> Bool {
    if position > 1 << 20 {
      buffer.removeFirst(position)
      position = 0
    }
    let bytes = try socket.receive(upTo: 1 << 18)
    buffer += bytes
    return !bytes.isEmpty
  }
}

/// The bytes of a request as a well-behaved client writes it.
func request(
  _ method: String, _ target: String, headers: [String: String] = [:], body: String? = nil
) -> String {
  var text = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n"
  for (name, value) in headers { text += "\(name): \(value)\r\n" }
  if let body {
    text += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
  }
  return text + "\r\n" + (body ?? "")
}
