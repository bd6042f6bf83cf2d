// The records of the ledger, field by field. The article "The ledger on disk" draws the same to the byte.

extension Download {
  static let table = "downloads"

  /// The record without its id, which is the key.
  var record: [UInt8] {
    var writer = RecordWriter(version: 1)
    writer.put(status.rawValue)
    writer.put(UInt8(pinned ? 1 : 0))
    writer.put(trouble?.code.rawValue ?? 0)
    writer.put(object.number)
    writer.put(Int64(totalBytes ?? -1))
    writer.put(Int64(endedBytes))
    writer.put(created)
    writer.put(updated)
    writer.put(completed)
    writer.put(lastPlayed)
    writer.put(deleted)
    writer.put(trouble?.nextAttempt)
    writer.put(user.text)
    writer.put(title.contentID)
    writer.put(title.quality)
    writer.put(key)
    writer.put(fileExtension)
    writer.put(trouble?.message ?? "")
    return writer.bytes
  }

  init(id: DownloadID, record: [UInt8]) throws(CorruptRecord) {
    var reader = try RecordReader(record, table: Self.table, version: 1)
    guard let status = Status(rawValue: try reader.take()) else { throw reader.corrupt("an unknown status") }
    let pinned = try reader.take(UInt8.self)
    guard pinned <= 1 else { throw reader.corrupt("neither pinned nor not") }
    let code = try reader.take(UInt8.self)
    let object = ObjectID(try reader.take())
    let total = try reader.take(Int64.self)
    guard (-1...RecordReader.largestSize).contains(total) else { throw reader.corrupt("a size of \(total)") }
    let ended = try reader.takeSize()
    let created = try reader.takeMoment()
    let updated = try reader.takeMoment()
    let completed = try reader.takeMomentOrNone()
    let lastPlayed = try reader.takeMomentOrNone()
    let deleted = try reader.takeMomentOrNone()
    let nextAttempt = try reader.takeMomentOrNone()
    guard let user = UserID(try reader.takeText()) else { throw reader.corrupt("no user") }
    let contentID = try reader.takeText()
    let quality = try reader.takeText()
    guard let title = try? Title(contentID: contentID, quality: quality) else { throw reader.corrupt("no title") }
    self.init(
      id: id, user: user, title: title, status: status, key: try reader.takeText(),
      totalBytes: total < 0 ? nil : Int(total), created: created)
    self.fileExtension = try reader.takeText()
    guard StoredPath.isExtension(fileExtension.utf8) else { throw reader.corrupt("no extension") }
    let message = try reader.takeText()
    try reader.finish()
    if code == 0 {
      guard message.isEmpty, nextAttempt == nil else { throw reader.corrupt("a reason without its code") }
    } else {
      guard let known = Trouble.Code(rawValue: code) else { throw reader.corrupt("an unknown reason \(code)") }
      self.trouble = Trouble(known, message, nextAttempt: nextAttempt)
    }
    self.pinned = pinned == 1
    self.object = object
    self.endedBytes = ended
    self.updated = updated
    self.completed = completed
    self.lastPlayed = lastPlayed
    self.deleted = deleted
  }
}

extension StoredObject {
  static let table = "objects"

  /// The record without its id, which is the key.
  var record: [UInt8] {
    var writer = RecordWriter(version: 1)
    writer.put(state.rawValue)
    writer.put(mismatches)
    writer.put(UInt32(blockSize))
    writer.put(Int64(size))
    writer.put(Int64(storedBytes))
    writer.put(Int64(refetchFloor))
    writer.put(UInt32(owners))
    writer.put(created)
    writer.put(lastUsed)
    writer.put(origin.lastModifiedSeconds)
    writer.put(origin.digest?.algorithm ?? 0)
    writer.put(Int64(origin.digest?.partBytes ?? 0))
    writer.put(origin.digest?.bytes ?? [])
    writer.put(origin.version.bucket)
    writer.put(origin.version.key)
    writer.put(origin.version.etag)
    return writer.bytes
  }

  init(id: ObjectID, record: [UInt8]) throws(CorruptRecord) {
    var reader = try RecordReader(record, table: Self.table, version: 1)
    guard let state = State(rawValue: try reader.take()) else { throw reader.corrupt("an unknown state") }
    let mismatches = try reader.take(UInt8.self)
    let blockSize = Int(try reader.take(UInt32.self))
    guard [64 << 10, 128 << 10, 256 << 10].contains(blockSize) else { throw reader.corrupt("a block of \(blockSize)") }
    let size = try reader.takeSize()
    let stored = try reader.takeSize()
    let floor = try reader.takeSize()
    guard size <= Self.largestSize, stored <= size, floor <= size else {
      throw reader.corrupt("more stored than there is")
    }
    let owners = Int(try reader.take(UInt32.self))
    let created = try reader.takeMoment()
    let lastUsed = try reader.takeMoment()
    let lastModified = try reader.take(Int64.self)
    let algorithm = try reader.take(UInt8.self)
    let partBytes = try reader.takeSize()
    let digest = try reader.takeBlob()
    guard algorithm != 0 || digest.isEmpty && partBytes == 0 else { throw reader.corrupt("a digest of no kind") }
    let version = ObjectVersion(
      bucket: try reader.takeText(), key: try reader.takeText(), etag: try reader.takeText(), size: size)
    try reader.finish()
    self.init(
      id: id,
      origin: OriginObject(
        version: version, lastModifiedSeconds: lastModified,
        digest: algorithm == 0 ? nil : OfferedDigest(algorithm: algorithm, partBytes: partBytes, bytes: digest)),
      blockSize: blockSize, created: created)
    self.state = state
    self.mismatches = mismatches
    self.storedBytes = stored
    self.refetchFloor = floor
    self.owners = owners
    self.lastUsed = lastUsed
  }
}

extension Usage {
  static let table = "users"

  var record: [UInt8] {
    var writer = RecordWriter(version: 1, reserving: 32)
    writer.put(Int64(used))
    writer.put(Int64(reserved))
    return writer.bytes
  }

  init(record: [UInt8]) throws(CorruptRecord) {
    var reader = try RecordReader(record, table: Self.table, version: 1)
    self.init(used: try reader.takeSize(), reserved: try reader.takeSize())
    try reader.finish()
  }
}

extension BoxUsage {
  static let table = "meta"

  var record: [UInt8] {
    var writer = RecordWriter(version: 2, reserving: 48)
    writer.put(Int64(complete))
    writer.put(Int64(filling))
    writer.put(Int64(fillingStored))
    writer.put(Int64(discarded))
    writer.put(Int64(unowned))
    return writer.bytes
  }

  init(record: [UInt8]) throws(CorruptRecord) {
    var reader = try RecordReader(record, table: Self.table, version: 2)
    self.init(
      complete: try reader.takeSize(), filling: try reader.takeSize(), fillingStored: try reader.takeSize(),
      discarded: try reader.takeSize())
    unowned = try reader.takeSize()
    try reader.finish()
  }
}
