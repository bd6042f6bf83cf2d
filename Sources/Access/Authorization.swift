// The `Authorization` field: which part of it is the token. Nothing is decided here about the token itself.

/// The `Authorization` request field (RFC 9110 section 11.6.2).
public enum Authorization {
  /// The token in a field value such as `Bearer eyJ…`, as a part of `value`; nil for another scheme or no token.
  ///
  /// The scheme's case does not matter, one space or more separates it (RFC 9110 section 11.4), and the rest is the token,
  /// whatever it is: spaces inside it are for the verifier to refuse. The field value has no white space around it.
  public static func bearerToken(in value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard value.count > scheme.count else { return nil }
    for index in scheme.indices where unsafe value[index] | 0x20 != scheme[index] { return nil }
    var start = scheme.count
    while start < value.count, unsafe value[start] == 0x20 { start += 1 }
    guard start > scheme.count, start < value.count else { return nil }
    return unsafe UnsafeRawBufferPointer(rebasing: value[start...])
  }

  private static let scheme = Array("bearer".utf8)
}
