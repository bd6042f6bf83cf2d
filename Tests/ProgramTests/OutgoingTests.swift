// What goes out of a file, and when the disk is asked anew.

import Foundation
import Glibc
import HTTP
import Loop
import Testing

@testable import larder

@Suite struct OutgoingTests {
  init() { EventLoop.runInBackground() }

  /// Two ends, of which the first takes 16 KiB and some at a time; whoever asks closes them.
  private func narrowSockets() throws -> [Int32] {
    var sockets: [Int32] = [-1, -1]
    try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &sockets) == 0)
    var room: Int32 = 16 << 10
    try #require(unsafe setsockopt(sockets[0], SOL_SOCKET, SO_SNDBUF, &room, 4) == 0)
    return sockets
  }

  @Test("what memory has forgotten before a slow client took it is asked of the disk once more")
  @EventLoop func forgotten() async throws {
    let size = 200 << 10
    let file = try ScratchFile.make(size)
    file.forget(0..<size)
    let playable = Playable(
      etag: "\"1\"", size: size, lastModified: 0, mediaType: MediaType(fileExtension: "mp4"), file: file)
    let sockets = try narrowSockets()
    defer { for socket in sockets { close(socket) } }

    var output = Outgoing()
    output.set([], then: FileBody(playable: playable, range: ByteRange(first: 0, last: size - 1), parts: nil))
    var (got, asked) = (0, 0)
    var buffer = [UInt8](repeating: 0, count: size)
    loop: while true {
      switch output.pump(into: sockets[0]) {
      case .cold(let file, let range):
        asked += 1
        #expect(range.first == got)
        await ColdReader.warm(file, range)
      case .blocked:
        file.forget(0..<size)
        let read = unsafe Glibc.read(sockets[1], &buffer, size)
        try #require(read > 0)
        got += read
      case .done: break loop
      case .turnOver, .unverified, .forgotten, .failed:
        Issue.record("neither cold nor sent")
        break loop
      }
    }
    #expect(asked > 1, "\(asked) times for \(size) bytes in portions")
  }

  @Test("of an answer in memory hardly more is kept than the kernel has not taken")
  @EventLoop func kept() throws {
    let answer = (0..<200 << 10).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let sockets = try narrowSockets()
    defer { for socket in sockets { close(socket) } }

    var output = Outgoing()
    output.set(answer)
    var got: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: answer.count)
    var rounds = 0
    while case .blocked = output.pump(into: sockets[0]) {
      rounds += 1
      #expect(output.held <= 2 * output.unsent + Limits.ownBytes, "after \(got.count)")
      let read = unsafe Glibc.read(sockets[1], &buffer, buffer.count)
      try #require(read > 0)
      got += buffer[..<read]
    }
    let read = unsafe Glibc.read(sockets[1], &buffer, buffer.count)
    got += buffer[..<max(0, read)]
    #expect(got == answer && output.held == 0 && rounds > 1)
  }
}
