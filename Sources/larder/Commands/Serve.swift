// `larder serve`: the daemon in the foreground, until it is told to stop.

import ArgumentParser
import Configuration
import Glibc
import Loop

/// Runs the daemon.
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Run the daemon in the foreground.")

  @OptionGroup var file: ConfigurationOption

  func run() throws {
    Memory.limitHeaps()
    let configuration = try ConfigurationFile.load(file.config)
    let path = file.config
    let result: Result<Void, any Error> = EventLoop.run {
      do {
        try await Serve.serve(configuration, path)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  @EventLoop
  private static func serve(_ configuration: Configuration, _ path: String) async throws {
    let log = EventLog(LogSettings(configuration.log))
    try DataDirectory.prepareForKey(configuration.storage.path)
    let settings: Settings
    do { settings = try await Settings(configuration, makesKey: true) } catch {
      throw StartFailure.settings(path, error)
    }
    let orders = Orders()
    let signals = try Signals([SIGHUP, SIGTERM, SIGINT]) { orders.give($0 == SIGHUP ? .reload : .stop) }
    defer { withExtendedLifetime(signals) {} }
    let daemon = try Daemon(settings, log: log)
    try await daemon.start(passed: Systemd.passedSockets())
    let systemd = Systemd()
    systemd.ready()
    Memory.letGo()
    let status = EventLoop.spawn { await systemd.follow { "\(await daemon.status())" } }
    let watchdog = Timer()
    if let period = systemd.watchdogPeriod { watchdog.start(after: period, every: period) { systemd.alive() } }
    while await orders.next() == .reload {
      systemd.reloading()
      await reload(daemon, path, log)
      systemd.ready()
    }
    status.cancel()
    systemd.stopping()
    await daemon.stop()
  }

  @EventLoop
  private static func reload(_ daemon: Daemon, _ path: String, _ log: EventLog) async {
    do {
      let fresh = try Configuration.load(path: path)
      let changes = daemon.configuration.changes(to: fresh)
      let settings = try await Settings(daemon.configuration.reloading(to: fresh), makesKey: false)
      daemon.reload(settings, kept: changes.kept)
      daemon.metrics.count(.configReloads, "reloaded")
      log.notice("configuration.reloaded", "configuration reloaded")
    } catch let errors as ConfigurationErrors {
      daemon.metrics.count(.configReloads, "kept")
      let first = "\(errors)".split(separator: "\n").first ?? ""
      log.notice("configuration.kept", "configuration kept: \(first)")
    } catch {
      daemon.metrics.count(.configReloads, "kept")
      log.notice("configuration.kept", "configuration kept: \(path): \(error)")
    }
  }
}

/// What the administrator wants of a running daemon, in the order in which it was said.
@EventLoop
final class Orders {
  enum Order: Sendable { case reload, stop }

  private var given: [Order] = []
  private let bell = Bell()

  func give(_ order: Order) {
    given.append(order)
    bell.ring()
  }

  func next() async -> Order {
    while given.isEmpty { await bell.wait() }
    return given.removeFirst()
  }
}

/// Reading the configuration for a command: every error is a line, and the status is 78.
enum ConfigurationFile {
  static func load(_ path: String) throws(StartFailure) -> Configuration {
    do { return try Configuration.load(path: path) } catch { throw .configuration("\(error)") }
  }
}
