import Glibc
import Testing

@testable import Loop

/// A connection over loopback or at a path, made by blocking and non-blocking from then on; the caller closes it.
func connectTo(_ address: SocketAddress) throws -> Int32 {
  let family = address.path != nil ? AF_UNIX : address.isIPv6 ? AF_INET6 : AF_INET
  let socket = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  let status = unsafe withName(of: address) { unsafe connect(socket, $0, $1) }
  guard status == 0 else {
    defer { close(socket) }
    throw ConnectError(code: errno)
  }
  _ = fcntl(socket, F_SETFL, O_NONBLOCK)
  return socket
}

/// The address as the kernel takes it, on the loopback interface when it is one of IP.
private func withName(of address: SocketAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
  func call<Name>(_ name: Name) -> Int32 {
    unsafe withUnsafeBytes(of: name) { bytes in
      guard let start = bytes.baseAddress else { return -1 }
      return unsafe body(start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
  }
  if let path = address.path {
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    return call(name)
  }
  if address.isIPv6 {
    var name = sockaddr_in6()
    name.sin6_family = sa_family_t(AF_INET6)
    name.sin6_port = address.port.bigEndian
    name.sin6_addr = in6addr_loopback
    return call(name)
  }
  var name = sockaddr_in()
  name.sin_family = sa_family_t(AF_INET)
  name.sin_port = address.port.bigEndian
  name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  return call(name)
}

struct ConnectError: Error, Equatable { var code: Int32 }

@Suite struct ListenerTests {
  @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
  func anEchoComesBack(_ place: String) async throws {
    try await onLoop {
      let listener = try Listener(address: SocketAddress(parsing: place))
      #expect(listener.localAddress.port != 0)
      let accepted = Inbox<Int32>()
      listener.start { accepted.add($0.release()) }
      for number in 0..<5 {
        let client = try connectTo(listener.localAddress)
        defer { close(client) }
        let server = await accepted.next()
        defer { close(server) }
        #expect(Socket.peerAddress(client) == listener.localAddress)
        #expect(Socket.localAddress(client) == Socket.peerAddress(server))
        Socket.setNoDelay(server)
        let atServer = try Readiness(descriptor: server)
        let atClient = try Readiness(descriptor: client)
        #expect(write(client, "ping \(number)") == .bytes(6))
        #expect(await atServer.wait(for: .readable) == .readable)
        #expect(write(server, read(server).1 + "!") == .bytes(7))
        #expect(await atClient.wait(for: .readable) == .readable)
        #expect(read(client).1 == "ping \(number)!")
        atServer.close()
        atClient.close()
      }
      listener.stop()
    }
  }

  @Test func connectionsDoNotBlockNorOutliveExec() async throws {
    try await onLoop {
      let listener = try Listener(address: SocketAddress(parsing: "127.0.0.1:0"))
      let accepted = Inbox<Int32>()
      listener.start { accepted.add($0.release()) }
      let client = try connectTo(listener.localAddress)
      defer { close(client) }
      let server = await accepted.next()
      defer { close(server) }
      #expect(fcntl(server, F_GETFL) & O_NONBLOCK != 0)
      #expect(fcntl(server, F_GETFD) & FD_CLOEXEC != 0)
      listener.stop()
    }
  }

  @Test func moreThanOneTurnsConnectionsAreAllAccepted() async throws {
    try await onLoop {
      let listener = try Listener(address: SocketAddress(parsing: "127.0.0.1:0"))
      var clients: [Int32] = []
      for _ in 0..<150 { clients.append(try connectTo(listener.localAddress)) }
      let accepted = Inbox<Int32>()
      listener.start { accepted.add($0.release()) }
      for client in clients {
        _ = Descriptor(owning: await accepted.next())
        _ = Descriptor(owning: client)
      }
      listener.stop()
    }
  }

  @Test func aTakenAddressIsRefusedAndAStoppedOneIsFree() async throws {
    try await onLoop {
      let first = try Listener(address: SocketAddress(parsing: "127.0.0.1:0"))
      let address = first.localAddress
      let error = #expect(throws: LoopError.self) { try Listener(address: address) }
      #expect(error?.code == EADDRINUSE)
      #expect(error?.operation == "bind \(address)" || error?.operation == "listen at \(address)")
      first.stop()
      first.stop()
      #expect(throws: ConnectError(code: ECONNREFUSED)) { _ = try connectTo(address) }
      try Listener(address: address).stop()
    }
  }

  @Test func aSocketOfIPv6LeavesIPv4Alone() async throws {
    try await onLoop {
      let listener = try Listener(address: SocketAddress(parsing: "[::1]:0"))
      let socket = listener.descriptor ?? -1
      var isOnly: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      #expect(unsafe getsockopt(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &isOnly, &length) == 0)
      #expect(isOnly == 1)
      listener.stop()
    }
  }

  @Test func aPathIsBoundReplacedWhenStaleAndRemoved() async throws {
    try await onLoop {
      let path = "/tmp/larder-listener-\(getpid()).sock"
      defer { _ = unsafe unlink(path) }
      let address = try SocketAddress(parsing: path)
      // A socket file whose process is gone.
      let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      let bound = unsafe withName(of: address) { unsafe bind(stale, $0, $1) }
      close(stale)
      #expect(bound == 0)
      let listener = try Listener(address: address, mode: 0o660)
      #expect(listener.localAddress == address)
      var status = stat()
      #expect(unsafe stat(path, &status) == 0 && status.st_mode & 0o777 == 0o660)
      let accepted = Inbox<Int32>()
      listener.start { accepted.add($0.release()) }
      let client = try connectTo(address)
      defer { close(client) }
      _ = Descriptor(owning: await accepted.next())
      let error = #expect(throws: LoopError.self) { try Listener(address: address) }
      #expect(error?.code == EADDRINUSE)
      #expect(unsafe access(path, F_OK) == 0)
      listener.stop()
      #expect(unsafe access(path, F_OK) != 0)
    }
  }

  @Test func anotherKindOfFileIsNeitherReplacedNorRemoved() async throws {
    try await onLoop {
      let path = "/tmp/larder-listener-file-\(getpid())"
      defer { _ = unsafe unlink(path) }
      let address = try SocketAddress(parsing: path)
      close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
      let error = #expect(throws: LoopError.self) { try Listener(address: address) }
      #expect(error?.code == EADDRINUSE)
      #expect(unsafe access(path, F_OK) == 0)
      // One that took the place of ours meanwhile is not ours to remove.
      _ = unsafe unlink(path)
      let first = try Listener(address: address)
      _ = unsafe unlink(path)
      let second = try Listener(address: address)
      first.stop()
      close(try connectTo(address))
      second.stop()
      #expect(unsafe access(path, F_OK) != 0)
    }
  }

  @Test func aListenerThatIsTooBusyToAcceptIsNotStolenFrom() async throws {
    try await onLoop {
      let path = "/tmp/larder-listener-busy-\(getpid()).sock"
      let address = try SocketAddress(parsing: path)
      let busy = try Listener(address: address, backlog: 0)
      // The kernel queues one more than it was asked to; the next would wait for ever.
      let client = try connectTo(address)
      defer { close(client) }
      let error = #expect(throws: LoopError.self) { try Listener(address: address) }
      #expect(error?.code == EADDRINUSE)
      busy.stop()
    }
  }

  @Test func aListeningSocketIsAdoptedAndNoOther() async throws {
    try await onLoop {
      let raw = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      #expect(listen(raw, 5) == 0)
      let listener = try Listener(adopting: raw)
      #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
      let accepted = Inbox<Int32>()
      listener.start { accepted.add($0.release()) }
      let client = try connectTo(listener.localAddress)
      defer { close(client) }
      _ = Descriptor(owning: await accepted.next())
      listener.stop()
      let error = #expect(throws: LoopError.self) {
        try Listener(adopting: Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
      }
      #expect(error?.code == EINVAL)
    }
  }
}
