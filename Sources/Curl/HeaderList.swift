// The header fields of a request as curl keeps them: a linked list in C that must outlive the transfer.

internal import CCurl

/// Owns a `curl_slist` of header lines.
@safe
struct HeaderList: ~Copyable {
  private(set) var first: UnsafeMutablePointer<curl_slist>?

  /// Throws when a field could not be sent as it is: a line end in it would begin another field.
  init(_ headers: [(name: String, value: String)], operation: String) throws(CurlError) {
    for (name, value) in headers {
      guard Self.isToken(name), !value.utf8.contains(where: { $0 == 13 || $0 == 10 || $0 == 0 }) else {
        throw CurlError(.other, operation: operation, text: "the header field \(name.debugDescription) is malformed")
      }
      // curl takes "Name:" as an order to send no such field, and "Name;" as one to send an empty one.
      try add(value.isEmpty ? "\(name);" : "\(name): \(value)", operation)
    }
    try add("Expect:", operation)
  }

  private mutating func add(_ line: String, _ operation: String) throws(CurlError) {
    guard let longer = unsafe curl_slist_append(first, line) else {
      throw CurlError(CURLE_OUT_OF_MEMORY, operation: operation)
    }
    unsafe first = unsafe longer
  }

  /// RFC 9110, 5.6.2.
  private static func isToken(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }

  deinit { unsafe curl_slist_free_all(first) }
}
