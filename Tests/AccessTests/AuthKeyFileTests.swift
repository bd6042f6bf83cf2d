import Foundation
import Testing

@testable import Access

@Suite struct AuthKeyFileTests {
  /// A directory of its own for each test, gone afterwards.
  private final class Directory {
    let path = FileManager.default.temporaryDirectory.path + "/larder-key-\(UUID().uuidString)"
    var keyPath: String { path + "/auth.key" }
    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ content: [UInt8], mode: Int = 0o600) throws {
      try Data(content).write(to: URL(fileURLWithPath: keyPath))
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: keyPath)
    }

    func content() throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: keyPath))) }
  }

  private func error<Value>(_ body: () throws(AuthKeyFileError) -> Value) -> AuthKeyFileError? {
    do throws(AuthKeyFileError) {
      _ = try body()
      return nil
    } catch {
      return error
    }
  }

  @Test func isMadeOnceAndKept() async throws {
    let directory = try Directory()
    let made = try AuthKeyFile.loadOrCreate(directory.keyPath)
    #expect(made.isNew && made.warnings.isEmpty)
    let content = try directory.content()
    #expect(content.count == 65 && content.last == 0x0A)
    #expect(content.dropLast().allSatisfy { "0123456789abcdef".utf8.contains($0) })
    #expect(Set(content).count > 4)
    let mode = try FileManager.default.attributesOfItem(atPath: directory.keyPath)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try directory.names == ["auth.key"])

    let again = try AuthKeyFile.loadOrCreate(directory.keyPath)
    #expect(!again.isNew)
    #expect(try directory.content() == content)
    // The same key: it is the file's text that signs, as other tools would take it.
    let verifier = TokenVerifier(rules: AccessRules(), keys: try await TokenKeys(secret: again.secret))
    #expect(verifier.refusal(of: Make.token(key: Array(content.dropLast()))) == nil)
  }

  @Test func twoKeysDiffer() throws {
    let (one, other) = (try Directory(), try Directory())
    _ = try AuthKeyFile.loadOrCreate(one.keyPath)
    _ = try AuthKeyFile.loadOrCreate(other.keyPath)
    #expect(try one.content() != other.content())
  }

  /// Another process made the file after this one had looked for it: that one stays.
  @Test func anExistingFileIsNeverOverwritten() throws {
    let directory = try Directory()
    try directory.write(Array(Fixtures.secret.utf8))
    #expect(try AuthKeyFile.create(directory.keyPath) == false)
    #expect(try directory.content() == Array(Fixtures.secret.utf8))
    #expect(try directory.names == ["auth.key"])
  }

  /// Many starts at once: one file, one key, nothing left behind.
  @Test func racesEndInOneKey() async throws {
    let directory = try Directory()
    let path = directory.keyPath
    let links = try await withThrowingTaskGroup(of: (String, Bool).self) { group in
      for _ in 0..<16 {
        group.addTask {
          let loaded = try AuthKeyFile.loadOrCreate(path)
          return (Links(secret: loaded.secret).sign(download: "d", user: "u", expiresAt: 1), loaded.isNew)
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(links.map(\.0)).count == 1)
    #expect(links.count { $0.1 } == 1)
    #expect(try directory.names == ["auth.key"])
  }

  @Test(arguments: [(31, false), (32, true), (33, true), (65_536, true), (65_537, false)])
  func lengths(count: Int, isTaken: Bool) throws {
    let directory = try Directory()
    try directory.write([UInt8](repeating: 0x61, count: count))
    #expect((error { () throws(AuthKeyFileError) in try AuthKeyFile.load(directory.keyPath) } == nil) == isTaken)
  }

  @Test func oneTrailingNewlineDoesNotCount() throws {
    let directory = try Directory()
    let key = [UInt8](repeating: 0x61, count: 31)
    try directory.write(key + [0x0A])
    #expect(
      error { () throws(AuthKeyFileError) in try AuthKeyFile.load(directory.keyPath) }
        == .secret(path: directory.keyPath, TokenSecretError(byteCount: 31)))
    try directory.write(key + [0x0A, 0x0A])
    #expect(error { () throws(AuthKeyFileError) in try AuthKeyFile.load(directory.keyPath) } == nil)
    try directory.write([])
    let empty = error { () throws(AuthKeyFileError) in try AuthKeyFile.loadOrCreate(directory.keyPath) }
    #expect(empty == .secret(path: directory.keyPath, TokenSecretError(byteCount: 0)))
    #expect(try directory.content() == [])
    #expect(
      empty?.description
        == "\(directory.keyPath): the key has 0 bytes and needs at least 32 (openssl rand -hex 32 makes one)")
  }

  @Test(arguments: [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o620, 1), (0o666, 1)])
  func othersWhoMayRead(mode: Int, warnings: Int) throws {
    let directory = try Directory()
    try directory.write(Array(Fixtures.secret.utf8), mode: mode)
    let loaded = try AuthKeyFile.load(directory.keyPath)
    #expect(loaded.warnings.count == warnings)
    if let warning = loaded.warnings.first {
      #expect(warning == "\(directory.keyPath) is open to other users (mode 0\(String(mode, radix: 8))): chmod 600 it")
    }
  }

  @Test func whatIsNoFile() throws {
    let directory = try Directory()
    let missing = error { () throws(AuthKeyFileError) in try AuthKeyFile.load(directory.keyPath) }
    #expect(missing == .system(operation: "open", path: directory.keyPath, code: ENOENT))
    #expect(missing?.description == "cannot open \(directory.keyPath): No such file or directory")
    #expect(
      error { () throws(AuthKeyFileError) in try AuthKeyFile.load(directory.path) } == .notRegular(path: directory.path)
    )
    #expect(unsafe mkfifo(directory.keyPath, 0o600) == 0)
    #expect(
      error { () throws(AuthKeyFileError) in try AuthKeyFile.loadOrCreate(directory.keyPath) }
        == .notRegular(path: directory.keyPath))
    let nowhere = directory.path + "/none/auth.key"
    guard
      case .system("open", let path, ENOENT) = error({ () throws(AuthKeyFileError) in
        try AuthKeyFile.loadOrCreate(nowhere)
      })
    else {
      Issue.record("a missing directory must be an error")
      return
    }
    #expect(path.hasPrefix(nowhere))
  }

  @Test func theSecretDoesNotPrint() throws {
    let secret = try Make.secret()
    var dumped = ""
    dump(secret, to: &dumped)
    for text in ["\(secret)", String(reflecting: secret), dumped] { #expect(text.contains("(secret)")) }
    #expect(Mirror(reflecting: secret).children.isEmpty)
  }
}
