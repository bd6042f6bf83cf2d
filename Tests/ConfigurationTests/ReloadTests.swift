// A reload takes what may change and keeps the rest.

import Testing

@testable import Configuration

@Suite struct ReloadTests {
  @Test func onlyTheseAreKept() {
    #expect(
      Setting.all.filter { !$0.changesWhileRunning }.map(\.key) == [
        "server.listen", "server.admin_socket", "storage.path",
      ])
  }

  @Test func nothingChanges() {
    let changes = Configuration.defaults.changes(to: .defaults)
    #expect(changes.isEmpty)
    #expect(Configuration.defaults.reloading(to: .defaults) == .defaults)
  }

  @Test func changesAreNamed() throws {
    let old = Configuration.defaults
    let text = """
      server.listen = ["[::]:4000"]
      server.idle_timeout = "1m"
      storage.path = "/srv/larder"
      quota.users.a = 1
      log.level = "debug"
      downloads.retry_max = "1m"
      """
    let new = try Configuration.parse(text: text, file: "f")
    let changes = old.changes(to: new)
    #expect(changes.reloadable == ["server.idle_timeout", "quota.users", "log.level"])
    #expect(changes.kept == ["server.listen", "storage.path"])
    let running = old.reloading(to: new)
    #expect(running.server.listen == old.server.listen)
    #expect(running.storage.path == old.storage.path)
    #expect(running.server.idleTimeout == .seconds(60))
    #expect(running.quota.users == ["a": 1])
    // The next reload of the same file still names what waits for a restart.
    #expect(running.changes(to: new).reloadable == [])
    #expect(running.changes(to: new).kept == changes.kept)
  }

  @Test func whatIsNotKeptIsTaken() {
    for seed in 0..<100 {
      var generator = Seeded(state: UInt64(seed))
      let (old, new) = (Configuration.random(using: &generator), Configuration.random(using: &generator))
      let running = old.reloading(to: new)
      #expect(old.changes(to: running).kept == [], "seed \(seed)")
      #expect(running.changes(to: new).reloadable == [], "seed \(seed)")
      #expect(old.changes(to: running).reloadable == old.changes(to: new).reloadable, "seed \(seed)")
    }
  }
}
