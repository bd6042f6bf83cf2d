// Between whoever logs and standard error: a queue and a thread, so that a pipe that nobody reads stops no loop.
//
// Lines are written in the order in which they came. Nothing is lost for as long as the other end takes what is written;
// when it does not, what does not fit the queue is counted, and the gap says how many lines were in it.

import Glibc
import HTTP
import Loop
import Synchronization

/// Writes lines to a descriptor on a thread of its own.
final class LogQueue: Sendable {
  private struct State {
    /// What was handed to the thread since the start.
    var bytes = 0
    var lines = 0
    /// Lines dropped since the last one that was taken.
    var dropped = 0
    /// And all of them since the start.
    var droppedEver = 0
  }

  /// The one that standard error belongs to.
  static let standardError = LogQueue(descriptor: 2, limit: Limits.logBytes)

  private let state = Mutex(State())
  private let limit: Int
  private let writer: BatchWorker<[UInt8]>
  private let written = Written()

  /// What the thread is done with since the start.
  private final class Written: Sendable {
    let lines = Atomic<Int>(0)
    let bytes = Atomic<Int>(0)
  }

  /// - Parameter limit: bytes that may wait; a line that finds less room is dropped.
  init(descriptor: Int32, limit: Int) {
    self.limit = limit
    writer = BatchWorker(name: "log") { [written] lines in
      for line in lines {
        Self.write(line, to: descriptor)
        written.bytes.add(line.count, ordering: .relaxed)
        written.lines.add(1, ordering: .releasing)
      }
    }
  }

  /// Hands a line over, from any thread and without waiting.
  ///
  /// - Parameter note: makes the line that tells of so many dropped ones; called before the first one that is taken again.
  func append(_ line: [UInt8], note: (Int) -> [UInt8]) {
    state.withLock { state in
      let waiting = state.bytes - written.bytes.load(ordering: .relaxed)
      guard waiting + line.count <= limit else {
        state.dropped += 1
        state.droppedEver += 1
        return
      }
      if state.dropped > 0 {
        let gap = note(state.dropped)
        state.dropped = 0
        hand(gap, &state)
      }
      hand(line, &state)
    }
  }

  private func hand(_ line: [UInt8], _ state: inout State) {
    state.bytes += line.count
    state.lines += 1
    // Within the lock, so that the order of the lines is the order of the calls.
    writer.submit(line)
  }

  /// Lines that were dropped since the start.
  var dropped: Int { state.withLock { $0.droppedEver } }

  /// Waits until everything handed over so far is written, or `patience` is over: for the end of the process, when a wait
  /// does no harm, and a pipe that is stuck must not hold it up for ever.
  ///
  /// - Returns: whether all was written.
  @discardableResult
  func flush(patience: Duration = .seconds(2)) -> Bool {
    let wanted = state.withLock { $0.lines }
    let end = ContinuousClock.now + patience
    while written.lines.load(ordering: .acquiring) < wanted {
      guard ContinuousClock.now < end else { return false }
      usleep(500)
    }
    return true
  }

  /// One line with as few calls as it takes; a descriptor that is gone takes nothing, and that is nobody's fault.
  private static func write(_ line: [UInt8], to descriptor: Int32) {
    unsafe line.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let wrote = unsafe Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        if wrote > 0 {
          done += wrote
        } else if errno == EAGAIN {
          // Somebody else made the pipe non-blocking: this thread may wait.
          var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = unsafe poll(&wanted, 1, 1000)
        } else if errno != EINTR {
          return
        }
      }
    }
  }
}
