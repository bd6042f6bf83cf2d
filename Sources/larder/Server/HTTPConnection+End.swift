// What bounds a connection: its deadlines, its memory, whether it may go for another, and its end.

import Glibc
import HTTP
import Loop

extension HTTPConnection {
  // MARK: Memory

  /// Tells the server what this connection holds in memory now, and gives up what is too much for all of them together.
  ///
  /// A body gets 503, what was sent ahead is dropped with the connection, and for an answer those go that are large, then
  /// those that have taken nothing of theirs for the longest time: a client that takes what it asked for comes to no harm.
  func weigh() {
    var count = input.count + output.held + requestCount
    if case .body(_, let head, let content) = state { count += head.count + content.count }
    if case .closed = state { count = 0 }
    let excess = max(0, count - Limits.ownBytes)
    let grows = excess > held
    server.held += excess - held
    held = excess
    guard grows, server.held > Limits.heldBytes else { return }
    switch state {
    case .body:
      refuse(
        .serviceUnavailable, code: "busy", detail: "too many requests are on their way at once; try again in a moment",
        [Reply.Field("Retry-After", "1")])
    case .sending, .streaming, .answering:
      if input.count > Limits.ownBytes { dropAhead() }
      if server.held > Limits.heldBytes { server.relieve(for: self) }
    case .head, .lingering, .closed: break
    }
  }

  // MARK: Deadlines

  /// Whether this connection may go when there is no room for another, why, and since when.
  func expendable(_ now: UInt64) -> (reason: Expendable, since: UInt64)? {
    // It has no place that could be given to another.
    guard !isTurnedAway else { return nil }
    return switch state {
    case .head where isIdle && input.isEmpty, .lingering: (.idle, progressed)
    case .head, .body: now >= progressed + Limits.arrivalMilliseconds ? (.arriving, progressed) : nil
    case .sending: hasStalled(now) ? (.stalled, progressed) : nil
    case .streaming: output.unsent > 0 && hasStalled(now) ? (.stalled, progressed) : nil
    case .answering, .closed: nil
    }
  }

  /// Not while the wait is ours: for a page, or for bytes that are fetched again.
  private func hasStalled(_ now: UInt64) -> Bool {
    task == nil && now >= progressed + Limits.stallMilliseconds
  }

  /// Whether bytes of an answer wait for its client.
  var isSending: Bool {
    switch state {
    case .sending, .streaming: true
    case .head, .body, .answering, .lingering, .closed: false
    }
  }

  /// Ends a connection whose place or memory is needed: what is unsent must not stay with the kernel.
  func giveWay() {
    Socket.resetOnClose(descriptor)
    close()
  }

  func checkDeadline(_ now: UInt64) {
    guard deadline > 0, now >= deadline else { return }
    deadline = 0
    switch state {
    case .head where isIdle: close()
    case .head, .body: refuse(.requestTimeout, code: "invalid_request", detail: "the request did not arrive in time")
    case .lingering: close()
    case .answering, .sending, .streaming, .closed: break
    }
  }

  // MARK: The end

  /// The server is going: idle connections close now, busy ones after their answer. What a client has sent is read first,
  /// and who has only just connected gets a moment for the request: to be accepted and dropped is to be refused.
  func drain() {
    keepsAlive = false
    switch state {
    case .head where isIdle && !isResting:
      readable()
      guard case .head = state, isIdle else { return }
      let moment = progressed + Limits.firstRequestMilliseconds
      if isNew, EventLoop.now.milliseconds < moment { deadline = moment } else { close() }
    case .streaming: close()
    default: break
    }
  }

  /// Ends the connection, whatever it was doing.
  func close() {
    if case .closed = state { return }
    if case .streaming(let stream) = state { stream.cancel() }
    state = .closed
    answerEnds()
    weigh()
    readiness.close()
    _ = Glibc.close(descriptor)
    output = Outgoing()
    task?.cancel()
    server.closed(self)
  }
}
