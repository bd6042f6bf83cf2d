// SIGHUP: the file is read again while everything goes on.

import Foundation
import Glibc
import Testing

@LaneC @Suite("Reloading") struct ReloadTests {
  @Test("a changed quota holds at once, a running play notices nothing, and what cannot change is named")
  func reloaded() throws {
    let box = try Box(["quota": ["default": "\"10MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 8 << 20)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    let viewer = try Connection(port: box.port)
    viewer.readSlowly()
    try viewer.send(request("GET", "/api/downloads/\(id)/play", headers: ann.authorization))
    #expect(try viewer.receiveHead().status == 200)
    let begun = try viewer.receive(count: 1000)

    try box.change(["quota": ["default": "\"20MiB\""], "server": ["listen": "[\"127.0.0.1:1\"]"]])
    box.reload()
    let line = try box.logged("the reload") { $0.message?.text?.contains("configuration reloaded") == true }
    #expect(line.level?.text == "notice")
    try box.logged("the warning") { $0.level?.text == "warning" && "\($0)".contains("listen") }
    #expect(try ann.storage() == .of(20 << 20, used: title.size, reserved: 0))
    #expect((begun + (try viewer.receive(count: title.size - 1000))) == title.bytes)

    // Lowered below the usage it removes nothing by itself.
    try box.change(["quota": ["default": "\"1MiB\""]])
    box.reload()
    try eventually("the lower quota", explain: box.report) { try ann.storage().limit == 1 << 20 ? true : nil }
    #expect(try ann.storage() == Storage(limit: 1 << 20, used: title.size, reserved: 0, available: 0))
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a file that is wrong changes nothing, and the log says where it is wrong")
  func kept() throws {
    let box = try Box(["quota": ["default": "\"10MiB\""]])
    let ann = try box.user("ann")
    let good = try String(contentsOfFile: box.configurationFile, encoding: .utf8)
    let lines = good.split(separator: "\n", omittingEmptySubsequences: false).count
    try (good + "[catalog]\nrefrsh = \"1m\"\n").write(toFile: box.configurationFile, atomically: true, encoding: .utf8)
    box.reload()
    let line = try box.logged("the refusal") { $0.message?.text?.contains("configuration kept") == true }
    #expect(
      line.message?.text?.contains("configuration kept: \(box.configurationFile):\(lines + 1):") == true, "\(line)")
    #expect(try ann.storage() == .of(10 << 20, used: 0, reserved: 0))
    unsafe unlink(box.configurationFile)
    box.reload()
    try box.logged("the second refusal") {
      $0.message?.text?.contains("configuration kept: \(box.configurationFile):") == true
        && $0.message?.text != line.message?.text
    }
    #expect(try ann.storage() == .of(10 << 20, used: 0, reserved: 0))
  }

  @Test("new credentials and a new rate hold without a restart")
  func credentials() throws {
    let box = try Box(secretKey: "wrong")
    let ann = try box.user("ann")
    let title = Title(size: 100_000)
    try box.origin.put(title)
    #expect(try ann.tryStart(title).code == "origin_refused")
    try """
    [default]
    aws_access_key_id = \(SeaweedFS.accessKey)
    aws_secret_access_key = \(SeaweedFS.secretKey)

    """.write(toFile: box.directory + "/credentials", atomically: true, encoding: .utf8)
    box.reload()
    try box.logged("the reload") { $0.message?.text?.contains("configuration reloaded") == true }
    _ = try ann.fetch(title)
  }
}
