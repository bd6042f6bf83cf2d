// Every limit of the box that is no setting, in one table: what is bounded, how, and what happens beyond it. The article
// "Limits" is this table, and a test holds the two equal.

import Cache
import HTTP

/// The bounds themselves, for whoever keeps them.
enum Limits {
  /// Connections beyond `max_connections` that are kept until they have read that there is no room.
  static let turnedAway = 64
  /// How long a reader must have taken nothing before it may be dropped for a newcomer.
  static let stallMilliseconds: UInt64 = 10_000
  /// How long a request may be on its way before it may be dropped for a newcomer.
  static let arrivalMilliseconds: UInt64 = 1000
  /// How long a new connection may wait with its first request when the box stops.
  static let firstRequestMilliseconds: UInt64 = 2000
  /// How often the connections are looked through for some that may go, at the most.
  static let reclaimMilliseconds: UInt64 = 100
  /// What all connections together may hold in memory, beyond `ownBytes` each.
  static let heldBytes = 64 << 20
  /// What a connection may hold in any case.
  static let ownBytes = 4 << 10
  static let eventStreamsPerUser = 16
  /// Of one event stream.
  static let unsentEventBytes = 256 << 10
  static let requestsPerUser = 256
  /// How many records one page of a list looks at, whatever it looks for: nobody is kept waiting for it.
  static let examinedRecords = 2000
  /// `HEAD`s for starts and retries.
  static let originQuestions = 64
  static let originQuestionsPerUser = 16
  static let waitingQuestionsPerUser = 64
  static let openTitles = 256
  static let logBytes = 1 << 20
  /// Below so many connections the box does not start.
  static let fewestConnections = 16

  /// One row of the table.
  struct Row {
    let what: String
    let limit: String
    let beyond: String

    init(_ what: String, _ limit: String, _ beyond: String) {
      self.what = what
      self.limit = limit
      self.beyond = beyond
    }
  }

  /// In the order of the article.
  static var table: [Row] {
    let bounds = UserBounds()
    return [
      Row(
        "connections", "`max_connections`, and no more than the descriptors allow",
        "one that may go is dropped for the newcomer, see below; when none may, 503 `busy`"),
      Row("connections being told that there is no room", "\(turnedAway)", "closed without a word"),
      Row("request head; header fields; target", "16 KiB; 100; 8 KiB", "431; 431; 414"),
      Row("body", size(BodyReader.maximumContentCount), "413"),
      Row("a request's head, and then again its body, on the way", "`header_timeout`", "408"),
      Row("a kept connection without a request", "`idle_timeout`", "closed"),
      Row(
        "bodies, requests sent ahead and answers in memory, over all connections, beyond \(size(ownBytes)) for each",
        size(heldBytes),
        "a body: 503 `busy`; what was sent ahead: the connection closes after its answer; an answer: readers of "
          + "large ones (\(size(heldBytes / 4))) are reset, then those that took nothing for the longest time; for a large one "
          + "only other large ones"),
      Row("ranges in one request", "\(ByteRangeSet.capacity)", "the whole title, 200"),
      Row("requests of one user being answered, plays aside", number(requestsPerUser), "429 `too_many_requests`"),
      Row(
        "records that a page of a list looks at", number(examinedRecords),
        "the page ends there, and says where the next begins"),
      Row("lists of the catalogue being made; of one user", "1; 1", "they wait, each user in turn"),
      Row(
        "questions to the origin for starts and retries; of one user", "\(originQuestions); \(originQuestionsPerUser)",
        "they wait, each user in turn; the same question is asked once for all"),
      Row("questions of one user that wait", "\(waitingQuestionsPerUser)", "429 `too_many_requests`"),
      Row("event streams of one user", "\(eventStreamsPerUser)", "429 `too_many_requests`"),
      Row("unsent events of one stream", size(unsentEventBytes), "the stream is closed"),
      Row("unfinished downloads of one user", number(bounds.unfinished), "507 `too_many_downloads`"),
      Row("live downloads of one user", number(bounds.live), "507 `too_many_downloads`"),
      Row(
        "deleted downloads of one user that stay readable", number(bounds.gone),
        "the oldest goes, by creation, but never the one just deleted"),
      Row("entries of the audit", number(Ledger.auditLimit), "the oldest goes"),
      Row("titles kept open for the next play", "\(openTitles)", "the least recently used is closed"),
      Row(
        "tokens remembered; links", "\(number(Door.rememberedTokens)); \(number(KnownLinks.capacity))",
        "the least recently used is verified again"
      ),
      Row(
        "log lines that standard error has not taken", size(logBytes),
        "dropped and counted; `log.dropped` stands in the gap"),
      Row(
        "descriptors", "`RLIMIT_NOFILE`",
        "a warning at start and a lower `max_connections`; below \(fewestConnections) connections, exit status 78"),
    ]
  }

  /// The table as the article has it.
  static var markdown: String {
    "| what | limit | beyond it |\n| --- | --- | --- |\n"
      + table.map { "| \($0.what) | \($0.limit) | \($0.beyond) |\n" }.joined()
  }

  private static func size(_ bytes: Int) -> String {
    bytes >= 1 << 20 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB"
  }

  /// With a comma before the last three digits.
  private static func number(_ number: Int) -> String {
    let digits = "\(number)"
    return digits.count > 3 ? "\(digits.dropLast(3)),\(digits.suffix(3))" : digits
  }
}
