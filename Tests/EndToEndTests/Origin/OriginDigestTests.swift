// Bytes that are not what the origin has: flipped on the way, in the whole or in a part.

import Foundation
import Glibc
import Testing

@LaneA @Suite("Bytes against their digest") struct OriginDigestTests {
  @Test("a byte that was flipped on the way is found, and everything is fetched anew, once")
  func flippedOnce() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.fault(
      Fault(action: .flip(at: 777), times: 1) { $0.method == "GET" && $0.range?.hasPrefix("bytes=262144-") == true })
    let id = try ann.fetch(title)
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic == 2 * title.size)
  }

  @Test("an origin whose bytes never match their digest gives no title: the download fails and its quota comes free")
  func flippedAlways() throws {
    let box = try Box(["quota": ["default": "\"10MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    box.proxy.fault(
      Fault(action: .flip(at: 777)) { $0.method == "GET" && $0.range?.hasPrefix("bytes=262144-") == true })
    let id = try ann.start(title)
    let failed = try ann.wait(id, for: "failed")
    #expect(failed.error?.code?.text == "integrity_mismatch")
    #expect(failed.error?.retryable?.bool == false)
    #expect(failed.file_path == .null)
    #expect(try ann.play(id).code == "not_ready")
    #expect(try ann.storage() == .of(10 << 20, used: 0, reserved: 0))
    #expect(box.proxy.traffic == 2 * title.size)

    // Mended at the origin, a new wish acts as a retry.
    box.proxy.fault(nil)
    let again = try ann.tryStart(title)
    #expect(again.status == 200)
    #expect(again.json?.id?.text == id)
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a title that was uploaded in parts is compared with the digest of its parts")
  func uploadedInParts() throws {
    let box = try Box(["quota": ["default": "\"20MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 3 * (5 << 20) + 700_001)
    try box.origin.put(title, partSize: 5 << 20)
    let id = try ann.fetch(title)
    let answer = try ann.play(id)
    #expect(answer["etag"]?.hasSuffix("-4\"") == true, "no upload in four parts: \(answer.headers)")
    #expect(answer.body == title.bytes)
    #expect(box.proxy.traffic == title.size)
    #expect(box.proxy.requests.contains { $0.method == "HEAD" && $0.target.contains("partNumber=1") })
    #expect(try ann.storage() == .of(20 << 20, used: title.size, reserved: 0))
  }

  @Test("a flipped byte in any part of a title that was uploaded in parts fails it", arguments: [0, 2, 3])
  func flippedInAPart(part: Int) throws {
    let box = try Box(["quota": ["default": "\"20MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 3 * (5 << 20) + 700_001)
    try box.origin.put(title, partSize: 5 << 20)
    let range = "bytes=\(part * (5 << 20))-"
    box.proxy.fault(Fault(action: .flip(at: 777)) { $0.method == "GET" && $0.range?.hasPrefix(range) == true })
    let id = try ann.start(title)
    let failed = try ann.wait(id, for: "failed")
    #expect(failed.error?.code?.text == "integrity_mismatch")
    #expect(try ann.play(id).code == "not_ready")
    #expect(box.proxy.traffic == 2 * title.size)
    #expect(try ann.storage() == .of(20 << 20, used: 0, reserved: 0))
    box.proxy.fault(nil)
    try ann.expect(200, "POST", "/api/downloads/\(id)/retry")
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }
}
