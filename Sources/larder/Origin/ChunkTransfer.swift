// One ranged request and its bytes: cut into blocks as they arrive, each handed to the disk as soon as it is whole.

import Cache
import Curl
import Loop

/// What a transfer tells its fill.
@EventLoop
protocol ChunkTransferOwner: AnyObject {
  /// Bytes came in.
  func received(_ count: Int)
  /// The next block of `span` is whole. The transfer goes on only when `transfer.blockWritten()` keeps up.
  func received(block: Int, _ bytes: [UInt8], by transfer: ChunkTransfer)
  /// So much of `block` has arrived after a while; the transfer waits for `startWritten()` before it says more.
  func received(startOf block: Int, _ bytes: [UInt8], by transfer: ChunkTransfer)
  /// Over: so many blocks arrived.
  func ended(_ transfer: ChunkTransfer, arrived: Int, _ outcome: FetchOutcome)
}

/// A ranged GET under way.
///
/// Memory: the block being filled and two at the disk, three when it has ended, 256 KiB each at the most, and libcurl's own
/// buffer; together below 1 MiB.
@EventLoop
final class ChunkTransfer: TransferReceiver {
  let span: ChunkSpan
  private let blockSize: Int
  private let rate: RateLimit
  private weak var owner: (any ChunkTransferOwner)?
  /// Bytes of all blocks of the span.
  private let total: Int
  private let judge: (TransferHead, _ error: [UInt8]) -> FetchOutcome?
  private var transfer: Transfer?

  /// What there is of the block that is being filled; at first, what there was of it before.
  private var block: [UInt8]
  private var arrived = 0
  private var atDisk = 0
  private var received = 0
  /// When the block began, or was last written down.
  private var noted = EventLoop.now
  private var isNoting = false
  private var refused: FetchOutcome?
  /// The head of an answer that is no success, whose body says why.
  private var failure: TransferHead?
  private var failureBody: [UInt8] = []
  private var isPaused = false
  /// Whether somebody who plays wants what it brings now or soon.
  var isPlayed = false {
    didSet { if isPlayed, !oldValue { resume() } }
  }
  private let started = EventLoop.exactNow
  private var firstByte: EventLoop.Instant?

  /// - Parameters:
  ///   - start: what there is of the first block already.
  ///   - judge: what is wrong with an answer's head; nil when it is exactly what was asked for.
  init(
    _ span: ChunkSpan, start: [UInt8] = [], blockSize: Int, rate: RateLimit, owner: any ChunkTransferOwner,
    judge: @escaping (TransferHead, _ error: [UInt8]) -> FetchOutcome?
  ) {
    self.span = span
    block = start
    total = start.count + span.bytes.count
    self.blockSize = blockSize
    self.rate = rate
    self.owner = owner
    self.judge = judge
  }

  func began(_ transfer: Transfer) { self.transfer = transfer }

  /// Drops the transfer; `ended` still comes.
  func cancel() {
    refused = .abandoned
    transfer?.cancel()
  }

  /// The disk has taken a block off our hands.
  func blockWritten() {
    atDisk -= 1
    resume()
  }

  /// The beginning of a block is durable.
  func startWritten() { isNoting = false }

  /// What there is of a block that did not become whole.
  ///
  /// A last block of which every byte came with an answer that then went wrong comes again as a whole: as a beginning it
  /// would leave nothing to ask for.
  var unfinished: [UInt8] { block.count < blockLength ? block : [] }

  /// What this transfer says about the line; nil when nothing came.
  var measure: (wait: Double, bytes: Int, duration: Double)? {
    guard let firstByte else { return nil }
    let seconds = { (from: EventLoop.Instant, to: EventLoop.Instant) in
      Double(to.nanoseconds - from.nanoseconds) / 1e9
    }
    return (seconds(started, firstByte), received, seconds(started, EventLoop.exactNow))
  }

  private func resume() {
    guard isPaused else { return }
    isPaused = false
    transfer?.resume()
  }

  // MARK: TransferReceiver

  func received(head: TransferHead) -> Bool {
    guard (200..<300).contains(head.status) else {
      failure = head
      return true
    }
    refused = judge(head, [])
    return refused == nil
  }

  func received(bytes: UnsafeRawBufferPointer) -> BodyVerdict {
    if failure != nil {
      unsafe failureBody += bytes.prefix(Self.failureLimit - failureBody.count)
      return failureBody.count < Self.failureLimit ? .taken : .abort
    }
    if firstByte == nil { firstByte = EventLoop.exactNow }
    guard received + bytes.count <= span.bytes.count else {
      refused = .troubled("the origin sent more than it was asked for", retryAfter: nil)
      return .abort
    }
    guard atDisk < 2, rate.allows(bytes.count, isPlayed: isPlayed, else: { [weak self] in self?.resume() })
    else {
      isPaused = true
      return .pause
    }
    var rest = unsafe bytes[...]
    while unsafe !rest.isEmpty {
      let wanted = blockLength - block.count
      if block.isEmpty { block.reserveCapacity(blockLength) }
      unsafe block.append(contentsOf: rest.prefix(wanted))
      unsafe rest = rest.dropFirst(wanted)
      if block.count == blockLength, !isLastBlock { hand() }
    }
    received += bytes.count
    noteStart()
    owner?.received(bytes.count)
    return .taken
  }

  func finished(_ result: Result<TransferSummary, CurlError>) {
    transfer = nil
    if let failure, refused == nil { refused = verdict(on: failure, result) }
    let outcome: FetchOutcome
    switch result {
    case _ where refused != nil: outcome = refused!
    case .success where received == span.bytes.count:
      if !block.isEmpty { hand() }
      outcome = .delivered
    case .success: outcome = .unreachable("the origin ended its answer early")
    case .failure(let error): outcome = FetchOutcome(error)
    }
    owner?.ended(self, arrived: arrived, outcome)
  }

  /// What an answer that is no success comes to. One that was cut off is nobody's last word.
  private func verdict(
    on failure: TransferHead, _ result: Result<TransferSummary, CurlError>
  ) -> FetchOutcome? {
    let said = judge(failure, failureBody)
    guard case .failure(let error) = result, error.kind != .refusedByReceiver, said?.isFinal ?? false else {
      return said
    }
    return FetchOutcome(error)
  }

  /// How much of an error's body is read: S3's are far smaller.
  private static let failureLimit = 4096

  /// The block that is being filled may be the object's short last one.
  private var blockLength: Int { min(blockSize, total - arrived * blockSize) }

  /// On a line so slow that a block takes seconds, what there is of it is written down every second: a cut costs no more
  /// than two.
  private func noteStart() {
    guard !unfinished.isEmpty, !isNoting, EventLoop.now.milliseconds >= noted.milliseconds + 1000 else { return }
    noted = EventLoop.now
    isNoting = true
    owner?.received(startOf: span.blocks.lowerBound + arrived, block, by: self)
  }

  /// The last block is kept until the answer has ended: only then it was no longer than it should be.
  private var isLastBlock: Bool { arrived == span.blocks.count - 1 }

  private func hand() {
    noted = EventLoop.now
    let whole = block
    block = []
    let index = span.blocks.lowerBound + arrived
    arrived += 1
    atDisk += 1
    owner?.received(block: index, whole, by: self)
  }
}
