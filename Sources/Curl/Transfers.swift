// curl's multi handle on the loop: curl says what it waits for, the loop tells it when that has come.
//
// After docs/examples/multi-uv.c of curl. curl must never be called from inside its own callbacks, so everything that
// receivers ask for meanwhile is put off until the outermost call has returned.

internal import CCurl
public import Loop

/// HTTP transfers that run side by side on the loop and share their connections.
///
/// HTTP/1.1 only, over `http` and `https`; redirects, cookies, compression and netrc are left alone.
@safe
@EventLoop
public final class Transfers {
  /// nil once shut down.
  private var multi: UnsafeMutableRawPointer?
  /// By `Transfer.id`.
  private var active: [UInt: Transfer] = [:]
  private var sockets: [Int32: Readiness] = [:]
  private let timer = Timer()
  private var isInCurl = false
  private var isShutDown = false
  private var deferred: [@EventLoop () -> Void] = []

  private nonisolated static let isCurlReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// More transfers than `maxConnectionsPerHost` to one host, or `maxTotal` to all, wait in curl for a connection.
  public init(maxConnectionsPerHost: Int, maxTotal: Int) throws(CurlError) {
    guard Self.isCurlReady, let multi = unsafe curl_multi_init() else {
      throw CurlError(CURLE_FAILED_INIT, operation: "start curl")
    }
    unsafe self.multi = unsafe multi
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe try check(larder_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, maxConnectionsPerHost))
    unsafe try check(larder_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, maxTotal))
    unsafe try check(larder_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maxTotal))
    unsafe try check(larder_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, context))
    unsafe try check(larder_multi_set_pointer(multi, CURLMOPT_TIMERDATA, context))
    unsafe try check(
      larder_multi_set_socket(multi) { _, descriptor, what, context, _ in
        unsafe Transfers.from(context).watch(descriptor, what) ? 0 : -1
      })
    unsafe try check(
      larder_multi_set_timer(multi) { _, milliseconds, context in
        unsafe Transfers.from(context).setTimer(milliseconds)
        return 0
      })
  }

  /// Starts a transfer; the receiver is not called before this returns, and held until it has been told of the end.
  ///
  /// Throws for a header field that cannot be sent, a buffer size out of range, and after `shutDown` (`.cancelled`).
  /// Everything else, a malformed URL too, is the receiver's to hear.
  @discardableResult
  public func start(_ options: TransferOptions, _ receiver: any TransferReceiver) throws(CurlError) -> Transfer {
    guard !isShutDown else {
      throw CurlError(.cancelled, operation: options.operation, text: "transfers have been shut down")
    }
    let transfer = try Transfer(options, receiver, in: self)
    active[transfer.id] = transfer
    outsideCurl { [self] in
      guard let multi = unsafe multi, active[transfer.id] != nil else { return }
      let code = inCurl { unsafe curl_multi_add_handle(multi, transfer.handle) }
      if code != CURLM_OK { transfer.ended(CURLE_FAILED_INIT) }
    }
    return transfer
  }

  /// Cancels all transfers and closes all connections. Harmless when repeated; must not be called by a receiver.
  public func shutDown() {
    precondition(!isInCurl, "shut down by a receiver, from inside curl")
    isShutDown = true
    guard let multi = unsafe multi else { return }
    for transfer in active.values { transfer.cancel() }
    unsafe self.multi = nil
    _ = inCurl { unsafe curl_multi_cleanup(multi) }
    timer.stop()
    for readiness in sockets.values { readiness.close() }
    sockets = [:]
  }

  isolated deinit { shutDown() }

  private func check(_ code: CURLMcode) throws(CurlError) {
    guard code == CURLM_OK else { throw CurlError(code, operation: "start curl") }
  }
}

// MARK: In and out of curl

extension Transfers {
  /// Does `action` now or, when the caller is inside a callback of curl's, as soon as curl has returned.
  func outsideCurl(_ action: @escaping @EventLoop () -> Void) {
    if isInCurl {
      deferred.append(action)
    } else {
      action()
      settle()
    }
  }

  /// Makes one call into curl, which must be followed by `settle` sooner or later.
  func inCurl<Answer>(_ call: () -> Answer) -> Answer {
    precondition(!isInCurl, "curl called from inside curl")
    isInCurl = true
    defer { isInCurl = false }
    return call()
  }

  /// Takes a transfer out of curl, whatever its state.
  func remove(_ transfer: Transfer) {
    active[transfer.id] = nil
    guard let multi = unsafe multi else { return }
    _ = inCurl { unsafe curl_multi_remove_handle(multi, transfer.handle) }
  }

  /// Ends the transfers that curl is done with, and does what was put off, until nothing is left of either.
  private func settle() {
    while true {
      while let (transfer, code) = nextEnded() { transfer.ended(code) }
      guard !deferred.isEmpty else { return }
      deferred.removeFirst()()
    }
  }

  private func nextEnded() -> (Transfer, CURLcode)? {
    var left: Int32 = 0
    while let multi = unsafe multi, let message = unsafe curl_multi_info_read(multi, &left) {
      guard unsafe message.pointee.msg == CURLMSG_DONE, let easy = unsafe message.pointee.easy_handle,
        let transfer = active[UInt(bitPattern: easy)]
      else { continue }
      return (transfer, unsafe larder_message_result(message))
    }
    return nil
  }
}

// MARK: Between curl and the loop

extension Transfers {
  static func from(_ context: UnsafeMutableRawPointer?) -> Transfers {
    guard let context = unsafe context else { preconditionFailure("a curl callback without its transfers") }
    return unsafe Unmanaged<Transfers>.fromOpaque(context).takeUnretainedValue()
  }

  /// curl wants to know of a socket's events, or no longer (`CURLMOPT_SOCKETFUNCTION`); false when that is impossible.
  private func watch(_ descriptor: Int32, _ what: Int32) -> Bool {
    if what == CURL_POLL_REMOVE {
      sockets.removeValue(forKey: descriptor)?.close()
      return true
    }
    let events: Readiness.Events =
      switch what {
      case CURL_POLL_IN: .readable
      case CURL_POLL_OUT: .writable
      case CURL_POLL_INOUT: [.readable, .writable]
      default: []
      }
    if let readiness = sockets[descriptor] {
      readiness.watch(events)
      return true
    }
    guard !isShutDown, let readiness = try? Readiness(descriptor: descriptor) else { return false }
    sockets[descriptor] = readiness
    readiness.watch(events) { [weak self] events in self?.happened(descriptor, events) }
    return true
  }

  /// curl wants to be called after a while, at once (0) or no longer (-1) (`CURLMOPT_TIMERFUNCTION`).
  private func setTimer(_ milliseconds: Int) {
    guard milliseconds >= 0, !isShutDown else { return timer.stop() }
    timer.start(after: .milliseconds(milliseconds)) { [weak self] in self?.act(CURL_SOCKET_TIMEOUT, 0) }
  }

  private func happened(_ descriptor: Int32, _ events: Readiness.Events) {
    var flags: Int32 = 0
    if events.contains(.readable) { flags |= CURL_CSELECT_IN }
    if events.contains(.writable) { flags |= CURL_CSELECT_OUT }
    if events.contains(.failed) { flags |= CURL_CSELECT_ERR }
    act(descriptor, flags)
  }

  private func act(_ descriptor: Int32, _ flags: Int32) {
    guard let multi = unsafe multi else { return }
    var running: Int32 = 0
    _ = inCurl { unsafe curl_multi_socket_action(multi, descriptor, flags, &running) }
    settle()
  }
}
