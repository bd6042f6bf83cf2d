// Bringing one object in, top to bottom: take stock, fetch, compare, seal, link, complete. Mending one that was whole goes
// the same way, with less to fetch.

import Cache
import Glibc
import LMDB
import Loop
import S3

extension Errand {
  func bringIn(_ id: ObjectID) async throws {
    while !isStopped {
      guard
        let (object, present) = try read({ ledger, tx in
          try ledger.object(id, in: tx).map { ($0, try ledger.map(of: $0, in: tx)) }
        })
      else { return }
      // Also of a whole one: it may have lain there unowned for a year.
      guard let file = try await open(object) else { continue }
      guard try await !tookStock(of: object, present, file) else { continue }
      if object.state == .complete { return try await finish(object) }
      guard origin.isBucket(of: object.origin.version) else {
        let why = "it is of the bucket \(object.origin.version.bucket), and \(origin.bucket) is configured now"
        await pause(.originError, why, asked: nil)
        continue
      }
      // What had to go for it is gone by now, or is held up: the disk's thread keeps the order.
      if object.state == .filling, try writer.owesRoom() {
        await pause(.storageError, "what was to make room for it is not gone from the disk yet", asked: nil)
        continue
      }
      let lost = try firstLost(of: object, present)
      guard await !rested(before: lost) else { continue }
      try await writer.change { ledger, tx, change in
        try ledger.begin(try ledger.owners(of: id, in: tx), in: tx, &change)
      }
      let digest = volume.digest(of: object, in: file)
      let ending = await fetch(object, present, file, digest)
      if let lost, !hasBroughtBack { renewals.losses.takeBack(lost) }
      switch ending {
      case .stopped: break
      case .whole:
        // The end of it may have been cut off since it was written and read.
        if file.size == object.size { try await judge(object, file, digest) }
      case .stale(let why): await rest(after: why, of: object)
      case .changed: try await renew(object)
      case .failed(let trouble):
        _ = try await fail({ ledger, tx in try ledger.owners(of: id, in: tx) }, trouble)
        // Who has it completed keeps what there is of it, since the rest may come back to the origin; and whose record cannot
        // be read is left with it.
        if try isHeld(id) { await pause(trouble.code, trouble.message, asked: nil) }
      }
    }
  }

  private func fetch(
    _ object: StoredObject, _ present: BlockMap, _ file: ObjectFile, _ digest: DigestRun?
  ) async -> FillRun.Ending {
    let known = (try? read { ledger, tx in try ledger.starts(of: object.id, in: tx) }) ?? []
    let starts = known.isEmpty ? [:] : await volume.read(known, of: object, from: file)
    let run = FillRun(
      object, present: present, starts: starts, file: file, digest: digest, origin: origin, volume: volume, rate: rate,
      settings: settings, turn: turn, audience: audience, othersPlay: isAnythingPlayed)
    // An order to stop, or a reload with another bucket, that came while the file was opened.
    guard !isStopped, origin.isBucket(of: object.origin.version) else { return .stopped }
    hasBroughtBack = false
    run.heardOfBlocks = { [self] count in
      hasBroughtBack = true
      if object.state == .mending { losses.mended(count) }
      heardOfBlocks()
    }
    self.run = run
    defer { self.run = nil }
    trouble = nil
    return await run.run()
  }

  /// Whether the box still has the object.
  private func isHeld(_ id: ObjectID) throws -> Bool { try read { ledger, tx in try ledger.object(id, in: tx) != nil } }

  /// The first of the blocks that were there once, as `Renewals` knows it; nil when none was lost.
  private func firstLost(of object: StoredObject, _ present: BlockMap) throws -> String? {
    let known = try read { ledger, tx in try ledger.knownChecksums(of: object, in: tx) }
    let lost = known.indices.first { known[$0] != nil && !present.contains($0) }
    return lost.map { "block \($0) of object \(object.id.hexadecimal)" }
  }

  /// Waits before a block comes that was brought back a while ago and is lost again: from a disk that does not keep it, it
  /// would be fetched without end. True when it waited, and everything must be looked at anew.
  private func rested(before lost: String?) async -> Bool {
    guard let lost, !hasRested else {
      hasRested = false
      return false
    }
    var random = SystemRandomNumberGenerator()
    let wait = renewals.losses.wait(for: lost, at: Clock.steady, retry: settings.retry, using: &random)
    guard wait > 0 else { return false }
    hasRested = true
    await pause(.storageError, "the disk does not keep what is brought back (\(lost))", for: wait)
    return true
  }

  /// Waits before a file is opened again that was not what it was for another time, and of which nothing came in between:
  /// for a disk that says so of every file, everything would be fetched without end.
  private func rest(after why: String, of object: StoredObject) async {
    guard !hasBroughtBack else { return }
    var random = SystemRandomNumberGenerator()
    let file = "the file of object \(object.id.hexadecimal)"
    let wait = renewals.losses.wait(for: file, at: Clock.steady, retry: settings.retry, using: &random)
    if wait > 0 { await pause(.storageError, why, for: wait) }
  }

  // MARK: What is there

  /// The object's file; nil when it was gone and the ledger knows that now.
  private func open(_ object: StoredObject) async throws -> ObjectFile? {
    do { return try await volume.open(object) } catch let error as DiskError where error.code == ENOENT {
      try await losses.recover(object, volume, foundBy: .fill)
      // Where nothing was to be lost, the next try would find the same: the folder is gone, as a rule.
      guard try read({ ledger, tx in try ledger.object(object.id, in: tx) }) != object else { throw error }
      return nil
    }
  }

  /// Compares the ledger's map with the file before anything is fetched; true when the map changed by that.
  ///
  /// What lies behind the end of the file is lost. Of what was lost before, some may be there after all: a disk that was
  /// away gives everything back.
  private func tookStock(of object: StoredObject, _ present: BlockMap, _ file: ObjectFile) async throws -> Bool {
    let end = file.size
    let beyond = (min(end / object.blockSize, object.blockCount)..<object.blockCount).filter {
      present.contains($0) && object.bytes(ofBlock: $0).upperBound > end
    }
    guard beyond.isEmpty else {
      try await losses.report(beyond, of: object.id, foundBy: .fill, "the file ends before it")
      return true
    }
    guard object.state == .mending, !hasTakenStock else { return false }
    hasTakenStock = true
    var known = try read { ledger, tx in try ledger.knownChecksums(of: object, in: tx) }
    for index in known.indices where present.contains(index) { known[index] = nil }
    let flag = stopFlag
    var (count, next) = (0, 0)
    // A portion at a time, and first where somebody waits.
    while true {
      while next < known.count, known[next] == nil { next += 1 }
      guard next < known.count, !flag.isRaised else { break }
      let awaited = audience()?.demand(of: object).awaited.first { known.indices.contains($0) && known[$0] != nil }
      let portion = (awaited ?? next)..<min((awaited ?? next) + Self.portion, known.count)
      let found = await volume.inspect(file, object, known[portion]) { !flag.isRaised }.good
      for index in portion { known[index] = nil }
      guard !found.isEmpty else { continue }
      count += found.count
      try await writer.change { ledger, tx, change in
        _ = try ledger.record(found, of: object.id, in: tx, &change)
      }
      heardOfBlocks()
    }
    guard count > 0 else { return false }
    log.notice(
      "storage.found", "\(object.origin.version.key): \(count) block\(count == 1 ? " is" : "s are") readable again")
    return true
  }

  /// Blocks that are looked at before what was found of them is recorded.
  private static let portion = 64

  // MARK: Whether it is right

  private enum Comparison {
    case stopped
    /// It is, as this says.
    case same(String)
    case different(String)
    /// Blocks on the disk are not what came in.
    case damaged([Int], String)
    /// It takes the origin to tell, which cannot be asked now.
    case unasked(FetchOutcome)
  }

  /// Every block is there: is the whole what the origin has?
  private func judge(_ object: StoredObject, _ file: ObjectFile, _ digest: DigestRun?) async throws {
    // Also what was whole: whether every block of it is what it was then, or one came otherwise in an earlier life of the
    // program, nobody can say.
    switch try await compare(object, file, digest) {
    case .stopped: break
    case .unasked(let outcome): await pause(for: outcome)
    case .damaged(let blocks, let fault):
      try await losses.report(blocks, of: object.id, foundBy: .fill, fault)
    case .different(let mismatch):
      log.warning("fill.mismatch", mismatch)
      let isAnew = try await writer.change { try $0.mismatch(object.id, mismatch, in: $1, &$2) }
      // It is left to those whose records cannot be read.
      if !isAnew, try isHeld(object.id) { await pause(.integrityMismatch, mismatch, asked: nil) }
    case .same(let evidence): try await seal(object, verifiedBy: evidence)
    }
  }

  private func compare(_ object: StoredObject, _ file: ObjectFile, _ digest: DigestRun?) async throws -> Comparison {
    guard let offered = object.origin.digest, let digest else {
      return .same("framing and ETag alone: the origin offers no digest that can be compared")
    }
    // A long title takes minutes; who wants to stop does not wait for that.
    let flag = stopFlag
    let actual: [UInt8]?
    do { actual = try await digest.finish { !flag.isRaised } } catch {
      return try await damage(object, file) ?? { throw error }()
    }
    guard let actual else { return .stopped }
    let algorithm = digest.algorithm
    guard actual != offered.bytes else {
      return .same(offered.partBytes > 0 ? "the \(algorithm) of its parts' \(algorithm)s" : "its \(algorithm)")
    }
    if offered.partBytes > 0 {
      switch await origin.sizes(ofParts: object.origin.version, partBytes: offered.partBytes) {
      case .equal: break
      case .different:
        let why = "its parts differ in size, so its composite \(algorithm) cannot be compared"
        log.notice("fill.uncompared", "\(object.origin.version.key): \(why)")
        return .same("framing and ETag alone: \(why)")
      case .elsewhere: return .stopped
      // An origin in trouble fails no title.
      case .failed(let answer): return .unasked(answer.outcome)
      }
    }
    return try await damage(object, file)
      ?? .different("\(object.origin.version.key): the origin's \(algorithm) does not match what it sent")
  }

  /// Whether it is our own disk that changed what came in.
  private func damage(_ object: StoredObject, _ file: ObjectFile) async throws -> Comparison? {
    let checksums = try read { ledger, tx in try ledger.checksums(of: object, in: tx) }
    let flag = stopFlag
    let found = await volume.inspect(file, object, checksums[...]) { !flag.isRaised }
    return found.bad.isEmpty ? nil : .damaged(found.bad, found.fault)
  }

  // MARK: The end

  /// It is right: that is written down beside it, and then in the ledger.
  private func seal(_ object: StoredObject, verifiedBy evidence: String) async throws {
    let checksums = try read { ledger, tx in try ledger.checksums(of: object, in: tx) }
    var whole = object
    whole.state = .complete
    whole.storedBytes = object.size
    if let sums = Sums(of: whole, checksums: checksums) { try await volume.write(sums) }
    if object.state == .mending {
      // Its file may be a new one: who has it completed gets a link to that.
      try await volume.link(try owners(of: object) { $0.status == .completed })
    }
    let isFinished = try await writer.change { ledger, tx, change in
      try ledger.finish(object.id, verifiedBy: evidence, in: tx, &change)
    }
    guard isFinished else { return }
    heardOfBlocks()
    let was = object.state == .mending ? "whole again" : "whole"
    log.info("fill.complete", "\(object.origin.version.key): \(object.size) bytes are \(was), verified by \(evidence)")
  }

  /// The origin holds another version: ask which, and begin again with it.
  private func renew(_ object: StoredObject) async throws {
    let id = object.id
    var random = SystemRandomNumberGenerator()
    let rest = renewals.pace.wait(
      for: object.origin.version.key, at: Clock.steady, retry: settings.retry, using: &random)
    if rest > 0 {
      await pause(.originError, "the origin changes it again and again", for: rest)
      guard !isStopped else { return }
    }
    switch await origin.successor(of: object.origin.version) {
    case nil: break
    case .found(let found) where found.version == object.origin.version:
      // It said 412 for the version that it still names: wait rather than run in a circle.
      await pause(.originError, "the origin contradicts itself about its version", asked: nil)
    case .found(let found):
      willDecide()
      let refusal = try await writer.change { ledger, tx, change in
        try ledger.renew(id, as: found, in: tx, &change)
      }
      guard let refusal else {
        log.notice("fill.renew", "\(object.origin.version.key): the origin has a new version, beginning again")
        return
      }
      // Who has it completed keeps what there is of it, until there is room for the new one.
      let trouble = refusal.trouble
      let why = "the origin has a new version, and \(trouble.message)"
      log.notice("fill.renew", "\(object.origin.version.key): \(why)")
      renewals.pace.takeBack(object.origin.version.key)
      await pause(trouble.code, why, asked: nil)
    case let other?:
      _ = try await isFinal(other.outcome) { ledger, tx in try ledger.owners(of: id, in: tx) }
    }
  }

  /// Links the whole object for every owner that waits for it.
  private func finish(_ object: StoredObject) async throws {
    let waiting = try owners(of: object) { $0.status.isUnfinished }
    guard !waiting.isEmpty else { return }
    try await volume.link(waiting)
    let ids = waiting.map(\.id)
    try await writer.change { ledger, tx, change in try ledger.complete(ids, in: tx, &change) }
  }

  private func owners(of object: StoredObject, where isMeant: (Download) -> Bool) throws -> [Download] {
    try read { ledger, tx in
      try ledger.owners(of: object.id, in: tx).compactMap { try ledger.readable($0, in: tx) }.filter(isMeant)
    }
  }
}
