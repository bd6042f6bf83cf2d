// The rig itself: a test that leans on a rig which does not do what it says proves nothing.

import Foundation
import Glibc
import Testing

@LaneC @Suite struct RigTests {
  @Test("the origin is a real S3 server: it stores, gives back, and refuses a wrong signature")
  func origin() throws {
    let origin = try SeaweedFS.shared()
    let title = Title(size: 300_001)
    try origin.put(title)
    #expect(try origin.get(key: title.key) == title.bytes)
    let anonymous = try Connection(port: origin.port)
    try anonymous.send(request("GET", "/\(SeaweedFS.bucket)/\(title.key)"))
    #expect(try anonymous.receive().status == 403)
    try origin.remove(key: title.key)
    #expect(throws: RigFailure.self) { try origin.get(key: title.key) }
  }

  /// An upstream that needs no signature: it gives the same bytes to every request.
  private func upstream(_ bytes: Bytes) throws -> Listener {
    let listener = try Listener()
    Thread.detachNewThread {
      while let socket = listener.accept() {
        while let head = try? socket.receive(), !head.isEmpty {
          try? socket.send("HTTP/1.1 200 OK\r\nContent-Length: \(bytes.count)\r\n\r\n".utf8)
          if !head.starts(with: "HEAD".utf8) { try? socket.send(bytes.array) }
        }
        socket.close()
      }
      listener.close()
    }
    return listener
  }

  @Test("the proxy passes, counts, cuts, flips, answers, holds and refuses as told")
  func proxy() throws {
    let bytes = Title.bytes(size: 200_000, seed: 1)
    let listener = try upstream(bytes)
    defer { listener.shut() }
    let proxy = try FaultProxy(upstream: listener.port)
    defer { proxy.stop() }

    let connection = try Connection(port: proxy.port)
    try connection.send(request("GET", "/a"))
    #expect(try connection.receive().body == bytes)
    try connection.send(request("HEAD", "/b", headers: ["Range": "bytes=0-1"]))
    #expect(try connection.receive(to: "HEAD").body.isEmpty)
    #expect(proxy.traffic == bytes.count)
    #expect(proxy.requests.map(\.target) == ["/a", "/b"])
    #expect(proxy.requests[1].range == "bytes=0-1")

    proxy.fault(Fault(action: Fault.s3(503, "SlowDown", headers: ["Retry-After": "1"]), times: 1))
    try connection.send(request("GET", "/c"))
    #expect(try connection.receive().status == 503)

    proxy.fault(Fault(action: .flip(at: 70_000), times: 1, concerns: { $0.target == "/e" }))
    try connection.send(request("GET", "/d"))
    #expect(try connection.receive().body == bytes)
    try connection.send(request("GET", "/e"))
    var flipped = bytes
    flipped[70_000] ^= 0xFF
    #expect(try connection.receive().body == flipped)

    proxy.fault(Fault(action: .cut(after: 1000, reset: false), times: 1))
    try connection.send(request("GET", "/f"))
    _ = try connection.receiveHead()
    #expect(try connection.receiveUntilEnd().count == 1000)

    let held = try Connection(port: proxy.port)
    proxy.hold(after: proxy.traffic + 50_000)
    try held.send(request("GET", "/g"))
    _ = try held.receiveHead()
    #expect(try held.receive(count: 50_000) == bytes[..<50_000])
    proxy.release()
    #expect(try held.receive(count: 150_000) == bytes[50_000...])

    proxy.goDown()
    #expect(throws: RigFailure.self) { try Connection(port: proxy.port) }
    #expect(try held.isClosed())
    try proxy.comeBack()
    let again = try Connection(port: proxy.port)
    try again.send(request("GET", "/h"))
    #expect(try again.receive().body.count == bytes.count)
  }

  @Test("a program's output, exit status and death by a signal are seen")
  func programs() throws {
    let result = try Program.run("/bin/sh", ["-c", "echo out; echo err >&2; exit $N"], environment: ["N": "7"])
    #expect(result.ending == .exited(7))
    #expect(result.output == "out\n")
    #expect(result.errors == "err\n")
    let sleeper = try Program("/bin/sleep", ["100"])
    sleeper.signal(SIGKILL)
    #expect(try sleeper.wait() == .killed(by: SIGKILL))
  }
}
