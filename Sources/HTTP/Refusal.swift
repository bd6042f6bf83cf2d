// Why a request is not taken: the status to answer and words for the detail of the problem.
//
// After any of these the connection is closed: where the next request would start is not known.

/// A reason for which the bytes of a request are refused.
public enum Refusal: UInt8, Error, Sendable, CaseIterable {
  case emptyLines, method, target, version, lineEnd, foldedLine, fieldName, fieldValue
  case missingHost, repeatedHost, host
  case contentLength, repeatedContentLength, contentLengthWithTransferEncoding, transferEncodingInHTTP10
  case chunk, trailer
  case contentTooLarge, targetTooLong, expectation
  case headTooLarge, tooManyFields
  case unknownMethod, tunnel, transferEncoding
  case unsupportedVersion

  /// The status to answer.
  public var status: Status {
    switch self {
    case .emptyLines, .method, .target, .version, .lineEnd, .foldedLine, .fieldName, .fieldValue, .missingHost,
      .repeatedHost, .host, .contentLength, .repeatedContentLength, .contentLengthWithTransferEncoding,
      .transferEncodingInHTTP10, .chunk, .trailer:
      .badRequest
    case .contentTooLarge: .contentTooLarge
    case .targetTooLong: .uriTooLong
    case .expectation: .expectationFailed
    case .headTooLarge, .tooManyFields: .requestHeaderFieldsTooLarge
    case .unknownMethod, .tunnel, .transferEncoding: .notImplemented
    case .unsupportedVersion: .httpVersionNotSupported
    }
  }

  /// What was wrong, as a phrase for the `detail` of the answer and for the log.
  public var reason: StaticString {
    switch self {
    case .emptyLines: "too many empty lines before the request"
    case .method: "the method is not a token"
    case .target: "the request target is malformed"
    case .version: "the HTTP version is malformed"
    case .lineEnd: "a line does not end in CR LF"
    case .foldedLine: "a header line begins with a space or a tab"
    case .fieldName: "a header name is not a token followed by a colon"
    case .fieldValue: "a header value holds a control character"
    case .missingHost: "the Host header is missing"
    case .repeatedHost: "there is more than one Host header"
    case .host: "the host is empty or malformed"
    case .contentLength: "Content-Length is not a decimal number in range"
    case .repeatedContentLength: "there is more than one Content-Length"
    case .contentLengthWithTransferEncoding: "there is a Content-Length beside Transfer-Encoding"
    case .transferEncodingInHTTP10: "Transfer-Encoding in an HTTP/1.0 request"
    case .chunk: "the chunked framing is malformed or its extensions are too long"
    case .trailer: "the trailers are malformed or too long"
    case .contentTooLarge: "the body is too large"
    case .targetTooLong: "the request target is longer than 8192 bytes"
    case .expectation: "the only expectation supported is 100-continue"
    case .headTooLarge: "the request head is larger than 16384 bytes"
    case .tooManyFields: "there are more than 100 header fields"
    case .unknownMethod: "the method is not known"
    case .tunnel: "CONNECT is not supported"
    case .transferEncoding: "the only transfer coding supported is chunked"
    case .unsupportedVersion: "the only major version supported is HTTP/1"
    }
  }
}
