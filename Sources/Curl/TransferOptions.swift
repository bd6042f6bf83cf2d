// What is asked of a server, and how long one is ready to wait for it.

/// One request and its limits.
public struct TransferOptions: Sendable {
  public enum Method: String, Sendable {
    case get = "GET"
    case head = "HEAD"
    /// Sends `body`.
    case post = "POST"
  }

  public var method: Method
  /// The whole URL, `http` or `https`, in ASCII and encoded already: its path is sent as it stands.
  public var url: String
  /// Sent in this order, in addition to `Host` and `Accept`. An empty value is sent as such.
  public var headers: [(name: String, value: String)]
  /// What a POST sends; nothing else sends a body. Its type is a header's to say.
  public var body: [UInt8]
  /// For name lookup, connection and TLS together.
  public var connectTimeout: Duration
  /// A transfer slower than 1 KiB/s for this long ends with `.stalled`. It counts once connected, and not while paused.
  public var stallTimeout: Duration
  /// For the whole transfer with its time in the queue; nil for no limit.
  public var deadline: Duration?
  /// A file of trusted certificates in PEM in place of the system's; read anew for each connection that is opened.
  public var caFile: String?
  /// The URL of a proxy; "" for none, nil for what the environment says (`https_proxy`, `no_proxy`).
  public var proxy: String?
  /// How much curl reads at once, 1 KiB to 10 MiB. Bytes are handed on in portions of 16 KiB at the most all the same.
  public var receiveBufferBytes: Int
  /// The most that all header fields may take up together.
  public var maxHeadBytes: Int

  public init(
    method: Method = .get, url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
    connectTimeout: Duration = .seconds(5), stallTimeout: Duration = .seconds(20), deadline: Duration? = nil,
    caFile: String? = nil, proxy: String? = nil, receiveBufferBytes: Int = 128 << 10, maxHeadBytes: Int = 64 << 10
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.connectTimeout = connectTimeout
    self.stallTimeout = stallTimeout
    self.deadline = deadline
    self.caFile = caFile
    self.proxy = proxy
    self.receiveBufferBytes = receiveBufferBytes
    self.maxHeadBytes = maxHeadBytes
  }

  /// The request as errors name it, without the query: that may be a signature.
  var operation: String { "\(method.rawValue) \(url.prefix { $0 != "?" })" }
}
