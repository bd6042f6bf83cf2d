// Files on a disk whose bytes memory can be made to forget.

import Foundation
import Glibc
import Testing

@testable import larder

/// A nameless file of the tests' folder.
enum ScratchFile {
  /// A file of so many bytes, written and durable.
  ///
  /// - Throws: also where memory keeps what it is told to forget, as on a file system that lies in memory: the tests' folder
  ///   (`TMPDIR`) has to be on a disk.
  static func make(_ count: Int) throws -> ObjectFile {
    var template = Array("\(NSTemporaryDirectory())/scratch-XXXXXX\0".utf8).map { CChar(bitPattern: $0) }
    let descriptor = unsafe mkstemp(&template)
    try #require(descriptor >= 0)
    let file = ObjectFile(owning: descriptor)
    defer { unsafe unlink(template) }
    try file.write([UInt8](repeating: 7, count: count), at: 0)
    try file.synchronize()
    file.forget(0..<count)
    try #require(!file.isResident(at: 0), "TMPDIR is not on a disk: memory does not forget what lies there")
    var byte: UInt8 = 0
    for offset in stride(from: 0, to: count, by: Int(getpagesize())) {
      try #require(unsafe pread(file.descriptor, &byte, 1, off_t(offset)) == 1)
    }
    return file
  }
}
