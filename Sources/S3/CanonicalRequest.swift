// CanonicalRequest: a request in the one form that both sides of a signature agree on.
// AWS Signature Version 4, "Create a canonical request", with S3's rules: the path is encoded once, never normalised.

/// The parts of a request that a signature covers, written the canonical way.
struct CanonicalRequest {
  /// The names of the signed headers in lower case, sorted, with `;` between.
  let signedHeaders: String
  /// The canonical text.
  let text: String

  /// Writes a request down.
  ///
  /// - Parameters:
  ///   - method: in upper case.
  ///   - path: as in the request line; what is encoded there is taken as it means, what is not gets encoded.
  ///   - query: as in the request line, without `?`.
  ///   - headers: the headers to sign, `host` among them; values of one name are joined in their order.
  ///   - payloadHash: the body's SHA-256 in hexadecimal, or `UNSIGNED-PAYLOAD`.
  init(method: String, path: String, query: String, headers: [(name: String, value: String)], payloadHash: String) {
    var values: [String: String] = [:]
    for header in headers {
      let name = header.name.lowercased()
      let value = Self.canonicalValue(header.value)
      values[name] = values[name].map { $0 + "," + value } ?? value
    }
    let names = values.keys.sorted()
    signedHeaders = names.joined(separator: ";")
    var lines = [method, Self.canonicalPath(path), Self.canonicalQuery(query)]
    lines += names.map { "\($0):\(values[$0] ?? "")" }
    lines += ["", signedHeaders, payloadHash]
    text = lines.joined(separator: "\n")
  }

  static func canonicalPath(_ path: String) -> String {
    path.isEmpty ? "/" : PercentEncoding.encode(PercentEncoding.decode(path), keepingSlash: true)
  }

  /// Pairs sorted by encoded name, then by encoded value; a name alone gets an empty value.
  static func canonicalQuery(_ query: String) -> String {
    func encoded(_ text: Substring) -> String {
      PercentEncoding.encode(PercentEncoding.decode(text), keepingSlash: false)
    }
    let pairs = query.split(separator: "&").map { pair -> (name: String, value: String) in
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (encoded(halves[0]), halves.count == 2 ? encoded(halves[1]) : "")
    }
    return pairs.sorted { ($0.name, $0.value) < ($1.name, $1.value) }.map { "\($0.name)=\($0.value)" }
      .joined(separator: "&")
  }

  /// Without space at its ends, and with one space for each run of them inside.
  private static func canonicalValue(_ value: String) -> String {
    value.split { $0 == " " || $0 == "\t" }.joined(separator: " ")
  }
}
