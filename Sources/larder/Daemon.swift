// The daemon as a whole: its parts put together, started, reloaded, and brought to an end in order.

import Cache
import Configuration
import Glibc
import LMDB
import Loop

/// Why the daemon cannot start, with the exit status that says so to scripts.
struct StartFailure: Error, CustomStringConvertible {
  /// As the contract has them: 70, 75 or 78.
  let status: Int32
  let description: String

  static func temporary(_ why: String) -> StartFailure { StartFailure(status: 75, description: why) }
  static func configuration(_ why: String) -> StartFailure { StartFailure(status: 78, description: why) }
  static func fault(_ why: String) -> StartFailure { StartFailure(status: 70, description: why) }

  /// What a setting names cannot be used.
  static func settings(_ path: String, _ problem: SettingProblem) -> StartFailure {
    problem.mayMend ? .temporary("\(path): \(problem)") : .configuration("\(path): \(problem)")
  }
}

/// A running box.
@EventLoop
final class Daemon {
  private var settings: Settings
  private let log: EventLog
  private let lock: Descriptor
  private let writer: LedgerWriter
  private let volume: Volume
  private let origin: OriginClient
  private let fills: Fills
  private let box: Box
  private let scrub: Scrub
  private let overview: Overview
  private let server: HTTPServer
  private let adminServer: HTTPServer
  let metrics = Metrics()
  /// What to tell of a lower `max_connections` at start.
  private let shortOfDescriptors: String?
  /// Where it can be reached.
  private(set) var addresses: [SocketAddress] = []

  /// How long open responses may go on after the order to stop.
  private static let grace = Duration.seconds(10)

  /// Puts the parts together; nothing runs before `start`.
  ///
  /// - Parameter depth: how far the ledger's file is checked; as a start does it when nothing is said.
  init(_ settings: Settings, log: EventLog, checking depth: Environment.CheckDepth? = nil) throws {
    self.settings = settings
    self.log = log
    let path = settings.configuration.storage.path
    do {
      try DataDirectory.prepare(path)
      lock = try DataDirectory.lock(path)
    } catch let error as DiskError {
      throw error.mayMend
        ? StartFailure.temporary("the data directory: \(error)")
        : StartFailure.configuration("storage.path: \(error)")
    } catch {
      throw StartFailure.temporary("\(error)")
    }
    let root = try DataDirectory.open(path)
    let wasCutOff = RunMark.set(in: lock)
    let ledger = try LedgerOpening.open(path, checking: depth ?? LedgerOpening.depth(afterDisorder: wasCutOff))
    writer = LedgerWriter(ledger, policy: settings.policy) { DataDirectory.freeBytes(root) }
    volume = try Volume(path: path, ledger: writer)
    origin = try OriginClient(settings.origin, metrics: metrics, log: log)
    let losses = Losses(writer: writer, metrics: metrics, log: log)
    fills = Fills(
      writer: writer, volume: volume, origin: origin, losses: losses, settings: settings.fills,
      rate: settings.rate, log: log)
    let catalogue = Catalogue(path: "\(path)/ledger/catalog.json", origin: origin, log: log)
    box = Box(
      writer: writer, volume: volume, origin: origin, fills: fills, catalogue: catalogue,
      door: Door(rules: settings.rules, keys: settings.keys, linkSecret: settings.secret), policy: settings.policy,
      losses: losses, metrics: metrics, log: log, keyOf: settings.keyOf)
    scrub = Scrub(writer: writer, volume: volume, losses: losses, settings: settings.scrub, log: log)
    overview = Overview(box, scrub: scrub, configuration: settings.configuration)
    let budget = try settings.descriptors.effectiveConnections(limit: Descriptor.limit)
    let api = API(box, overview: overview)
    let shared = SharedCounts()
    server = HTTPServer(
      handler: api, limits: settings.limits.with(connections: budget.connections), metrics: metrics, shared: shared)
    shortOfDescriptors = budget.warning
    adminServer = HTTPServer(
      handler: AdminAPI(api, overview: overview), limits: settings.adminLimits, shared: shared, asksForUsers: true)
    overview.server = server
    scrub.isBusy = { [unowned box] in box.isBusy }
    scrub.checked = { [metrics] in metrics.count(.scrubBytes, by: $0) }
    writer.onRoom { [log] isShort in
      if isShort {
        log.warning("ledger.room", "the disk is full: nothing new is taken until the ledger has room again")
      } else {
        log.notice("ledger.room", "the ledger has room again")
      }
    }
    writer.onReader { [log] reader in
      log.warning(
        "ledger.reader",
        "process \(reader.process) reads a state of the ledger that is \(reader.age) changes old: the file grows until it ends"
      )
    }
    writer.onCommit { [volume, box, scrub] change in
      volume.remove(change.discards)
      EventLoop.submit {
        for object in change.goneObjects { scrub.forget(object) }
        box.committed(change)
      }
    }
    tellRequests()
    metrics.read(.connections) { [weak server] in [server?.count] }
    metrics.read(.logLinesDropped) { [LogQueue.standardError.dropped] }
    metrics.read(.storageFreeBytes) { [space = box.space] in [space.bytes] }
    metrics.read(.storageCapacityBytes) { [weak box] in [box?.capacity] }
    metrics.read(.storageReserveBytes) { [weak box] in [box?.policy.reserve] }
    metrics.read(.storageBytes) { [weak box] in
      let usage = try? box?.read { ledger, tx in try ledger.boxUsage(in: tx) }
      return [usage?.complete, usage?.filling, usage?.discarded]
    }
  }

  /// Listens, takes up what was left undone, and serves.
  ///
  /// - Parameter passed: sockets of the service manager; used instead of `server.listen`.
  func start(passed: [Int32] = []) async throws {
    let passed = try adopt(passed)
    let network = passed.filter { $0.localAddress.path == nil }
    let listeners = try listen(network)
    let adminListeners = administer(passed.filter { $0.localAddress.path != nil })
    takeUp()
    await box.catalogue.use(
      key: settings.configuration.origin.catalogKey, refresh: settings.configuration.catalog.refresh,
      retry: settings.fills.retry)
    for listener in listeners {
      server.serve(listener)
      addresses.append(listener.localAddress)
      overview.addresses.append(listener.localAddress)
      tell(listener)
    }
    for listener in adminListeners {
      adminServer.serve(listener)
      tell(listener)
    }
    let unused = network.isEmpty ? nil : unusedListen(network.map(\.localAddress))
    for warning in settings.warnings + [shortOfDescriptors, unused].compactMap({ $0 }) {
      log.warning("configuration", warning)
    }
    fills.schedule()
    scrub.start()
  }

  /// Mends what an inspection finds without serving anybody, for as long as that takes: `verify --repair` while no daemon
  /// runs. What is on the way in is fetched meanwhile, as ever.
  func repair(
    _ report: InspectionReport, bytesPerSecond: Int?, tell: @escaping @EventLoop (String) async -> Bool
  ) async throws -> InspectionSummary {
    takeUp()
    await volume.caughtUp()
    return try await box.repair(report, bytesPerSecond: bytesPerSecond, tell: tell)
  }

  private func tell(_ listener: Listener) {
    log.notice("listening", "listening on \(listener.localAddress)", [.address: "\(listener.localAddress)"])
  }

  /// Who set `server.listen` and got sockets from the service manager should know why it listens elsewhere.
  private func unusedListen(_ passed: [SocketAddress]) -> String? {
    let wanted = settings.configuration.server.listen
    guard wanted != Configuration.defaults.server.listen,
      !wanted.allSatisfy({ address in passed.contains { $0.description == address.description } })
    else { return nil }
    return "server.listen is not used: systemd passes the sockets in; change ListenStream= of larder.socket instead"
  }

  private func adopt(_ passed: [Int32]) throws -> [Listener] {
    do { return try passed.map { try Listener(adopting: $0) } } catch let error as LoopError {
      throw StartFailure.temporary("\(error); the service manager must pass listening sockets only")
    }
  }

  private func listen(_ passed: [Listener]) throws -> [Listener] {
    if !passed.isEmpty { return passed }
    do {
      return try settings.configuration.server.listen.map { address in
        try Listener(address: SocketAddress(parsing: address.description))
      }
    } catch let error as LoopError {
      throw StartFailure.temporary("\(error); stop what listens there, or choose another server.listen")
    }
  }

  /// The administration socket: the one that was passed, else one of our own. A box works without it, so that what stands
  /// in its way is only said.
  private func administer(_ passed: [Listener]) -> [Listener] {
    let path = settings.configuration.server.adminSocket
    if !passed.isEmpty || path.isEmpty { return passed }
    do { return [try AdminListener.listen(path)] } catch {
      log.warning("admin.unavailable", "no administration socket at \(path): \(error)", [.address: path])
      return []
    }
  }

  /// Files that were given up before a crash and may still be there: removed by the ledger's list, never by a scan. The
  /// list is read before anything new can happen and worked off beside the serving: a path on it that is used again is
  /// linked after its removal, since the disk's thread keeps the order.
  private func takeUp() {
    do {
      let pending = try box.read { ledger, tx in try ledger.pendingDiscards(in: tx) }
      for start in stride(from: 0, to: pending.count, by: 1000) {
        let part = Array(pending[start..<min(pending.count, start + 1000)])
        volume.remove(part, mayBeGone: true) { [log] removed in
          guard removed < part.count else { return }
          log.warning(
            "start.discards", "\(part.count - removed) files cannot be removed now; it is tried again")
        }
      }
    } catch { log.fault("start.discards", "the list of files to remove cannot be read: \(error)") }
  }

  /// The settings after a reload; what cannot change while running stays as it was.
  func reload(_ fresh: Settings, kept: [String]) {
    settings = fresh
    overview.configuration = fresh.configuration
    log.use(LogSettings(fresh.configuration.log))
    tellRequests()
    writer.use(fresh.policy)
    box.policy = fresh.policy
    box.door = Door(rules: fresh.rules, keys: fresh.keys, linkSecret: fresh.secret)
    box.keyOf = fresh.keyOf
    if origin.use(fresh.origin) { fills.originMoved() }
    fills.use(fresh.fills, rate: fresh.rate)
    fills.hurry()
    scrub.use(fresh.scrub)
    // What would not have started keeps the number it had.
    if let budget = try? fresh.descriptors.effectiveConnections(limit: Descriptor.limit) {
      server.use(fresh.limits.with(connections: budget.connections))
      if let warning = budget.warning { log.warning("configuration", warning) }
    } else {
      server.use(fresh.limits.with(connections: server.limits.connections))
      log.warning("configuration", "server.max_connections: there are no descriptors for it; it stays as it was")
    }
    adminServer.use(fresh.adminLimits)
    EventLoop.spawn { [box] in
      await box.catalogue.use(
        key: fresh.configuration.origin.catalogKey, refresh: fresh.configuration.catalog.refresh,
        retry: fresh.fills.retry)
    }
    for warning in fresh.warnings { log.warning("configuration", warning) }
    for key in kept { log.warning("configuration", "\(key) cannot change while running; restart larder for it") }
  }

  /// Has the log tell of requests, when it is to.
  private func tellRequests() {
    for server in [server, adminServer] { server.requestLog = log.tellsRequests ? log : nil }
  }

  var configuration: Configuration { settings.configuration }

  /// What it is doing.
  func status() async -> StatusLine { await StatusLine(of: box) }

  /// Stops accepting, lets open responses finish, makes every finished chunk durable.
  func stop() async {
    log.notice("stopping", "finishing open responses, then stopping")
    box.repair?.stop()
    async let drained: Void = server.drain(grace: Self.grace)
    async let adminDrained: Void = adminServer.drain(grace: Self.grace)
    await fills.stop()
    await scrub.stop()
    await drained
    await adminDrained
    box.flushPlays()
    await volume.finish()
    await writer.finish()
    writer.ledger.environment.close()
    RunMark.clear(in: lock)
    origin.shutDown()
    log.notice("stopped", "everything is on the disk")
  }
}
