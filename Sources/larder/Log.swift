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

  /// Whether there is a line for each request that was answered.
  var tellsRequests: Bool {
    SharedLogSettings.current.withLock { $0.tellsRequests && $0.level <= .info }
  }

  /// A request was answered, to its end or not.
  ///
  /// - Parameter microseconds: from its head to the end of its answer.
  func answered(_ request: AnsweredRequest, after microseconds: Int) {
    LogLine(.info, "request.answered", request.sentence(microseconds), request.subjects) {
      request.write(microseconds, to: &$0)
    }.write()
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
  /// Whether there is a line for each request that was answered.
  var tellsRequests = false

  /// For who has nothing to say but what it is asked.
  static let silent = LogSettings(level: .critical, isJSON: false)
}

/// Changed by a reload, read at every event.
private enum SharedLogSettings {
  static let current = Mutex(LogSettings(level: .info, isJSON: false))
}

/// Makes each event one line, and hands it to the queue.
private struct StandardErrorHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .trace

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var subjects = (event.metadata ?? [:]).mapValues { "\($0)" }
    let name = subjects.removeValue(forKey: "event") ?? ""
    LogLine(event.level, name, "\(event.message)", subjects).write()
  }
}

/// One event as it is written.
struct LogLine {
  private let level: Logger.Level
  private let event: String
  private let message: String
  /// Names and values of what it is about.
  private let subjects: [String: String]
  /// Writes members of the JSON form alone: in the other one, the sentence has them.
  private let members: (inout JSONWriter) -> Void

  init(
    _ level: Logger.Level, _ event: String, _ message: String, _ subjects: [String: String],
    members: @escaping (inout JSONWriter) -> Void = { _ in }
  ) {
    self.level = level
    self.event = event
    self.message = message
    self.subjects = subjects
    self.members = members
  }

  /// Hands it to whoever writes to standard error.
  func write() {
    LogQueue.standardError.append(bytes) { dropped in
      LogLine(
        .warning, "log.dropped",
        "\(dropped) lines of the log are missing here: standard error did not take them in time", [:]
      ).bytes
    }
  }

  /// With its end.
  private var bytes: [UInt8] {
    // The journal has its own time and wants a priority, which it takes off.
    let priority = Journal.isStandardError ? Array("<\(level.priority)>".utf8) : []
    let isJSON = SharedLogSettings.current.withLock { $0.isJSON }
    return priority + (isJSON ? json : text) + [UInt8(ascii: "\n")]
  }

  private var text: [UInt8] {
    var line =
      Journal.isStandardError ? "" : "\(HTTP.Timestamp.string(milliseconds: Int(Clock.now.milliseconds))) \(level) "
    line += message
    let about = subjects.sorted { $0.key < $1.key }
    if !about.isEmpty { line += " (" + about.map { "\($0.key) \($0.value)" }.joined(separator: ", ") + ")" }
    // What came from outside cannot begin a line of its own.
    return line.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 }
  }

  private var json: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.field("time", milliseconds: Int(Clock.now.milliseconds))
      writer.field("level", "\(level)")
      writer.field("event", event)
      writer.field("message", message)
      for (name, value) in subjects.sorted(by: { $0.key < $1.key }) { writer.field(name, value) }
      members(&writer)
    }
    return writer.bytes
  }
}

extension Logger.Level {
  /// As in sd-daemon(3).
  fileprivate var priority: Int {
    switch self {
    case .critical: 2
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug, .trace: 7
    }
  }
}
