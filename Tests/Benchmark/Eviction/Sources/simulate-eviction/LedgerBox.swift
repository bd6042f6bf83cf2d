// The same events through the real ledger, with its tables, rows and orders: it must answer as `Box` does, each time.

import Cache
import Glibc
import LMDB

/// A box that is a ledger in memory. It takes traces in MiB, since each object is one block here.
final class LedgerBox {
  private let ledger: Ledger
  private let policy: Policy
  private let rules: Rules
  private var claims: [UInt64: DownloadID] = [:]

  init(_ rules: Rules, folder: String) throws {
    ledger = try Ledger(path: folder, mapSize: 4 << 30)
    self.rules = rules
    policy = Cache.Policy(
      defaultQuota: rules.quota, evicts: true, playingGrace: rules.grace, capacity: rules.capacity, reserve: 0,
      chunkSize: 8 << 20
    ) { $0 }
  }

  private typealias Policy = Cache.Policy

  /// Whether each thing that was wanted was there.
  func answers(to trace: Trace) throws -> [Bool] {
    var answers: [Bool] = []
    for start in stride(from: 0, to: trace.events.count, by: 500) {
      let events = trace.events[start..<min(start + 500, trace.events.count)]
      answers += try ledger.environment.write { tx in
        var answers: [Bool] = []
        for event in events {
          if event.kind == .want { answers.append(try want(event, in: tx)) }
          if event.kind == .drop || rules.dropsAtOnce { try drop(event, in: tx) }
        }
        // Nothing lies on a disk.
        try ledger.settle(ledger.pendingDiscards(in: tx), in: tx)
        return answers
      }
    }
    return answers
  }

  /// What the auditor has to say of it.
  func findings() throws -> [AuditFinding] { try ledger.environment.read { tx in try ledger.auditFindings(in: tx) } }

  func close() { ledger.environment.close() }

  private func want(_ event: Event, in tx: borrowing WriteTransaction) throws -> Bool {
    var change = change(event)
    let name = "\(event.object)"
    let version = ObjectVersion(bucket: "b", key: name, etag: "\"\"", size: event.bytes)
    let request = StartRequest(
      user: user(event), title: try Title(contentID: name, quality: "q"), key: name, bucket: "b",
      found: OriginObject(version: version, lastModifiedSeconds: 0, digest: nil), trouble: nil)
    let download: Download
    var wasHeld = true
    switch try ledger.start(request, in: tx, &change) {
    case .existing(let live): download = live
    case .created(let new):
      download = new
      wasHeld = try ledger.object(new.object, in: tx)!.state == .complete
      if !wasHeld {
        try ledger.record([StoredBlock(index: 0, checksum: 1)], of: new.object, in: tx, &change)
        try ledger.finish(new.object, in: tx, &change)
      }
      try ledger.complete([new.id], in: tx, &change)
    case .refused: return false
    case .crowded, .gone: fatalError("a model's user has too many downloads")
    }
    claims[UInt64(event.user) << 32 | UInt64(event.object)] = download.id
    try ledger.touch([download.id: change.now], in: tx, &change)
    return wasHeld
  }

  private func drop(_ event: Event, in tx: borrowing WriteTransaction) throws {
    guard let download = claims.removeValue(forKey: UInt64(event.user) << 32 | UInt64(event.object)) else { return }
    var change = change(event)
    _ = try ledger.apply(.delete, to: download, of: user(event), in: tx, &change)
  }

  private func change(_ event: Event) -> Change {
    Change(now: Timestamp(milliseconds: event.moment), policy: policy, freeBytes: nil)
  }

  private func user(_ event: Event) -> UserID { UserID("user\(event.user)")! }
}

/// A folder in memory, where there is some, that goes away when the body has ended.
func withFolder<R>(_ body: (String) throws -> R) throws -> R {
  let base = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
  var template = "\(base)/eviction-XXXXXX".utf8CString.map { $0 }
  guard let made = unsafe mkdtemp(&template) else { fatalError("no folder can be made in \(base)") }
  let folder = unsafe String(cString: made)
  defer {
    for name in ["data.mdb", "lock.mdb"] { unsafe unlink("\(folder)/\(name)") }
    unsafe rmdir(folder)
  }
  return try body(folder)
}
