// The page for people: `GET /` and the files that it is made of. They lie in `Sources/larder/Page` and come into the program
// as they are; nothing of them needs a token, and nothing of them is anybody's.

import Crypto
import HTTP
import Loop
import PageFiles

/// One file of the page, and the answer to a request for it.
struct PageFile: Sendable {
  let mediaType: MediaType
  /// Of the content, with its quotes: another program has another one where the file differs, and only there.
  let etag: [UInt8]
  private let index: Int

  /// By what stands in the address: `/` is the document, everything else lies in `/page/`.
  private static let files: [[String]: PageFile] = {
    var files: [[String]: PageFile] = [:]
    for index in 0..<pageFileCount() {
      let name = unsafe String(cString: pageFile(index).name)
      files[name == "index.html" ? [""] : ["page", name]] = PageFile(name: name, index: index)
    }
    return files
  }()

  /// The file at a path; nil when there is none.
  static func at(_ segments: [String]) -> PageFile? { files[segments] }

  private init(name: String, index: Int) {
    self.index = index
    mediaType = MediaType(path: name)
    let file = unsafe pageFile(index)
    let digest = unsafe SHA256.hash(data: Array(UnsafeBufferPointer(start: file.bytes, count: file.count)))
    let digits = digest.prefix(16).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    etag = Array("\"\(digits.joined())\"".utf8)
  }

  private var content: UnsafeRawBufferPointer {
    let file = unsafe pageFile(index)
    return unsafe UnsafeRawBufferPointer(start: file.bytes, count: file.count)
  }

  /// What the page may do: its own files, the box it came from, and nothing else in the world.
  private static let policy: StaticString =
    """
    default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
    """

  /// Answers a GET or HEAD. A part of a file is not offered: each is small.
  @EventLoop
  func answer(_ request: APIRequest, on connection: HTTPConnection) {
    var head = RequestHead()
    let outcome = unsafe request.head.withUnsafeBytes { bytes in
      _ = unsafe RequestParser.parse(bytes, into: &head)
      return unsafe condition(of: head, in: bytes)
    }
    let isHead = request.method == .head
    switch outcome {
    case .preconditionFailed:
      let problem = Problem(
        .preconditionFailed, code: "precondition_failed", detail: "the page is another version than the one you have")
      connection.send(.preconditionFailed, .problemJSON, problem.json, [], isHead: isHead)
    case .notModified: send(.notModified, hasBody: false, on: connection)
    case .proceed: send(.ok, hasBody: !isHead, on: connection)
    }
  }

  @EventLoop
  private func condition(
    of request: borrowing RequestHead, in bytes: UnsafeRawBufferPointer
  ) -> Conditional.Outcome {
    unsafe etag.withUnsafeBytes { tag in
      unsafe Conditional.evaluate(request, in: bytes, etag: tag, lastModified: nil, now: HTTPServer.seconds)
    }
  }

  @EventLoop
  private func send(_ status: Status, hasBody: Bool, on connection: HTTPConnection) {
    connection.metrics?.answered(status)
    let content = unsafe content
    var bytes = unsafe [UInt8](unsafeUninitializedCapacity: ResponseHead.usualCount) { buffer, count in
      var head = unsafe ResponseHead(status, into: UnsafeMutableRawBufferPointer(buffer))
      head.append("Date", date: HTTPServer.seconds)
      unsafe etag.withUnsafeBytes { unsafe head.append("ETag", bytes: $0) }
      if status != .notModified {
        head.append("Content-Type", mediaType.name)
        head.append("Content-Length", content.count)
      }
      // Always asked for again, and nearly always answered with 304: after an upgrade no file is older than another.
      head.append("Cache-Control", "no-cache")
      head.append("Content-Security-Policy", Self.policy)
      head.append("X-Content-Type-Options", "nosniff")
      head.append("Referrer-Policy", "no-referrer")
      if let persistence = connection.persistence { head.append("Connection", persistence) }
      count = head.end()
    }
    if hasBody { unsafe bytes.append(contentsOf: content) }
    unsafe bytes.withUnsafeBytes { unsafe connection.send($0) }
  }
}
