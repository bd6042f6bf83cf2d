// One connection through the fault proxy: request by request, answer by answer.

import Glibc
import Synchronization

/// Passes requests to the origin and answers back, as the proxy's fault has it.
struct Relay {
  let proxy: FaultProxy
  let client: Socket
  private var origin: Socket?
  private var pending: [UInt8] = []

  init(proxy: FaultProxy, client: Socket) {
    self.proxy = proxy
    self.client = client
    client.setTimeout(300)
    // What lies in the kernel counts as delivered: keep it little.
    client.setBuffers(65536)
  }

  mutating func run() {
    var resets = false
    do {
      while let head = try readHead(of: client) {
        let request = Self.parse(head)
        switch proxy.decide(request) {
        case .answer(let status, let headers, let body):
          try answer(status, headers, body, to: request)
        case .hang:
          proxy.hang(client)
          return end()
        case .cut(let count, let reset):
          try forward(head, of: request, bytes: count)
          resets = reset
          return end(resets: resets)
        case .flip(let offset):
          try forward(head, of: request, flip: offset)
        case .rate(let rate):
          try forward(head, of: request, rate: rate)
        case nil:
          try forward(head, of: request)
        }
      }
    } catch {
      // One side is gone; the other learns of it.
    }
    end()
  }

  private func end(resets: Bool = false) {
    origin?.close()
    proxy.state.withLock { state in
      _ = state.open.removeValue(forKey: client.descriptor)
      if resets { client.reset() } else { client.close() }
    }
  }

  private static func parse(_ head: [UInt8]) -> OriginRequest {
    let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ").map(String.init) ?? []
    func field(_ name: String) -> String? {
      lines.first { $0.lowercased().hasPrefix(name + ":") }.map { line in
        String(line.dropFirst(name.count + 1).drop { $0 == " " })
      }
    }
    return OriginRequest(
      method: words.first ?? "", target: words.count > 1 ? words[1] : "", range: field("range"),
      ifMatch: field("if-match"))
  }

  /// Everything up to and with the empty line; nil when the connection ends before it.
  private mutating func readHead(of socket: Socket) throws -> [UInt8]? {
    while true {
      if let end = Self.endOfHead(pending) {
        defer { pending.removeFirst(end) }
        return Array(pending[..<end])
      }
      let bytes = try socket.receive()
      if bytes.isEmpty { return nil }
      pending += bytes
    }
  }

  private static func endOfHead(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for end in 4...bytes.count where bytes[end - 1] == 10 && bytes[end - 4..<end].elementsEqual([13, 10, 13, 10]) {
      return end
    }
    return nil
  }

  private func answer(_ status: Int, _ headers: [String: String], _ body: String, to request: OriginRequest) throws {
    var text = "HTTP/1.1 \(status) Injected\r\nContent-Length: \(body.utf8.count)\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    text += "\r\n"
    if request.method != "HEAD" { text += body }
    try client.send(text.utf8)
  }

  /// Sends the request on and brings the answer back, spoiled as told.
  private mutating func forward(
    _ head: [UInt8], of request: OriginRequest, bytes limit: Int = .max, flip: Int? = nil, rate: Int? = nil
  ) throws {
    let origin = try self.origin ?? Socket(port: proxy.upstream)
    self.origin = origin
    try origin.send(head)

    // The client sends nothing more before it has the answer, so `pending` serves both.
    guard let answer = try readHead(of: origin) else { throw RigFailure("the origin closed") }
    try client.send(answer)
    let text = String(decoding: answer, as: UTF8.self).lowercased()
    let status = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    if request.method == "HEAD" || status == 204 || status == 304 || status / 100 == 1 { return }

    guard let length = text.split(separator: "\r\n").first(where: { $0.hasPrefix("content-length:") }) else {
      throw RigFailure("the origin answers without a length")
    }
    var left = Int(length.dropFirst(15).drop { $0 == " " }) ?? 0
    var offset = 0
    while left > 0 {
      var piece = pending
      pending = []
      if piece.isEmpty { piece = try origin.receive(upTo: min(left, 65536)) }
      if piece.isEmpty { throw RigFailure("the origin closed") }
      left -= piece.count
      if let flip, flip >= offset, flip < offset + piece.count { piece[flip - offset] ^= 0xFF }
      let cut = min(piece.count, limit - offset)
      try pass(piece[..<cut], rate: rate)
      offset += piece.count
      if offset >= limit { return }
    }
  }

  private func pass(_ piece: ArraySlice<UInt8>, rate: Int?) throws {
    var piece = piece
    while !piece.isEmpty {
      let step = rate.map { max(1, min(piece.count, $0 / 50)) } ?? piece.count
      let count = proxy.admit(step, of: client)
      if count == 0 { throw RigFailure("the client is gone") }
      try client.send(piece.prefix(count))
      piece.removeFirst(count)
      if let rate { usleep(UInt32(count * 1_000_000 / rate)) }
    }
  }
}
