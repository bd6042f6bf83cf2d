// Who asks, and for what: identifiers as they come from a token or a request, checked once at the door.

/// A platform's user, 1 to 128 bytes of UTF-8 (the token's `sub`).
public struct UserID: Sendable, Hashable, CustomStringConvertible {
  public let text: String

  /// Nil when `text` is empty or longer than 128 bytes.
  public init?(_ text: String) {
    guard (1...128).contains(text.utf8.count) else { return nil }
    self.text = text
  }

  public var description: String { text }

  // By bytes, as the ledger and the links have it: two texts that only look alike are two users.
  public static func == (a: UserID, b: UserID) -> Bool {
    // Of native texts this compares two buffers, where their views are compared a byte and an index at a time.
    let isSame = unsafe a.text.utf8.withContiguousStorageIfAvailable { one in
      unsafe b.text.utf8.withContiguousStorageIfAvailable { other in unsafe one.elementsEqual(other) }
    }
    return isSame.flatMap { $0 } ?? a.text.utf8.elementsEqual(b.text.utf8)
  }

  public func hash(into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(byte) }
  }
}

/// What a user asks for: one title in one quality.
public struct Title: Sendable, Hashable {
  /// 1 to 128 bytes without control characters, and not `.` or `..`.
  public let contentID: String
  /// `[A-Za-z0-9.-]{1,16}`.
  public let quality: String

  /// Which field of a request does not hold what it must.
  public enum Fault: Error, Sendable, Equatable {
    case contentID
    case quality
  }

  public init(contentID: String, quality: String) throws(Fault) {
    let controls = contentID.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    guard (1...128).contains(contentID.utf8.count), !controls, contentID != ".", contentID != ".." else {
      throw .contentID
    }
    let plain = quality.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E: true
      default: false
      }
    }
    guard (1...16).contains(quality.utf8.count), plain else { throw .quality }
    self.contentID = contentID
    self.quality = quality
  }

  // By bytes, as with users: keys of the origin that only look alike are two.
  public static func == (a: Title, b: Title) -> Bool {
    a.contentID.utf8.elementsEqual(b.contentID.utf8) && a.quality == b.quality
  }

  public func hash(into hasher: inout Hasher) {
    for byte in contentID.utf8 { hasher.combine(byte) }
    hasher.combine(quality)
  }
}
