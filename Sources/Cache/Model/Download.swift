// A download: one user's claim on one object. The record that the API shows and the ledger keeps.

/// A user's claim on an object.
public struct Download: Sendable, Hashable {
  public enum Status: UInt8, Sendable, CaseIterable {
    case pending = 0
    case downloading = 1
    case paused = 2
    case completed = 3
    case failed = 4
    case cancelled = 5

    /// The word of the API.
    public var word: String { "\(self)" }

    /// From the API's word.
    public init?(word: some StringProtocol) {
      guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
      self = found
    }

    /// Whether a download in this state holds a reservation and waits for bytes.
    public var isUnfinished: Bool { self == .pending || self == .downloading || self == .paused }
  }

  public var id: DownloadID
  public var user: UserID
  public var title: Title
  public var status: Status
  public var pinned: Bool
  /// `.none` while the origin has not told the version, and once failed or deleted.
  public var object: ObjectID
  /// The origin's key.
  public var key: String
  /// Without a dot; taken from the key.
  public var fileExtension: String
  /// Nil until the origin has told it.
  public var totalBytes: Int?
  /// What had arrived when the download ended; while it lives, its object knows better.
  public var endedBytes: Int
  public var trouble: Trouble?
  public var created: Timestamp
  public var updated: Timestamp
  public var completed: Timestamp?
  public var lastPlayed: Timestamp?
  public var deleted: Timestamp?

  public init(
    id: DownloadID, user: UserID, title: Title, status: Status, key: String, totalBytes: Int?, created: Timestamp
  ) {
    self.id = id
    self.user = user
    self.title = title
    self.status = status
    self.pinned = false
    self.object = .none
    self.key = key
    self.fileExtension = StoredPath.fileExtension(ofKey: key)
    self.totalBytes = totalBytes
    self.endedBytes = 0
    self.created = created
    self.updated = created
  }

  public var isLive: Bool { deleted == nil }

  /// What the user's usage counts for it: the full size, in use once completed, reserved before.
  public var charge: Charge {
    guard isLive, let totalBytes else { return .nothing }
    switch status {
    case .completed: return .used(totalBytes)
    case .pending, .downloading, .paused: return .reserved(totalBytes)
    case .failed, .cancelled: return .nothing
    }
  }

  /// When eviction thinks it was last wanted: the last play; a title never played counts as played when it completed.
  ///
  /// The later of the two would not do: after the clock stepped back, a completion in the future would hide every play.
  public var lastWanted: Timestamp { lastPlayed ?? completed ?? created }

  /// Whether eviction may take it at all; `playing_grace` is judged at the moment of the decision.
  public var isEvictable: Bool { isLive && status == .completed && !pinned }
}

/// A download's part in its user's usage.
public enum Charge: Sendable, Hashable {
  case nothing
  case reserved(Int)
  case used(Int)
}

/// Why a download is not where its user wants it, as the API's `error` says it.
public struct Trouble: Sendable, Hashable {
  /// Stable reason codes; the raw value is the ledger's.
  public enum Code: UInt8, Sendable, CaseIterable {
    case originUnreachable = 1
    case originError = 2
    case contentNotFound = 3
    case accessDenied = 4
    case integrityMismatch = 5
    case quotaExceeded = 6
    case storageFull = 7
    case evicted = 8
    /// The disk refuses or loses bytes; fetching goes on when it is well again.
    case storageError = 9

    /// The word of the API.
    public var word: String {
      switch self {
      case .originUnreachable: "origin_unreachable"
      case .originError: "origin_error"
      case .contentNotFound: "content_not_found"
      case .accessDenied: "access_denied"
      case .integrityMismatch: "integrity_mismatch"
      case .quotaExceeded: "quota_exceeded"
      case .storageFull: "storage_full"
      case .evicted: "evicted"
      case .storageError: "storage_error"
      }
    }

    /// Whether trying again may help without anybody changing anything.
    public var isRetryable: Bool {
      switch self {
      case .originUnreachable, .originError, .quotaExceeded, .storageFull, .evicted, .storageError: true
      case .contentNotFound, .accessDenied, .integrityMismatch: false
      }
    }
  }

  public var code: Code
  /// One sentence for people.
  public var message: String
  /// When it goes on by itself; nil when it does not.
  public var nextAttempt: Timestamp?

  public init(_ code: Code, _ message: String, nextAttempt: Timestamp? = nil) {
    self.code = code
    self.message = message
    self.nextAttempt = nextAttempt
  }
}
