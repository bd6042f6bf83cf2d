// Sockets that accept connections: bound here, or handed over by the service manager.

internal import CSystem
import Glibc

/// Accepts connections at one address and hands each to a closure.
///
/// A turn of the loop accepts a limited number, so that a flood of new connections does not starve the old ones. When
/// descriptors run out it pauses a moment instead of spinning: the connections wait in the kernel.
@EventLoop
public final class Listener {
  /// Where it listens; with the port that the kernel chose when 0 was asked for.
  public let localAddress: SocketAddress

  private var socket: Descriptor?
  private let readiness: Readiness
  private let pause = Timer()
  private var accepted: (@EventLoop (consuming Descriptor) -> Void)?
  /// The file to remove at the end, when this object made one.
  private let ownFile: SocketFile?

  private static let connectionsPerTurn = 64
  private static let pauseWithoutDescriptors = Duration.milliseconds(100)

  /// Binds and listens; connections queue in the kernel, at most `backlog` of them, until `start`.
  ///
  /// An IPv6 socket takes IPv6 only (RFC 3493, 5.3), so that `0.0.0.0` and `[::]` may stand side by side. The file of
  /// a Unix socket that nobody listens at any longer is replaced; `mode` says who may connect to the new one.
  /// Throws `EADDRINUSE` when somebody does listen there or the path is another kind of file's, `EACCES`,
  /// `EADDRNOTAVAIL` and what else `bind(2)` says.
  public convenience init(address: SocketAddress, backlog: Int32 = 1024, mode: UInt32 = 0o600) throws(LoopError) {
    let socket = try Self.open(address, backlog: backlog, mode: mode)
    try self.init(listening: socket, ownFile: address.path.flatMap { SocketFile($0) })
  }

  /// Takes over a socket that listens already, such as one passed by systemd; throws `EINVAL` when it does not.
  public convenience init(adopting descriptor: Int32) throws(LoopError) {
    let socket = Descriptor(owning: descriptor)
    var isListening: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &length)
    guard status == 0, isListening != 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
      throw LoopError(code: status == 0 ? EINVAL : errno, operation: "listen at descriptor \(descriptor)")
    }
    try self.init(listening: socket, ownFile: nil)
  }

  private init(listening socket: consuming Descriptor, ownFile: SocketFile?) throws(LoopError) {
    guard let address = Socket.localAddress(socket.raw) else {
      throw LoopError(code: EAFNOSUPPORT, operation: "listen at descriptor \(socket.raw)")
    }
    readiness = try Readiness(descriptor: socket.raw)
    localAddress = address
    self.ownFile = ownFile
    self.socket = consume socket
  }

  /// Hands each connection to `accepted`, as a descriptor that is non-blocking and closed on exec.
  public func start(_ accepted: @escaping @EventLoop (consuming Descriptor) -> Void) {
    self.accepted = accepted
    watch()
  }

  /// Accepts no more and closes the socket: new connections are refused. Harmless when repeated.
  public func stop() {
    guard socket != nil else { return }
    accepted = nil
    pause.stop()
    readiness.close()
    socket = nil
    ownFile?.remove()
  }

  /// The listening socket, nil once stopped.
  var descriptor: Int32? { socket?.raw }

  private func watch() {
    readiness.watch(.readable) { [weak self] _ in self?.accept() }
  }

  private func accept() {
    for _ in 0..<Self.connectionsPerTurn {
      // The closure may stop this listener.
      guard let accepted, let listening = descriptor else { return }
      let connection = larder_accept(listening)
      if connection >= 0 {
        accepted(Descriptor(owning: connection))
        continue
      }
      switch errno {
      case EAGAIN: return
      case EMFILE, ENFILE, ENOBUFS, ENOMEM:
        readiness.stop()
        pause.start(after: Self.pauseWithoutDescriptors) { [weak self] in self?.watch() }
        return
      default: continue  // of this one connection: it ended before it was accepted, or was filtered
      }
    }
  }

  isolated deinit { stop() }
}

// MARK: Binding

extension Listener {
  private static func open(
    _ address: SocketAddress, backlog: Int32, mode: UInt32
  ) throws(LoopError) -> Descriptor {
    let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let raw = Glibc.socket(address.family, Int32(kind), 0)
    guard raw >= 0 else { throw LoopError(code: errno, operation: "open a socket for \(address)") }
    let socket = Descriptor(owning: raw)
    if let path = address.path {
      // The mode of the socket is that of the file which bind makes, so it is never wider than asked for.
      _ = fchmod(raw, mode)
      removeStale(path, address)
    } else {
      Socket.set(raw, SOL_SOCKET, SO_REUSEADDR, 1)
      if address.isIPv6 { Socket.set(raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    }
    guard unsafe address.withPointer({ unsafe bind(raw, $0, $1) }) == 0 else {
      throw LoopError(code: errno, operation: "bind \(address)")
    }
    // The umask may have narrowed it.
    if let path = address.path { _ = unsafe chmod(path, mode) }
    guard listen(raw, backlog) == 0 else { throw LoopError(code: errno, operation: "listen at \(address)") }
    return socket
  }

  /// Removes the file of a Unix socket when connecting to it is refused: its process is gone. Any other file refuses too,
  /// and stays. One whose process is alive and busy (`EAGAIN`) is not waited for.
  private static func removeStale(_ path: String, _ address: SocketAddress) {
    guard let file = SocketFile(path) else { return }
    let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let raw = Glibc.socket(AF_UNIX, Int32(kind), 0)
    guard raw >= 0 else { return }
    let probe = Descriptor(owning: raw)
    if unsafe address.withPointer({ unsafe connect(probe.raw, $0, $1) }) != 0, errno == ECONNREFUSED { file.remove() }
  }
}

/// The file of a Unix socket, known by more than its path: another may have taken its place meanwhile.
private struct SocketFile {
  private let path: String
  private let device: dev_t
  private let inode: ino_t

  /// The socket's file at `path`; nil when there is none, or one of another kind.
  init?(_ path: String) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    self.path = path
    device = status.st_dev
    inode = status.st_ino
  }

  /// Removes it when it is still there.
  func remove() {
    guard let now = SocketFile(path), now.device == device, now.inode == inode else { return }
    _ = unsafe unlink(path)
  }
}
