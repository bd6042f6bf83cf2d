// What cannot be read as a configuration file at all.

import Configuration
import Glibc
import Testing

@Suite struct FileTests {
  /// Makes a file with the bytes, and takes it away after the body.
  private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    var template = Array("/tmp/larder-configuration-XXXXXX".utf8CString)
    let descriptor = unsafe mkstemp(&template)
    try #require(descriptor >= 0)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer { unsafe unlink(path) }
    let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    try #require(written == bytes.count)
    try #require(close(descriptor) == 0)
    try body(path)
  }

  private func failure(_ path: String) throws -> ConfigurationErrors {
    try #require(#expect(throws: ConfigurationErrors.self) { try Configuration.load(path: path) })
  }

  @Test func readsAFile() throws {
    try withFile(Array("[downloads]\nactive = 7\n".utf8)) { path throws in
      #expect(try Configuration.load(path: path).downloads.active == 7)
    }
    try withFile([]) { path throws in #expect(try Configuration.load(path: path) == .defaults) }
  }

  @Test func missing() throws {
    for path in ["/nonexistent/larder.toml", ""] {
      let errors = try failure(path)
      #expect(errors.fileProblem == .missing)
      #expect(errors.description.hasPrefix("\(path): there is no such file; "))
    }
  }

  @Test func directory() throws { #expect(try failure("/tmp").fileProblem == .directory) }

  @Test func unreadable() throws {
    let errors = try failure("/dev/null/larder.toml")
    #expect(errors.fileProblem == .unreadable(ENOTDIR))
    #expect(errors.description.contains("Not a directory"))
  }

  @Test func tooLarge() throws {
    #expect(try failure("/dev/zero").fileProblem == .tooLarge)
    let megabyte = [UInt8](repeating: UInt8(ascii: "#"), count: 1 << 20)
    try withFile(megabyte) { path throws in #expect(try Configuration.load(path: path) == .defaults) }
    try withFile(megabyte + [0x23]) { path throws in #expect(try failure(path).fileProblem == .tooLarge) }
    let errors = #expect(throws: ConfigurationErrors.self) {
      try Configuration.parse(bytes: megabyte + [0x23], file: "f")
    }
    #expect(errors?.fileProblem == .tooLarge)
  }

  @Test(
    arguments: [
      ([0xFF], 1), ([0x23, 0x0A, 0x23, 0xC3, 0x0A], 2), ([0x0A, 0x0A, 0xED, 0xA0, 0x80], 3),
      ([0x23, 0x0A, 0x23, 0x00], 2),
    ] as [([UInt8], Int)])
  func noText(bytes: [UInt8], line: Int) throws {
    try withFile(bytes) { path throws in
      let errors = try failure(path)
      #expect(errors.problems.map(\.line) == [line])
      #expect(errors.problems.map(\.cause) == [.syntax])
      #expect(errors.fileProblem == nil)
    }
  }
}
