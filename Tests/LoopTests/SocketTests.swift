import Glibc
import Loop
import Testing

/// Two connected sockets, both non-blocking, closed with this object if not before.
final class SocketPair {
  let left: Int32
  let right: Int32
  private var isRightOpen = true

  init() {
    var pair: [Int32] = [-1, -1]
    let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    let status = unsafe socketpair(AF_UNIX, Int32(kind), 0, &pair)
    precondition(status == 0)
    (left, right) = (pair[0], pair[1])
  }

  func closeRight() {
    if isRightOpen { close(right) }
    isRightOpen = false
  }

  deinit {
    close(left)
    closeRight()
  }
}

/// A file without a name that holds `text`.
func temporaryFile(_ text: String) -> Int32 {
  var name = Array("/tmp/larder-XXXXXX\0".utf8CString)
  let file = unsafe mkstemp(&name)
  _ = unsafe unlink(&name)
  _ = unsafe Glibc.write(file, text, text.utf8.count)
  return file
}

func write(_ descriptor: Int32, _ text: String) -> IOResult {
  unsafe Array(text.utf8).withUnsafeBytes { unsafe Socket.write(descriptor, $0) }
}

/// What one read brings, as text; the other results as they are.
func read(_ descriptor: Int32, _ limit: Int = 4096) -> (IOResult, String) {
  var buffer = [UInt8](repeating: 0, count: limit)
  let result = unsafe buffer.withUnsafeMutableBytes { unsafe Socket.read(descriptor, into: $0) }
  guard case .bytes(let count) = result else { return (result, "") }
  return (result, String(decoding: buffer.prefix(count), as: UTF8.self))
}

@Suite struct SocketTests {
  @Test func bytesGoThroughAndTheEndIsSeen() {
    let pair = SocketPair()
    #expect(read(pair.right).0 == .wouldBlock)
    #expect(write(pair.left, "hello") == .bytes(5))
    #expect(read(pair.right, 3) == (.bytes(3), "hel"))
    #expect(read(pair.right) == (.bytes(2), "lo"))
    Socket.shutdownWrite(pair.left)
    #expect(read(pair.right).0 == .closed)
    #expect(write(pair.right, "still") == .bytes(5))
    #expect(read(pair.left).1 == "still")
  }

  @Test func aFullSocketWouldBlock() {
    let pair = SocketPair()
    let block = String(repeating: "x", count: 65536)
    var sent = 0
    while case .bytes(let count) = write(pair.left, block) { sent += count }
    #expect(sent > 0)
    #expect(write(pair.left, block) == .wouldBlock)
    while case .bytes(let count) = read(pair.right, 65536).0 { sent -= count }
    #expect(sent == 0)
  }

  @Test func writingToNobodyIsNoSignal() {
    let pair = SocketPair()
    shutdown(pair.right, Int32(SHUT_RD))
    #expect(write(pair.left, "hello") == .closed)
  }

  @Test func wrongDescriptorsFail() {
    #expect(read(-1).0 == .failed(EBADF))
    #expect(write(-1, "x") == .failed(EBADF))
    #expect(Socket.sendFile(-1, from: -1, offset: 0, count: 1) == .failed(EBADF))
  }

  @Test(arguments: [
    (0, 11, 11, "hello world"), (6, 5, 5, "world"), (6, 100, 5, "world"), (11, 1, 0, ""), (99, 1, 0, ""),
  ])
  func filesAreSentFromAnyOffset(_ offset: Int, _ count: Int, _ sent: Int, _ text: String) {
    let pair = SocketPair()
    let file = temporaryFile("hello world")
    defer { close(file) }
    #expect(Socket.sendFile(pair.left, from: file, offset: offset, count: count) == .bytes(sent))
    #expect(read(pair.right).1 == text)
  }

  @Test func theLimitOfDescriptorsIsRaisedToTheHardOne() {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    unsafe getrlimit(resource, &limit)
    limit.rlim_cur = limit.rlim_max - 1
    unsafe setrlimit(resource, &limit)
    Descriptor.raiseLimit()
    var now = rlimit()
    unsafe getrlimit(resource, &now)
    #expect(now.rlim_cur == limit.rlim_max)
  }

  @Test func aDescriptorIsClosedOnceOrReleased() {
    let pair = SocketPair()
    let copy = fcntl(pair.right, F_DUPFD_CLOEXEC, 0)
    pair.closeRight()
    let released = Descriptor(owning: copy).release()
    #expect(read(pair.left).0 == .wouldBlock)
    _ = Descriptor(owning: released)
    // A process that another test is just starting may hold the descriptor until its exec.
    while read(pair.left).0 == .wouldBlock { sched_yield() }
    #expect(read(pair.left).0 == .closed)
  }

  @Test(arguments: [
    ("127.0.0.1:80", "127.0.0.1:80", 80, false), ("0.0.0.0:0", "0.0.0.0:0", 0, false),
    ("[::]:4000", "[::]:4000", 4000, true), ("[0:0::1]:65535", "[::1]:65535", 65535, true),
    ("/run/larder/admin.sock", "/run/larder/admin.sock", 0, false),
  ])
  func addressesAreRead(_ text: String, _ description: String, _ port: UInt16, _ isIPv6: Bool) throws {
    let address = try SocketAddress(parsing: text)
    #expect(address.description == description)
    #expect(address.port == port)
    #expect(address.isIPv6 == isIPv6)
    #expect(try SocketAddress(parsing: address.description) == address)
  }

  @Test(arguments: [
    "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+80", "127.0.0.1:-1", "127.0.0.1: 80", "127.1:80",
    "localhost:80", "::1:80", "[::1]", "[::1]80", "[::g]:80", "[127.0.0.1]:80", ":80", "127.0.0.1\0:80",
    "relative/path",
    "/" + String(repeating: "x", count: 107),
  ])
  func wrongAddressesAreRefused(_ text: String) {
    #expect(throws: LoopError.self) { try SocketAddress(parsing: text) }
  }

  @Test func errorsSayWhatWasTriedAndWhy() {
    let error = #expect(throws: LoopError.self) { try SocketAddress(parsing: "nowhere") }
    #expect(error?.code == EINVAL)
    #expect(error?.description == "cannot read the address nowhere: invalid argument (EINVAL)")
  }
}
