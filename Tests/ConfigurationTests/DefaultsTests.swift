// The defaults are the contract's, every field has a setting, and the file as shipped is what the table renders.

import Glibc
import Testing

@testable import Configuration

@Suite struct DefaultsTests {
  @Test func defaultsAreTheContracts() throws {
    let defaults = Configuration.defaults
    #expect(defaults.server.listen.map(\.description) == ["0.0.0.0:4000"])
    #expect(defaults.server.maxConnections == 4096)
    #expect(defaults.server.idleTimeout == .seconds(75))
    #expect(defaults.server.headerTimeout == .seconds(10))
    #expect(defaults.server.adminSocket == "/run/larder/admin.sock")
    #expect(defaults.auth.secretFile == "")
    #expect(defaults.auth.jwksFile == "")
    #expect(defaults.auth.issuer == "")
    #expect(defaults.auth.audience == "")
    #expect(defaults.auth.requiredRole == "premium")
    #expect(defaults.storage.path == "/var/lib/larder")
    #expect(defaults.storage.capacity == 0)
    #expect(defaults.storage.reserve == 1 << 30)
    #expect(defaults.storage.scrubRate == 8 << 20)
    #expect(defaults.storage.scrubInterval == .seconds(30 * 86_400))
    #expect(defaults.origin.endpoint.description == "https://s3.us-east-1.amazonaws.com")
    #expect(defaults.origin.region == "us-east-1")
    #expect(defaults.origin.bucket == "streamly-content")
    #expect(defaults.origin.addressing == .path)
    #expect(defaults.origin.keyTemplate.text == "{content_id}/{quality}.mp4")
    #expect(defaults.origin.catalogKey == "")
    #expect(defaults.origin.credentialsFile == "")
    #expect(defaults.origin.profile == "default")
    #expect(defaults.origin.caFile == "")
    #expect(defaults.origin.connectTimeout == .seconds(5))
    #expect(defaults.origin.stallTimeout == .seconds(20))
    #expect(defaults.downloads.active == 4)
    #expect(defaults.downloads.connections == 4)
    #expect(defaults.downloads.chunkSize == 8 << 20)
    #expect(defaults.downloads.maxRate == 0)
    #expect(defaults.downloads.retryInitial == .milliseconds(500))
    #expect(defaults.downloads.retryMax == .seconds(60))
    #expect(defaults.quota.default == 20 << 30)
    #expect(defaults.quota.eviction == .lru)
    #expect(defaults.quota.playingGrace == .seconds(600))
    #expect(defaults.quota.users == [:])
    #expect(defaults.catalog.refresh == .seconds(900))
    #expect(defaults.log.level == .info)
    #expect(defaults.log.format == .text)
    #expect(!defaults.log.access)
  }

  @Test func theContractsOwnTextIsTheDefaults() throws {
    let text = """
      [server]
      listen = ["0.0.0.0:4000"]        # also "[::]:4000"; systemd sockets are used instead when passed in
      max_connections = 4096
      idle_timeout = "75s"             # keep-alive connection without a request
      header_timeout = "10s"           # a request head must be complete by then
      admin_socket = "/run/larder/admin.sock"   # "" turns it off

      [auth]
      secret_file = ""
      jwks_file = ""
      issuer = ""
      audience = ""
      required_role = "premium"

      [storage]
      path = "/var/lib/larder"
      capacity = 0
      reserve = "1GiB"
      scrub_rate = "8MiB"
      scrub_interval = "30d"

      [origin]
      endpoint = "https://s3.us-east-1.amazonaws.com"
      region = "us-east-1"
      bucket = "streamly-content"
      addressing = "path"
      key_template = "{content_id}/{quality}.mp4"
      catalog_key = ""
      credentials_file = ""
      profile = "default"
      ca_file = ""
      connect_timeout = "5s"
      stall_timeout = "20s"

      [downloads]
      active = 4
      connections = 4
      chunk_size = "8MiB"
      max_rate = 0
      rate_while_playing = 0
      retry_initial = "500ms"
      retry_max = "60s"

      [quota]
      default = "20GiB"
      eviction = "lru"
      playing_grace = "10m"

      [quota.users]
      # "user_abc123" = "50GiB"

      [catalog]
      refresh = "15m"

      [log]
      level = "info"
      format = "text"
      access = false
      """
    #expect(try Configuration.parse(text: text, file: "larder.toml") == .defaults)
    // Every key of the contract is in the table and the other way round.
    let keys = text.split(separator: "\n").compactMap { line -> Substring? in
      line.contains(" = ") && !line.hasPrefix("#") ? line.split(separator: " ").first : nil
    }
    #expect(Setting.all.filter { $0.key != "quota.users" }.map(\.name) == keys.map(String.init))
    #expect(
      Setting.sections.map(\.name) == ["server", "auth", "storage", "origin", "downloads", "quota", "catalog", "log"])
  }

  @Test func anEmptyFileIsTheDefaults() throws {
    #expect(try Configuration.parse(text: "", file: "f") == .defaults)
    #expect(try Configuration.parse(text: "\u{FEFF}# nothing\r\n[server]\r\n", file: "f") == .defaults)
  }

  @Test func everyFieldHasASetting() {
    func leaves(_ value: Any) -> Int {
      Mirror(reflecting: value).children.reduce(0) { $0 + Mirror(reflecting: $1.value).children.count }
    }
    #expect(leaves(Configuration.defaults) == Setting.all.count)
    #expect(Set(Setting.all.map(\.key)).count == Setting.all.count)
  }

  /// A file of the repository, written anew first when `LARDER_UPDATE` is set.
  ///
  /// `LARDER_UPDATE=1 swift test --filter DefaultsTests` is for after the table has changed.
  private func shipped(_ name: String, updatedTo rendered: String) throws -> (path: String, text: String) {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
    let path = root.joined(separator: "/") + "/" + name
    if unsafe getenv("LARDER_UPDATE") != nil {
      let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
      let text = Array(rendered.utf8)
      let written = unsafe text.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
      try #require(written == text.count && close(file) == 0)
    }
    return (path, try String(decoding: readConfigurationFile(path), as: UTF8.self))
  }

  @Test func theFileAsShippedIsWhatTheTableRenders() throws {
    let (path, shipped) = try shipped("etc/larder.toml", updatedTo: Configuration.defaultFile())
    #expect(shipped == Configuration.defaultFile())
    #expect(try Configuration.load(path: path) == .defaults)
    #expect(shipped.split(separator: "\n").allSatisfy { $0.count <= 80 })
    for setting in Setting.all where !setting.defaultText.isEmpty {
      #expect(shipped.contains("\n\(setting.name) = \(setting.defaultText)\n"))
    }
  }

  @Test func theManualPageAsShippedIsWhatTheTableRenders() throws {
    let page = try shipped("etc/man/larder.toml.5", updatedTo: Configuration.manual()).text
    #expect(page == Configuration.manual())
    let lines = page.split(separator: "\n")
    for setting in Setting.all {
      #expect(lines.contains { $0.hasPrefix("\\fB\(setting.name)\\fR") }, "\(setting.key)")
    }
    for section in Setting.sections { #expect(lines.contains(".SH [\(section.name)]")) }
    // Only requests begin with a full stop or an apostrophe, and those that are used are man(7)'s.
    let requests = Set(lines.filter { $0.hasPrefix(".") || $0.hasPrefix("'") }.map { $0.prefix { $0 != " " } })
    #expect(requests.isSubset(of: [".TH", ".SH", ".TP", ".PP", ".br", ".I", ".BR"]))
  }

  @Test func theReferenceNamesEveryKey() {
    let lines = Configuration.reference().split(separator: "\n")
    for setting in Setting.all {
      let row = lines.first { $0.hasPrefix("| `\(setting.name)` |") }
      // Six cells make seven bars.
      #expect(row?.count { $0 == "|" } == 7, "\(setting.key)")
      #expect(row?.contains(setting.prose) == true)
    }
    #expect(lines.contains { $0.contains("| `chunk_size` | size | 64KiB to 1GiB | `\"8MiB\"` | changes |") })
    #expect(lines.contains { $0.contains("| `listen` |") && $0.contains("| kept until a restart |") })
  }
}
