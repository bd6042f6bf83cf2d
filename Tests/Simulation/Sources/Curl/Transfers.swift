// Transfers without a network: whoever plays the origin says what each brings, and the machine's clock when.

public import Loop

/// What a request brings.
@safe
public struct Answer {
  @safe public enum Body {
    case bytes([UInt8])
    /// Bytes that stay where they are; those at `flips` arrive with one bit turned over.
    case memory(UnsafeRawBufferPointer, flips: [Int])
  }

  /// How it ends once all bytes of the body are out.
  public enum Ending {
    case whole
    case failure(CurlError.Kind)
    /// Nothing more comes: the stall timeout or the deadline ends it.
    case silence
  }

  /// Nanoseconds until the head, and between two portions of the body.
  public var wait: UInt64
  public var pace: UInt64
  /// Nil when it ends before there is one.
  public var head: (status: Int, headers: [(name: String, value: String)])?
  public var body: Body
  public var ending: Ending
  /// Bytes in one portion, 16 KiB at the most.
  public var portion: Int

  public init(
    wait: UInt64, pace: UInt64, head: (status: Int, headers: [(name: String, value: String)])?, body: Body,
    ending: Ending, portion: Int = 16 << 10
  ) {
    self.wait = wait
    self.pace = pace
    self.head = head
    self.body = body
    self.ending = ending
    self.portion = portion
  }

  var count: Int {
    switch body {
    case .bytes(let bytes): bytes.count
    case .memory(let memory, _): memory.count
    }
  }
}

/// Stands in for the program's own transfers, with the same face.
@EventLoop
public final class Transfers {
  /// Plays the origin.
  public static var origin: (TransferOptions) -> Answer = { _ in
    Answer(wait: 0, pace: 0, head: nil, body: .bytes([]), ending: .failure(.couldNotConnect))
  }

  /// In the order in which they began, which an address in memory is not: the same seed must end them in the same order.
  fileprivate var active: [Transfer] = []
  private var isShutDown = false

  public init(maxConnectionsPerHost: Int, maxTotal: Int) throws(CurlError) {}

  @discardableResult
  public func start(_ options: TransferOptions, _ receiver: any TransferReceiver) throws(CurlError) -> Transfer {
    guard !isShutDown else { throw CurlError(.cancelled, operation: options.operation, text: "shut down") }
    let transfer = Transfer(options, receiver, self, Self.origin(options))
    active.append(transfer)
    transfer.begin()
    return transfer
  }

  public func shutDown() {
    isShutDown = true
    for transfer in active { transfer.cancel() }
  }
}

/// Stands in for the program's own transfer, with the same face.
@EventLoop
public final class Transfer {
  private let options: TransferOptions
  private var receiver: (any TransferReceiver)?
  private let transfers: Transfers
  private let answer: Answer
  private let timer = Timer()
  private let deadline = Timer()
  private var sent = 0
  private var isPaused = false
  private var isInReceiver = false
  private var verdict: CurlError?

  fileprivate init(
    _ options: TransferOptions, _ receiver: any TransferReceiver, _ transfers: Transfers, _ answer: Answer
  ) {
    self.options = options
    self.receiver = receiver
    self.transfers = transfers
    self.answer = answer
  }

  fileprivate func begin() {
    if let limit = options.deadline {
      deadline.start(after: limit) { [weak self] in self?.end(.timedOut, "no answer in time") }
    }
    timer.start(after: .nanoseconds(Int64(answer.wait))) { [weak self] in self?.head() }
  }

  public func resume() {
    guard isPaused, receiver != nil else { return }
    isPaused = false
    next()
  }

  public func cancel() {
    guard receiver != nil, verdict == nil else { return }
    let error = CurlError(.cancelled, operation: options.operation, text: "cancelled")
    verdict = error
    if !isInReceiver { end(.failure(error)) }
  }

  private func head() {
    guard let receiver else { return }
    guard let head = answer.head else { return finish() }
    let goesOn = inReceiver { receiver.received(head: TransferHead(status: head.status, headers: head.headers)) }
    guard verdict == nil else { return end(.failure(verdict!)) }
    guard goesOn else { return end(.refusedByReceiver, "the answer was refused") }
    next()
  }

  private func next() {
    timer.start(after: .nanoseconds(Int64(answer.pace))) { [weak self] in self?.portion() }
  }

  private func portion() {
    guard let receiver, !isPaused else { return }
    guard sent < answer.count else { return finish() }
    let range = sent..<min(answer.count, sent + answer.portion)
    let said: BodyVerdict = inReceiver {
      switch answer.body {
      case .bytes(let bytes):
        unsafe bytes.withUnsafeBytes { unsafe receiver.received(bytes: UnsafeRawBufferPointer(rebasing: $0[range])) }
      case .memory(let memory, let flips):
        if flips.contains(where: range.contains) {
          unsafe flipped(memory, flips, range).withUnsafeBytes { unsafe receiver.received(bytes: $0) }
        } else {
          unsafe receiver.received(bytes: UnsafeRawBufferPointer(rebasing: memory[range]))
        }
      }
    }
    guard verdict == nil else { return end(.failure(verdict!)) }
    switch said {
    case .taken:
      sent = range.upperBound
      next()
    case .pause: isPaused = true
    case .abort: end(.refusedByReceiver, "the answer was refused")
    }
  }

  private func flipped(_ memory: UnsafeRawBufferPointer, _ flips: [Int], _ range: Range<Int>) -> [UInt8] {
    var bytes = unsafe Array(memory[range])
    for flip in flips where range.contains(flip) { bytes[flip - range.lowerBound] ^= 0x10 }
    return bytes
  }

  private func finish() {
    switch answer.ending {
    case .whole:
      let summary = TransferSummary(
        bytes: sent, reusedConnection: false, connected: .zero, firstByte: .zero, total: .zero)
      end(.success(summary))
    case .failure(let kind): end(kind, "the line broke")
    case .silence:
      timer.start(after: options.stallTimeout) { [weak self] in self?.end(.stalled, "nothing comes any more") }
    }
  }

  private func inReceiver<R>(_ body: () -> R) -> R {
    isInReceiver = true
    defer { isInReceiver = false }
    return body()
  }

  private func end(_ kind: CurlError.Kind, _ text: String) {
    end(.failure(CurlError(kind, operation: options.operation, text: text)))
  }

  private func end(_ result: Result<TransferSummary, CurlError>) {
    guard let receiver else { return }
    self.receiver = nil
    timer.stop()
    deadline.stop()
    transfers.active.removeAll { $0 === self }
    receiver.finished(result)
  }
}
