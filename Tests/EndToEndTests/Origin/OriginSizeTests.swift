// Objects of every size that is a border of something, and of one that no 32 bits hold.
//
// The long run fetches a large one whole: LARDER_LARGE_BYTES=21474836480, with LARDER_BINARY of a release build; it needs
// that much room below /tmp.

import Foundation
import Glibc
import S3
import Testing

@LaneD @Suite("Objects of odd sizes") struct OriginSizeTests {
  @Test(
    "an object arrives whole, whatever its size",
    arguments: [0, 1, 2, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 524_288, 1_048_576, 1_048_577])
  func borders(size: Int) throws {
    let scripted = try Self.scripted.get()
    let ann = try scripted.box.user("ann")
    let title = Title(size: size)
    scripted.origin.put(FakeObject(title).offering(.crc64nvme, of: title.bytes), key: title.key)
    let begun = scripted.origin.traffic
    let id = try ann.fetch(title)
    let done = try ann.download(id)
    #expect(done.total_bytes?.int == size && done.downloaded_bytes?.int == size && done.progress?.int == 100)
    let answer = try ann.play(id)
    #expect(answer.status == 200 && answer["content-length"] == "\(size)")
    #expect(answer.body == title.bytes)
    #expect(scripted.origin.traffic - begun == size)
    #expect(try scripted.evidence(title, of: id) == "its crc64nvme")
    if size > 0 {
      let last = try ann.play(id, headers: ["Range": "bytes=-1"])
      #expect(last.status == 206 && last["content-range"] == "bytes \(size - 1)-\(size - 1)/\(size)")
      #expect(last.body == title.bytes[(size - 1)...])
    }
    let beyond = try ann.play(id, headers: ["Range": "bytes=\(size)-"])
    #expect(beyond.status == 416 && beyond["content-range"] == "bytes */\(size)")
  }

  private static let scripted = Result { try Scripted() }

  @Test("an object of 20 GiB is counted to the byte, asked for in ranges, and given up without a trace")
  func twentyGiB() throws {
    let scripted = try Scripted(["quota": ["default": "\"30GiB\""]])
    let ann = try scripted.box.user("ann")
    let (size, limit) = (20 << 30, 30 << 30)
    let title = Title(size: 0)
    scripted.origin.put(.generated(size: size), key: title.key)
    let begun = scripted.origin.traffic
    scripted.origin.script { [origin = scripted.origin] request, honest in
      var answer = honest
      if request.isForBytes, origin.traffic - begun > 8 << 20 {
        answer.cut = 0
        answer.ending = .hang
      }
      return answer
    }
    let answer = try ann.tryStart(title)
    guard answer.status == 201 else {
      // A disk that is smaller than the film says so by the byte.
      #expect(answer.status == 507 && answer.code == "storage_full", "\(answer)")
      #expect(answer.json?.needed_bytes?.int == size)
      #expect(try ann.storage() == .of(limit, used: 0, reserved: 0))
      return
    }
    #expect(answer.json?.total_bytes?.int == size)
    #expect(try ann.storage() == .of(limit, used: 0, reserved: size))
    let id = try #require(answer.json?.id?.text)
    let some = try ann.wait(id, "8 MiB") { ($0.downloaded_bytes?.int ?? 0) >= 8 << 20 }
    #expect((some.downloaded_bytes?.int ?? .max) <= 16 << 20)
    let asked = scripted.origin.requests.filter(\.isForBytes)
    #expect(asked.allSatisfy { ($0.range?.upperBound ?? .max) < size && ($0.range?.count ?? 0) <= 256 << 10 })
    try ann.expect(200, "DELETE", "/api/downloads/\(id)")
    #expect(try ann.storage() == .of(limit, used: 0, reserved: 0))
    let objects = scripted.box.data + "/objects"
    try eventually("the end of its file") {
      try FileManager.default.contentsOfDirectory(atPath: objects).isEmpty ? true : nil
    }
  }

  @Test("a large object arrives whole, every byte in its place")
  func large() throws {
    let wish = ProcessInfo.processInfo.environment["LARDER_LARGE_BYTES"]
    let size = try #require(Int(wish ?? "\((24 << 20) + 1)"), "LARDER_LARGE_BYTES is a number of bytes")
    let scripted = try Scripted(["downloads": ["chunk_size": "\"8MiB\""]])
    let ann = try scripted.box.user("ann")
    let title = Title(size: 0)
    scripted.origin.put(.generated(size: size), key: title.key)
    let id = try ann.start(title)
    try ann.wait(id, for: "completed", within: 60 + Double(size) / 4e6)
    #expect(scripted.origin.traffic == size)
    let connection = try Connection(port: scripted.box.port)
    try connection.send(request("GET", "/api/downloads/\(id)/play", headers: ann.authorization))
    #expect(try connection.receiveHead()["content-length"] == "\(size)")
    for start in stride(from: 0, to: size, by: 8 << 20) {
      let range = start..<min(size, start + (8 << 20))
      let bytes = try connection.receive(count: range.count)
      guard bytes == Bytes(FakeObject.generatedBytes(range)) else {
        Issue.record("other bytes in \(range)")
        break
      }
    }
    // Seeks on both sides of what 31 and 32 bits hold, as far as it goes.
    for offset in [0, (1 << 31) - 5, (1 << 32) - 5, size - 10] where offset >= 0 && offset + 10 <= size {
      let answer = try ann.play(id, headers: ["Range": "bytes=\(offset)-\(offset + 9)"])
      #expect(answer.status == 206)
      #expect(answer.body == Bytes(FakeObject.generatedBytes(offset..<offset + 10)), "\(offset)")
    }
  }
}
