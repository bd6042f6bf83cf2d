// How far one look into the queue goes. Its rows are downloads, and any number of them may be of titles that cannot be begun
// now: every look reads the first so many, and goes on behind them where the last one ended. To begin behind them anew, with
// what was passed before, is for once a second: so a queue of any length is gone through, and costs the loop next to nothing.

import Cache
import LMDB
import Loop

/// A walk through the queue behind what every look reads.
struct QueueRound {
  /// The last download that was passed; nil at the beginning.
  var place: DownloadID?
  /// When the next round may begin.
  var due = Timestamp(milliseconds: .min)
  /// Whether a look found nothing to begin and would have liked to begin a round.
  var isWanted = false

  /// How long after another a round begins, in milliseconds.
  static let pause: Int64 = 1000
}

extension Fills {
  /// Begins what can be begun, the oldest first, while there are turns; other things happen between two pages.
  ///
  /// - Returns: downloads of objects that are not there.
  func lookAtQueue() async throws -> [DownloadID] {
    round.isWanted = false
    var unfounded: [DownloadID] = []
    var (place, isEnd) = try lookAtPage(after: nil, &unfounded)
    if !isEnd, mayBegin {
      let now = Clock.steady
      if round.due <= now {
        round = QueueRound(due: now.adding(milliseconds: QueueRound.pause))
      } else {
        round.isWanted = true
        place = [place, round.place].compactMap(\.self).max()
      }
      while !isEnd, mayBegin {
        await Task.yield()
        guard !isStopped else { return [] }
        (place, isEnd) = try lookAtPage(after: place, &unfounded)
        round.place = place
      }
    }
    isFirstLook = false
    return unfounded
  }

  /// Whether there is anything to look for.
  private var mayBegin: Bool { hasTurn || isFirstLook }

  /// The same for the next so many rows of the queue behind `place`.
  ///
  /// - Returns: the last row that was passed, and whether there is none behind it.
  private func lookAtPage(
    after place: DownloadID?, _ unfounded: inout [DownloadID]
  ) throws -> (place: DownloadID?, isEnd: Bool) {
    guard mayBegin else { return (place, false) }
    let ledger = writer.ledger
    return try ledger.environment.read { tx in
      var place = place
      let page = try ledger.queue(after: place, limit: Self.look, in: tx)
      for entry in page {
        guard try begin(entry, &unfounded, in: tx) else { return (place, false) }
        place = entry.download
      }
      return (place, page.count < Self.look)
    }
  }

  /// Begins with what a row of the queue waits for, unless that is under way or cannot be begun now.
  ///
  /// - Returns: false when it could be begun, and there is no turn for it.
  private func begin(
    _ entry: QueueEntry, _ unfounded: inout [DownloadID], in tx: borrowing ReadTransaction
  ) throws -> Bool {
    let subject: Errand.Subject = entry.object == .none ? .version(of: entry.download) : .object(entry.object)
    guard errands[subject] == nil, linking[entry.download] == nil, !fruitless.contains(subject),
      !aside.isWaiting(subject, at: Clock.steady)
    else { return true }
    // What is whole needs only its link, no turn and no origin. A commit that makes it so starts that by itself (`link`), so
    // only the first look after a crash has to search beyond what has its turn.
    guard mayBegin else { return false }
    var (isThere, isWhole) = (true, false)
    if entry.object != .none {
      let ledger = writer.ledger
      try reading(subject) {
        let object = try ledger.object(entry.object, in: tx)
        isThere = object != nil
        isWhole = isFirstLook && object?.state == .complete
      }
    }
    guard isThere else {
      unfounded.append(entry.download)
      return true
    }
    guard isWhole || hasTurn else { return true }
    if !isWhole {
      if !hasPlace { setOneAside() }
      newcomerWasLast = true
    }
    start(subject)
    return true
  }
}
