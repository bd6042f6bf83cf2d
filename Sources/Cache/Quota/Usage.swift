// What users and the box are charged: plain counters, changed only in the transaction that changes the record.

/// What a user's live downloads count for, in bytes.
public struct Usage: Sendable, Hashable {
  /// Completed downloads.
  public var used: Int
  /// Unfinished ones, at full size.
  public var reserved: Int

  public init(used: Int = 0, reserved: Int = 0) {
    self.used = used
    self.reserved = reserved
  }

  /// What both make together; the quota limits this.
  public var total: Int { used + reserved }

  mutating func add(_ charge: Charge) {
    switch charge {
    case .nothing: break
    case .reserved(let bytes): reserved += bytes
    case .used(let bytes): used += bytes
    }
  }

  /// - Throws: when it was never charged that much: a counter that lies is no reason to count on.
  mutating func remove(_ charge: Charge) throws(CorruptRecord) {
    switch charge {
    case .nothing: break
    case .reserved(let bytes): reserved -= bytes
    case .used(let bytes): used -= bytes
    }
    guard used >= 0, reserved >= 0 else {
      throw CorruptRecord(table: Self.table, reason: "the user is charged less than the downloads make")
    }
  }
}

/// What the box's disk is charged, in bytes of video.
public struct BoxUsage: Sendable, Hashable {
  /// Whole objects, owned or not.
  public var complete: Int
  /// What of `complete` no one owns.
  public var unowned: Int
  /// Objects on their way, at full size.
  public var filling: Int
  /// What of `filling` is on the disk and recorded.
  public var fillingStored: Int
  /// Objects given up whose files may still be there.
  public var discarded: Int

  public init(
    complete: Int = 0, unowned: Int = 0, filling: Int = 0, fillingStored: Int = 0, discarded: Int = 0
  ) {
    self.complete = complete
    self.unowned = unowned
    self.filling = filling
    self.fillingStored = fillingStored
    self.discarded = discarded
  }
}

/// The room that the box has: its own limits and what the file system says.
public struct BoxLimits: Sendable, Hashable {
  /// Bytes of video kept at the most; nil for what the file system holds.
  public var capacity: Int?
  /// Bytes always left free on the file system.
  public var reserve: Int
  /// Bytes free on the file system just now, for us; nil when it could not be asked.
  public var free: Int?
  /// Bytes of files that were given up and cannot be removed.
  public var stuck: Int

  public init(capacity: Int?, reserve: Int, free: Int?, stuck: Int = 0) {
    self.capacity = capacity
    self.reserve = reserve
    self.free = free
    self.stuck = stuck
  }

  /// The most that lies on the disk besides the bytes of so many objects: what their last pages have more, the checksums
  /// beside them (also while they are written anew), a folder for their links.
  public static func besides(objects: Int, bytes: Int) -> Int { objects * 16 << 10 + bytes >> 14 }

  /// Bytes that must be freed before an object of `size` more fits; 0 when it fits, and nothing is negative.
  ///
  /// What is reserved and not yet written is taken from the free bytes, with what will lie beside it. What is discarded
  /// is gone from `capacity` as soon as its file is, which happens before anything new is written; what cannot be removed
  /// stays in it.
  ///
  /// - Parameter fills: how many objects `box.filling` is of.
  public func shortfall(for size: Int, in box: BoxUsage, fills: Int) -> Int {
    var short = 0
    if let capacity { short = max(short, box.complete + box.filling + stuck + size - capacity) }
    if let free {
      let promised =
        box.filling - box.fillingStored + Self.besides(objects: fills + 1, bytes: box.filling + size)
      // The reserve is any number that was configured, up to the largest there is.
      let (needed, overflows) = (size + promised - box.discarded - free).addingReportingOverflow(reserve)
      short = max(short, overflows ? .max : needed)
    }
    return short
  }
}
