// The lists that administrators read, as JSON: users, everybody's downloads, the diary. They are made of one look at the
// ledger, by the daemon and by a command without one alike; only the running daemon knows what moves.

import Cache
import HTTP
import LMDB

/// Makes documents of one state of the ledger.
struct AdminDocuments {
  let ledger: Ledger
  let policy: Policy
  /// How a download is shown.
  let view: (Download, borrowing ReadTransaction) throws -> DownloadView
  /// Told what had to be left out, and the record that cannot be read.
  let sayUnreadable: (_ what: String, CorruptRecord) -> Void

  /// How many entries one page holds at the most over the network.
  static let page = 100
  /// The same for the box's own commands.
  static let largePage = 1000

  /// Of a ledger without a daemon: nothing moves.
  init(_ ledger: Ledger, _ policy: Policy) {
    self.init(ledger, policy) { download, tx in
      // As the daemon does, it does without an object that cannot be read.
      let object = try? ledger.object(download.object, in: tx)
      return DownloadView(
        download: download, downloadedBytes: object?.shownBytes(of: download) ?? download.endedBytes,
        bytesPerSecond: 0, trouble: download.trouble,
        filePath: download.status == .completed && download.isLive ? policy.link(of: download) : nil)
    } sayUnreadable: { _, _ in
    }
  }

  init(
    _ ledger: Ledger, _ policy: Policy, view: @escaping (Download, borrowing ReadTransaction) throws -> DownloadView,
    sayUnreadable: @escaping (_ what: String, CorruptRecord) -> Void
  ) {
    self.ledger = ledger
    self.policy = policy
    self.view = view
    self.sayUnreadable = sayUnreadable
  }

  // MARK: Users

  func users(_ query: UsersQuery, in tx: borrowing ReadTransaction) throws -> [UInt8] {
    let (users, more) = try ledger.users(after: query.after, limit: query.limit, in: tx)
    // One whose figures cannot be read hides no other.
    let accounts = try users.compactMap { user -> UserAccount? in
      do { return try account(of: user, in: tx) } catch let error as CorruptRecord {
        sayUnreadable("user \(user.text)", error)
        return nil
      }
    }
    return DownloadView.json { writer in
      writer.object { writer in
        writer.field("users", array: { writer in for account in accounts { account.write(to: &writer) } })
        writer.field("next_cursor", more ? users.last?.text : nil)
      }
    }
  }

  /// One user's figures, all of one moment.
  func account(of user: UserID, in tx: borrowing ReadTransaction) throws -> UserAccount {
    UserAccount(
      user: user, limit: try ledger.limit(of: user, under: policy, in: tx), usage: try ledger.usage(of: user, in: tx),
      downloads: try ledger.counts(of: user, in: tx)?.live ?? 0)
  }

  // MARK: Downloads

  /// - Parameter user: whose; nil for everybody's.
  func downloads(_ filter: DownloadFilter, of user: UserID?, in tx: borrowing ReadTransaction) throws -> [UInt8] {
    let (found, next): ([Download], DownloadID?)
    if let user {
      let (downloads, last, unreadable) = try ledger.list(of: user, filter, examining: Limits.examinedRecords, in: tx)
      for (id, error) in unreadable { sayUnreadable("download \(id)", error) }
      (found, next) = (downloads, last)
    } else {
      let (downloads, last, unreadable) = try ledger.list(filter, examining: Limits.examinedRecords, in: tx)
      for (id, error) in unreadable { sayUnreadable("download \(id)", error) }
      (found, next) = (downloads, last)
    }
    let views = try found.map { try view($0, tx) }
    return DownloadView.json { writer in
      writer.object { writer in
        writer.field(
          "downloads", array: { writer in for view in views { view.write(to: &writer, namesUser: true) } })
        writer.field("next_cursor", next?.description)
      }
    }
  }

  // MARK: Audit

  func audit(_ filter: AuditFilter, in tx: borrowing ReadTransaction) throws -> [UInt8] {
    let (entries, next) = try ledger.auditEntries(filter, examining: Limits.examinedRecords, in: tx)
    return DownloadView.json { writer in
      writer.object { writer in
        writer.field("events", array: { writer in for entry in entries { entry.write(to: &writer) } })
        writer.field("next_before", next)
      }
    }
  }
}

/// One user's limit and what counts against it.
struct UserAccount: Sendable, Equatable {
  let user: UserID
  let limit: UserLimit
  let usage: Usage
  /// Live ones.
  let downloads: Int

  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.field("user", user.text)
      writer.field("limit_bytes", limit.bytes)
      writer.field("limit_from", limit.source.rawValue)
      writer.field("used_bytes", usage.used)
      writer.field("reserved_bytes", usage.reserved)
      writer.field("available_bytes", limit.bytes.map { max(0, $0 - usage.total) })
      writer.field("downloads", downloads)
    }
  }
}

extension AuditEntry {
  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.field("number", number)
      writer.field("time", milliseconds: Int(moment.milliseconds))
      writer.field("event", event.word)
      writer.field("download", download?.description)
      writer.field("object", object == .none ? nil : object.hexadecimal)
      writer.field("user", user.isEmpty ? nil : user)
      writer.field("bytes", bytes)
      writer.field("cause", cause)
      writer.field("by", by.isEmpty ? nil : by)
    }
  }
}
