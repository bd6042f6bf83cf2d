// A connection that sends what is made meanwhile: server-sent events, lines.

import HTTP
import Loop

extension HTTPConnection {
  func begin(_ stream: any AnswerStream, isHead: Bool) {
    keepsAlive = false
    let inChunks = stream.isFinite && !mustSayKept
    answered(.ok)
    output.set(stream.head(inChunks: inChunks))
    guard !isHead else {
      stream.cancel()
      return startSending()
    }
    state = .streaming(stream)
    progressed = EventLoop.now.milliseconds
    stream.arrived = { [weak self] bytes in self?.push(bytes) }
    flushStream()
    stream.begin(inChunks: inChunks)
  }

  private func push(_ bytes: [UInt8]) {
    // A client that takes nothing of so much is gone or asleep.
    pushed(bytes.count)
    guard case .streaming = state, output.append(bytes, limit: Limits.unsentEventBytes) else { return close() }
    flushStream()
    weigh()
  }

  func flushStream() {
    guard case .streaming(let stream) = state else { return }
    switch output.pump(into: descriptor) {
    case .done where stream.isOver:
      answerEnds()
      linger()
    case .done:
      readiness.watch([.readable, .disconnected])
      stream.drained()
    case .blocked, .turnOver: readiness.watch([.readable, .writable, .disconnected])
    case .cold, .unverified, .forgotten, .failed: close()
    }
  }
}
