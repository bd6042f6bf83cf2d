// `larder verify`: ledger, disk and checksums compared, with a daemon or without one, and mended when asked to.

import ArgumentParser
import CSystem
import Cache
import Configuration
import Glibc
import LMDB
import Logging
import Loop

/// Compares the ledger with the disk and every stored byte with its checksum.
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare the ledger with the disk and every stored byte with its checksum.",
    discussion: """
      Prints a line for each difference and exits 1 when damage is left. It runs beside a daemon or without one, and \
      changes nothing without --repair or --rebuild.
      """)

  @Flag(name: .long, help: "Mend what differs; beside a running daemon, the daemon does it.")
  var repair = false

  @Flag(name: .long, help: "Make a new ledger from the videos on the disk when the old one cannot be opened.")
  var rebuild = false

  @Flag(name: .long, help: "Print one JSON object a line.")
  var json = false

  @Option(name: .long, help: ArgumentHelp("Read no more than this in a second, such as 50MB.", valueName: "SIZE"))
  var rate: String?

  @OptionGroup var file: ConfigurationOption

  func validate() throws {
    guard rate.map({ bytes(of: $0) != nil }) ?? true else {
      throw ValidationError("--rate must be digits and one of B KB MB GB KiB MiB GiB, at least 64KiB, such as 50MB")
    }
  }

  private func bytes(of text: String) -> Int? {
    ByteSize.bytes(in: text).flatMap { $0 >= 64 << 10 ? $0 : nil }
  }

  func run() throws {
    let configuration = try ConfigurationFile.load(file.config)
    let isSound = repair || rebuild ? try mend(configuration) : try look(configuration)
    if !isSound { throw ExitCode(1) }
  }

  // MARK: Mending

  /// Mends with the daemon when one runs, else alone.
  private func mend(_ configuration: Configuration) throws -> Bool {
    if !rebuild, DataDirectory.isTaken(configuration.storage.path) { return try ask(configuration.server.adminSocket) }
    let (report, rate, path, rebuild) = (InspectionReport(isJSON: json), rate.flatMap(bytes), file.config, rebuild)
    let result: Result<InspectionSummary, any Error> = EventLoop.run {
      do { return .success(try await Verify.mendAlone(configuration, path, report, rate, rebuilding: rebuild)) } catch {
        return .failure(error)
      }
    }
    return try result.get().isSound
  }

  /// Has the daemon do it.
  private func ask(_ socket: String) throws -> Bool {
    guard !socket.isEmpty else {
      throw StartFailure.temporary("larder runs, and server.admin_socket is off; stop it to repair")
    }
    do {
      let query = ["json=\(json ? 1 : 0)"] + [rate.flatMap(bytes).map { "rate=\($0)" }].compactMap { $0 }
      // It may read for hours before it has something to say.
      let answer = try AdminSocket(path: socket, patience: nil)
        .request("POST", "/repair?\(query.joined(separator: "&"))")
      guard answer.status == 200 else {
        let why = answer.status == 409 ? RepairUnderWay().description : "larder answers \(answer.status)"
        throw StartFailure.temporary(why)
      }
      while let line = try answer.nextLine() {
        guard let end = RepairEnd(line: line) else {
          Terminal.say(line)
          continue
        }
        if end == .failed { throw StartFailure.fault("the repair ended early; the daemon's log may say more") }
        return end == .sound
      }
      throw StartFailure.temporary("\(AdminSocket.Failure.cut(socket))")
    } catch let failure as AdminSocket.Failure {
      throw StartFailure.temporary("\(failure)")
    }
  }

  @EventLoop
  private static func mendAlone(
    _ configuration: Configuration, _ path: String, _ report: InspectionReport, _ rate: Int?, rebuilding: Bool
  ) async throws -> InspectionSummary {
    var logged = LogSettings(configuration.log)
    logged.level = max(logged.level, .warning)
    // As who called it: keys may be only that user's to read.
    let settings: Settings
    do { settings = try await Settings(configuration, makesKey: true) } catch {
      throw StartFailure.settings(path, error)
    }
    let owner = try Owner(of: configuration.storage.path)
    owner?.take("auth.key", below: configuration.storage.path)
    try owner?.become()
    if rebuilding { try Rebuild(configuration).run { Terminal.say(report.note("ledger", $0)) } }
    let daemon = try Daemon(settings, log: EventLog(logged), checking: .whole)
    do {
      let summary = try await daemon.repair(report, bytesPerSecond: rate) {
        Terminal.say($0)
        return true
      }
      await daemon.stop()
      return summary
    } catch {
      await daemon.stop()
      throw error
    }
  }

  // MARK: Looking

  /// Compares and changes nothing.
  private func look(_ configuration: Configuration) throws -> Bool {
    let path = configuration.storage.path
    try Owner(of: path)?.become()
    let root: Int32
    do throws(DiskError) { root = try DataDirectory.open(path) } catch {
      throw StartFailure.configuration("storage.path: \(error)")
    }
    defer { close(root) }
    let ledger = try LedgerOpening.open(path, readOnly: true, checking: .whole)
    let policy = Policy(configuration)
    let report = InspectionReport(isJSON: json)
    let screen = VerifyScreen()
    let began = Clock.steady
    let inspection = Inspection(
      ledger, root: root, link: { policy.link(of: $0) }, bytesPerSecond: rate.flatMap(bytes),
      found: { screen.say(report.line($0)) }, progress: { screen.show($0) })
    try inspection.run()
    screen.finish(
      InspectionSummary(tally: inspection.tally, duration: Clock.steady.milliseconds - began.milliseconds), report)
    return inspection.tally.differences == 0
  }
}

/// Standard output for lines, and a progress on standard error when that is a terminal.
final class VerifyScreen {
  private static let isLive = isatty(2) == 1 && environment("TERM") != nil && environment("TERM") != "dumb"
  private var drawn = Clock.steady
  private var isDrawn = false

  func say(_ line: String) {
    clear()
    Terminal.say(line)
  }

  func show(_ tally: InspectionTally) {
    guard Self.isLive, Clock.steady.milliseconds - drawn.milliseconds >= 200 else { return }
    drawn = Clock.steady
    isDrawn = true
    let text = """
      \(tally.objects) of \(tally.allObjects) objects, \(ByteText.short(tally.bytes)) of \(ByteText.short(tally.allBytes)), \
      \(tally.differences) differences
      """
    write("\r\(text.prefix(79))\u{1B}[K")
  }

  func finish(_ summary: InspectionSummary, _ report: InspectionReport) {
    for name in summary.tally.unknown.sorted() {
      say(report.note(name, "larder does not know this name and leaves it alone"))
    }
    say(report.summary(summary))
  }

  private func clear() {
    if isDrawn { write("\r\u{1B}[K") }
    isDrawn = false
  }

  private func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = unsafe Glibc.write(2, bytes, bytes.count)
  }
}
