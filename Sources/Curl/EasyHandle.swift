// curl's handle of one transfer, with typed options.

internal import CCurl
import Loop

/// Owns an easy handle, the headers it sends and the buffer that it writes its errors to.
///
/// It must have left its multi handle before it ends.
@safe
struct EasyHandle: ~Copyable {
  let raw: UnsafeMutableRawPointer
  private let operation: String
  private let headers: HeaderList
  private let details: UnsafeMutablePointer<CChar>

  /// Makes a handle for the request, with everything set but its callbacks.
  static func make(_ options: TransferOptions) throws(CurlError) -> EasyHandle {
    let operation = options.operation
    let headers = try HeaderList(options.headers, operation: operation)
    guard let raw = unsafe curl_easy_init() else { throw CurlError(CURLE_FAILED_INIT, operation: operation) }
    let handle = unsafe EasyHandle(raw: raw, operation: operation, headers: headers)
    unsafe try handle.set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(handle.details))
    try handle.setRequest(options)
    try handle.setLimits(options)
    return handle
  }

  private init(raw: UnsafeMutableRawPointer, operation: String, headers: consuming HeaderList) {
    unsafe self.raw = unsafe raw
    self.operation = operation
    self.headers = headers
    unsafe details = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe details.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    unsafe curl_easy_cleanup(raw)
    unsafe details.deallocate()
  }

  private func setRequest(_ options: TransferOptions) throws(CurlError) {
    try set(CURLOPT_URL, options.url)
    // Signatures are of the path as it is written.
    try set(CURLOPT_PATH_AS_IS, 1)
    try set(CURLOPT_PROTOCOLS_STR, "http,https")
    try set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
    try set(CURLOPT_NOBODY, options.method == .head ? 1 : 0)
    if options.method == .post { try setBody(options.body) }
    unsafe try check(larder_easy_set_headers(raw, headers.first))
    try set(CURLOPT_FOLLOWLOCATION, 0)
    // The heads of a proxy are not those of the server.
    try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    if let caFile = options.caFile {
      try set(CURLOPT_CAINFO, caFile)
      // The system's folder of certificates would be trusted beside it.
      unsafe try check(larder_easy_set_string(raw, CURLOPT_CAPATH, nil))
      // Who has written other authorities into the file wants those from now on. A session that is resumed would show no
      // certificate, and newer libraries keep sessions across transfers.
      unsafe larder_easy_keep_no_authorities(raw)
      try set(CURLOPT_SSL_SESSIONID_CACHE, 0)
    }
    if let proxy = options.proxy { try set(CURLOPT_PROXY, proxy) }
  }

  /// Makes it a POST of these bytes, of which curl takes a copy: the size must come first.
  private func setBody(_ body: [UInt8]) throws(CurlError) {
    try set(CURLOPT_POSTFIELDSIZE, body.count)
    // No pointer at all would make curl read the body from standard input.
    let code = unsafe (body.isEmpty ? [0] : body).withUnsafeBytes { bytes in
      unsafe larder_easy_set_pointer(raw, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }
    try check(code)
  }

  private func setLimits(_ options: TransferOptions) throws(CurlError) {
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_TCP_KEEPALIVE, 1)
    try set(CURLOPT_BUFFERSIZE, options.receiveBufferBytes)
    try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.connectTimeout))
    if let deadline = options.deadline { try set(CURLOPT_TIMEOUT_MS, milliseconds(deadline)) }
  }

  /// As curl takes it: 0 would mean its default, and it holds no more than an `int`.
  private func milliseconds(_ duration: Duration) -> Int {
    min(max(1, Int(clamping: duration.wholeMilliseconds)), Int(Int32.max))
  }

  // MARK: Options

  func set(_ option: CURLoption, _ value: Int) throws(CurlError) {
    unsafe try check(larder_easy_set_long(raw, option, value))
  }

  func set(_ option: CURLoption, _ value: String) throws(CurlError) {
    guard !value.utf8.contains(0) else { throw CurlError(CURLE_URL_MALFORMAT, operation: operation) }
    unsafe try check(larder_easy_set_string(raw, option, value))
  }

  func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer) throws(CurlError) {
    unsafe try check(larder_easy_set_pointer(raw, option, value))
  }

  func check(_ code: CURLcode) throws(CurlError) {
    guard code == CURLE_OK else { throw error(code) }
  }

  // MARK: Results

  /// The error for a code of this transfer, with what curl wrote about it.
  func error(_ code: CURLcode) -> CurlError {
    CurlError(code, operation: operation, details: unsafe String(cString: details))
  }

  func summary() -> TransferSummary {
    TransferSummary(
      bytes: offset(CURLINFO_SIZE_DOWNLOAD_T), reusedConnection: long(CURLINFO_NUM_CONNECTS) == 0,
      connected: .microseconds(offset(CURLINFO_CONNECT_TIME_T)),
      firstByte: .microseconds(offset(CURLINFO_STARTTRANSFER_TIME_T)),
      total: .microseconds(offset(CURLINFO_TOTAL_TIME_T)))
  }

  private func long(_ info: CURLINFO) -> Int {
    var value = 0
    return unsafe larder_easy_get_long(raw, info, &value) == CURLE_OK ? value : 0
  }

  private func offset(_ info: CURLINFO) -> Int {
    var value: curl_off_t = 0
    return unsafe larder_easy_get_offset(raw, info, &value) == CURLE_OK ? Int(value) : 0
  }
}
