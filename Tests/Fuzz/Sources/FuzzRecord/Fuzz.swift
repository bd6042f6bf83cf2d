// The records of the ledger: any bytes as the record of each kind.
//
// The first byte chooses the kind. Invariants: bytes are refused as a CorruptRecord of their table, or they are exactly
// what the record that comes out is written as; what is derived from it can be calculated; nothing shorter or longer is
// a record.

import Driver
import HTTP

@testable import Cache

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  guard let choice = unsafe bytes.first else { return }
  let record = unsafe Array(bytes.dropFirst())
  switch choice % 12 {
  case 0: checkDownload(record)
  case 1: checkObject(record)
  case 2: checkKind(record, of: Usage.table) { bytes throws(CorruptRecord) in try Usage(record: bytes).record }
  case 3: checkKind(record, of: BoxUsage.table) { bytes throws(CorruptRecord) in try BoxUsage(record: bytes).record }
  case 4: checkPage(record)
  case 5: checkDiscard(record)
  case 6:
    checkKind(record, of: "audit") { bytes throws(CorruptRecord) in try AuditEntry(number: 7, record: bytes).record }
  case 7: checkCandidate(record)
  case 8: checkKind(record, of: SetLimit.table) { bytes throws(CorruptRecord) in try SetLimit(record: bytes).record }
  case 9: checkSums(record)
  case 10:
    checkKind(record, of: UserCounts.table) { bytes throws(CorruptRecord) in try UserCounts(record: bytes).record }
  default: checkKind(record, of: "meta") { bytes throws(CorruptRecord) in try StatusCounts(record: bytes).record }
  }
}

/// Bytes are what they are read as, and neither less nor more is a record.
private func checkKind(
  _ bytes: [UInt8], of table: String, again write: ([UInt8]) throws(CorruptRecord) -> [UInt8]
) {
  do throws(CorruptRecord) {
    check(try write(bytes) == bytes, "a record is written as it was read")
  } catch {
    return check(error.table == table && !error.reason.isEmpty, "the error names the table")
  }
  for other in [Array(bytes.dropLast()), bytes + [0]] {
    check((try? write(other)) == nil, "nothing shorter or longer is a record")
  }
}

private func checkDownload(_ bytes: [UInt8]) {
  let id = DownloadID(upper: 1 << 20, lower: 3)
  checkKind(bytes, of: Download.table) { bytes throws(CorruptRecord) in try Download(id: id, record: bytes).record }
  guard let download = try? Download(id: id, record: bytes) else { return }
  check(download.rows.count { $0.index == .live || $0.index == .gone } == 1, "it is live or gone")
  check(download.rows.allSatisfy { $0.key.count <= 511 }, "keys are as long as LMDB takes them")
  switch download.charge {
  case .nothing: break
  case .reserved(let size), .used(let size): check(size >= 0, "nobody is charged less than nothing")
  }
  _ = download.lastWanted.adding(milliseconds: 1)
  // As lists show them.
  let moments = [
    download.created, download.updated, download.completed, download.lastPlayed, download.deleted,
    download.trouble?.nextAttempt,
  ]
  for moment in moments.compactMap(\.self) {
    check((0...1 << 53).contains(moment.milliseconds), "a moment can be calculated with")
    check(HTTP.Timestamp.string(milliseconds: Int(moment.milliseconds)).utf8.count == 24, "a moment can be shown")
  }
  let link = StoredPath.link(user: download.user, title: download.title, fileExtension: download.fileExtension) { _ in
    "0123456789abcdef0123456789abcdef"
  }
  let parts = link.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
  check(parts.count == 4 && !link.utf8.contains(0), "its link stays in the user's folder")
  check(parts.allSatisfy { (1...255).contains($0.count) && $0.first != 0x2E }, "its link is a name the disk takes")
}

private func checkObject(_ bytes: [UInt8]) {
  let id = ObjectID(9)
  checkKind(bytes, of: StoredObject.table) { bytes throws(CorruptRecord) in
    try StoredObject(id: id, record: bytes).record
  }
  guard let object = try? StoredObject(id: id, record: bytes) else { return }
  check((0...object.size).contains(object.shownBytes) && (0...object.size).contains(object.bytesOnDisk), "sizes fit")
  check(object.size <= StoredObject.largestSize, "no object is larger than objects are")
  for moment in [object.created, object.lastUsed] {
    check((0...1 << 53).contains(moment.milliseconds), "a moment can be calculated with")
  }
  let count = object.blockCount
  if count > 0 {
    check(object.bytes(ofBlock: 0).lowerBound == 0, "blocks begin at the beginning")
    check(object.bytes(ofBlock: count - 1).upperBound == object.size, "blocks end at the end")
  } else {
    check(object.size == 0, "what has bytes has blocks")
  }
  var box = BoxUsage()
  object.charge(to: &box, sign: 1)
  check(box.complete + box.filling == object.size && !object.rows.isEmpty, "it occupies its size")
}

private func checkPage(_ bytes: [UInt8]) {
  guard let page = try? BlockPage(bytes) else { return check(bytes.count != BlockPage.length, "a whole page is one") }
  check(page.bytes == bytes, "a page is written as it was read")
  var copy = BlockPage()
  for slot in 0..<BlockPage.blocks { if let checksum = page[slot] { copy[slot] = checksum } }
  for slot in 0..<BlockPage.blocks { check(copy[slot] == page[slot], "slots hold what is put there") }
  var lost = page
  for slot in 0..<BlockPage.blocks { lost[slot] = nil }
  for slot in 0..<BlockPage.blocks {
    let known = (page[slot] ?? page.expected(slot)).flatMap { $0 == 0 ? nil : $0 }
    check(lost[slot] == nil && lost.expected(slot) == known, "a lost block is remembered by its checksum")
  }
}

/// The row's value, and its key behind it.
private func checkDiscard(_ bytes: [UInt8]) {
  let (value, key) = (Array(bytes.prefix(16)), Array(bytes.dropFirst(16)))
  do throws(CorruptRecord) {
    let discard = try Discard(key: key, value: value)
    check(discard.path.utf8.elementsEqual(key), "the key is the path")
    check(Key.bigEndian(discard.sequence) + Key.bigEndian(UInt64(discard.bytes)) == value, "the value is the rest")
  } catch {
    check(error.table == "discards", "the error names the table")
  }
}

/// The row's value, and its key behind it.
private func checkCandidate(_ bytes: [UInt8]) {
  let (value, key) = (Array(bytes.prefix(16)), Array(bytes.dropFirst(16)))
  guard let candidate = try? EvictionCandidate(key: key, value: value) else { return }
  check(key.suffix(16).elementsEqual(Key.download(candidate.download)), "the key ends in the download")
  check(Key.object(candidate.object) + Key.bigEndian(UInt64(candidate.bytes)) == value, "the value is the rest")
}

/// What lies beside an object's file, with the sum over it that lets it be read.
private func checkSums(_ body: [UInt8]) {
  let sum = Key.fnv1a(body)
  let bytes = body + (0..<8).map { UInt8(truncatingIfNeeded: sum >> ($0 * 8)) }
  do throws(CorruptRecord) {
    try Sums.check(length: bytes.count, announcedBy: Array(bytes.prefix(Sums.headLength)))
    let sums = try Sums(bytes)
    check(sums.encoded == bytes, "sums are written as they were read")
    check(sums.checksums.count == sums.object.blockCount, "each block has one")
    check((try? Sums.check(length: bytes.count + 1, announcedBy: bytes)) == nil, "the head announces no more")
  } catch {
    check(!error.reason.isEmpty, "the error has a reason")
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzRecord_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
