// Plays, remembered until they are recorded: a play costs no write, a second of plays costs one.

/// The latest play of each download since the last recording.
public struct AccessLog: Sendable {
  private var plays: [DownloadID: Timestamp] = [:]

  public init() {}

  public var isEmpty: Bool { plays.isEmpty }

  /// Notes that a byte of the download was played.
  public mutating func touch(_ download: DownloadID, at moment: Timestamp) {
    if let known = plays[download], known >= moment { return }
    plays[download] = moment
  }

  /// Everything since the last call, to be recorded in one transaction.
  public mutating func drain() -> [DownloadID: Timestamp] {
    defer { plays = [:] }
    return plays
  }
}
