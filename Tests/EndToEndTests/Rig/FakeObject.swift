// What a scripted origin has and says: objects that may be larger than any disk, and answers that may be wrong in any way.

import Foundation
import S3

/// An object of a scripted origin.
struct FakeObject: Sendable {
  var size: Int
  /// As it is sent, with its quotes.
  var etag: String
  /// What else its answers say, such as checksums.
  var fields: [(name: String, value: String)] = []
  /// The sizes of the parts that it was uploaded in.
  var parts: [Int] = []
  var bytes: @Sendable (Range<Int>) -> [UInt8]

  /// A title whose ETag says nothing of its bytes.
  init(_ title: Title, etag: String? = nil) {
    let bytes = title.bytes.array
    self.init(size: bytes.count, etag: etag ?? "\"opaque-\(title.contentID)\"") { Array(bytes[$0]) }
  }

  init(size: Int, etag: String, bytes: @escaping @Sendable (Range<Int>) -> [UInt8]) {
    self.size = size
    self.etag = etag
    self.bytes = bytes
  }

  /// An object of any size whose bytes tell where they belong: noise that repeats, with the offset in every 4 KiB of it.
  static func generated(size: Int) -> FakeObject {
    FakeObject(size: size, etag: "\"generated-\(size)\"") { generatedBytes($0) }
  }

  static func generatedBytes(_ range: Range<Int>) -> [UInt8] {
    let page = 4096
    let first = range.lowerBound / page * page
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count + 2 * page)
    for offset in stride(from: first, to: range.upperBound, by: page) {
      let start = offset / page % (noise.count / page) * page
      unsafe withUnsafeBytes(of: UInt64(offset).bigEndian) { stamp in unsafe bytes.append(contentsOf: stamp) }
      bytes.append(contentsOf: noise[(start + 8)..<(start + page)])
    }
    return Array(bytes[(range.lowerBound - first)..<(range.upperBound - first)])
  }

  private static let noise = Title.bytes(size: 1 << 20, seed: 20).array

  /// Offers a checksum of the whole, as `x-amz-checksum-…`.
  func offering(_ algorithm: DigestAlgorithm, of bytes: Bytes) -> FakeObject {
    var computation = DigestComputation(algorithm)
    computation.update(bytes.array)
    let digest = Data(computation.finish()).base64EncodedString()
    var offering = self
    offering.fields += [
      (name: "x-amz-checksum-\(algorithm.rawValue)", value: digest),
      (name: "x-amz-checksum-type", value: "FULL_OBJECT"),
    ]
    return offering
  }

  /// Offers a checksum of the checksums of parts, whose sizes it tells when asked.
  func offering(_ algorithm: DigestAlgorithm, ofParts parts: [Int], of bytes: Bytes) -> FakeObject {
    var whole = DigestComputation(algorithm)
    var offset = 0
    for size in parts {
      var part = DigestComputation(algorithm)
      part.update(bytes[offset..<(offset + size)].array)
      whole.update(part.finish())
      offset += size
    }
    precondition(offset == bytes.count)
    let digest = whole.finish()
    var offering = self
    offering.parts = parts
    if algorithm == .md5 {
      let digits = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      offering.etag = "\"\(digits)-\(parts.count)\""
    } else {
      offering.fields += [
        (
          name: "x-amz-checksum-\(algorithm.rawValue)",
          value: "\(Data(digest).base64EncodedString())-\(parts.count)"
        ), (name: "x-amz-checksum-type", value: "COMPOSITE"),
      ]
    }
    return offering
  }
}

/// A request as a scripted origin got it.
struct FakeRequest: Sendable {
  let method: String
  /// As the client named it, with the port.
  let host: String
  /// As in the request line.
  let path: String
  let query: String
  /// Names in lower case.
  let fields: [(name: String, value: String)]

  func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  /// As a path names it.
  var bucket: String { String(path.split(separator: "/", maxSplits: 1).first ?? "") }

  /// The bucket's name taken away.
  var key: String { String(path.split(separator: "/", maxSplits: 1).last ?? "") }

  /// The bytes asked for.
  var range: ClosedRange<Int>? {
    guard let ends = field("range")?.dropFirst("bytes=".count).split(separator: "-"), ends.count == 2,
      let first = Int(ends[0]), let last = Int(ends[1]), first <= last
    else { return nil }
    return first...last
  }

  /// Whether it is one of a fill's, and not the question why.
  var isForBytes: Bool { method == "GET" && field("if-match") != nil }
}

/// An answer of a scripted origin, which a script may spoil.
struct FakeAnswer: Sendable {
  enum Framing: Sendable {
    case length, chunked, untilClose
  }

  enum Ending: Sendable {
    /// The next request.
    case goOn
    case close, reset
    /// Nothing more is said until the script is another.
    case hang
  }

  var status: Int
  var fields: [(name: String, value: String)]
  var body: [UInt8] = []
  var framing = Framing.length
  /// How many bytes of the body are sent before it ends as told; nil for all.
  var cut: Int?
  var ending = Ending.goOn
  /// Bytes, and microseconds after each of them.
  var pace: (bytes: Int, pause: UInt32)?
  /// Sent in place of everything.
  var raw: [UInt8]?

  init(_ status: Int, _ fields: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = body
  }

  /// An error as a store says it; `more` goes into the XML.
  static func s3(
    _ status: Int, _ code: String, _ more: String = "", _ fields: [(name: String, value: String)] = []
  ) -> FakeAnswer {
    let xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>\(code)</Code><Message>scripted</Message>\(more)</Error>"
    return FakeAnswer(
      status, [(name: "Content-Type", value: "application/xml"), (name: "x-amz-request-id", value: "1")] + fields,
      body: Array(xml.utf8))
  }

  /// Something that is not the store.
  static func page(_ status: Int, _ fields: [(name: String, value: String)] = []) -> FakeAnswer {
    FakeAnswer(
      status, [(name: "Content-Type", value: "text/html; charset=utf-8")] + fields,
      body: Array("<!doctype html><title>Welcome</title><p>Please log in.".utf8))
  }

  subscript(name: String) -> String? {
    get { fields.first { $0.name.lowercased() == name.lowercased() }?.value }
    set {
      fields.removeAll { $0.name.lowercased() == name.lowercased() }
      if let newValue { fields.append((name: name, value: newValue)) }
    }
  }
}
