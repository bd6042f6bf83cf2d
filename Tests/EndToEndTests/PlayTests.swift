// Playing: RFC 9110 to the letter, byte for byte.

import Foundation
import Glibc
import Testing

@LaneC @Suite("Playing") struct PlayTests {
  /// A title and a user who has it, for all of this suite.
  struct Stage {
    let box: Box
    let ann: User
    let title: Title
    let id: String
    let path: String
    let etag: String
    let lastModified: String

    init() throws {
      box = try Box()
      ann = try box.user("ann")
      title = Title(size: (1 << 20) + 12_345)
      try box.origin.put(title)
      id = try ann.fetch(title)
      path = "/api/downloads/\(id)/play"
      let whole = try ann.play(id)
      etag = whole["ETag"] ?? ""
      lastModified = whole["Last-Modified"] ?? ""
    }
  }

  private static let stage = Result { try Stage() }

  /// Asks on a connection that stays.
  private func ask(
    _ connection: Connection, _ method: String, _ headers: [String: String]
  ) throws -> Answer {
    let stage = try Self.stage.get()
    let all = stage.ann.authorization.merging(headers) { $1 }
    try connection.send(request(method, stage.path, headers: all))
    return try connection.receive(to: method)
  }

  @Test("plays sent ahead are answered in order, also while the title is being opened for the first of them")
  func pipelined() throws {
    let stage = try Self.stage.get()
    // Nobody has played this one: the first play has to wait for the disk, and the others for it.
    let title = Title(size: 5000)
    try stage.box.origin.put(title)
    let id = try stage.ann.fetch(title)
    let connection = try Connection(port: stage.box.port)
    let firsts = [0, 1000, 20, 3000]
    try connection.send(
      firsts.map { first in
        let headers = stage.ann.authorization.merging(["Range": "bytes=\(first)-\(first + 9)"]) { $1 }
        return request("GET", "/api/downloads/\(id)/play", headers: headers)
      }.joined())
    for first in firsts {
      let answer = try connection.receive()
      #expect(answer.status == 206)
      #expect(answer.body == title.bytes[first..<first + 10], "from \(first)")
    }
  }

  @Test("the whole comes with everything that a player needs to know")
  func whole() throws {
    let stage = try Self.stage.get()
    let connection = try Connection(port: stage.box.port)
    let answer = try ask(connection, "GET", [:])
    #expect(answer.status == 200)
    #expect(answer.body == stage.title.bytes)
    #expect(answer["Accept-Ranges"] == "bytes")
    #expect(answer["Content-Type"] == "video/mp4")
    #expect(answer["Content-Length"] == "\(stage.title.size)")
    #expect(answer["X-Content-Type-Options"] == "nosniff")
    #expect(stage.etag.wholeMatch(of: /"[^"]+"/) != nil, "a strong tag")
    let date = /(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/
    #expect(stage.lastModified.wholeMatch(of: date) != nil)
    #expect(answer["Date"]?.wholeMatch(of: date) != nil)
    let head = try ask(connection, "HEAD", [:])
    #expect(head.status == 200)
    for name in ["Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges"] {
      #expect(head[name] == answer[name], "\(name)")
    }
  }

  @Test("hundreds of random ranges, single, open, from the end and in parts, are right to the byte")
  func ranges() throws {
    let stage = try Self.stage.get()
    let size = stage.title.size
    var random = SplitMix64(seed: 2110)
    var connection = try Connection(port: stage.box.port)
    for round in 0..<400 {
      if round % 100 == 99 { connection = try Connection(port: stage.box.port) }
      // Short and long ones, with many ends on the bounds of chunks.
      let bound = Int.random(in: 0...(size >> 18), using: &random) << 18
      let start =
        round % 3 == 0
        ? min(size - 1, max(0, bound + Int.random(in: -2...2, using: &random)))
        : Int.random(in: 0..<size, using: &random)
      let length = 1 << Int.random(in: 0...20, using: &random)
      let end = min(size - 1, start + length - 1)
      let (header, expected): (String, Range<Int>) =
        switch round % 4 {
        case 0: ("\(start)-", start..<size)
        case 1: ("-\(length)", max(0, size - length)..<size)
        case 2: ("\(start)-\(start + length - 1)", start..<end + 1)
        default: ("\(start)-\(end)", start..<end + 1)
        }
      let answer = try ask(connection, "GET", ["Range": "bytes=\(header)"])
      #expect(answer.status == 206, "\(header): \(answer.status)")
      #expect(answer["Content-Range"] == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/\(size)", "\(header)")
      #expect(answer.body == stage.title.bytes[expected], "\(header)")
    }
  }

  @Test("plays that are sent ahead are answered in order, whatever their length")
  func sentAhead() throws {
    let stage = try Self.stage.get()
    let connection = try Connection(port: stage.box.port)
    let ranges = [0..<1000, 500_000..<500_001, 3..<200_000, 1_000_000..<1_012_345, 7..<70_000]
    for _ in 0..<3 {
      let texts = ranges.map { range in
        let bytes = "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
        return request("GET", stage.path, headers: stage.ann.authorization.merging(["Range": bytes]) { $1 })
      }
      try connection.send(texts.joined())
      for range in ranges {
        let answer = try connection.receive()
        #expect(answer.status == 206)
        #expect(answer.body == stage.title.bytes[range])
      }
    }
  }

  @Test("several ranges come as parts, in order, each right to the byte")
  func parts() throws {
    let stage = try Self.stage.get()
    let size = stage.title.size
    var random = SplitMix64(seed: 9110)
    let connection = try Connection(port: stage.box.port)
    for _ in 0..<60 {
      var wanted: [Range<Int>] = []
      var position = Int.random(in: 0..<5000, using: &random)
      for _ in 0..<Int.random(in: 2...6, using: &random) where position < size {
        let end = min(size, position + Int.random(in: 1...40_000, using: &random))
        wanted.append(position..<end)
        position = end + Int.random(in: 1000...150_000, using: &random)
      }
      let header = wanted.map { "\($0.lowerBound)-\($0.upperBound - 1)" }.joined(separator: ", ")
      let answer = try ask(connection, "GET", ["Range": "bytes=\(header)"])
      #expect(answer.status == 206)
      #expect(answer["Content-Range"] == nil)
      let type = try #require(answer["Content-Type"])
      let boundary = try #require(type.firstMatch(of: /^multipart\/byteranges; *boundary="?([^"]+)"?$/)).1
      let parts = try Self.parse(answer.body.array, boundary: String(boundary))
      #expect(parts.map(\.range) == wanted.map { "bytes \($0.lowerBound)-\($0.upperBound - 1)/\(size)" })
      for (part, range) in zip(parts, wanted) {
        #expect(part.type == "video/mp4")
        #expect(part.body == stage.title.bytes[range])
      }
    }
  }

  /// Takes a multipart body apart by the lengths that its parts state, so that no byte is passed over.
  private static func parse(_ body: [UInt8], boundary: String) throws -> [(range: String, type: String, body: Bytes)] {
    var rest = body[...]
    func take(_ text: String) -> Bool {
      guard rest.starts(with: text.utf8) else { return false }
      rest = rest.dropFirst(text.utf8.count)
      return true
    }
    func line() throws -> String {
      guard let end = rest.firstIndex(of: 10) else { throw RigFailure("a part's line without an end") }
      defer { rest = rest[(end + 1)...] }
      return String(decoding: rest[..<end].dropLast(), as: UTF8.self)
    }
    var parts: [(range: String, type: String, body: Bytes)] = []
    _ = take("\r\n")
    while take("--\(boundary)\r\n") {
      var fields: [String: String] = [:]
      while case let field = try line(), !field.isEmpty {
        let pair = field.split(separator: ":", maxSplits: 1)
        fields[pair[0].lowercased()] = pair[1].trimmingCharacters(in: .whitespaces)
      }
      let range = fields["content-range"] ?? ""
      guard let match = range.wholeMatch(of: /bytes (\d+)-(\d+)\/\d+/), let first = Int(match.1),
        let last = Int(match.2)
      else { throw RigFailure("not a range: \(range)") }
      parts.append((range, fields["content-type"] ?? "", Bytes(Array(rest.prefix(last - first + 1)))))
      rest = rest.dropFirst(last - first + 1)
      guard take("\r\n") else { throw RigFailure("a part that does not end") }
    }
    guard take("--\(boundary)--") else { throw RigFailure("no last boundary") }
    return parts
  }

  @Test("ranges that cannot be met, that mean nothing, and those of HEAD")
  func oddRanges() throws {
    let stage = try Self.stage.get()
    let size = stage.title.size
    let connection = try Connection(port: stage.box.port)
    for header in ["bytes=\(size)-", "bytes=\(size)-\(size + 10)", "bytes=-0", "bytes=99999999999999999999-"] {
      let answer = try ask(connection, "GET", ["Range": header])
      #expect(answer.status == 416, "\(header)")
      #expect(answer["Content-Range"] == "bytes */\(size)", "\(header)")
      #expect(answer.code == "range_not_satisfiable", "\(header)")
    }
    for header in [
      "bytes=5-2", "bytes=a-b", "bytes=", "bytes=-", "bytes", "chapters=1-2", "bytes=1-2;3-4", "bytes=1 -2",
    ] {
      let answer = try ask(connection, "GET", ["Range": header])
      #expect(answer.status == 200, "\(header): a header that is none is ignored")
      #expect(answer.body.count == size, "\(header)")
    }
    let head = try ask(connection, "HEAD", ["Range": "bytes=0-9"])
    #expect(head.status == 200)
    #expect(head["Content-Length"] == "\(size)")
    #expect(try ask(connection, "GET", ["Range": "bytes=0-0,\(size)-"]).body == stage.title.bytes[..<1])
    #expect(try ask(connection, "GET", ["Range": "bytes=0-99999999999999999999"]).body.count == size)
  }

  @Test("conditions decide in the order that RFC 9110 gives them")
  func conditions() throws {
    let stage = try Self.stage.get()
    let (etag, date) = (stage.etag, stage.lastModified)
    let early = "Thu, 01 Jan 1998 00:00:00 GMT"
    let table: [([String: String], Int)] = [
      (["If-None-Match": etag], 304),
      (["If-None-Match": "W/\(etag)"], 304),
      (["If-None-Match": "\"x\", \(etag)"], 304),
      (["If-None-Match": "*"], 304),
      (["If-None-Match": "\"x\""], 200),
      (["If-Match": etag], 200),
      (["If-Match": "*"], 200),
      (["If-Match": "\"x\", \(etag)"], 200),
      (["If-Match": "\"x\""], 412),
      (["If-Match": "W/\(etag)"], 412),
      (["If-Modified-Since": date], 304),
      (["If-Modified-Since": early], 200),
      (["If-Modified-Since": "yesterday"], 200),
      (["If-Unmodified-Since": date], 200),
      (["If-Unmodified-Since": early], 412),
      (["If-Unmodified-Since": "yesterday"], 200),
      // The tag goes before the date.
      (["If-None-Match": "\"x\"", "If-Modified-Since": date], 200),
      (["If-Match": etag, "If-Unmodified-Since": early], 200),
      (["If-Match": "\"x\"", "If-None-Match": etag], 412),
      (["If-Match": etag, "If-None-Match": etag], 304),
      // Conditions go before the range.
      (["If-None-Match": etag, "Range": "bytes=0-1"], 304),
      (["If-Match": "\"x\"", "Range": "bytes=0-1"], 412),
      (["If-Match": etag, "Range": "bytes=0-1"], 206),
      (["If-Range": etag, "Range": "bytes=0-1"], 206),
      (["If-Range": "\"x\"", "Range": "bytes=0-1"], 200),
      (["If-Range": "W/\(etag)", "Range": "bytes=0-1"], 200),
      (["If-Range": early, "Range": "bytes=0-1"], 200),
      (["If-Range": etag, "Range": "bytes=\(stage.title.size)-"], 416),
      (["If-Range": "\"x\"", "Range": "bytes=\(stage.title.size)-"], 200),
    ]
    let connection = try Connection(port: stage.box.port)
    for (headers, status) in table {
      for method in ["GET", "HEAD"] {
        let answer = try ask(connection, method, headers)
        // HEAD knows no range.
        let expected = method == "HEAD" && (status == 206 || status == 416) ? 200 : status
        #expect(answer.status == expected, "\(method) \(headers): \(answer.status)")
        if status == 304 {
          #expect(answer["ETag"] == etag, "\(headers)")
          #expect(answer.body.isEmpty, "\(headers)")
        }
        if status == 412, method == "GET" { #expect(answer.code == "precondition_failed", "\(headers)") }
      }
    }
  }
}
