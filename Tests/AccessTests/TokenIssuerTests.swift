import Foundation
import Testing

@testable import Access

@Suite struct TokenIssuerTests {
  @Test(arguments: [
    AccessRules(), AccessRules(issuer: "https://platform.example", audience: "box"), AccessRules(requiredRole: "gold"),
  ])
  func itsOwnRulesTakeIt(rules: AccessRules) async throws {
    let verifier = try await Make.verifier(rules)
    let token = try await TokenIssuer(rules: rules, secret: Make.secret())
      .issue(user: "user_\"é\"", roles: [rules.requiredRole], lifetimeSeconds: 60, at: Make.now + 1)
    let claims = try verifier.verify(token, at: Make.now).get()
    #expect(claims.user == "user_\"é\"")
    #expect(claims.isPremium && !claims.isAdmin)
    #expect(claims.expiresAtMilliseconds == 1_800_000_061_000)
    #expect(verifier.refusal(of: token, at: 1_800_000_121_000) == .expired)
  }

  @Test func itSaysWhatItShould() async throws {
    let rules = AccessRules(issuer: "i", audience: "a")
    let token = try await TokenIssuer(rules: rules, secret: Make.secret())
      .issue(user: "u", roles: ["premium", "admin"], lifetimeSeconds: 86_400, at: Make.now)
    let parts = try token.split(separator: ".").map { Data(try #require(Base64URL.decode(Array($0.utf8)))) }
    let header = try #require(try JSONSerialization.jsonObject(with: parts[0]) as? [String: String])
    #expect(header == ["alg": "HS256", "typ": "JWT"])
    let claims = try #require(try JSONSerialization.jsonObject(with: parts[1]) as? NSDictionary)
    #expect(
      claims == [
        "sub": "u", "roles": ["premium", "admin"], "iat": 1_800_000_000, "exp": 1_800_086_400, "iss": "i", "aud": "a",
      ])
    let bare = try await TokenIssuer(rules: AccessRules(), secret: Make.secret())
      .issue(user: "u", roles: [], lifetimeSeconds: 1, at: Make.now)
    let payload = try #require(Base64URL.decode(Array(bare.split(separator: ".")[1].utf8)))
    let members = try #require(try JSONSerialization.jsonObject(with: Data(payload)) as? [String: Any])
    #expect(members.keys.sorted() == ["exp", "iat", "roles", "sub"])
    #expect(try await Make.verifier().verify(bare).get().isPremium == false)
  }

  @Test func whatItRefuses() async throws {
    let issuer = TokenIssuer(rules: AccessRules(), secret: try Make.secret())
    func error(user: String = "u", roles: [String] = ["premium"], lifetime: Int64 = 60) async -> TokenIssueError? {
      do {
        _ = try await issuer.issue(user: user, roles: roles, lifetimeSeconds: lifetime, at: Make.now)
        return nil
      } catch {
        return error
      }
    }
    #expect(await error() == nil)
    #expect(await error(user: "") == .user)
    #expect(await error(user: String(repeating: "x", count: 128)) == nil)
    #expect(await error(user: String(repeating: "x", count: 129)) == .user)
    #expect(await error(lifetime: 0) == .lifetime)
    #expect(await error(lifetime: -1) == .lifetime)
    #expect(await error(lifetime: .max) == .lifetime)
    #expect(await error(lifetime: 10 * 365 * 86_400) == nil)
    #expect(await error(roles: Array(repeating: "role", count: 2000)) == .tooLong)
  }
}
