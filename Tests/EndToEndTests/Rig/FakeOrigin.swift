// An object store that can do wrong what no real one does on demand: it answers as S3 does, checks signatures as strictly,
// and lets a script spoil each answer. It is asked for any host: names below `localhost` all lead here.

import Foundation
import Glibc
import S3
import Synchronization

/// A scripted origin; it runs on threads of its own.
final class FakeOrigin: Sendable {
  /// Makes of the honest answer another one.
  typealias Script = @Sendable (FakeRequest, FakeAnswer) -> FakeAnswer

  struct State {
    var objects: [String: FakeObject] = [:]
    var script: Script?
    var generation = 0
    var requests: [FakeRequest] = []
    var traffic = 0
    var open: [Int32: Socket] = [:]
    /// Who may ask; nil for everybody.
    var credentials: Credentials?
    /// The region of a host.
    var region: @Sendable (String) -> String = { _ in "us-east-1" }
    /// How far its clock is before this machine's, in seconds.
    var clock: Int64 = 0
  }

  let port: Int
  private let listener: Listener
  private let state = Mutex(State())

  init() throws {
    listener = try Listener()
    port = listener.port
    Thread.detachNewThread { [self] in
      while let socket = listener.accept() {
        state.withLock { $0.open[socket.descriptor] = socket }
        Thread.detachNewThread { [self] in serve(socket) }
      }
      listener.close()
    }
  }

  /// Ends everything; to be called by whoever made it.
  func stop() {
    script(nil)
    listener.shut()
    state.withLock { state in
      for socket in state.open.values { socket.shut() }
    }
  }

  var endpoint: Settings { ["origin": ["endpoint": "\"http://127.0.0.1:\(port)\""]] }

  /// What was asked, in order.
  var requests: [FakeRequest] { state.withLock { $0.requests } }

  /// Bytes of bodies that were sent.
  var traffic: Int { state.withLock { $0.traffic } }

  func put(_ object: FakeObject, key: String) { state.withLock { $0.objects[key] = object } }
  func remove(key: String) { state.withLock { $0.objects[key] = nil } }

  /// Spoils answers from now on, or none.
  func script(_ script: Script?) {
    state.withLock {
      $0.script = script
      $0.generation += 1
    }
  }

  /// From now on only requests with a right signature are answered.
  func demand(_ credentials: Credentials?, region: @escaping @Sendable (String) -> String = { _ in "us-east-1" }) {
    state.withLock {
      $0.credentials = credentials
      $0.region = region
    }
  }

  func setClock(ahead seconds: Int64) { state.withLock { $0.clock = seconds } }

  // MARK: Answers

  /// What an honest store says.
  private func honest(_ request: FakeRequest) -> FakeAnswer {
    let (object, credentials, region, clock) = state.withLock {
      ($0.objects[request.key], $0.credentials, $0.region(request.host), $0.clock)
    }
    let time = Self.time + clock
    var answer: FakeAnswer
    let verdict = credentials.map { credentials in
      SignatureV4.verify(
        method: request.method, encodedPath: request.path, query: request.query,
        headers: { name in
          let values = request.fields.filter { $0.name == name }.map(\.value)
          return values.isEmpty ? nil : values.joined(separator: ",")
        }, at: time, credentials: credentials, region: region)
    }
    if case .failure(let refusal) = verdict {
      answer = .s3(
        refusal.status, refusal.code, refusal.code == "AuthorizationHeaderMalformed" ? "<Region>\(region)</Region>" : ""
      )
    } else if let object {
      answer = Self.answer(about: object, to: request)
    } else {
      answer = .s3(404, "NoSuchKey")
    }
    answer["Date"] = Self.httpDate(time)
    return answer
  }

  /// What an honest store says of an object.
  static func answer(about object: FakeObject, to request: FakeRequest) -> FakeAnswer {
    if let etag = request.field("if-match"), etag != object.etag { return .s3(412, "PreconditionFailed") }
    let fields =
      [
        (name: "ETag", value: object.etag), (name: "Content-Type", value: "video/mp4"),
        (name: "Last-Modified", value: "Wed, 21 Oct 2015 07:28:00 GMT"), (name: "x-amz-request-id", value: "1"),
      ] + object.fields
    var range = 0..<object.size
    var status = 200
    if request.query.hasPrefix("partNumber="), let number = Int(request.query.dropFirst(11)), !object.parts.isEmpty {
      guard object.parts.indices.contains(number - 1) else { return .s3(416, "InvalidPartNumber") }
      let start = object.parts[..<(number - 1)].reduce(0, +)
      range = start..<(start + object.parts[number - 1])
      status = 206
    } else if let asked = request.range {
      guard asked.lowerBound < object.size else { return .s3(416, "InvalidRange") }
      range = asked.lowerBound..<min(asked.upperBound + 1, object.size)
      status = 206
    }
    var answer = FakeAnswer(status, fields)
    if status == 206 {
      answer["Content-Range"] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(object.size)"
    }
    if !object.parts.isEmpty { answer["x-amz-mp-parts-count"] = "\(object.parts.count)" }
    if request.method == "HEAD" {
      answer["Content-Length"] = "\(range.count)"
    } else {
      answer.body = object.bytes(range)
    }
    return answer
  }

  /// Seconds since 1970.
  static var time: Int64 { Int64(Date().timeIntervalSince1970) }

  static func httpDate(_ seconds: Int64) -> String {
    var time = time_t(seconds)
    var fields = unsafe tm()
    unsafe gmtime_r(&time, &fields)
    var text = [CChar](repeating: 0, count: 64)
    let count = unsafe strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &fields)
    return String(decoding: text[..<count].map(UInt8.init), as: UTF8.self)
  }

  // MARK: Connections

  private func serve(_ socket: Socket) {
    socket.setTimeout(300)
    socket.setBuffers(65536)
    var pending: [UInt8] = []
    var ending = FakeAnswer.Ending.close
    while let request = try? Self.readRequest(socket, &pending) {
      let (script, generation) = state.withLock { state in
        state.requests.append(request)
        return (state.script, state.generation)
      }
      let honest = honest(request)
      let answer = script?(request, honest) ?? honest
      guard (try? send(answer, to: request, on: socket)) != nil else { break }
      ending = answer.ending
      if ending == .hang {
        while state.withLock({ $0.generation }) == generation, !socket.hasEnded { usleep(5000) }
      }
      if ending != .goOn || answer.framing == .untilClose { break }
    }
    state.withLock { state in
      state.open[socket.descriptor] = nil
      if ending == .reset { socket.reset() } else { socket.close() }
    }
  }

  private static func readRequest(_ socket: Socket, _ pending: inout [UInt8]) throws -> FakeRequest? {
    while true {
      if let end = pending.firstRange(of: Array("\r\n\r\n".utf8)) {
        let head = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
        pending.removeFirst(end.upperBound)
        return parse(head)
      }
      let bytes = try socket.receive()
      if bytes.isEmpty { return nil }
      pending += bytes
    }
  }

  private static func parse(_ head: String) -> FakeRequest {
    let lines = head.components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ").map(String.init)
    let fields = lines.dropFirst().map { line in
      let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      return (
        name: halves[0].lowercased(), value: halves.count == 2 ? halves[1].trimmingCharacters(in: .whitespaces) : ""
      )
    }
    let target = words.count > 1 ? words[1] : ""
    let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    return FakeRequest(
      method: words.first ?? "", host: fields.first { $0.name == "host" }?.value ?? "", path: halves.first ?? "",
      query: halves.count == 2 ? halves[1] : "", fields: fields)
  }

  private func send(_ answer: FakeAnswer, to request: FakeRequest, on socket: Socket) throws {
    if let raw = answer.raw { return try pace(raw[...], answer.pace, socket) }
    var head = "HTTP/1.1 \(answer.status) Scripted\r\n"
    for (name, value) in answer.fields { head += "\(name): \(value)\r\n" }
    switch answer.framing {
    case .length: if answer["Content-Length"] == nil { head += "Content-Length: \(answer.body.count)\r\n" }
    case .chunked: head += "Transfer-Encoding: chunked\r\n"
    case .untilClose: head += "Connection: close\r\n"
    }
    try socket.send((head + "\r\n").utf8)
    guard request.method != "HEAD" else { return }
    var rest = answer.body.prefix(answer.cut ?? .max)
    while !rest.isEmpty {
      let piece = rest.prefix(65_536)
      rest = rest.dropFirst(piece.count)
      if answer.framing == .chunked { try socket.send((String(piece.count, radix: 16) + "\r\n").utf8) }
      try pace(piece, answer.pace, socket)
      if answer.framing == .chunked { try socket.send("\r\n".utf8) }
      state.withLock { $0.traffic += piece.count }
    }
    if answer.framing == .chunked, answer.cut == nil { try socket.send("0\r\n\r\n".utf8) }
  }

  private func pace(_ bytes: ArraySlice<UInt8>, _ pace: (bytes: Int, pause: UInt32)?, _ socket: Socket) throws {
    guard let pace else { return try socket.send(bytes) }
    var rest = bytes
    while !rest.isEmpty {
      try socket.send(rest.prefix(pace.bytes))
      rest = rest.dropFirst(pace.bytes)
      usleep(pace.pause)
    }
  }
}
