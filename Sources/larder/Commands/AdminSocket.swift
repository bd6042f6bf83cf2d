// How a subcommand talks to a daemon that runs: HTTP/1.1 over the administration socket, blocking, a request a connection.

import Glibc

/// The administration socket from the outside.
struct AdminSocket {
  /// Why there is no answer, or not all of it.
  enum Failure: Error, Equatable, CustomStringConvertible {
    /// There is no such file: no daemon runs, or one without this socket.
    case missing(String)
    /// Nobody listens at it any longer.
    case deserted(String)
    /// This user may not connect.
    case forbidden(String)
    /// Nothing was heard for as long as was to be waited.
    case timedOut(String)
    /// The connection ended before the answer did.
    case cut(String)
    /// What came is no answer.
    case garbled(String)
    /// Another call failed.
    case failed(String, Int32)

    var description: String {
      switch self {
      case .missing(let path): "there is no socket \(path); start larder, or set server.admin_socket to where it is"
      case .deserted(let path): "nobody listens at \(path); start larder"
      case .forbidden(let path): "\(path) may not be opened by this user; use sudo, or join the group larder"
      case .timedOut(let path): "larder does not answer at \(path)"
      case .cut(let path): "larder ended its answer at \(path) early; did it stop?"
      case .garbled(let path): "what answers at \(path) is not larder"
      case .failed(let what, let code): "cannot \(what): \(unsafe String(cString: strerror(code)))"
      }
    }
  }

  let path: String
  /// The longest silence that is waited for, in seconds; nil for any.
  var patience: Int? = 30

  /// Sends a request and waits for the head of its answer; the body is read from what is returned.
  func request(_ method: String, _ target: String, body: [UInt8] = []) throws(Failure) -> AdminAnswer {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .failed("open a socket", errno) }
    // From here on it closes the socket.
    let answer = AdminAnswer(descriptor: descriptor, path: path)
    if let patience {
      for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        var time = timeval(tv_sec: patience, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
      }
    }
    try connect(descriptor)
    let length = body.isEmpty && method != "POST" ? "" : "Content-Length: \(body.count)\r\n"
    let head = "\(method) \(target) HTTP/1.1\r\nHost: larder\r\nConnection: close\r\n\(length)\r\n"
    try answer.send(Array(head.utf8) + body)
    try answer.readHead(to: method)
    return answer
  }

  private func connect(_ descriptor: Int32) throws(Failure) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw .failed("connect to \(path)", ENAMETOOLONG)
    }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    while true {
      let status = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      guard status != 0 else { return }
      switch errno {
      case EINTR: continue
      case ENOENT, ENOTDIR: throw .missing(path)
      case ECONNREFUSED: throw .deserted(path)
      case EACCES, EPERM: throw .forbidden(path)
      case EAGAIN: throw .timedOut(path)
      case let code: throw .failed("connect to \(path)", code)
      }
    }
  }
}

/// An answer whose body is read as it comes.
final class AdminAnswer {
  private enum Framing: Equatable {
    case length(Int)
    /// In chunks, with so many bytes of this one left.
    case chunks(Int)
    /// Until the other side closes.
    case close
    case over
  }

  /// Of the answer; 0 before its head is read.
  private(set) var status = 0
  private let descriptor: Int32
  private let path: String
  private var framing = Framing.over
  private var received: [UInt8] = []
  private var position = 0
  /// The part of a line that is there.
  private var line: [UInt8] = []

  /// The longest line of a head or a body, in bytes.
  private static let longestLine = 1 << 20

  fileprivate init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { close(descriptor) }

  /// The next line of the body without its end, waited for; nil at the end. A last line may lack its end.
  func nextLine() throws(AdminSocket.Failure) -> String? {
    while let byte = try nextByte() {
      if byte == UInt8(ascii: "\n") { return takeLine() }
      guard line.count < Self.longestLine else { throw .garbled(path) }
      line.append(byte)
    }
    return line.isEmpty ? nil : takeLine()
  }

  /// The rest of the body.
  func body() throws(AdminSocket.Failure) -> [UInt8] {
    var bytes = line
    line = []
    while let byte = try nextByte() { bytes.append(byte) }
    return bytes
  }

  private func takeLine() -> String {
    defer { line = [] }
    return String(decoding: line, as: UTF8.self)
  }

  // MARK: The head

  fileprivate func send(_ bytes: [UInt8]) throws(AdminSocket.Failure) {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[sent...])
        return unsafe Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 { sent += count } else { try fail("send to \(path)") }
    }
  }

  fileprivate func readHead(to method: String) throws(AdminSocket.Failure) {
    repeat {
      let start = try headLine().split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
      guard start.count == 3, start[0] == "HTTP/1.1", start[1].utf8.count == 3, let code = Int(start[1]) else {
        throw .garbled(path)
      }
      status = code
      framing = .close
      while case let field = try headLine(), !field.isEmpty {
        guard let colon = field.firstIndex(of: ":") else { throw .garbled(path) }
        let value = field[field.index(after: colon)...].drop { $0 == " " }
        switch field[..<colon].lowercased() {
        case "transfer-encoding" where value.lowercased() == "chunked": framing = .chunks(0)
        case "content-length" where framing == .close:
          guard let length = Int(value), length >= 0 else { throw .garbled(path) }
          framing = .length(length)
        default: break
        }
      }
    } while status < 200
    if method == "HEAD" || status == 204 || status == 304 { framing = .over }
  }

  /// A line that ends with CR LF, of a head or around a chunk.
  private func headLine() throws(AdminSocket.Failure) -> String {
    var bytes: [UInt8] = []
    while let byte = try rawByte() {
      if byte == UInt8(ascii: "\n") {
        guard bytes.popLast() == UInt8(ascii: "\r") else { throw .garbled(path) }
        return String(decoding: bytes, as: UTF8.self)
      }
      guard bytes.count < Self.longestLine else { throw .garbled(path) }
      bytes.append(byte)
    }
    throw .cut(path)
  }

  // MARK: Bytes

  /// The next byte of the body; nil at its end.
  private func nextByte() throws(AdminSocket.Failure) -> UInt8? {
    switch framing {
    case .over: return nil
    case .close:
      let byte = try rawByte()
      if byte == nil { framing = .over }
      return byte
    case .length(0):
      framing = .over
      return nil
    case .length(let left):
      guard let byte = try rawByte() else { throw .cut(path) }
      framing = .length(left - 1)
      return byte
    case .chunks(0):
      guard let size = Int(try headLine().prefix { $0 != ";" }, radix: 16), size >= 0 else { throw .garbled(path) }
      guard size > 0 else {
        while try !headLine().isEmpty {}
        framing = .over
        return nil
      }
      framing = .chunks(size)
      return try nextByte()
    case .chunks(let left):
      guard let byte = try rawByte() else { throw .cut(path) }
      framing = .chunks(left - 1)
      if left == 1 { guard try headLine().isEmpty else { throw .garbled(path) } }
      return byte
    }
  }

  /// The next byte of the connection; nil when the other side has closed it.
  private func rawByte() throws(AdminSocket.Failure) -> UInt8? {
    while position == received.count {
      var count = 0
      received = unsafe [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, filled in
        count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
        filled = max(0, count)
      }
      position = 0
      if count == 0 { return nil }
      if count < 0 { try fail("read from \(path)") }
    }
    defer { position += 1 }
    return received[position]
  }

  /// What `errno` means here; returns when the call is to be tried again.
  private func fail(_ what: String) throws(AdminSocket.Failure) {
    switch errno {
    case EINTR: return
    case EAGAIN: throw .timedOut(path)
    case ECONNRESET, EPIPE: throw .cut(path)
    case let code: throw .failed(what, code)
    }
  }
}
