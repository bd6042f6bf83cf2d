// The calls on a non-blocking socket: tried at once, without a wait, an allocation or a throw.

internal import CSystem
import Glibc

/// How one try to move bytes ended.
public enum IOResult: Sendable, Hashable {
  /// So many bytes were moved, which may be fewer than asked for.
  case bytes(Int)
  /// Nothing can be moved now (`EAGAIN`): wait until the descriptor is ready.
  case wouldBlock
  /// The peer sends no more, or is gone (`EPIPE`, `ECONNRESET`).
  case closed
  /// Another error, by its number in `errno(3)`.
  case failed(Int32)
}

/// Calls on the raw descriptor of a socket; interrupted ones are tried again.
public enum Socket {
  /// Reads what has come, at most the buffer's size (`read(2)`); `.closed` at the end of the stream.
  public static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
    while true {
      let count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count > 0 { return .bytes(count) }
      if count == 0 { return unsafe buffer.isEmpty ? .bytes(0) : .closed }
      if let result = failure(errno) { return result }
    }
  }

  /// Sends what fits, without a signal when the peer is gone (`send(2)`). `more` says that further bytes follow at
  /// once, so that the kernel may put them into one segment (`MSG_MORE`): what does not follow after all delays them, by up to 200 ms.
  public static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, more: Bool = false) -> IOResult {
    let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
    while true {
      let count = unsafe send(descriptor, bytes.baseAddress, bytes.count, flags)
      if count >= 0 { return .bytes(count) }
      if let result = failure(errno) { return result }
    }
  }

  /// Sends bytes of a file without copying them through this process (`sendfile(2)`), at most 2 GiB a call.
  ///
  /// `.bytes(0)` means that the file ends at or before `offset`: it was truncated. Cold pages are read from the disk
  /// on the calling thread. Call `EventLoop.ignoreBrokenPipes` once before.
  public static func sendFile(_ descriptor: Int32, from file: Int32, offset: Int, count: Int) -> IOResult {
    while true {
      let sent = larder_sendfile(descriptor, file, offset, count)
      if sent >= 0 { return .bytes(sent) }
      if let result = failure(Int32(-sent)) { return result }
    }
  }

  /// Sends small writes at once (`TCP_NODELAY`), or lets the kernel gather them. Nothing on sockets other than TCP.
  public static func setNoDelay(_ descriptor: Int32, _ isOn: Bool = true) {
    set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, isOn ? 1 : 0)
  }

  /// Has the kernel find out about peers that vanished without a word: after a minute of silence it asks, and gives up
  /// after a minute without an answer (`SO_KEEPALIVE`).
  public static func setKeepAlive(_ descriptor: Int32) {
    set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
    set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60)
    set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, 10)
    set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT, 6)
  }

  /// Asks for room for so many unsent bytes (`SO_SNDBUF`); the kernel doubles and limits it.
  public static func setSendBuffer(_ descriptor: Int32, bytes: Int32) {
    set(descriptor, SOL_SOCKET, SO_SNDBUF, bytes)
  }

  /// Says that nothing more will be sent: the peer reads to the end, and may still send (`shutdown(2)`).
  public static func shutdownWrite(_ descriptor: Int32) {
    _ = shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Has `close` reset the connection instead of delivering what is still unsent (`SO_LINGER` of 0 s).
  public static func resetOnClose(_ descriptor: Int32) {
    var linger = linger(l_onoff: 1, l_linger: 0)
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
  }

  /// The address of this end, nil when the descriptor is no socket of a known family.
  public static func localAddress(_ descriptor: Int32) -> SocketAddress? {
    unsafe SocketAddress { unsafe getsockname(descriptor, $0, $1) }
  }

  /// The address of the other end, nil when there is none.
  public static func peerAddress(_ descriptor: Int32) -> SocketAddress? {
    unsafe SocketAddress { unsafe getpeername(descriptor, $0, $1) }
  }

  /// The number of the user whose process is at the other end of a Unix socket (`SO_PEERCRED`), as it was when that
  /// connected; nil for other sockets.
  public static func peerUser(_ descriptor: Int32) -> UInt32? {
    // Of a connection that is none of ours the kernel knows nobody, which it says with the largest number.
    UInt32(exactly: larder_peer_user(descriptor)).flatMap { $0 == .max ? nil : $0 }
  }

  @discardableResult
  static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Bool {
    var value = value
    return unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
  }

  /// What an error number means to the caller; nil to try again.
  private static func failure(_ code: Int32) -> IOResult? {
    switch code {
    case EINTR: nil
    case EAGAIN: .wouldBlock
    case EPIPE, ECONNRESET: .closed
    default: .failed(code)
    }
  }
}
