// Why a transfer failed, sorted by what one may do about it.

internal import CCurl

/// A transfer that did not end well, or could not begin.
public struct CurlError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What a caller decides by; `code` and `text` are for people.
  public enum Kind: Sendable, Hashable, CaseIterable {
    /// The name of the server, or of the proxy, has no address now.
    case couldNotResolve
    /// No connection: refused, or no way there.
    case couldNotConnect
    /// The connect timeout or the deadline of the transfer has passed.
    case timedOut
    /// Connected, but slower than 1 KiB/s for the whole of the stall timeout.
    case stalled
    /// No trust in the server's certificate, or no common ground in TLS.
    case tls
    /// The connection ended before the answer did.
    case cut
    /// The head, or a body that was to be kept whole, is larger than allowed.
    case tooLarge
    /// `Transfer.cancel`, or the end of its `Transfers` or its task.
    case cancelled
    /// The receiver wanted no more of it.
    case refusedByReceiver
    /// Everything else: a malformed URL, an answer that is not HTTP.
    case other
  }

  public let kind: Kind
  /// The `CURLcode` or, where a setup failed, the `CURLMcode`; 0 when curl had no part in it.
  public let code: Int32
  /// What was tried, such as `GET https://host/path`.
  public let operation: String
  /// The library's own words, with its details on this transfer where it has some.
  public let text: String

  public var description: String { "\(operation): \(text) (curl \(code))" }

  init(_ kind: Kind, operation: String, text: String, code: Int32 = 0) {
    self.kind = kind
    self.code = code
    self.operation = operation
    self.text = text
  }

  /// The error for a code of the easy interface; `details` is what curl wrote into its error buffer.
  init(_ code: CURLcode, operation: String, details: String = "") {
    let text = details.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : details
    self.init(Kind(code), operation: operation, text: text, code: Int32(code.rawValue))
  }

  /// The error for a code of the multi interface.
  init(_ code: CURLMcode, operation: String) {
    self.init(
      .other, operation: operation, text: unsafe String(cString: curl_multi_strerror(code)), code: code.rawValue)
  }
}

extension CurlError.Kind {
  init(_ code: CURLcode) {
    self =
      switch code {
      case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .couldNotResolve
      case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED, CURLE_PROXY, CURLE_NO_CONNECTION_AVAILABLE: .couldNotConnect
      case CURLE_OPERATION_TIMEDOUT: .timedOut
      case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR: .cut
      case CURLE_FILESIZE_EXCEEDED: .tooLarge
      case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ENGINE_NOTFOUND,
        CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
        CURLE_USE_SSL_FAILED, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_SHUTDOWN_FAILED, CURLE_SSL_CRL_BADFILE,
        CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT:
        .tls
      default: .other
      }
  }
}
