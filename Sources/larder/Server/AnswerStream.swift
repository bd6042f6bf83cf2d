// Answers whose end is not known when they begin: what a connection and the maker of such an answer agree on, and answers
// of lines of text.

import HTTP
import Loop

/// An answer that is made while it is sent.
@EventLoop
protocol AnswerStream: AnyObject, Sendable {
  var mediaType: MediaType { get }
  /// Whether it ends by itself. Such an answer goes out in chunks, so that the client knows its end from a cut.
  var isFinite: Bool { get }
  /// Whether nothing more will come.
  var isOver: Bool { get }
  /// Takes bytes for the client; nil when there is none.
  var arrived: (@EventLoop ([UInt8]) -> Void)? { get set }
  /// The head is out.
  ///
  /// - Parameter inChunks: whether each of the bytes is to be a chunk (RFC 9112, section 7.1).
  func begin(inChunks: Bool)
  /// The kernel has taken everything that came so far.
  func drained()
  /// The client is gone.
  func cancel()
}

extension AnswerStream {
  /// The head that goes before it; the connection ends with it.
  func head(inChunks: Bool) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: ResponseHead.usualCount) { buffer, count in
      var head = unsafe ResponseHead(.ok, into: UnsafeMutableRawBufferPointer(buffer))
      head.append("Date", date: HTTPServer.seconds)
      head.append("Content-Type", mediaType.name)
      if inChunks { head.append("Transfer-Encoding", "chunked") }
      head.append("Cache-Control", "no-store")
      head.append("X-Accel-Buffering", "no")
      head.append("Connection", "close")
      count = head.end()
    }
  }
}

/// Lines of text, such as JSON values (`application/x-ndjson`), each sent as soon as it is made.
///
/// Who makes them waits in `write` while the client does not read, so that no more than a few lines lie in memory.
@EventLoop
final class LineStream: AnswerStream {
  let mediaType: MediaType
  let isFinite = true
  private(set) var isOver = false
  var arrived: (@EventLoop ([UInt8]) -> Void)?
  private let make: @EventLoop (LineStream) async -> Void
  private var task: Task<Void, Never>?
  private var inChunks = false
  /// Bytes that were handed over and may not be with the kernel yet.
  private var unsent = 0
  private var waiting: CheckedContinuation<Void, Never>?

  /// From here on the maker waits, in bytes; the connection itself gives up a client for which far more would wait.
  private static let enough = 32 << 10
  /// The longest line, in bytes: with `enough` before it, it stays below what the connection keeps.
  static let longestLine = 128 << 10

  /// - Parameter make: writes the lines, one after the other; the answer is whole when it returns.
  init(_ mediaType: MediaType = .ndjson, _ make: @escaping @EventLoop (LineStream) async -> Void) {
    self.mediaType = mediaType
    self.make = make
  }

  /// Sends a line, which must hold no line end and at most `longestLine` bytes, and waits until there is room for the next.
  ///
  /// - Returns: false once the client is gone: nobody reads what is made from then on.
  @discardableResult
  func write(_ line: String) async -> Bool {
    precondition(line.utf8.count <= Self.longestLine, "a line is too long")
    hand(Array(line.utf8) + [UInt8(ascii: "\n")])
    if unsent > Self.enough { await withCheckedContinuation { waiting = $0 } }
    return arrived != nil
  }

  private func hand(_ bytes: [UInt8]) {
    guard let arrived else { return }
    let length = inChunks ? Array("\(String(bytes.count, radix: 16))\r\n".utf8) : []
    let framed = inChunks ? length + bytes + Array("\r\n".utf8) : bytes
    // Counted first: it may be sent, or the client be given up, before this returns.
    unsent += framed.count
    arrived(framed)
  }

  // MARK: AnswerStream

  func begin(inChunks: Bool) {
    self.inChunks = inChunks
    task = EventLoop.spawn { [self] in
      await make(self)
      task = nil
      isOver = true
      // Without chunks an empty piece still tells the connection to end.
      arrived?(inChunks ? Array("0\r\n\r\n".utf8) : [])
    }
  }

  func drained() {
    unsent = 0
    waiting?.resume()
    waiting = nil
  }

  func cancel() {
    arrived = nil
    task?.cancel()
    drained()
  }
}
