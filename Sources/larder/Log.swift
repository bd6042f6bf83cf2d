// One line for each event, on standard error: for people, for journald, or as JSON.

import Cache
import Glibc
import HTTP
import Logging
import Synchronization

/// Events of the daemon: each has a stable name, a sentence, and the ids it is about. Nothing secret ever comes here.
struct EventLog: Sendable {
  /// What an event is about.
  enum Subject: String, Sendable {
    case download, user, request, code, address
  }

  private let logger: Logger

  init(_ settings: LogSettings) {
    SharedLogSettings.current.withLock { $0 = settings }
    logger = Logger(label: "larder") { _ in StandardErrorHandler() }
  }

  /// The level and format from now on.
  func use(_ settings: LogSettings) { SharedLogSettings.current.withLock { $0 = settings } }

  func debug(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {
    log(.debug, event, message(), about)
  }

  func info(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {
    log(.info, event, message(), about)
  }

  func notice(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {
    log(.notice, event, message(), about)
  }

  func warning(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {
    log(.warning, event, message(), about)
  }

  /// Our own fault, or the disk's.
  func fault(_ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String] = [:]) {
    log(.error, event, message(), about)
  }

  private func log(
    _ level: Logger.Level, _ event: String, _ message: @autoclosure () -> String, _ about: [Subject: String]
  ) {
    guard level >= SharedLogSettings.current.withLock({ $0.level }) else { return }
    var metadata: Logger.Metadata = ["event": .string(event)]
    for (subject, text) in about { metadata[subject.rawValue] = .string(text) }
    logger.log(level: level, "\(message())", metadata: metadata)
  }
}

/// `[log]` of the configuration.
struct LogSettings: Sendable {
  var level: Logger.Level
  var isJSON: Bool
}

/// Changed by a reload, read at every event.
private enum SharedLogSettings {
  static let current = Mutex(LogSettings(level: .info, isJSON: false))
}

/// Makes each event one line, and hands it to the queue.
private struct StandardErrorHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .trace

  /// Set by systemd when standard error goes to the journal, which has its own time and wants a priority.
  private static let isJournal = unsafe getenv("JOURNAL_STREAM") != nil

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let line = Self.line(event.level, "\(event.message)", (event.metadata ?? [:]).mapValues { "\($0)" })
    LogQueue.standardError.append(line) { dropped in
      Self.line(
        .warning, "\(dropped) lines of the log are missing here: standard error did not take them in time",
        ["event": "log.dropped"])
    }
  }

  private static func line(_ level: Logger.Level, _ message: String, _ fields: [String: String]) -> [UInt8] {
    let isJSON = SharedLogSettings.current.withLock { $0.isJSON }
    return isJSON ? json(level, message, fields) : text(level, message, fields)
  }

  private static func text(_ level: Logger.Level, _ message: String, _ fields: [String: String]) -> [UInt8] {
    var line =
      isJournal ? "<\(priority(level))>" : "\(HTTP.Timestamp.string(milliseconds: Int(Clock.now.milliseconds))) "
    if !isJournal { line += "\(level) " }
    line += message
    let about = fields.filter { $0.key != "event" }.sorted { $0.key < $1.key }
    if !about.isEmpty { line += " (" + about.map { "\($0.key) \($0.value)" }.joined(separator: ", ") + ")" }
    // What came from outside cannot begin a line of its own.
    return line.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 } + [UInt8(ascii: "\n")]
  }

  private static func json(_ level: Logger.Level, _ message: String, _ fields: [String: String]) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.field("time", milliseconds: Int(Clock.now.milliseconds))
      writer.field("level", "\(level)")
      writer.field("event", fields["event"])
      writer.field("message", message)
      for (name, value) in fields.sorted(by: { $0.key < $1.key }) where name != "event" { writer.field(name, value) }
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }

  /// As in sd-daemon(3).
  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .critical: 2
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug, .trace: 7
    }
  }
}
