// What the demo's origin answers: the part of the S3 protocol that a box speaks (SigV4, HEAD, ranged GET, If-Match), and
// the store's own errors for everything else.

import Cache
import Glibc
import HTTP
import Loop
import S3

/// A bucket whose objects are files.
@EventLoop
final class DemoBucket: RequestHandler {
  private let name: String
  private let region: String
  private let credentials: Credentials
  /// The path of each key's file; no other file can be asked for.
  private let files: [String: String]
  private var objects: [String: Opening] = [:]
  private let disk = Worker(name: "origin")
  /// A long film takes it a while, and the others do not wait for it.
  private let digester = Worker(name: "origin-md5")

  init(name: String, region: String, credentials: Credentials, files: [String: String]) {
    self.name = name
    self.region = region
    self.credentials = credentials
    self.files = files
  }

  /// Each answer needs a look at the file, so none is given at once.
  func answerNow(
    _ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer, on connection: HTTPConnection
  ) -> Bool { false }

  func answer(_ request: APIRequest) async -> Reply {
    let path = request.segments?.joined(separator: "/") ?? ""
    do {
      guard request.method == .get || request.method == .head else { throw StoreRefusal.methodNotAllowed }
      try verify(request)
      guard let segments = request.segments, segments.first == name else { throw StoreRefusal.noSuchBucket }
      let key = segments.dropFirst().joined(separator: "/")
      guard let path = files[key] else { throw StoreRefusal.noSuchKey }
      return .play(try await object(key, path))
    } catch let refusal as StoreRefusal {
      return refusal.reply(to: request, resource: "/\(path)")
    } catch {
      return StoreRefusal(.internalServerError, "InternalError", "\(error)").reply(to: request, resource: "/\(path)")
    }
  }

  private func verify(_ request: APIRequest) throws(StoreRefusal) {
    let (path, query, fields) = unsafe request.head.withUnsafeBytes { bytes in unsafe Self.read(bytes) }
    let verdict = SignatureV4.verify(
      method: "\(request.method.name)", encodedPath: path, query: query, headers: { fields[$0] },
      at: Clock.now.milliseconds / 1000, credentials: credentials, region: region)
    if case .failure(let refusal) = verdict {
      throw StoreRefusal(Status(rawValue: refusal.status) ?? .forbidden, refusal.code, refusal.message)
    }
  }

  /// Path and query as they were sent, and the fields by lower-case name, several of one name joined with commas.
  private static func read(_ bytes: UnsafeRawBufferPointer) -> (String, String, [String: String]) {
    var head = RequestHead()
    _ = unsafe RequestParser.parse(bytes, into: &head)
    var fields: [String: String] = [:]
    for index in 0..<head.fieldCount {
      let name = unsafe head[index].name.string(in: bytes).lowercased()
      let value = unsafe head[index].value.string(in: bytes)
      fields[name] = fields[name].map { "\($0),\(value)" } ?? value
    }
    return unsafe (head.path.string(in: bytes), head.query?.string(in: bytes) ?? "", fields)
  }

  /// The file, open, with its MD5 as its entity tag: computed when it is first asked for, and anew when it changes.
  private func object(_ key: String, _ path: String) async throws(DiskError) -> Playable {
    let stamp = try await disk.run { () throws(DiskError) in try FileStamp(path) }
    if let known = objects[key], known.stamp == stamp { return try await known.playable() }
    let opening = Opening(path, stamp, on: digester)
    objects[key] = opening
    do { return try await opening.playable() } catch {
      // What failed is tried again when it is asked for again.
      if objects[key] === opening { objects[key] = nil }
      throw error
    }
  }
}

/// A file that is open, or about to be.
@EventLoop
private final class Opening {
  let stamp: FileStamp
  private var result: Result<Playable, DiskError>?
  private var task: Task<Void, Never>?

  init(_ path: String, _ stamp: FileStamp, on worker: Worker) {
    self.stamp = stamp
    task = EventLoop.spawn { [self] in
      let opened = await worker.run { Self.open(path, stamp) }
      result = opened.map { opened in
        Playable(
          etag: opened.etag, size: stamp.size, lastModified: stamp.seconds, mediaType: MediaType(path: path),
          file: opened.file)
      }
    }
  }

  /// Waits until it is open.
  func playable() async throws(DiskError) -> Playable {
    await task?.value
    guard let result else { throw DiskError("open a video", ECANCELED) }
    return try result.get()
  }

  /// Opens and digests it.
  private nonisolated static func open(_ path: String, _ stamp: FileStamp) -> Result<
    (file: ObjectFile, etag: String), DiskError
  > {
    do throws(DiskError) {
      let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw DiskError("open \(path)", errno) }
      let file = ObjectFile(owning: descriptor)
      var digest = DigestComputation(.md5)
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
      defer { unsafe buffer.deallocate() }
      var offset = 0
      while offset < stamp.size {
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, stamp.size - offset)])
        guard unsafe try file.read(into: part, at: offset) else { throw DiskError("read \(path)", EIO) }
        unsafe digest.update(UnsafeRawBufferPointer(part))
        offset += part.count
      }
      let hexadecimal = digest.finish().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      return .success((file, "\"\(hexadecimal)\""))
    } catch {
      return .failure(error)
    }
  }
}

/// An error answer of an object store.
private struct StoreRefusal: Error {
  let status: Status
  let code: String
  let message: String

  init(_ status: Status, _ code: String, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  static let methodNotAllowed = StoreRefusal(
    .methodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
  static let noSuchBucket = StoreRefusal(.notFound, "NoSuchBucket", "The specified bucket does not exist.")
  static let noSuchKey = StoreRefusal(.notFound, "NoSuchKey", "The specified key does not exist.")

  func reply(to request: APIRequest, resource: String) -> Reply {
    let xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>\(code)</Code>"
      + "<Message>\(Self.escaped(message))</Message><Resource>\(Self.escaped(resource))</Resource>"
      + "<RequestId>\(request.number)</RequestId></Error>"
    var fields = [Reply.Field("x-amz-request-id", "\(request.number)")]
    if status == .methodNotAllowed { fields.append(Reply.Field("Allow", "GET, HEAD")) }
    return .bytes(status, .text, Array(xml.utf8), fields)
  }

  private static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      default: result.append(character)
      }
    }
  }
}
