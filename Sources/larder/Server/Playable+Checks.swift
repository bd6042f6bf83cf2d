// What has to be known to be good before an answer's head goes out: once that is out, only a reset can say that bytes are
// missing. A player that seeks on is not made to wait for more than its first block.

import Cache
import HTTP
import Loop

extension Playable {
  /// Of what a client asks for with an end, this much is looked at before the head: a chunk, in bytes.
  private static let foresight = 8 << 20
  /// How long the head of an answer may wait for bytes that the disk has lost, in milliseconds.
  private static let patience: Int64 = 10_000

  /// Whether the answer may begin at once.
  func isReady(for plan: Plan) -> Bool {
    guard let reader else { return true }
    reader.begin()
    var isReady = reader.state != .mending
    needs(plan) { bytes in isReady = isReady && reader.isVerified(bytes) }
    return isReady
  }

  /// Reads and compares what the answer needs before it begins; what is missing, and why, when it cannot.
  func prepare(_ plan: Plan) async -> BlockReadiness {
    guard let reader else { return .ready }
    reader.begin()
    var blocks: [Int] = []
    needs(plan) { bytes in
      for block in reader.block(at: bytes.lowerBound)...reader.block(at: bytes.upperBound) {
        if !reader.isVerified(block) { blocks.append(block) }
      }
    }
    // However many there are, somebody waits for the first byte.
    let limit = Clock.steady.adding(milliseconds: Self.patience)
    for block in blocks + holes(plan, reader) {
      let readiness = await reader.ready(block, before: reader.state == .mending ? limit : nil)
      guard case .ready = readiness else { return readiness }
    }
    return .ready
  }

  /// Lends the bytes that must be good before the head goes out.
  ///
  /// A range up to the end is how players ask for "from here on": they get what there is, and come again. Of a title that
  /// is still coming in, the first byte must be there, and the rest is waited for on the way.
  private func needs(_ plan: Plan, _ take: (ClosedRange<Int>) -> Void) {
    let isComing = reader?.state == .filling
    func takeStart(of range: ByteRange) {
      let last =
        isComing || range.last == size - 1 ? range.first : min(range.last, range.first + Self.foresight - 1)
      take(range.first...last)
    }
    switch plan {
    case .notModified, .preconditionFailed, .unsatisfiable, .whole(isHead: true): break
    case .whole(isHead: false): if size > 0 { take(0...(isComing ? 0 : min(size, Self.foresight) - 1)) }
    case .single(let range): takeStart(of: range)
    case .several(let ranges):
      for range in ranges {
        takeStart(of: range)
        if isComing { break }
      }
    }
  }

  /// Blocks that the ledger knows to be missing and that an answer with an end cannot do without.
  private func holes(_ plan: Plan, _ reader: ObjectReader) -> [Int] {
    guard reader.state == .mending else { return [] }
    switch plan {
    case .notModified, .preconditionFailed, .unsatisfiable, .whole(isHead: true): return []
    case .whole(isHead: false): return size > 0 ? reader.missing(in: [0...size - 1]) : []
    case .single(let range) where range.last == size - 1: return []
    case .single(let range): return reader.missing(in: [range.first...range.last])
    case .several(let ranges): return reader.missing(in: ranges.map { $0.first...$0.last })
    }
  }
}
