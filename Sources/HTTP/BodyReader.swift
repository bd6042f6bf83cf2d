// The body of a request, told apart from its framing: RFC 9112, sections 6.2 and 7.1.
//
// A state machine that is fed bytes in whatever portions they arrive and says which of them are content. It
// copies nothing and keeps no bytes. After `refused` the connection has to be closed.

/// Reads a body of stated length or in chunks.
///
/// Call `read` with the bytes at hand until it has consumed them all or the outcome is no longer `.more`.
public struct BodyReader: Sendable {
  /// Whether the body goes on.
  public enum Outcome: Equatable, Sendable {
    case more
    case done
    case refused(Refusal)
  }

  /// What one call found.
  public struct Step: Equatable, Sendable {
    /// How many bytes were used; what is left belongs to the next call or, once done, to the next request.
    public let consumed: Int
    /// Which of them are content; empty when none are.
    public let produced: Range<Int>
    public let outcome: Outcome
  }

  private enum State {
    case content(remaining: Int)
    case size, extensionBlank, extensionText, sizeLineFeed
    case data(remaining: Int)
    case dataReturn, dataLineFeed
    case trailerStart, trailerText, trailerLineFeed, finalLineFeed
  }

  /// The default for the most content of a body, in bytes.
  public static let maximumContentCount = 65_536
  /// The most bytes of chunk extensions, and of trailers, of one body.
  static let maximumOverhead = 8192

  private let limit: Int
  private var state = State.size
  private var size = 0
  private var digits = 0
  private var overhead = 0
  /// Content so far, in bytes.
  public private(set) var contentCount = 0
  /// Where the body stands. A body that is announced as too large is refused before its first byte, so that this can
  /// be asked before `100 Continue` is sent.
  public private(set) var outcome = Outcome.more

  /// A reader for the body that a head announces.
  ///
  /// - Parameter limit: the most bytes of content; more are refused as `contentTooLarge` (413).
  public init(_ framing: BodyFraming, limit: Int = BodyReader.maximumContentCount) {
    self.limit = limit
    switch framing {
    case .none: outcome = .done
    case .length(0): outcome = .done
    case .length(let count) where count > limit: outcome = .refused(.contentTooLarge)
    case .length(let count): state = .content(remaining: count)
    case .chunked: state = .size
    }
  }

  /// Takes the next bytes up to the end of the first run of content in them.
  public mutating func read(_ bytes: UnsafeRawBufferPointer) -> Step {
    let text = unsafe ByteView(bytes)
    var index = 0
    var produced = 0..<0
    while outcome == .more, index < text.count {
      switch state {
      case .content(let remaining):
        produced = take(remaining, from: index, of: text.count)
        index = produced.upperBound
        state = .content(remaining: remaining - produced.count)
        if produced.count == remaining { outcome = .done }
      case .data(let remaining):
        produced = take(remaining, from: index, of: text.count)
        index = produced.upperBound
        state = produced.count == remaining ? .dataReturn : .data(remaining: remaining - produced.count)
      default:
        readFraming(text[index])
        index += 1
      }
      if !produced.isEmpty { break }
    }
    return Step(consumed: index, produced: produced, outcome: outcome)
  }

  private mutating func take(_ remaining: Int, from index: Int, of count: Int) -> Range<Int> {
    let length = min(remaining, count - index)
    contentCount += length
    return index..<index + length
  }

  /// One byte of what is around the chunks.
  private mutating func readFraming(_ byte: UInt8) {
    switch state {
    case .content, .data:
      break
    case .size:
      readSize(byte)
    case .extensionBlank:
      spendOverhead(.chunk)
      if byte == UInt8(ascii: ";") {
        state = .extensionText
      } else if !byte.isBlank {
        outcome = .refused(.chunk)
      }
    case .extensionText:
      spendOverhead(.chunk)
      if byte == .carriageReturn { state = .sizeLineFeed } else if byte.isControl { outcome = .refused(.chunk) }
    case .sizeLineFeed:
      expect(.lineFeed, byte, .chunk, then: size == 0 ? .trailerStart : .data(remaining: size))
      if size == 0 { overhead = 0 }
      digits = 0
      size = 0
    case .dataReturn:
      expect(.carriageReturn, byte, .chunk, then: .dataLineFeed)
    case .dataLineFeed:
      expect(.lineFeed, byte, .chunk, then: .size)
    case .trailerStart:
      spendOverhead(.trailer)
      if byte == .carriageReturn {
        state = .finalLineFeed
      } else if ByteSet.token.contains(byte) {
        state = .trailerText
      } else {
        outcome = .refused(.trailer)
      }
    case .trailerText:
      spendOverhead(.trailer)
      if byte == .carriageReturn { state = .trailerLineFeed } else if byte.isControl { outcome = .refused(.trailer) }
    case .trailerLineFeed:
      expect(.lineFeed, byte, .trailer, then: .trailerStart)
    case .finalLineFeed:
      expect(.lineFeed, byte, .trailer, then: .trailerStart)
      if outcome == .more { outcome = .done }
    }
  }

  private mutating func readSize(_ byte: UInt8) {
    if let digit = byte.hexDigit {
      digits += 1
      // Sixteen digits, of which the first may be so large that the size does not fit.
      guard digits <= 16, size <= Int.max >> 4 else {
        outcome = .refused(.chunk)
        return
      }
      size = size << 4 | Int(digit)
      return
    }
    guard digits > 0 else {
      outcome = .refused(.chunk)
      return
    }
    guard size <= limit - contentCount else {
      outcome = .refused(.contentTooLarge)
      return
    }
    switch byte {
    case .carriageReturn: state = .sizeLineFeed
    case UInt8(ascii: ";"): state = .extensionText
    case .space, .tab: state = .extensionBlank
    default: outcome = .refused(.chunk)
    }
  }

  private mutating func expect(_ expected: UInt8, _ byte: UInt8, _ refusal: Refusal, then next: State) {
    if byte == expected { state = next } else { outcome = .refused(refusal) }
  }

  private mutating func spendOverhead(_ refusal: Refusal) {
    overhead += 1
    if overhead > Self.maximumOverhead { outcome = .refused(refusal) }
  }
}
