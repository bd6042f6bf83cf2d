// Offsets that no 32 bits hold, in requests and in answers.

import Testing

@testable import S3

@Suite("Large objects")
struct LargeObjectTests {
  static let size = 20 << 30

  @Test("Ranges on both sides of 2 and 4 GiB, and at the end of 20, are asked for and recognised")
  func ranges() throws {
    let endpoint = try Endpoint("http://h", region: "r", bucket: "b", addressing: .path)
    for first in [(1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, Self.size - 262_144] {
      let range = first...(first + 262_143)
      let request = ObjectRequest.get([0x6B], range: range, ifMatch: "\"e\"")
        .signed(for: endpoint, credentials: nil, at: 0, userAgent: "t")
      #expect(request.headers.contains { $0 == ("Range", "bytes=\(first)-\(first + 262_143)") })
      func answer(_ contentRange: String) -> RangeAnswer {
        ObjectResponse.range(
          RangeAsked(range, total: Self.size, etag: "\"e\""), status: 206, region: "r", now: 0,
          header: lookup(["etag": "\"e\"", "content-range": contentRange, "content-length": "262144"]))
      }
      #expect(answer("bytes \(first)-\(first + 262_143)/21474836480") == .good(length: 262_144))
      // What a server that counts in 32 bits would say.
      let wrapped = first & 0xFFFF_FFFF
      if wrapped != first {
        #expect(answer("bytes \(wrapped)-\(wrapped + 262_143)/21474836480") != .good(length: 262_144))
      }
      #expect(answer("bytes \(first)-\(first + 262_143)/\(Self.size & 0xFFFF_FFFF)") != .good(length: 262_144))
    }
  }

  @Test("The size is read as it is")
  func size() {
    let answer = ObjectResponse.head(
      status: 200, region: "r", now: 0, header: lookup(["etag": "\"e\"", "content-length": "21474836480"]))
    guard case .found(let head) = answer else {
      Issue.record("it is there")
      return
    }
    #expect(head.size == Self.size)
  }
}
