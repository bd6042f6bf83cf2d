// Links that were verified already: a player that asks for a title by its link, a range at a time, costs no signature.

import Access
import Cache
import Loop

/// Remembers good links until they end, so that a request costs a comparison.
///
/// A table of fixed size: the code picks a set of four, and the least recently used of the four makes room. It belongs to
/// one set of keys and goes with them. What a link opens is decided anew each time: a title that is deleted is not there
/// to be opened.
@EventLoop
final class KnownLinks {
  /// A link's token as it stands in the URL. Two are compared as a whole, in a time that says nothing of where they differ.
  private typealias Token = SIMD4<UInt64>

  private static let ways = 4
  nonisolated static let capacity = 1024

  /// Only good links get in, so nobody can fill a set on purpose without links of their own.
  private let seed = UInt64.random(in: .min ... .max)
  private var tokens = [Token](repeating: Token(), count: capacity)
  /// When each link ends, in milliseconds of Unix time; 0 for a free place.
  private var ends = [Int64](repeating: 0, count: capacity)
  private var targets = [(download: DownloadID, user: UserID)?](repeating: nil, count: capacity)
  private var lastUses = [UInt64](repeating: 0, count: capacity)
  private var uses: UInt64 = 0

  /// Whether this link was found to open this download of this user, and has not ended (Unix time in milliseconds).
  func contains(_ text: UnsafeRawBufferPointer, for download: DownloadID, of user: UserID, at now: Int64) -> Bool {
    guard let token = unsafe Self.token(text) else { return false }
    let set = firstPlace(of: token)
    for place in set..<set + Self.ways where ends[place] > now && Self.areEqual(tokens[place], token) {
      guard let target = targets[place], target.download == download, target.user == user else { continue }
      uses &+= 1
      lastUses[place] = uses
      return true
    }
    return false
  }

  /// Remembers a link that is good until `end`, in milliseconds of Unix time.
  func remember(_ text: UnsafeRawBufferPointer, for download: DownloadID, of user: UserID, until end: Int64) {
    guard let token = unsafe Self.token(text) else { return }
    let set = firstPlace(of: token)
    let place = (set..<set + Self.ways).min { lastUses[$0] < lastUses[$1] } ?? set
    uses &+= 1
    (tokens[place], ends[place], targets[place], lastUses[place]) = (token, end, (download, user), uses)
  }

  private static func token(_ text: UnsafeRawBufferPointer) -> Token? {
    guard text.count == Links.tokenLength else { return nil }
    return unsafe text.loadUnaligned(as: Token.self)
  }

  private static func areEqual(_ one: Token, _ other: Token) -> Bool {
    let differences = one ^ other
    return differences[0] | differences[1] | differences[2] | differences[3] == 0
  }

  /// By the last characters: they are of the code, which tells links apart by itself.
  private func firstPlace(of token: Token) -> Int {
    // The uppermost bits of the product are the ones that every character has a part in.
    let hash = ((token[3] ^ seed) &* 0x9E37_79B9_7F4A_7C15) >> 48
    return ((Int(hash) * (Self.capacity / Self.ways)) >> 16) * Self.ways
  }
}
