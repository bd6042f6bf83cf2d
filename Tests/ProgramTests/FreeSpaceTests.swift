// What the file system has free: asked for many at once, and not waited for without end.

import Glibc
import Loop
import Synchronization
import Testing

@testable import larder

@Suite("Free space") struct FreeSpaceTests {
  init() { EventLoop.runInBackground() }

  /// A file system that answers when it is let, with how often it was asked.
  private final class Ground: Sendable {
    private let state = Mutex((asked: 0, isHung: true))

    func thaw() { state.withLock { $0.isHung = false } }

    var asked: Int { state.withLock { $0.asked } }

    func look() -> Int? {
      let number = state.withLock { state in
        state.asked += 1
        return state.asked
      }
      while state.withLock({ $0.isHung }) { usleep(500) }
      return number
    }
  }

  @Test("all who want to know at one moment ask once")
  @EventLoop func together() async {
    let ground = Ground()
    let space = FreeSpace(patience: .seconds(60)) { ground.look() }
    async let first = space.ask()
    async let second = space.ask()
    EventLoop.submit { ground.thaw() }
    #expect(await [first, second] == [1, 1])
    #expect(await space.ask() == 2 && space.bytes == 2, "the next asks anew")
  }

  @Test("an answer that comes at once, or between asking and waiting, is not missed")
  @EventLoop func atOnce() async {
    let space = FreeSpace(patience: .seconds(60)) { 7 }
    for _ in 0..<2000 { #expect(await space.ask() == 7) }
  }

  @Test("one that hangs is asked once and said to be silent, until it answers")
  @EventLoop func hung() async throws {
    let ground = Ground()
    let space = FreeSpace(patience: .milliseconds(5)) { ground.look() }
    for _ in 0..<3 { #expect(await space.ask() == nil) }
    #expect(space.bytes == nil && ground.asked <= 1)
    ground.thaw()
    while space.bytes == nil { try await EventLoop.sleep(for: .milliseconds(1)) }
    #expect(await space.ask() == 2)
  }
}
