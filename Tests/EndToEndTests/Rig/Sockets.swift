// TCP on loopback and Unix sockets, blocking, by descriptors: exact enough to send what no library would.

import Glibc

/// The address of a port on this machine.
private func withLoopback<R>(port: Int, host: UInt8 = 1, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(UInt16(port).bigEndian)
  address.sin_addr.s_addr = (0x7F00_0000 | UInt32(host)).bigEndian
  return unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
}

private func newSocket() throws -> Int32 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  guard descriptor >= 0 else { throw RigFailure.call("socket") }
  return descriptor
}

/// A listening socket on loopback.
struct Listener: Sendable {
  let descriptor: Int32
  let port: Int

  /// Takes a port, or any free one for 0.
  ///
  /// - Parameter listens: else it only keeps the port: nobody is given it, and who names it may listen there.
  init(port: Int = 0, listens: Bool = true) throws {
    let descriptor = try newSocket()
    var yes: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard unsafe withLoopback(port: port, { unsafe bind(descriptor, $0, $1) }) == 0,
      !listens || listen(descriptor, 512) == 0
    else {
      _ = Glibc.close(descriptor)
      throw RigFailure.call("bind to port \(port)")
    }
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = unsafe getsockname(descriptor, $0, &length)
      }
    }
    self.descriptor = descriptor
    self.port = Int(UInt16(bigEndian: address.sin_port))
  }

  /// The next connection; nil once the listener is shut.
  func accept() -> Socket? {
    let connection = Glibc.accept(descriptor, nil, nil)
    return connection < 0 ? nil : Socket(descriptor: connection)
  }

  /// Wakes `accept` for good.
  func shut() { shutdown(descriptor, Int32(SHUT_RDWR)) }
  func close() { _ = Glibc.close(descriptor) }
}

/// A connected socket; whoever made it closes it.
struct Socket: Sendable {
  let descriptor: Int32

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Connects; a read or write then fails after `timeout` seconds without progress.
  ///
  /// - Parameters:
  ///   - host: the last part of the address to come from: 127.0.0.x.
  ///   - isNarrow: as over a network of short frames, to somebody with little room: what the kernels keep on the way is
  ///     little, where on loopback it would be megabytes.
  init(port: Int, from host: UInt8 = 1, timeout: Int = 30, isNarrow: Bool = false) throws {
    descriptor = try newSocket()
    if isNarrow {
      set(IPPROTO_TCP, TCP_MAXSEG, Int32(536))
      set(SOL_SOCKET, SO_RCVBUF, Int32(4096))
    }
    if host != 1, unsafe withLoopback(port: 0, host: host, { unsafe bind(descriptor, $0, $1) }) != 0 {
      let failure = RigFailure.call("bind to 127.0.0.\(host)")
      _ = Glibc.close(descriptor)
      throw failure
    }
    guard unsafe withLoopback(port: port, { unsafe connect(descriptor, $0, $1) }) == 0 else {
      let failure = RigFailure.call("connect to port \(port)")
      _ = Glibc.close(descriptor)
      throw failure
    }
    setTimeout(timeout)
    set(IPPROTO_TCP, TCP_NODELAY, Int32(1))
  }

  /// Connects to a Unix socket.
  init(path: String, timeout: Int = 30) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw RigFailure.call("socket") }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let connected = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard connected == 0 else {
      let failure = RigFailure.call("connect to \(path)")
      _ = Glibc.close(descriptor)
      throw failure
    }
    setTimeout(timeout)
  }

  func setTimeout(_ seconds: Int) {
    set(SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: seconds, tv_usec: 0))
    set(SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: seconds, tv_usec: 0))
  }

  /// How much may wait in the kernel on its way in or out.
  func setBuffers(_ bytes: Int32) {
    set(SOL_SOCKET, SO_RCVBUF, bytes)
    set(SOL_SOCKET, SO_SNDBUF, bytes)
  }

  private func set<Value: BitwiseCopyable>(_ level: some BinaryInteger, _ name: Int32, _ value: Value) {
    var value = value
    unsafe setsockopt(descriptor, Int32(level), name, &value, socklen_t(MemoryLayout<Value>.size))
  }

  /// The next bytes; none at the end.
  func receive(upTo limit: Int = 65536) throws -> [UInt8] {
    try unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      let received = unsafe recv(descriptor, buffer.baseAddress!, limit, 0)
      guard received >= 0 else { throw RigFailure.call("recv") }
      count = received
    }
  }

  func send(_ bytes: some Sequence<UInt8>) throws {
    let bytes = Array(bytes)
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.send(descriptor, buffer.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw RigFailure.call("send") }
      sent += count
    }
  }

  /// Ends both directions, which also wakes who waits in `receive`.
  func shut() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Says that nothing more will be sent.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  func close() { _ = Glibc.close(descriptor) }

  /// Closes with a reset, so that the other side sees an error and no end.
  func reset() {
    set(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0))
    close()
  }
}
