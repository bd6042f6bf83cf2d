// The log's way out: in order, whole, and never in anybody's way.

import Foundation
import Glibc
import Synchronization
import Testing

@testable import larder

@Suite("The log's queue") struct LogQueueTests {
  struct Failure: Error {}

  /// Asks until there is an answer.
  @discardableResult
  private static func eventually<Value>(_ answer: () -> Value?) throws -> Value {
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline {
      if let value = answer() { return value }
      usleep(1000)
    }
    throw Failure()
  }

  /// A pipe of the smallest size, so that it is soon full.
  private static func pipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard unsafe Glibc.pipe(&ends) == 0 else { throw LogQueueTests.Failure() }
    // F_SETPIPE_SZ, which the overlay does not show.
    _ = fcntl(ends[1], 1031, 4096)
    return (ends[0], ends[1])
  }

  private static func line(_ number: Int) -> [UInt8] { Array("line \(number)\n".utf8) }
  private static func gap(_ count: Int) -> [UInt8] { Array("gap \(count)\n".utf8) }

  /// Reads on a thread of its own until so many bytes ended with a line feed say the word.
  private nonisolated static func lines(_ descriptor: Int32, until word: String) throws -> [String] {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while !String(decoding: text, as: UTF8.self).hasSuffix(word + "\n") {
      let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
      guard count > 0 else { throw LogQueueTests.Failure() }
      text += buffer[..<count]
    }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("everything comes out in order, from several threads, whole lines only")
  func order() async throws { try await blocking { try Self.orderWithoutThePool() } }

  private static func orderWithoutThePool() throws {
    let ends = try pipe()
    defer { for end in [ends.read, ends.write] { close(end) } }
    let queue = LogQueue(descriptor: ends.write, limit: 1 << 20)
    let threads = 4
    let each = 500
    for thread in 0..<threads {
      Thread.detachNewThread {
        for number in 0..<each { queue.append(Array("\(thread) \(number)\n".utf8)) { _ in [] } }
      }
    }
    let collected = Mutex<[String]>([])
    Thread.detachNewThread {
      var text = ""
      var buffer = [UInt8](repeating: 0, count: 65536)
      while text.utf8.count(where: { $0 == 10 }) < threads * each {
        let count = unsafe Glibc.read(ends.read, &buffer, buffer.count)
        guard count > 0 else { return }
        text += String(decoding: buffer[..<count], as: UTF8.self)
      }
      collected.withLock { [text] in $0 = text.split(separator: "\n").map(String.init) }
    }
    let lines = try eventually { collected.withLock { $0.isEmpty ? nil : $0 } }
    #expect(lines.count == threads * each)
    for thread in 0..<threads {
      let own = lines.filter { $0.hasPrefix("\(thread) ") }
      #expect(own == (0..<each).map { "\(thread) \($0)" })
    }
  }

  @Test("a pipe that nobody reads holds up nobody; the gap is told when it moves again")
  func stuck() async throws { try await blocking { try Self.stuckWithoutThePool() } }

  private static func stuckWithoutThePool() throws {
    let ends = try pipe()
    defer { for end in [ends.read, ends.write] { close(end) } }
    let queue = LogQueue(descriptor: ends.write, limit: 20_000)
    // Far more than pipe and queue hold, and the queue alone takes more than the pipe: it would not come back if one of these waited.
    for number in 0..<10_000 { queue.append(line(number), note: gap) }
    #expect(!queue.flush(patience: .milliseconds(50)), "not all is written, and it does not wait for ever")
    let collected = Mutex<[String]?>(nil)
    Thread.detachNewThread {
      let lines = try? Self.lines(ends.read, until: "line 10000")
      collected.withLock { $0 = lines }
    }
    // What was dropped is told before the next line that is taken.
    try eventually {
      if queue.flush(patience: .zero) { return true }
      return nil
    }
    queue.append(line(10_000), note: gap)
    let lines = try eventually { collected.withLock { $0 } }
    let told = lines.compactMap { $0.hasPrefix("gap ") ? Int($0.dropFirst(4)) : nil }
    let kept = lines.compactMap { $0.hasPrefix("line ") ? Int($0.dropFirst(5)) : nil }
    #expect(told.reduce(0, +) + kept.count == 10_001, "each line is there or counted")
    #expect(kept == kept.sorted() && kept.first == 0)
    #expect(kept.count < 5000 && !told.isEmpty)
    #expect(queue.dropped == told.reduce(0, +))
    #expect(queue.flush())
  }

  @Test("a descriptor that is closed takes nothing and costs nothing")
  func closed() async throws { try await blocking { try Self.closedWithoutThePool() } }

  private static func closedWithoutThePool() throws {
    let ends = try pipe()
    close(ends.read)
    defer { close(ends.write) }
    _ = signal(SIGPIPE, SIG_IGN)
    let queue = LogQueue(descriptor: ends.write, limit: 1000)
    for number in 0..<500 {
      queue.append(line(number), note: gap)
      if number % 50 == 0 { #expect(queue.flush()) }
    }
    #expect(queue.flush())
  }
}
