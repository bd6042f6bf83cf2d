// The demo from its start to Ctrl-C: the origin, the daemon with an embedded configuration, the walk, and the end.

import Access
import Cache
import Configuration
import Glibc
import Loop

/// One run of the demo.
@EventLoop
struct DemoBox {
  let address: ListenAddress
  /// Where the box keeps its data; nil for the temporary folder.
  let data: String?
  /// The folder of videos; nil for those that ship inside the program.
  let videos: String?
  let folder: TemporaryFolder

  private static let user = "alice"
  private static let tokenLifetime: Int64 = 24 * 3600

  func run() async throws {
    let orders = Orders()
    let urgency = Urgency()
    let signals = try Signals([SIGINT, SIGTERM, SIGHUP]) { [folder] _ in
      // The second time it is meant: open responses are cut.
      if urgency.isSecond() {
        folder.remove()
        Glibc.exit(0)
      }
      orders.give(.stop)
    }
    defer { withExtendedLifetime(signals) {} }
    try probe()
    let library = try videos.map { try DemoLibrary(folder: $0) } ?? .shipped(in: "\(folder.path)/videos")
    let catalogue = "\(folder.path)/\(DemoOrigin.catalogueKey)"
    if let error = SmallFile.replace(catalogue, with: library.catalogue) { throw StartFailure.temporary("\(error)") }
    let origin = try DemoOrigin(library, catalogue: catalogue)
    // The quickest to download.
    guard let entry = library.titles.min(by: { $0.size < $1.size }) else { return }
    let usual = try await settings(origin)
    let paced = try await settings(origin, pacing: entry)
    let daemon = try Daemon(paced, log: EventLog(LogSettings(usual.configuration.log)))
    try await daemon.start()
    let guide = try await guide(usual, library, port: daemon.addresses.first?.port ?? address.port)
    Terminal.say(
      guide.introduction(
        origin: origin.endpoint,
        videos: videos.map { "\(library.titles.count) videos of \($0)" }
          ?? "\(library.titles.count) videos that ship with larder",
        data: usual.configuration.storage.path, quota: ByteSize.text(for: usual.configuration.quota.default)))
    let client = try DemoClient(base: guide.base, token: guide.token)
    let ending = Ending()
    let walk = EventLoop.spawn { [data, folder] in
      do {
        let rate = ByteText.short(paced.configuration.downloads.maxRate)
        let pace = "held to \(rate)/s for this walk, so that it can be seen"
        let outcome = try await DemoWalk(client: client, entry: entry, pace: pace).run()
        daemon.reload(usual, kept: [])
        Terminal.say(guide.next(outcome, walked: entry))
        Terminal.say("Ctrl-C stops it" + (data.map { "; \($0) stays." } ?? " and removes \(folder.path)."))
      } catch {
        guard !Task.isCancelled else { return }
        ending.failure = .fault("the demo: \(error)")
        orders.give(.stop)
      }
    }
    _ = await orders.next()
    walk.cancel()
    await walk.value
    Terminal.say("\nStopping: open responses may finish; Ctrl-C again cuts them.")
    client.shutDown()
    await daemon.stop()
    await origin.stop()
    if let failure = ending.failure { throw failure }
  }

  /// Says early, and in the demo's own words, that the address cannot be had.
  private func probe() throws(StartFailure) {
    do throws(LoopError) {
      try Listener(address: SocketAddress(parsing: address.description)).stop()
    } catch {
      throw .temporary("\(error); choose another with --listen, such as --listen 127.0.0.1:0 for any port that is free")
    }
  }

  /// The embedded configuration; for the walk with a rate at which `entry` takes two seconds.
  private func settings(_ origin: DemoOrigin, pacing entry: DemoTitle? = nil) async throws -> Settings {
    var configuration = Configuration.defaults
    configuration.server.listen = [address]
    configuration.server.adminSocket = ""
    configuration.storage.path = data ?? "\(folder.path)/box"
    // A small temporary file system has room for a demo too.
    configuration.storage.reserve = 16 << 20
    guard let endpoint = Endpoint(origin.endpoint) else {
      throw StartFailure.fault("\(origin.endpoint) is no endpoint")
    }
    configuration.origin.endpoint = endpoint
    configuration.origin.region = DemoOrigin.region
    configuration.origin.bucket = DemoOrigin.bucket
    configuration.origin.addressing = .path
    configuration.origin.catalogKey = DemoOrigin.catalogueKey
    configuration.log.level = .warning
    if let entry {
      configuration.downloads.maxRate = max(1, entry.size / 2)
      if entry.size < configuration.downloads.chunkSize {
        // One small block after the other: all at once would arrive at the same moment.
        configuration.downloads.chunkSize = 64 << 10
        configuration.downloads.connections = 1
      }
    }
    try DataDirectory.prepareForKey(configuration.storage.path)
    do {
      return try await Settings(configuration, makesKey: true, credentials: origin.credentials)
    } catch {
      throw StartFailure.configuration("the demo: \(error)")
    }
  }

  private func guide(_ settings: Settings, _ library: DemoLibrary, port: UInt16) async throws -> DemoGuide {
    let issuer = TokenIssuer(rules: settings.rules, secret: settings.secret)
    let token = try await issuer.issue(
      user: Self.user, roles: [settings.rules.requiredRole], lifetimeSeconds: Self.tokenLifetime,
      at: Clock.now.milliseconds)
    let isAny = address.host == "0.0.0.0" || address.host == "::"
    let host = isAny ? (address.isIPv6 ? "::1" : "127.0.0.1") : address.host
    let isLoopback = host == "::1" || host.hasPrefix("127.")
    return DemoGuide(
      base: "http://\(address.isIPv6 ? "[\(host)]" : host):\(port)", token: token, user: Self.user, library: library,
      isOpen: isAny || !isLoopback)
  }
}

/// Why the walk came to no good end; nil when it did.
@EventLoop
private final class Ending {
  var failure: StartFailure?
}

/// Counts the orders to stop.
@EventLoop
private final class Urgency {
  private var count = 0

  func isSecond() -> Bool {
    count += 1
    return count > 1
  }
}
