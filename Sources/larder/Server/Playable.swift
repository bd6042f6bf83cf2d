// A whole file that is open for playing, a title's as a rule, and the answer to a play by RFC 9110: conditionals, ranges, parts.

import CSystem
import Cache
import Glibc
import HTTP
import Loop

/// An open object together with what every answer says about it.
@EventLoop
final class Playable {
  /// Who may play it; nil when whoever holds this object has made sure of that.
  let user: UserID?
  let file: ObjectFile
  /// Looks at each block before it goes out; nil for a file that has no checksums.
  let reader: ObjectReader?
  let size: Int
  private let etag: [UInt8]
  /// Seconds since 1970.
  private let lastModified: Int
  /// The same as a date in bytes.
  private let lastModifiedDate: [UInt8]
  private let mediaType: MediaType
  private let viewer: Viewer?
  private let played: @EventLoop () -> Void

  /// Smaller bodies go out with their head in one write: to copy them costs less than a second call. From here on it costs
  /// more.
  private static let smallBody = 16 << 10

  /// - Parameters:
  ///   - etag: a strong entity tag with its quotes.
  ///   - lastModified: seconds since 1970.
  ///   - viewer: is told what goes out, for a title that somebody owns.
  ///   - played: called whenever bytes go out.
  init(
    etag: String, size: Int, lastModified: Int, mediaType: MediaType, file: ObjectFile,
    reader: ObjectReader? = nil, user: UserID? = nil, viewer: Viewer? = nil,
    played: @escaping @EventLoop () -> Void = {}
  ) {
    self.viewer = viewer
    self.reader = reader
    self.user = user
    self.file = file
    self.size = size
    self.etag = Array(etag.utf8)
    self.lastModified = lastModified
    self.lastModifiedDate = Array(HTTPDate.string(lastModified).utf8)
    self.mediaType = mediaType
    self.played = played
  }

  /// A completed download: it says what the origin said of it.
  convenience init(
    download: Download, _ reader: ObjectReader, viewers: Viewers, played: @escaping @EventLoop (DownloadID) -> Void
  ) {
    let object = reader.object
    let seconds = object.origin.lastModifiedSeconds
    // A film that is none must not act as the box's own page.
    let named = MediaType(fileExtension: download.fileExtension)
    self.init(
      etag: object.origin.version.etag, size: object.size,
      lastModified: Int(seconds > 0 ? seconds : object.created.milliseconds / 1000),
      mediaType: named.isActive ? .octetStream : named, file: reader.file, reader: reader,
      user: download.user, viewer: viewers.viewer(of: download, size: object.size)
    ) { [id = download.id] in played(id) }
  }

  /// Bytes of it go out, the last of them before `position`: it counts as played now.
  func sent(_ count: Int, to position: Int) {
    viewer?.sent(count, to: position)
    played()
  }

  /// What a request comes to.
  enum Plan {
    case notModified, preconditionFailed, unsatisfiable
    case whole(isHead: Bool)
    case single(ByteRange)
    case several(ByteRangeSet)
  }

  /// Reads conditions and ranges of a GET or HEAD.
  func plan(_ request: borrowing RequestHead, in bytes: UnsafeRawBufferPointer) -> Plan {
    let outcome = unsafe etag.withUnsafeBytes { tag in
      unsafe Conditional.evaluate(request, in: bytes, etag: tag, lastModified: lastModified, now: HTTPServer.seconds)
    }
    switch outcome {
    case .notModified: return .notModified
    case .preconditionFailed: return .preconditionFailed
    case .proceed(let useRange):
      switch useRange ? unsafe RangeHeader.evaluate(request, in: bytes, length: size) : .whole {
      case .whole: return .whole(isHead: request.method == .head)
      case .single(let range): return .single(range)
      case .several(let ranges): return .several(ranges)
      case .unsatisfiable: return .unsatisfiable
      }
    }
  }

  /// The same of a request that was copied.
  func plan(of request: APIRequest) -> Plan {
    var head = RequestHead()
    return unsafe request.head.withUnsafeBytes { bytes in
      _ = unsafe RequestParser.parse(bytes, into: &head)
      return unsafe plan(head, in: bytes)
    }
  }

  /// Answers a GET or HEAD of the title.
  func answer(_ request: borrowing RequestHead, in bytes: UnsafeRawBufferPointer, on connection: HTTPConnection) {
    carryOut(unsafe plan(request, in: bytes), isHead: request.method == .head, on: connection)
  }

  func carryOut(_ plan: Plan, isHead: Bool, on connection: HTTPConnection) {
    let now = HTTPServer.seconds
    switch plan {
    case .notModified: head(.notModified, connection, now) { _ in }
    case .preconditionFailed:
      let problem = Problem(
        .preconditionFailed, code: "precondition_failed", detail: "the title is another version than the one you have")
      connection.send(.preconditionFailed, .problemJSON, problem.json, [], isHead: isHead)
    case .whole(let isHead): whole(connection, now, isHead: isHead)
    case .single(let range): single(range, connection, now)
    case .several(let ranges): several(ranges, connection, now)
    case .unsatisfiable:
      let problem = Problem(
        .rangeNotSatisfiable, code: "range_not_satisfiable", detail: "the title has \(size) bytes, counted from 0")
      connection.send(
        .rangeNotSatisfiable, .problemJSON, problem.json,
        [Reply.Field("Content-Range", "bytes */\(size)"), Reply.Field("Accept-Ranges", "bytes")], isHead: false)
    }
  }

  private func whole(_ connection: HTTPConnection, _ now: Int, isHead: Bool) {
    let hasBody = !isHead && size > 0
    let range = hasBody ? ByteRange(first: 0, last: size - 1) : nil
    send(.ok, connection, now, range, nil) { [mediaType, size] head in
      head.append("Content-Type", mediaType.name)
      head.append("Content-Length", size)
    }
  }

  private func single(_ range: ByteRange, _ connection: HTTPConnection, _ now: Int) {
    send(.partialContent, connection, now, range, nil) { [mediaType, size] head in
      head.append("Content-Type", mediaType.name)
      head.append("Content-Length", range.count)
      head.appendContentRange(range, length: size)
    }
  }

  private func several(_ ranges: ByteRangeSet, _ connection: HTTPConnection, _ now: Int) {
    let boundary = MultipartBoundary(.random(in: .min ... .max), .random(in: .min ... .max))
    let parts = MultipartRanges(ranges, length: size, mediaType: mediaType, boundary: boundary)
    send(.partialContent, connection, now, nil, parts) { head in
      head.appendContentType(boundary)
      head.append("Content-Length", parts.contentLength)
    }
  }

  /// Renders the head and sends it with its body: a small one in the same write when it is in memory.
  private func send(
    _ status: Status, _ connection: HTTPConnection, _ now: Int, _ range: ByteRange?, _ parts: MultipartRanges?,
    _ fields: (inout ResponseHead) -> Void
  ) {
    guard range != nil || parts != nil else { return head(status, connection, now, fields) }
    connection.playBegins(isWhole: reader.map { $0.state == .complete } ?? true)
    let scratch = unsafe connection.scratch
    let length = render(status, connection, now, fields)
    // A read that finds nothing in memory has the kernel fetch it, or finds it already: so memory is asked first.
    if let range, range.count < Self.smallBody,
      reader.map({ $0.readyEnd(range.first..<range.last + 1) > range.last }) ?? true
    {
      let got = unsafe larder_read_resident(
        file.descriptor, scratch.baseAddress! + length, range.count, off_t(range.first))
      if got == range.count {
        sent(got, to: range.first + got)
        connection.played(got)
        return unsafe connection.send(UnsafeRawBufferPointer(rebasing: scratch[..<(length + got)]))
      }
    }
    unsafe connection.send(
      UnsafeRawBufferPointer(rebasing: scratch[..<length]),
      then: FileBody(
        playable: self, range: range, parts: parts, playhead: reader?.playhead(at: range?.first ?? 0),
        hold: reader?.hold()))
  }

  private func head(
    _ status: Status, _ connection: HTTPConnection, _ now: Int, _ fields: (inout ResponseHead) -> Void
  ) {
    let length = render(status, connection, now, fields)
    unsafe connection.send(UnsafeRawBufferPointer(rebasing: connection.scratch[..<length]))
  }

  private func render(
    _ status: Status, _ connection: HTTPConnection, _ now: Int, _ fields: (inout ResponseHead) -> Void
  ) -> Int {
    connection.answered(status)
    let room = unsafe UnsafeMutableRawBufferPointer(rebasing: connection.scratch[..<Self.headRoom])
    var head = unsafe ResponseHead(status, into: room)
    unsafe HTTPServer.date(now).withUnsafeBytes { unsafe head.append("Date", verbatim: $0) }
    unsafe etag.withUnsafeBytes { unsafe head.append("ETag", bytes: $0) }
    unsafe lastModifiedDate.withUnsafeBytes { unsafe head.append("Last-Modified", verbatim: $0) }
    head.append("Accept-Ranges", "bytes")
    head.append("Cache-Control", "private, no-cache")
    head.append("X-Content-Type-Options", "nosniff")
    fields(&head)
    if let persistence = connection.persistence { head.append("Connection", persistence) }
    return head.end()
  }

  /// Room for a head: the usual one and an entity tag, which the ledger keeps below 2 KiB.
  private static let headRoom = 8 << 10
}
