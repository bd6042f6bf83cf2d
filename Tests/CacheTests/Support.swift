// What the tests of this target share: a ledger in a folder that goes away, short names for the values of a test, and a
// change that is believed only when it was committed.

import Foundation
import LMDB

@testable import Cache

/// A ledger in a folder of its own, removed at the end of its scope.
final class TemporaryLedger {
  let path: String
  private(set) var ledger: Ledger

  init() throws {
    // Memory where there is some: these tests are about figures, not about cuts of the power.
    let shared = "/dev/shm"
    let base = FileManager.default.isWritableFile(atPath: shared) ? shared : NSTemporaryDirectory()
    path = "\(base)/cache-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    ledger = try Ledger(path: path)
  }

  deinit {
    ledger.environment.close()
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Closes the ledger and opens it anew.
  func reopen() throws {
    ledger.environment.close()
    ledger = try Ledger(path: path)
  }
}

/// A ledger, the rules, and a clock that a test sets: each change is one commit.
final class Box {
  let temporary: TemporaryLedger
  var policy: Policy
  var now = Timestamp(milliseconds: 1_700_000_000_000)
  var freeBytes: Int?
  var stuckBytes = 0
  /// Objects that somebody is being sent.
  var held: Set<ObjectID> = []
  /// What the last change brought about.
  private(set) var consequences: Change

  var ledger: Ledger { temporary.ledger }

  init(_ policy: Policy = .generous) throws {
    temporary = try TemporaryLedger()
    self.policy = policy
    consequences = Change(now: now, policy: policy, freeBytes: nil)
  }

  @discardableResult func change<R>(_ body: (borrowing WriteTransaction, inout Change) throws -> R) throws -> R {
    now.milliseconds += 1
    let held = held
    var change = Change(
      now: now, policy: policy, freeBytes: freeBytes, stuckBytes: stuckBytes, isHeld: { held.contains($0) })
    let result = try ledger.environment.write { tx in try body(tx, &change) }
    consequences = change
    return result
  }

  func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R { try ledger.environment.read(body) }

  // MARK: What users and fills do

  @discardableResult func start(
    _ user: UserID, _ title: Title, size: Int? = nil, etag: String = "\"1\"", key: String? = nil,
    reviving revived: DownloadID? = nil
  ) throws -> StartOutcome {
    let found = size.map { OriginObject(size: $0, key: key ?? "\(title.contentID).mp4", etag: etag) }
    let request = StartRequest(
      user: user, title: title, key: key ?? "\(title.contentID).mp4", bucket: "b", found: found,
      trouble: found == nil ? Trouble(.originUnreachable, "no route") : nil, revived: revived)
    return try change { tx, change in try ledger.start(request, in: tx, &change) }
  }

  /// Starts, fetches and completes; the start must be admitted.
  @discardableResult func complete(
    _ user: UserID, _ title: Title, size: Int, etag: String = "\"1\""
  ) throws -> Download {
    guard case .created(let download) = try start(user, title, size: size, etag: etag) else { throw NotAdmitted() }
    try fill(download.object)
    try change { tx, change in try ledger.complete([download.id], in: tx, &change) }
    return try self.download(download.id)
  }

  /// Records every missing block of an object and finishes it, unless it is whole already.
  func fill(_ id: ObjectID) throws {
    try change { tx, change in
      guard let object = try ledger.object(id, in: tx), object.state == .filling else { return }
      let all = (0..<object.blockCount).map { StoredBlock(index: $0, checksum: UInt32($0)) }
      try ledger.record(all, of: id, in: tx, &change)
      try ledger.finish(id, in: tx, &change)
    }
  }

  @discardableResult func wish(_ wish: Wish, _ download: Download) throws -> WishOutcome {
    try change { tx, change in try ledger.apply(wish, to: download.id, of: download.user, in: tx, &change) }
  }

  func play(_ download: Download) throws {
    try change { tx, change in try ledger.touch([download.id: change.now], in: tx, &change) }
  }

  /// What the volume does after each commit.
  func settle() throws {
    try change { tx, change in try ledger.settle(try ledger.pendingDiscards(in: tx), in: tx) }
  }

  // MARK: What can be seen

  func download(_ id: DownloadID) throws -> Download {
    guard let download = try read({ tx in try ledger.download(id, in: tx) }) else { throw NotAdmitted() }
    return download
  }

  func object(_ id: ObjectID) throws -> StoredObject? { try read { tx in try ledger.object(id, in: tx) } }

  func usage(_ user: UserID) throws -> Usage { try read { tx in try ledger.usage(of: user, in: tx) } }

  func usage() throws -> BoxUsage { try read { tx in try ledger.boxUsage(in: tx) } }

  func findings() throws -> [AuditFinding] { try read { tx in try ledger.auditFindings(in: tx) } }

  /// Whether the user may still see it as theirs.
  func isLive(_ download: Download) throws -> Bool { try self.download(download.id).isLive }
}

/// A step that the test takes for granted did not happen.
struct NotAdmitted: Error {}

extension Policy {
  /// Nothing is limited, everything may be evicted at once.
  static var generous: Policy {
    Policy(
      defaultQuota: nil, evicts: true, playingGrace: 0, capacity: nil, reserve: 0, chunkSize: block,
      digest: { "digest-of-\($0.utf8.count)-" + String(repeating: "0", count: 32) })
  }

  func with(_ change: (inout Policy) -> Void) -> Policy {
    var policy = self
    change(&policy)
    return policy
  }
}

extension OriginObject {
  init(size: Int, key: String, etag: String = "\"1\"") {
    self.init(
      version: ObjectVersion(bucket: "b", key: key, etag: etag, size: size), lastModifiedSeconds: 1_600_000_000,
      digest: nil)
  }
}

extension UserID: ExpressibleByStringLiteral {
  init(stringLiteral text: String) {
    guard let user = UserID(text) else { fatalError("not a user: \(text)") }
    self = user
  }
}

extension Title: ExpressibleByStringInterpolation {
  /// A title in 720p.
  init(stringLiteral text: String) {
    guard let title = try? Title(contentID: text, quality: "720p") else { fatalError("not a title: \(text)") }
    self = title
  }
}

extension StartOutcome {
  /// The download, when there is one.
  var download: Download? {
    switch self {
    case .created(let download), .existing(let download): download
    case .refused, .crowded, .gone: nil
    }
  }

  var refusal: Refusal? {
    if case .refused(let refusal) = self { refusal } else { nil }
  }
}

extension WishOutcome {
  /// In one word, to compare with a table.
  var word: String {
    switch self {
    case .done(let download): download.isLive ? download.status.word : "\(download.status.word), deleted"
    case .notFound: "not found"
    case .conflict: "conflict"
    }
  }
}

/// Bytes.
let kibi = 1 << 10
let block = 64 * kibi
