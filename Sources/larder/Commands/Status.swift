// `larder status`, `downloads`, `users`, `audit`: the box as it is, whether or not the daemon runs.

import ArgumentParser
import Cache
import Configuration
import HTTP

/// Shows what the box is doing.
struct ShowStatus: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show the box at a glance: origin, disk, downloads, who watches what.",
    discussion: "Asks the daemon when one runs, and else reads the ledger.")

  @OptionGroup var output: OutputOption
  @OptionGroup var file: ConfigurationOption

  func run() throws {
    let status = try BoxSource(try ConfigurationFile.load(file.config)).document(.status)
    guard !output.json else { return output.print(status) }
    for line in BoxText.head(status) { Terminal.say(line) }
    for table in [BoxText.fills(status), BoxText.viewers(status)] where !table.rows.isEmpty {
      Terminal.say("")
      for line in table.lines(width: PlainText.screenWidth) { Terminal.say(line) }
    }
  }
}

/// Lists everybody's downloads.
struct Downloads: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List downloads, the newest first.")

  @Option(name: .long, help: ArgumentHelp("Only this user's.", valueName: "ID"))
  var user: String?

  @Option(name: .long, help: ArgumentHelp("Only those in this state; several with commas.", valueName: "S"))
  var status: String?

  @Flag(name: .long, help: "Deleted ones too.")
  var all = false

  @OptionGroup var output: OutputOption
  @OptionGroup var file: ConfigurationOption

  func run() throws {
    var query: QueryItems = []
    if let user { query.append(("user", user)) }
    if let status { query.append(("status", status)) }
    if all { query.append(("include_deleted", "true")) }
    try output.list(
      .downloads, query, in: BoxSource(try ConfigurationFile.load(file.config)), none: "no downloads"
    ) { BoxText.downloads($0) }
  }
}

/// Lists the users.
struct Users: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List the users with their quotas and what they use.")

  @OptionGroup var output: OutputOption
  @OptionGroup var file: ConfigurationOption

  func run() throws {
    try output.list(.users, [], in: BoxSource(try ConfigurationFile.load(file.config)), none: "no users") {
      BoxText.users($0)
    }
  }
}

/// Shows the diary.
struct Audit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what the box did to whose titles and why, the newest first.")

  @Option(name: .long, help: ArgumentHelp("So many events at the most.", valueName: "N"))
  var limit = 50

  @Option(name: .long, help: ArgumentHelp("Only this user's.", valueName: "ID"))
  var user: String?

  @Option(name: .long, help: ArgumentHelp("Only such events, or several kinds with commas.", valueName: "NAME"))
  var event: String?

  @OptionGroup var output: OutputOption
  @OptionGroup var file: ConfigurationOption

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit must be a number above 0") }
  }

  func run() throws {
    var query: QueryItems = []
    if let user { query.append(("user", user)) }
    if let event { query.append(("event", event)) }
    try output.list(
      .audit, query, limit: limit, in: BoxSource(try ConfigurationFile.load(file.config)), none: "no events"
    ) { BoxText.audit($0) }
  }
}

/// `--json`, and how documents are printed.
struct OutputOption: ParsableArguments {
  @Flag(name: .long, help: "Print one JSON document.")
  var json = false

  func print(_ document: JSONValue) {
    var writer = JSONWriter(reserving: 4096)
    writer.value(document)
    Terminal.say(String(decoding: writer.bytes, as: UTF8.self))
  }

  /// All pages of a list: as one document, or as a table.
  func list(
    _ resource: BoxSource.Resource, _ query: QueryItems, limit: Int? = nil, in source: BoxSource, none: String,
    table: ([JSONValue]) -> TextTable
  ) throws {
    var all: [JSONValue] = []
    try source.pages(resource, query, limit: limit) { all += $0 }
    guard !json else {
      let isAudit = resource == .audit
      return print(
        .object([
          JSONValue.Member(isAudit ? "events" : resource.rawValue, .array(all)),
          JSONValue.Member(isAudit ? "next_before" : "next_cursor", .null),
        ]))
    }
    guard !all.isEmpty else { return Terminal.say(none) }
    for line in table(all).lines(width: PlainText.screenWidth) { Terminal.say(line) }
  }
}
