// Answers that are small enough to be kept whole, awaited in one line.

import Loop

extension Transfers {
  /// Makes a request and returns its whole answer.
  ///
  /// A body longer than `bodyLimit` bytes ends it with `.tooLarge`, at once when its length is announced. Cancelling the
  /// task ends it with `.cancelled`.
  public func perform(
    _ options: TransferOptions, bodyLimit: Int
  ) async throws(CurlError) -> (head: TransferHead, body: [UInt8]) {
    let collector = Collector(options.operation, method: options.method, limit: bodyLimit)
    let transfer = try start(options, collector)
    let result = await withTaskCancellationHandler {
      await collector.result()
    } onCancel: {
      EventLoop.submit { transfer.cancel() }
    }
    return try result.get()
  }
}

/// Keeps an answer until it is whole.
@safe
@EventLoop
private final class Collector: TransferReceiver {
  typealias Answer = Result<(head: TransferHead, body: [UInt8]), CurlError>

  private let operation: String
  private let method: TransferOptions.Method
  private let limit: Int
  private var head: TransferHead?
  private var body: [UInt8] = []
  private var isTooLarge = false
  private var answer: Answer?
  private var waiter: UnsafeContinuation<Answer, Never>?

  init(_ operation: String, method: TransferOptions.Method, limit: Int) {
    self.operation = operation
    self.method = method
    self.limit = limit
  }

  func result() async -> Answer {
    if let answer { return answer }
    return unsafe await withUnsafeContinuation { continuation in unsafe waiter = unsafe continuation }
  }

  func received(head: TransferHead) -> Bool {
    self.head = head
    guard method != .head, let length = head["content-length"].flatMap({ Int($0) }) else { return true }
    isTooLarge = length > limit
    if !isTooLarge { body.reserveCapacity(length) }
    return !isTooLarge
  }

  func received(bytes: UnsafeRawBufferPointer) -> BodyVerdict {
    isTooLarge = body.count + bytes.count > limit
    guard !isTooLarge else { return .abort }
    unsafe body.append(contentsOf: bytes)
    return .taken
  }

  func finished(_ result: Result<TransferSummary, CurlError>) {
    let answer: Answer =
      switch (result, head) {
      case (.success, let head?): .success((head, body))
      case (.success, nil): .failure(CurlError(.cut, operation: operation, text: "no head came"))
      case (.failure, _) where isTooLarge:
        .failure(CurlError(.tooLarge, operation: operation, text: "the body is larger than \(limit) bytes"))
      case (.failure(let error), _): .failure(error)
      }
    self.answer = answer
    unsafe waiter?.resume(returning: answer)
    unsafe waiter = nil
  }
}
