// What is counted and told of each answer: its status, its bytes, how long it took. It costs a request some additions and
// one look at the clock, and an allocation only when the log is to tell of it.

import Cache
import HTTP
import Loop

extension HTTPConnection {
  // MARK: The request

  /// A head is complete: the number of the request that is to be answered now, when the log tells of it.
  func note(_ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer) {
    asked = EventLoop.now.nanoseconds
    guard server.requestLog != nil else { return }
    line = unsafe AnsweredRequest(number: server.nextRequestNumber(), head, in: bytes)
  }

  /// The number of the request that is being answered.
  var requestNumber: UInt64 { line?.number ?? server.nextRequestNumber() }

  /// Bytes of a stream are on their way.
  func pushed(_ count: Int) { line?.bytes += count }

  /// Whose request it is.
  func isOf(_ user: UserID) { line?.user = user }

  // MARK: The answer

  /// An answer goes out with this status.
  func answered(_ status: Status) {
    metrics?.answered(status)
    server.noteAnswer()
    guard server.requestLog != nil else { return }
    if line == nil {
      line = AnsweredRequest(number: server.nextRequestNumber())
      asked = EventLoop.now.nanoseconds
    }
    line?.status = status
  }

  /// A whole answer from memory goes out, with a body of so many bytes.
  func answered(_ status: Status, bytes: Int) {
    answered(status)
    line?.bytes = bytes
  }

  /// Bytes of a title are on their way.
  func played(_ count: Int) {
    metrics?.count(.playBytes, by: count)
    line?.bytes += count
  }

  /// The answer is over, to its end or not.
  func answerEnds() {
    if playBegan > 0 {
      metrics?.observe(.playTime, microseconds: Int(EventLoop.now.milliseconds - playBegan) * 1000)
      playBegan = 0
    }
    guard let ended = line else { return }
    line = nil
    guard ended.status != nil else { return }
    server.requestLog?.answered(ended, after: Int((EventLoop.exactNow.nanoseconds - asked) / 1000))
  }

  // MARK: Plays

  /// Bytes of a title are about to go out behind the head of their answer.
  ///
  /// - Parameter isWhole: whether all of the title is here.
  func playBegins(isWhole: Bool) {
    guard let metrics else { return }
    metrics.played(isWhole: isWhole)
    metrics.observe(.playFirstByte, microseconds: Int((EventLoop.exactNow.nanoseconds - asked) / 1000))
    playBegan = EventLoop.now.milliseconds
  }
}
