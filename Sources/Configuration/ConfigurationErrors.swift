// What is wrong with a configuration, in words that say what to do. All of a file's
// problems are collected, so that one round of editing mends them.

/// Everything that is wrong with one configuration file, in the order of its lines.
public struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file, as it was named to us.
  public let file: String
  /// The problems, at least one, sorted by line.
  public let problems: [ConfigurationProblem]

  /// Sorts the problems, of which there must be one at least.
  public init(file: String, problems: [ConfigurationProblem]) {
    precondition(!problems.isEmpty, "an error without a problem")
    self.file = file
    self.problems = problems.sorted { ($0.line ?? 0, $0.key ?? "") < ($1.line ?? 0, $1.key ?? "") }
  }

  init(file: String, line: Int? = nil, complaint: Complaint) {
    self.init(file: file, problems: [ConfigurationProblem(file: file, line: line, key: nil, complaint: complaint)])
  }

  /// Why the file could not be read at all, or nil when its content is what is wrong.
  public var fileProblem: FileProblem? {
    if case .file(let problem)? = problems.first?.cause { problem } else { nil }
  }

  /// One line for each problem: `FILE:LINE: KEY: what is wrong; what to do`.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// One thing that is wrong with a configuration file.
public struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file, as it was named to us.
  public let file: String
  /// The line, from 1, or nil when the file as a whole is meant.
  public let line: Int?
  /// The key in full, as `downloads.chunk_size`, or nil when no key is to blame.
  public let key: String?
  /// The kind of mistake.
  public let cause: Cause
  /// What is wrong.
  public let message: String
  /// What to do about it.
  public let advice: String

  /// The kinds of mistake.
  public enum Cause: Sendable, Equatable {
    /// The file cannot be read.
    case file(FileProblem)
    /// The file is not TOML, or not text.
    case syntax
    /// There is no such key or section.
    case unknownKey
    /// The value is of another type than the key takes.
    case wrongType
    /// The value has the right type and is none that the key takes.
    case invalidValue
    /// The value is a number, size or duration out of the key's range.
    case outOfRange
  }

  /// A problem that shows only when a value is used, as a key file that is too short.
  public init(file: String, line: Int? = nil, key: String?, cause: Cause, message: String, advice: String) {
    self.file = file
    self.line = line
    self.key = key
    self.cause = cause
    self.message = message
    self.advice = advice
  }

  init(file: String, line: Int?, key: String?, complaint: Complaint) {
    self.init(
      file: file, line: line, key: key, cause: complaint.cause, message: complaint.message, advice: complaint.advice)
  }

  /// `FILE:LINE: KEY: what is wrong; what to do`, always one line.
  public var description: String {
    let place = line.map { "\(file):\($0)" } ?? file
    return [place, key, "\(message); \(advice)"].compactMap(\.self).joined(separator: ": ")
  }
}

/// Why a configuration file cannot be read.
public enum FileProblem: Sendable, Equatable {
  /// There is no such file.
  case missing
  /// It is a directory.
  case directory
  /// Opening or reading it failed with this `errno`.
  case unreadable(Int32)
  /// It is larger than a configuration can be.
  case tooLarge
}

/// What a check has to say against a value, before it is known where the value stands.
struct Complaint: Error {
  let cause: ConfigurationProblem.Cause
  let message: String
  let advice: String
  /// The key below the setting's own and its line, for a setting that is a table.
  var below: (key: String, line: Int)?

  init(_ cause: ConfigurationProblem.Cause, _ message: String, advice: String) {
    self.cause = cause
    self.message = message
    self.advice = advice
  }
}

/// All that the checks have to say against one setting.
struct Complaints: Error {
  var all: [Complaint]
}
