// How much a user may keep: what an administrator has set for them by hand, else what the configuration says. It is read
// in the transaction that decides, so that an order holds from its commit on and nobody goes by an older one.

public import LMDB

/// The most that a user's downloads may count for, and who says so.
public struct UserLimit: Sendable, Hashable {
  public enum Source: String, Sendable, CaseIterable {
    /// `quota.default`.
    case standard = "default"
    /// `quota.users`.
    case configuration
    /// An order, kept in the ledger.
    case administrator
  }

  /// Nil for no limit.
  public var bytes: Int?
  public var source: Source

  public init(bytes: Int?, source: Source) {
    self.bytes = bytes
    self.source = source
  }
}

/// What an administrator may say of a user's limit.
public enum LimitOrder: Sendable, Hashable {
  case bytes(Int)
  /// No limit.
  case none
  /// What the configuration says.
  case configuration

  /// For the diary and the log, in words.
  public var words: String {
    switch self {
    case .bytes(let bytes): "\(bytes) bytes"
    case .none: "no limit"
    case .configuration: "what the configuration says"
    }
  }
}

/// An administrator's limit for one user, as the ledger keeps it.
struct SetLimit: Sendable, Hashable {
  static let table = "limits"

  /// Nil for no limit.
  var bytes: Int?
  var moment: Timestamp
  /// Who set it.
  var by: String

  init(bytes: Int?, moment: Timestamp, by: String) {
    self.bytes = bytes
    self.moment = moment
    self.by = by
  }

  var record: [UInt8] {
    var writer = RecordWriter(version: 1, reserving: 32)
    writer.put(Int64(bytes ?? -1))
    writer.put(moment)
    writer.put(by)
    return writer.bytes
  }

  init(record: [UInt8]) throws(CorruptRecord) {
    var reader = try RecordReader(record, table: Self.table, version: 1)
    let bytes = try reader.take(Int64.self)
    guard (-1...RecordReader.largestSize).contains(bytes) else { throw reader.corrupt("a limit of \(bytes)") }
    self.init(
      bytes: bytes < 0 ? nil : Int(bytes), moment: try reader.takeMoment(),
      by: try reader.takeText())
    try reader.finish()
  }
}

extension Policy {
  /// What the configuration says of the user's limit.
  func limit(of user: UserID) -> UserLimit {
    if let own = quotas[user] { return UserLimit(bytes: own, source: .configuration) }
    return UserLimit(bytes: defaultQuota, source: .standard)
  }
}

extension Ledger {
  /// The largest limit that can be set, in bytes.
  public static let largestLimit = Int(RecordReader.largestSize)

  /// How much the user may keep.
  public func limit(
    of user: UserID, under policy: Policy, in tx: borrowing some Reading & ~Copyable
  ) throws -> UserLimit {
    guard let record = try tx.get(limits, Key.user(user)) else { return policy.limit(of: user) }
    return UserLimit(bytes: try SetLimit(record: record).bytes, source: .administrator)
  }

  /// Sets how much the user may keep from now on. What is there stays, as when the configuration changes.
  public func setLimit(
    _ order: LimitOrder, of user: UserID, by administrator: String, in tx: borrowing WriteTransaction,
    _ change: inout Change
  ) throws {
    let key = Key.user(user)
    var bytes: Int?
    if case .bytes(let most) = order { bytes = most }
    if order == .configuration {
      guard try tx.delete(limits, key) else { return }
    } else {
      try tx.put(limits, key, SetLimit(bytes: bytes, moment: change.now, by: administrator).record)
    }
    try record(
      .quotaSet, nil, user: user, bytes: bytes ?? 0, cause: "set to \(order.words)", by: administrator, in: tx, change)
  }
}
