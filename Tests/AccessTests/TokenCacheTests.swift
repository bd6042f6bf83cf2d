import Testing

@testable import Access

extension TokenCache {
  func lookup(_ token: String, at now: Int64 = Make.now) -> Claims? {
    unsafe Array(token.utf8).withUnsafeBytes { unsafe lookup($0, at: now) }
  }

  func verify(_ token: String, at now: Int64 = Make.now) -> Result<Claims, TokenRefusal> {
    unsafe Array(token.utf8).withUnsafeBytes { unsafe verify($0, at: now) }
  }
}

@Suite struct TokenCacheTests {
  @Test func remembersWhatIsGood() async throws {
    let cache = TokenCache(verifier: try await Make.verifier())
    let token = Make.token()
    #expect(cache.lookup(token) == nil)
    let claims = try cache.verify(token).get()
    #expect(claims.user == "user_abc123")
    #expect(cache.lookup(token) == claims)
    #expect(try cache.verify(token).get() == claims)
    #expect(cache.count == 1)
  }

  @Test func doesNotRememberWhatIsRefused() async throws {
    let cache = TokenCache(verifier: try await Make.verifier())
    #expect(cache.verify("") == .failure(.missing))
    #expect(cache.verify(Make.token(payload: Make.payload(exp: "1"))) == .failure(.expired))
    #expect(cache.verify(Make.token(key: [1])) == .failure(.signature))
    #expect(cache.count == 0)
  }

  @Test func everyOtherTokenIsUnknown() async throws {
    let cache = TokenCache(verifier: try await Make.verifier())
    let token = Array(Make.token().utf8)
    _ = try cache.verify(Make.token()).get()
    for place in token.indices {
      var changed = token
      changed[place] ^= 1
      #expect(unsafe changed.withUnsafeBytes { unsafe cache.lookup($0, at: Make.now) } == nil)
      #expect(unsafe token[..<place].withUnsafeBytes { unsafe cache.lookup($0, at: Make.now) } == nil)
    }
    #expect(unsafe (token + [0]).withUnsafeBytes { unsafe cache.lookup($0, at: Make.now) } == nil)
  }

  /// From memory a token is taken exactly as long as the verifier would take it.
  @Test func agreesWithTheVerifierAtTheBorders() async throws {
    let verifier = try await Make.verifier()
    let token = Make.token(payload: Make.payload(#""nbf":1800000000"#))
    for now in [
      1_799_999_939_999, 1_799_999_940_000, 1_800_000_000_000, 1_800_003_600_000, 1_800_003_659_999, 1_800_003_660_000,
    ] as [Int64] {
      let cache = TokenCache(verifier: verifier)
      _ = try cache.verify(token).get()
      #expect((cache.lookup(token, at: now) != nil) == (verifier.refusal(of: token, at: now) == nil), "\(now)")
      #expect(cache.verify(token, at: now) == verifier.verify(token, at: now))
    }
  }

  @Test func aReloadForgets() async throws {
    let cache = TokenCache(verifier: try await Make.verifier())
    let token = Make.token()
    _ = try cache.verify(token).get()
    cache.verifier = try await Make.verifier(AccessRules(requiredRole: "gold"))
    #expect(cache.count == 0)
    #expect(cache.lookup(token) == nil)
    #expect(try cache.verify(token).get().isPremium == false)
    cache.verifier = try await Make.verifier(secret: String(repeating: "k", count: 32))
    #expect(cache.verify(token) == .failure(.signature))
    cache.verifier = try await Make.verifier()
    _ = try cache.verify(token).get()
    cache.removeAll()
    #expect(cache.lookup(token) == nil)
  }

  /// However many tokens come, the table keeps its size, and what it says is what the verifier says.
  @Test func isBounded() async throws {
    let verifier = try await Make.verifier()
    let cache = TokenCache(verifier: verifier, capacity: 64)
    let tokens = (0..<300).map { Make.token(payload: Make.payload(sub: "\"user_\($0)\"")) }
    for (index, token) in tokens.enumerated() {
      #expect(try cache.verify(token).get().user == "user_\(index)")
      #expect(cache.lookup(token)?.user == "user_\(index)")
      #expect(cache.count <= 64)
    }
    #expect(cache.count > 32)
    for (index, token) in tokens.enumerated() {
      if let claims = cache.lookup(token) { #expect(claims.user == "user_\(index)") }
    }
  }

  /// In one set of eight: what was asked for last stays, and what has ended goes first.
  @Test func makesRoomForTheNewest() async throws {
    let cache = TokenCache(verifier: try await Make.verifier(), capacity: 8)
    let tokens = (0..<10).map { Make.token(payload: Make.payload(sub: "\"user_\($0)\"")) }
    let ending = Make.token(payload: Make.payload(sub: "\"ending\"", exp: "1800000000"))
    for token in tokens[..<7] { _ = try cache.verify(token).get() }
    _ = try cache.verify(ending).get()
    #expect(cache.count == 8)

    // Ended by now, so it makes room although it was used last.
    let later: Int64 = 1_800_000_060_000
    _ = try cache.verify(tokens[7], at: later).get()
    #expect(tokens[..<8].allSatisfy { cache.lookup($0, at: later) != nil })

    // All are in use: the one not asked for the longest goes.
    for token in tokens[1..<8] { _ = cache.lookup(token, at: later) }
    _ = try cache.verify(tokens[8], at: later).get()
    #expect(cache.lookup(tokens[0], at: later) == nil)
    #expect(tokens[1..<9].allSatisfy { cache.lookup($0, at: later) != nil })
  }
}
