// One transfer under way: what curl calls back about it, and how it is paused, resumed and cancelled.

internal import CCurl
import Glibc
public import Loop

/// One transfer, from `Transfers.start` to its receiver's `finished`.
@EventLoop
public final class Transfer {
  private let easy: EasyHandle
  private let options: TransferOptions
  private let transfers: Transfers
  /// nil once finished.
  private var receiver: (any TransferReceiver)?
  private var head: HeadReader
  private var stall: StallWatch
  private let stallTimer = Timer()
  private var isPaused = false
  /// Why it ends, when that was decided here and curl merely carries it out.
  private var verdict: CurlError?

  init(_ options: TransferOptions, _ receiver: any TransferReceiver, in transfers: Transfers) throws(CurlError) {
    easy = try EasyHandle.make(options)
    self.options = options
    self.transfers = transfers
    self.receiver = receiver
    head = HeadReader(limit: options.maxHeadBytes)
    stall = StallWatch(timeout: options.stallTimeout)
    try setCallbacks()
  }

  /// Lets bytes come again after `.pause`, beginning with those that were not taken. Harmless otherwise.
  ///
  /// The receiver may be called before this returns.
  public func resume() {
    guard isPaused, receiver != nil else { return }
    isPaused = false
    stall.startAnew()
    transfers.outsideCurl { [self] in
      guard receiver != nil else { return }
      // The bytes that wait are written from inside this call; should that fail, curl leaves the rest to its caller.
      let code = transfers.inCurl { unsafe curl_easy_pause(easy.raw, CURLPAUSE_CONT) }
      if code != CURLE_OK { end(.failure(verdict ?? easy.error(code))) }
    }
  }

  /// Ends the transfer; the connection is closed unless all of the answer is here. Harmless when it is over.
  ///
  /// The receiver's `finished` is called with `.cancelled` before this returns; inside a receiver's method it is called
  /// right after that method's return instead. No bytes come in between.
  public func cancel() {
    guard receiver != nil, verdict == nil else { return }
    end(with: .cancelled, "cancelled")
  }

  /// What curl knows this transfer by.
  var handle: UnsafeMutableRawPointer { unsafe easy.raw }

  var id: UInt { unsafe UInt(bitPattern: easy.raw) }

  /// curl says that it is over, with `code`.
  func ended(_ code: CURLcode) {
    if let verdict {
      end(.failure(verdict))
    } else if code == CURLE_OK, !head.isOver {
      // curl takes the end of a connection for the end of a head.
      end(.failure(CurlError(.cut, operation: options.operation, text: "the head is incomplete")))
    } else if code == CURLE_OK {
      end(.success(easy.summary()))
    } else {
      end(.failure(easy.error(code)))
    }
  }

  /// Ends it for a reason of our own.
  private func end(with kind: CurlError.Kind, _ text: String) {
    let error = CurlError(kind, operation: options.operation, text: text)
    verdict = error
    transfers.outsideCurl { [self] in end(.failure(error)) }
  }

  private func end(_ result: Result<TransferSummary, CurlError>) {
    guard let receiver else { return }
    self.receiver = nil
    stallTimer.stop()
    transfers.remove(self)
    receiver.finished(result)
  }
}

// MARK: What curl calls

extension Transfer {
  /// Sets the callbacks, each with this object as its context: `transfers` holds it for as long as curl may call.
  private func setCallbacks() throws(CurlError) {
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe try easy.set(CURLOPT_PRIVATE, context)
    unsafe try easy.set(CURLOPT_HEADERDATA, context)
    unsafe try easy.set(CURLOPT_WRITEDATA, context)
    unsafe try easy.set(CURLOPT_PREREQDATA, context)
    unsafe try easy.check(
      larder_easy_set_receive(easy.raw, CURLOPT_HEADERFUNCTION) { line, size, count, context in
        let line = unsafe UnsafeRawBufferPointer(start: line, count: size * count)
        return unsafe Transfer.from(context).received(line: line) ? line.count : 0
      })
    unsafe try easy.check(
      larder_easy_set_receive(easy.raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
        let bytes = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
        switch unsafe Transfer.from(context).received(bytes: bytes) {
        case .taken: return bytes.count
        case .pause: return Int(CURL_WRITEFUNC_PAUSE)
        // Any number but the right one is an error; 0 would be right for no bytes.
        case .abort: return bytes.count + 1
        }
      })
    unsafe try easy.check(
      larder_easy_set_prereq(easy.raw) { context, _, _, _, _ in
        unsafe Transfer.from(context).connected()
        return CURL_PREREQFUNC_OK
      })
    unsafe try easy.check(
      larder_easy_set_open_socket(easy.raw) { _, _, address in
        guard let address = unsafe address?.pointee else { return CURL_SOCKET_BAD }
        let descriptor = socket(address.family, address.socktype | Int32(SOCK_CLOEXEC.rawValue), address.protocol)
        // Bytes that wait in the kernel are lost with the process and cost memory that nobody counts: a bound of our own
        // in place of the kernel's several MiB for each connection.
        var window = Transfer.receiveWindow
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &window, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
      })
  }

  /// Half of what the kernel may hold back for one connection (`SO_RCVBUF`, which it doubles), in bytes.
  private static let receiveWindow: Int32 = 256 << 10

  static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
    guard let context = unsafe context else { preconditionFailure("a curl callback without its transfer") }
    return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  }

  /// The request is about to be sent: from now on the server's speed counts.
  private func connected() {
    stall.startAnew()
    stallTimer.start(after: stall.quarter, every: stall.quarter) { [weak self] in self?.quarterPassed() }
  }

  private func quarterPassed() {
    guard !isPaused, stall.quarterPassed(), verdict == nil else { return }
    end(with: .stalled, "slower than 1 KiB/s for \(options.stallTimeout)")
  }

  /// One line of a head; false ends the transfer.
  private func received(line: UnsafeRawBufferPointer) -> Bool {
    guard verdict == nil, let receiver else { return false }
    stall.received(line.count)
    switch unsafe head.received(line: line) {
    case .goOn: break
    case .head(let head):
      if !receiver.received(head: head) { refuse() }
    case .tooLarge:
      verdict = CurlError(
        .tooLarge, operation: options.operation, text: "the head is larger than \(options.maxHeadBytes) bytes")
    }
    return verdict == nil
  }

  private func received(bytes: UnsafeRawBufferPointer) -> BodyVerdict {
    guard verdict == nil, let receiver else { return .abort }
    let answer = unsafe receiver.received(bytes: bytes)
    guard verdict == nil else { return .abort }
    switch answer {
    case .taken: stall.received(bytes.count)
    case .pause: isPaused = true
    case .abort: refuse()
    }
    return answer
  }

  private func refuse() {
    guard verdict == nil else { return }
    verdict = CurlError(.refusedByReceiver, operation: options.operation, text: "the answer was refused")
  }
}
