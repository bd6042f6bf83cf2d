// Who may in: bearer tokens from the header, links for one title from the query.

import Access
import Cache
import HTTP
import Loop

/// The keys and rules of the moment, and the tokens they have accepted.
@EventLoop
struct Door {
  nonisolated static let rememberedTokens = TokenCache.usualCapacity
  private let tokens: TokenCache
  private let known = KnownLinks()
  let links: Links
  let rules: AccessRules

  init(rules: AccessRules, keys: TokenKeys, linkSecret: TokenSecret) {
    self.rules = rules
    tokens = TokenCache(
      verifier: TokenVerifier(rules: rules, keys: keys), capacity: Self.rememberedTokens)
    links = Links(secret: linkSecret)
  }

  /// The claims of a token that was verified before, without any work.
  func known(_ token: UnsafeRawBufferPointer) -> Claims? {
    unsafe tokens.lookup(token, at: Clock.now.milliseconds)
  }

  /// The user of a request to the API.
  func admit(_ request: APIRequest) throws(Rejection) -> UserID {
    let claims = try claims(of: request)
    guard claims.isPremium || claims.isAdmin else { throw .premiumRequired(rules.requiredRole) }
    guard let user = UserID(claims.user) else { throw .unauthorized(.subject) }
    return user
  }

  /// Lets an administrator's token pass and no other.
  @discardableResult
  func admitAdmin(_ request: APIRequest) throws(Rejection) -> UserID {
    let claims = try claims(of: request)
    guard claims.isAdmin else { throw .adminRequired }
    guard let user = UserID(claims.user) else { throw .unauthorized(.subject) }
    return user
  }

  private func claims(of request: APIRequest) throws(Rejection) -> Claims {
    guard let bearer = request.bearer else { throw .unauthorized(.missing) }
    switch unsafe bearer.withUnsafeBytes({ unsafe tokens.verify($0, at: Clock.now.milliseconds) }) {
    case .failure(let refusal): throw .unauthorized(refusal)
    case .success(let claims): return claims
    }
  }

  /// Whether a link's token was found to open this download, and still does: without any work.
  func known(link token: UnsafeRawBufferPointer, for download: DownloadID, of user: UserID) -> Bool {
    unsafe known.contains(token, for: download, of: user, at: Clock.now.milliseconds)
  }

  /// Whether a link's token opens this download now.
  func verify(link token: UnsafeRawBufferPointer, for download: DownloadID, of user: UserID) -> LinkVerdict {
    let verdict = unsafe links.verify(
      token, download: download.description, user: user.text, at: Clock.now.milliseconds)
    if case .good(let end) = verdict { unsafe known.remember(token, for: download, of: user, until: end * 1000) }
    return verdict
  }
}
