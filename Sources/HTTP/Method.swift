// The methods that this server recognises (RFC 9110, section 9, and RFC 5789).
//
// Any other token is answered 501; one of these where it does not apply is the router's 405.

/// A request method.
public enum Method: UInt8, Sendable, CaseIterable {
  case get, head, post, put, delete, options, patch, trace, connect

  /// The method as it stands in a request line and in `Allow`.
  public var name: StaticString {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .patch: "PATCH"
    case .trace: "TRACE"
    case .connect: "CONNECT"
    }
  }

  /// The method that a token names, case-sensitive as section 9.1 has it.
  init?(_ token: ByteView) {
    switch token.count {
    case 3:
      if token.equals("GET") {
        self = .get
      } else if token.equals("PUT") {
        self = .put
      } else {
        return nil
      }
    case 4:
      if token.equals("HEAD") {
        self = .head
      } else if token.equals("POST") {
        self = .post
      } else {
        return nil
      }
    case 5:
      if token.equals("PATCH") {
        self = .patch
      } else if token.equals("TRACE") {
        self = .trace
      } else {
        return nil
      }
    case 6:
      guard token.equals("DELETE") else { return nil }
      self = .delete
    case 7:
      if token.equals("OPTIONS") {
        self = .options
      } else if token.equals("CONNECT") {
        self = .connect
      } else {
        return nil
      }
    default:
      return nil
    }
  }
}

extension ByteView {
  /// Whether these are exactly the bytes of `literal`.
  func equals(_ literal: StaticString) -> Bool { equals(literal.view) }
}
