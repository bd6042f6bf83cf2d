// Who may ask the pretend origin, where and when: keys that expire, signatures by a clock that is off, a bucket in another
// region, and places that nobody may be lured to.

import Cache
import Curl
import Glibc

extension PretendOrigin {
  /// What a store says in place of an answer.
  struct Refusal {
    var status: Int
    var code: String
    var headers: [(name: String, value: String)] = []
    /// Besides the code in the error's XML.
    var more = ""
  }

  /// The configured one, and where the bucket may be besides.
  nonisolated static let regions = ["us-east-1", "eu-west-1"]

  nonisolated static func host(_ region: String) -> String { "s3.\(region).store.test" }

  /// What time it is there; only the box's clock is ever wrong.
  static var time: Int64 { Clock.steady.milliseconds / 1000 }

  /// How far a signature's time may be off, in seconds.
  private static let allowance: Int64 = 900

  /// Why the request is not answered, in the order in which a store looks at it.
  func refusal(_ request: TransferOptions, _ host: String, _ key: String) -> Refusal? {
    func field(_ name: String) -> String { request.headers.first { $0.name == name }?.value ?? "" }
    // "… Credential=key1/20231114/us-east-1/s3/aws4_request, …"
    let scope = field("Authorization").drop { $0 != "=" }.dropFirst().prefix { $0 != "," }.split(separator: "/")
    guard scope.count == 5 else { return Refusal(status: 403, code: "AccessDenied") }
    guard scope[0] == "key\(accessKey)" else {
      return Refusal(
        status: dice.pick([400, 403]), code: dice.pick(["ExpiredToken", "InvalidAccessKeyId", "InvalidToken"]))
    }
    guard let signed = Self.seconds(field("x-amz-date")), (signed - Self.time).magnitude <= Self.allowance else {
      return Refusal(status: 403, code: "RequestTimeTooSkewed")
    }
    let asked = host == Self.host(Self.regions[0]) ? Self.regions[0] : Self.regions[1]
    if asked != scope[2] {
      return Refusal(status: 400, code: "AuthorizationHeaderMalformed", more: "<Region>\(asked)</Region>")
    }
    return asked == region ? nil : redirection(key)
  }

  /// How a region says that the bucket is in another one.
  private func redirection(_ key: String) -> Refusal {
    let place = Self.host(region)
    let location = (name: "location", value: "http://\(place)/\(Box.bucket)/\(key)")
    let told = (name: "x-amz-bucket-region", value: region)
    let endpoint = "<Endpoint>\(place)</Endpoint>"
    switch dice.roll(6) {
    case 0: return Refusal(status: 301, code: "PermanentRedirect", headers: [told], more: endpoint)
    case 1: return Refusal(status: 301, code: "PermanentRedirect", headers: [told])
    case 2: return Refusal(status: 307, code: "TemporaryRedirect", headers: [location], more: endpoint)
    case 3: return Refusal(status: 302, code: "Found", headers: [location, told])
    case 4: return Refusal(status: 308, code: "PermanentRedirect", headers: [location])
    default:
      return Refusal(status: 400, code: "AuthorizationHeaderMalformed", more: "<Region>\(region)</Region>")
    }
  }

  /// A redirection to where no request of ours has any business.
  func lure(_ request: TransferOptions, _ key: String) -> Refusal {
    let host = dice.pick([
      "evil.test", "s3.\(Self.regions[0]).evil.test", "evil.store.test", "\(Self.host(Self.regions[1])):8080",
      "\(Self.host(Self.regions[1])).evil.test",
    ])
    let status = dice.pick([301, 302, 307, 308])
    if dice.roll(4) == 0 {
      return Refusal(status: status, code: "PermanentRedirect", more: "<Endpoint>\(host)</Endpoint>")
    }
    let location = (name: "location", value: "http://\(host)/\(Box.bucket)/\(key)")
    let told = (name: "x-amz-bucket-region", value: dice.pick([Self.regions[1], "evil.test/"]))
    return Refusal(
      status: status, code: "PermanentRedirect", headers: dice.roll(3) == 0 ? [location, told] : [location])
  }

  /// Seconds since 1970 of `20231114T221320Z`.
  private static func seconds(_ text: String) -> Int64? {
    guard let number = Int(text.filter(\.isNumber)), text.utf8.count == 16 else { return nil }
    var time = unsafe tm()
    unsafe time.tm_year = Int32(number / 10_000_000_000) - 1900
    unsafe time.tm_mon = Int32(number / 100_000_000 % 100) - 1
    unsafe time.tm_mday = Int32(number / 1_000_000 % 100)
    unsafe time.tm_hour = Int32(number / 10_000 % 100)
    unsafe time.tm_min = Int32(number / 100 % 100)
    unsafe time.tm_sec = Int32(number % 100)
    return Int64(unsafe timegm(&time))
  }

  /// As headers have it; the C library is asked in its plainest locale.
  static func httpDate(_ seconds: Int64) -> String {
    var time = time_t(seconds)
    var fields = unsafe tm()
    unsafe gmtime_r(&time, &fields)
    var text = [CChar](repeating: 0, count: 64)
    let count = unsafe strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &fields)
    return String(decoding: text[..<count].map(UInt8.init), as: UTF8.self)
  }
}
