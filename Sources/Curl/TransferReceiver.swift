// Whoever takes what a transfer brings: called on the loop, in a fixed order.

public import Loop

/// What a receiver did with bytes that were offered to it.
public enum BodyVerdict: Sendable {
  /// All of them are taken.
  case taken
  /// None is taken: nothing more comes until `Transfer.resume`, and then these very bytes first.
  case pause
  /// They are not wanted: the transfer ends with `.refusedByReceiver`.
  case abort
}

/// Takes what a transfer brings: a head, then bytes, then the end; or the end at any point.
///
/// The methods are called from inside curl. They may start, resume and cancel transfers, which then happens as soon as
/// curl has returned.
@EventLoop
public protocol TransferReceiver: AnyObject {
  /// The final head is here, and no byte of the body yet; `false` ends the transfer with `.refusedByReceiver`.
  func received(head: TransferHead) -> Bool

  /// Some bytes of the body, valid during the call only: at least one, and 16 KiB at the most.
  func received(bytes: UnsafeRawBufferPointer) -> BodyVerdict

  /// The end, called exactly once and never followed by anything. A success means that the answer was whole as far as
  /// its framing goes (RFC 9112, 6.3): without `Content-Length` or chunks the end of the connection is one too.
  func finished(_ result: Result<TransferSummary, CurlError>)
}

/// How a transfer went.
public struct TransferSummary: Sendable, Hashable {
  /// Of the body.
  public let bytes: Int
  /// Whether it found an open connection to use.
  public let reusedConnection: Bool
  /// From the start of the transfer; zero for a connection that was open already.
  public let connected: Duration
  /// From the start of the transfer until the first byte of the answer.
  public let firstByte: Duration
  /// From the start of the transfer until its end.
  public let total: Duration
}
