// The part of an inspection that reads: each object's file, each block that the ledger says is there, and what lies beside
// a whole object for the day on which the ledger is lost.

import Cache
import Glibc

extension Inspection {
  func inspectObjects() throws {
    var after: ObjectID? = ObjectID.none
    while let place = after {
      let (objects, next) = try read { ledger, tx in try ledger.objects(after: place, limit: Self.page, in: tx) }
      for object in objects {
        for finding in try judgeFile(of: object) { try suspect(finding) }
        for finding in try compare(object, blocks: [0..<object.blockCount], whole: true) { try suspect(finding) }
        count(objects: 1)
        try advance()
      }
      after = next
    }
  }

  /// What is wrong with the file as such, with the blocks that are known to be lost, and with what lies beside it.
  func judgeFile(of object: StoredObject) throws -> [Finding] {
    let inspected = InspectedObject(object)
    var findings: [Finding] = []
    let identity: FileIdentity?
    do throws(DiskError) { identity = try FileIdentity(inspected.path, below: root) } catch {
      return [.fileUnreadable(inspected, error)]
    }
    if let identity, identity.kind == .file {
      do throws(DiskError) { _ = try open(object.id) } catch { return [.fileUnreadable(inspected, error)] }
      if identity.size > object.size { findings.append(.fileLong(inspected, found: identity.size)) }
    } else if object.state == .complete || object.storedBytes > 0 {
      // A fill that has brought nothing yet may have no file.
      findings.append(.fileMissing(inspected))
    }
    if object.state == .mending {
      let missing = try missingBlocks(of: object)
      if !missing.isEmpty { findings.append(.blocksAwaited(inspected, missing)) }
    }
    if object.state == .complete, let fault = try judgeSums(of: object) { findings.append(fault) }
    return findings
  }

  func open(_ id: ObjectID) throws(DiskError) -> ObjectFile {
    let name = StoredPath.object(id)
    // Before it is open: it may be unlinked at any moment.
    let hold = held?.hold(id, for: .open)
    guard let file = try ObjectFile.reading(name, below: root, hold) else { throw DiskError("open \(name)", ENOENT) }
    return file
  }

  private func missingBlocks(of object: StoredObject) throws -> [Range<Int>] {
    var missing: [Range<Int>] = []
    for page in 0..<(object.blockCount + Ledger.blocksOfPage - 1) / Ledger.blocksOfPage {
      let checksums = try read { ledger, tx in try ledger.checksums(ofPage: page, of: object, in: tx) }
      for (slot, checksum) in checksums.enumerated() where checksum == nil {
        missing.add(page * Ledger.blocksOfPage + slot)
      }
    }
    return missing
  }

  // MARK: Blocks

  /// Reads those of the blocks that the ledger says are there, past memory, and compares them with their checksums.
  ///
  /// A page of blocks at a time: the ledger is asked right before they are read.
  ///
  /// - Parameter whole: for the first look, which counts what it reads.
  func compare(_ object: StoredObject, blocks: [Range<Int>], whole: Bool = false) throws -> [Finding] {
    guard let file = try? open(object.id) else { return [] }
    guard (try? FileIdentity(StoredPath.object(object.id), below: root))?.kind == .file else { return [] }
    let inspected = InspectedObject(object)
    var lost: [BlockLoss: [Range<Int>]] = [:]
    for range in blocks where !range.isEmpty {
      var index = range.lowerBound
      while index < range.upperBound {
        let page = index / Ledger.blocksOfPage
        let end = min(range.upperBound, (page + 1) * Ledger.blocksOfPage)
        let checksums = try read { ledger, tx in try ledger.checksums(ofPage: page, of: object, in: tx) }
        for block in index..<end {
          let slot = block - page * Ledger.blocksOfPage
          guard slot < checksums.count, let checksum = checksums[slot] else { continue }
          let place = object.bytes(ofBlock: block)
          switch check.checkPastMemory(file, place, checksum: checksum) {
          case .good: break
          case .different: lost[.different, default: []].add(block)
          case .short: lost[.short, default: []].add(block)
          case .unreadable(let error): lost[.unreadable(error), default: []].add(block)
          }
          if whole { try advance(read: place.count) }
        }
        index = end
      }
    }
    return lost.map { .blocksLost(inspected, $0.value, $0.key) }.sorted { $0.word < $1.word }
  }

  // MARK: Sums

  private func judgeSums(of object: StoredObject) throws -> Finding? {
    let inspected = InspectedObject(object)
    let path = StoredPath.sums(object.id)
    // What is no file is a stray, and the sums are missing.
    guard (try? FileIdentity(path, below: root))?.kind ?? .file == .file else { return .sumsMissing(inspected) }
    let sums: Sums
    do {
      guard let read = try SumsFile.read(object.id, below: root) else {
        return .sumsMissing(inspected)
      }
      sums = read
    } catch let error as DiskError {
      return .unreadable(path: path, error)
    } catch let error as CorruptRecord { return .sumsWrong(inspected, reason: error.reason) }
    let checksums = try read { ledger, tx in try ledger.checksums(of: object, in: tx) }
    guard sums.object.id == object.id, sums.object.origin == object.origin, sums.object.blockSize == object.blockSize
    else { return .sumsWrong(inspected, reason: "another object's") }
    // What the ledger itself has lost is found elsewhere.
    guard !zip(sums.checksums, checksums).contains(where: { $1 != nil && $0 != $1 }) else {
      return .sumsWrong(inspected, reason: "other checksums than the ledger's")
    }
    return nil
  }
}

extension [Range<Int>] {
  /// Adds a number that is greater than all before.
  mutating func add(_ number: Int) {
    if let last, last.upperBound == number {
      self[count - 1] = last.lowerBound..<number + 1
    } else {
      append(number..<number + 1)
    }
  }
}
