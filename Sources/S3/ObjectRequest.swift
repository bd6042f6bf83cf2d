// ObjectRequest: what to ask an object store about one object, and the signed request that asks it.

/// A request without a body, ready to be sent as it is.
public struct SignedRequest: Sendable {
  /// `HEAD` or `GET`.
  public let method: String
  /// The whole URL, percent-encoded; its path must go out unchanged.
  public let url: String
  /// What the `Host` header must say; every HTTP client derives the same from the URL.
  public let host: String
  /// All other headers, in an order that does not matter.
  public let headers: [(name: String, value: String)]
}

/// A request for one object of the endpoint's bucket: its head, or a range of its bytes.
public struct ObjectRequest: Sendable, Hashable {
  /// `HEAD` or `GET`.
  public let method: String
  /// The object's key: any bytes, and at least one of them.
  public let key: [UInt8]
  /// The bytes wanted, first and last.
  public let range: ClosedRange<Int>?
  /// The only ETag to answer for.
  public let ifMatch: String?
  /// Asks only about this part of an object that was uploaded in parts.
  public let part: Int?
  /// Asks for the `x-amz-checksum-*` headers.
  public let wantsChecksums: Bool

  /// Asks for size, ETag, date, type and checksums; of one part when `part` says which, from 1.
  public static func head(_ key: [UInt8], part: Int? = nil, checksums: Bool = true) -> ObjectRequest {
    ObjectRequest(method: "HEAD", key: key, range: nil, ifMatch: nil, part: part, wantsChecksums: checksums)
  }

  /// Asks for bytes: all, or those from the range's first to its last.
  ///
  /// - Parameters:
  ///   - key: the object's.
  ///   - range: offsets from 0.
  ///   - ifMatch: a strong ETag with its quotes, as ``ObjectHead/etag`` has it; another version then answers 412.
  ///   - checksums: whether to ask for checksums, which the store gives for whole objects only.
  public static func get(
    _ key: [UInt8], range: ClosedRange<Int>? = nil, ifMatch: String? = nil, checksums: Bool = false
  ) -> ObjectRequest {
    ObjectRequest(method: "GET", key: key, range: range, ifMatch: ifMatch, part: nil, wantsChecksums: checksums)
  }

  /// The request for an endpoint, signed; anonymous when there is no signer, as public buckets allow.
  ///
  /// Signed are `host`, `range`, `if-match` and each `x-amz-*` header. `User-Agent` and `Accept-Encoding` are not:
  /// proxies change them.
  ///
  /// - Parameters:
  ///   - endpoint: the bucket.
  ///   - signer: signs, and remembers the day's key.
  ///   - time: seconds since 1970.
  ///   - userAgent: the value of `User-Agent`, such as `larder/1.0`.
  public func signed(
    for endpoint: Endpoint, by signer: inout SignatureV4?, at time: Int64, userAgent: String
  ) -> SignedRequest {
    var headers: [(name: String, value: String)] = []
    if let range { headers.append((name: "Range", value: "bytes=\(range.lowerBound)-\(range.upperBound)")) }
    if let ifMatch { headers.append((name: "If-Match", value: ifMatch)) }
    if wantsChecksums { headers.append((name: "x-amz-checksum-mode", value: "ENABLED")) }
    let query = part.map { "partNumber=\($0)" } ?? ""
    let toSign = [(name: "host", value: endpoint.authority)] + headers
    headers +=
      signer?.sign(
        method: method, encodedPath: endpoint.encodedPath(forKey: key), query: query, headers: toSign,
        region: endpoint.region, at: time) ?? []
    headers.append((name: "Accept-Encoding", value: "identity"))
    headers.append((name: "User-Agent", value: userAgent))
    return SignedRequest(
      method: method, url: endpoint.url(forKey: key) + (query.isEmpty ? "" : "?" + query), host: endpoint.authority,
      headers: headers)
  }

  /// The request for an endpoint, signed with credentials unless they are nil; derives the day's key each time.
  public func signed(
    for endpoint: Endpoint, credentials: Credentials?, at time: Int64, userAgent: String
  ) -> SignedRequest {
    var signer = credentials.map(SignatureV4.init)
    return signed(for: endpoint, by: &signer, at: time, userAgent: userAgent)
  }
}
