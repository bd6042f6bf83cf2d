// A disk that changes bytes while memory still holds the right ones: on a loop file system, below the file and its times.

import Foundation
import Glibc
import Testing

@LaneE @Suite("Below the memory") struct BelowMemoryTests {
  private let block = 256 << 10

  /// A box on a disk of its own with a title of six blocks that was played to its end.
  private func played(_ image: DiskImage, _ storage: [String: String]) throws -> (Box, User, Title, String) {
    let box = try Box(["storage": ["path": "\"\(image.path)/larder\""].merging(storage) { $1 }])
    let ann = try box.user("ann")
    let title = Title(size: 5 * block + 1000)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    for _ in 0..<2 { #expect(try ann.play(id).body == title.bytes) }
    return (box, ann, title, id)
  }

  /// Some bytes in the middle of the third block.
  private func victim(_ title: Title) -> Bytes { title.bytes[(2 * block + 5000)..<(2 * block + 5064)] }

  @Test("what memory has forgotten is read from the disk and compared, though nothing says that the file has changed")
  func forgotten() throws {
    let image = try DiskImage(.ext4, megabytes: 64)
    let (box, ann, title, id) = try played(image, ["scrub_rate": "0"])
    try image.spoil(victim(title))
    var before = box.proxy.traffic
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic == before, "memory has the right bytes, and they were compared")
    let names = try FileManager.default.contentsOfDirectory(atPath: image.path + "/larder/objects")
    let object = try #require(names.first { $0.count == 16 })
    let file = try #require(FileHandle(forReadingAtPath: "\(image.path)/larder/objects/\(object)"))
    // What a socket still holds is not forgotten at once.
    try eventually("the disk has others") {
      #expect(posix_fadvise(file.fileDescriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
      try file.seek(toOffset: 0)
      return try file.readToEnd().map { Bytes(Array($0)) != title.bytes } == true ? true : nil
    }
    #expect(posix_fadvise(file.fileDescriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
    try file.close()
    before = box.proxy.traffic
    // A few bytes first: they are sent in another way.
    let few = (2 * block + 5000)...(2 * block + 5063)
    let part = try ann.play(id, headers: ["Range": "bytes=\(few.lowerBound)-\(few.upperBound)"])
    #expect(part.status == 206 && part.body == title.bytes[few], "\(part)")
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic - before == block, "one block and no more")
    #expect(try box.logged(event: "storage.damaged").message?.text?.contains("found by play") == true)
    #expect(try box.terminate() == .exited(0))
  }

  @Test("the scrub asks the disk and not the memory")
  func scrubbed() throws {
    let image = try DiskImage(.ext4, megabytes: 64)
    let (box, ann, title, id) = try played(image, ["scrub_rate": "\"64MiB\"", "scrub_interval": "\"1s\""])
    try image.spoil(victim(title))
    let found = try box.logged(event: "storage.damaged")
    #expect(found.message?.text?.contains("found by scrub") == true, "\(found)")
    try eventually("it is mended", explain: box.report) {
      try box.metric("larder_blocks_mended_total") == 1 ? true : nil
    }
    #expect(try ann.play(id).body == title.bytes)
    #expect(try box.terminate() == .exited(0))
  }
}
