// Tokens that were verified already. On every request's path: no Foundation, no allocation and no signature in here.

/// Remembers verified tokens for as long as they are good, so that a request costs a hash and a comparison.
///
/// It holds its verifier, so that what an older verifier found good cannot outlive it. To be used on one thread: it is
/// not `Sendable`.
public final class TokenCache {
  /// Who decides about tokens that are not known yet; setting it (a reload) forgets every token.
  public var verifier: TokenVerifier {
    didSet { removeAll() }
  }

  private var table: TokenTable

  /// How many tokens are remembered, unless somebody says otherwise.
  public static let usualCapacity = 4096

  /// Makes an empty table for about `capacity` tokens: the next power of two, eight at the least.
  public init(verifier: TokenVerifier, capacity: Int = usualCapacity) {
    self.verifier = verifier
    self.table = TokenTable(capacity: capacity)
  }

  /// What a token gives its user when it is remembered and still good at this moment (Unix time in milliseconds); else nil,
  /// and the verifier has the word. It neither allocates nor verifies.
  public func lookup(_ token: UnsafeRawBufferPointer, at unixMilliseconds: Int64) -> Claims? {
    unsafe table.lookup(token, at: unixMilliseconds)
  }

  /// Decides about a token: from memory when it is there, else by the verifier, and remembers it when it is good.
  public func verify(_ token: UnsafeRawBufferPointer, at unixMilliseconds: Int64) -> Result<Claims, TokenRefusal> {
    if let claims = unsafe table.lookup(token, at: unixMilliseconds) { return .success(claims) }
    let result = unsafe verifier.verify(token, at: unixMilliseconds)
    if case .success(let claims) = result { unsafe table.insert(token, claims, at: unixMilliseconds) }
    return result
  }

  /// Forgets every token.
  public func removeAll() { table = TokenTable(capacity: table.capacity) }

  /// How many tokens are remembered, those included that have ended since and were not asked for again.
  public var count: Int { table.count }
}

/// A set-associative table of fixed size: a keyed hash picks a set of eight, the whole token is compared in constant time,
/// and the least recently used of the eight makes room.
private struct TokenTable {
  private static let ways = 8

  private final class Entry {
    let token: [UInt8]
    let claims: Claims

    init(token: [UInt8], claims: Claims) {
      self.token = token
      self.claims = claims
    }
  }

  private let setCount: Int
  private let seed = UInt64.random(in: .min ... .max)
  /// For each place the hash of its token, looked at first: the eight of a set are one cache line.
  private var hashes: [UInt64]
  private var entries: [Entry?]
  private var lastUses: [UInt64]
  private var useCount: UInt64 = 0

  init(capacity: Int) {
    var setCount = 1
    while setCount * Self.ways < capacity { setCount *= 2 }
    self.setCount = setCount
    self.hashes = Array(repeating: 0, count: setCount * Self.ways)
    self.entries = Array(repeating: nil, count: setCount * Self.ways)
    self.lastUses = Array(repeating: 0, count: setCount * Self.ways)
  }

  var capacity: Int { entries.count }
  var count: Int { entries.count { $0 != nil } }

  mutating func lookup(_ token: UnsafeRawBufferPointer, at now: Int64) -> Claims? {
    let hash = unsafe hash(of: token)
    let set = firstPlace(of: hash)
    for place in set..<set + Self.ways where hashes[place] == hash {
      guard let entry = entries[place] else { continue }
      guard unsafe entry.token.withUnsafeBytes({ unsafe areEqualInConstantTime($0, token) }) else { continue }
      guard entry.claims.areAccepted(at: now) else { return nil }
      useCount &+= 1
      lastUses[place] = useCount
      return entry.claims
    }
    return nil
  }

  mutating func insert(_ token: UnsafeRawBufferPointer, _ claims: Claims, at now: Int64) {
    let hash = unsafe hash(of: token)
    let set = firstPlace(of: hash)
    var victim = set
    var oldestUse = UInt64.max
    for place in set..<set + Self.ways {
      // A free place, or one whose token has ended, goes before any that is in use.
      let inUse = entries[place]?.claims.areAccepted(at: now) ?? false
      let use = inUse ? lastUses[place] : 0
      if use < oldestUse { (victim, oldestUse) = (place, use) }
    }
    useCount &+= 1
    hashes[victim] = hash
    entries[victim] = unsafe Entry(token: Array(token), claims: claims)
    lastUses[victim] = useCount
  }

  /// A keyed hash (SipHash) of the last 16 bytes.
  ///
  /// They belong to the signature, which tells tokens apart by itself; the whole token would cost ten times as much. Only
  /// verified tokens get in, so that nobody can fill a set on purpose; a token too short to have a signature gets no hash of
  /// its own and is not found.
  private func hash(of token: UnsafeRawBufferPointer) -> UInt64 {
    guard token.count >= 16 else { return seed }
    var hasher = Hasher()
    hasher.combine(seed)
    unsafe hasher.combine(token.loadUnaligned(fromByteOffset: token.count &- 16, as: UInt64.self))
    unsafe hasher.combine(token.loadUnaligned(fromByteOffset: token.count &- 8, as: UInt64.self))
    return UInt64(bitPattern: Int64(hasher.finalize()))
  }

  private func firstPlace(of hash: UInt64) -> Int { Int(hash & UInt64(setCount - 1)) * Self.ways }
}
