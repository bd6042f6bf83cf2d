import Testing

@testable import Access

@Suite struct LinksTests {
  static let download = "01J9ZK3V5Q7XW8Y2R4T6B8N0MC"
  static let user = "user_abc123"
  static let expiry: Int64 = 1_800_000_600

  private func links(_ secret: String = Fixtures.secret) throws -> Links { Links(secret: try Make.secret(secret)) }

  @Test func opensItsTitleUntilItEnds() throws {
    let links = try links()
    let token = links.sign(download: Self.download, user: Self.user, expiresAt: Self.expiry)
    #expect(token.utf8.count == Links.tokenLength)
    #expect(
      token.utf8.allSatisfy { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8.contains($0) })
    func verdict(at now: Int64) -> LinkVerdict {
      links.verify(token.utf8, download: Self.download, user: Self.user, at: now)
    }
    #expect(verdict(at: Make.now) == .good(expiresAtSeconds: Self.expiry))
    #expect(verdict(at: 1_800_000_599_999) == .good(expiresAtSeconds: Self.expiry))
    #expect(verdict(at: 1_800_000_600_000) == .expired)
    #expect(verdict(at: .max) == .expired)
  }

  /// The format of version 1 and its key derivation, made with Python's hmac and hkdf: links survive an update.
  @Test func knownLink() throws {
    let token = try links().sign(download: Self.download, user: Self.user, expiresAt: Self.expiry)
    #expect(token == "AQBrSdRY7zHHUYytIr1N5igMJixb1Pz8")
  }

  @Test func opensNothingElse() throws {
    let links = try links()
    let token = links.sign(download: Self.download, user: Self.user, expiresAt: Self.expiry)
    let others = [
      ("01J9ZK3V5Q7XW8Y2R4T6B8N0MD", Self.user), (Self.download, "user_abc124"), (Self.download, ""), ("", Self.user),
      (Self.user, Self.download), (Self.download + "u", "ser_abc123"),
      (String(Self.download.dropLast()), "C" + Self.user),
    ]
    for (download, user) in others {
      #expect(links.verify(token.utf8, download: download, user: user, at: Make.now) == .bad)
      // Neither is a link that has ended told from one that never was, for others.
      #expect(links.verify(token.utf8, download: download, user: user, at: .max) == .bad)
    }
    let otherBox = try self.links(String(repeating: "x", count: 32))
    #expect(otherBox.verify(token.utf8, download: Self.download, user: Self.user, at: Make.now) == .bad)
  }

  @Test func userIdsThatOnlyLookAlike() throws {
    let links = try links()
    let token = links.sign(download: Self.download, user: "caf\u{E9}", expiresAt: Self.expiry)
    #expect(links.verify(token.utf8, download: Self.download, user: "cafe\u{301}", at: Make.now) == .bad)
  }

  @Test func everyCharacterCounts() throws {
    let links = try links()
    let token = Array(links.sign(download: Self.download, user: Self.user, expiresAt: Self.expiry).utf8)
    func verdict(_ token: [UInt8]) -> LinkVerdict {
      links.verify(token, download: Self.download, user: Self.user, at: Make.now)
    }
    for place in token.indices {
      for other in 0...255 as ClosedRange<UInt8> where other != token[place] {
        var changed = token
        changed[place] = other
        #expect(verdict(changed) == .bad)
      }
      #expect(verdict(Array(token[..<place])) == .bad)
    }
    #expect(verdict(token + Array("=".utf8)) == .bad)
    #expect(verdict(token + token) == .bad)
    #expect(verdict(token) == .good(expiresAtSeconds: Self.expiry))
  }

  @Test(
    arguments: [
      (0, 0), (-5, 0), (1, 1), (1_099_511_627_775, 1_099_511_627_775), (1_099_511_627_776, 1_099_511_627_775),
      (Int64.max, 1_099_511_627_775),
    ] as [(Int64, Int64)])
  func expiryIsKept(asked: Int64, kept: Int64) throws {
    let links = try links()
    let token = links.sign(download: Self.download, user: Self.user, expiresAt: asked)
    let verdict = links.verify(token.utf8, download: Self.download, user: Self.user, at: -1)
    #expect(verdict == .good(expiresAtSeconds: kept))
  }

  @Test func survivesARestart() throws {
    let token = try links().sign(download: Self.download, user: Self.user, expiresAt: Self.expiry)
    let again = try links(Fixtures.secret + "\n").verify(
      token.utf8, download: Self.download, user: Self.user, at: Make.now)
    #expect(again == .good(expiresAtSeconds: Self.expiry))
  }

  @Test func aLinkIsNoBearerTokenAndABearerTokenNoLink() async throws {
    let links = try links()
    let verifier = try await Make.verifier()
    let link = links.sign(download: Self.download, user: Self.user, expiresAt: Self.expiry)
    #expect(verifier.refusal(of: link) == .malformed)
    for token in [Fixtures.hs256, Make.token(), String(Make.token().suffix(Links.tokenLength))] {
      #expect(links.verify(token.utf8, download: Self.download, user: Self.user, at: Make.now) == .bad)
    }
    // The link key is another key: what it signs as a JWT, and what the secret signs as a link, is worth nothing.
    let parts = Make.token().split(separator: ".")
    #expect(verifier.refusal(of: "\(parts[0]).\(parts[1]).\(link)") == .signature)
  }
}
