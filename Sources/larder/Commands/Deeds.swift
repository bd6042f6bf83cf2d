// `larder evict`, `pin`, `cancel`, `retry`, `quota`: what an administrator does to the running box. The daemon does it, so
// that the diary has it with the name of whoever ran the command.

import ArgumentParser
import Cache
import Configuration
import HTTP

/// Which downloads a command is about.
struct ChosenDownloads: ParsableArguments {
  @Argument(help: ArgumentHelp("The downloads, as larder downloads shows them.", valueName: "ID"))
  var ids: [String]

  @OptionGroup var output: OutputOption
  @OptionGroup var file: ConfigurationOption
}

/// Removes completed downloads to make room.
struct Evict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Remove completed downloads, and their files when no one else owns them.",
    discussion: "Whoever is being sent one gets the rest of it. A pinned one stays; take its pin away first.")

  @OptionGroup var downloads: ChosenDownloads

  func run() throws { try Order("evict").carryOut(on: downloads) }
}

/// Protects downloads from eviction.
struct Pin: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Protect downloads from eviction, or no longer.")

  @Flag(name: .long, help: "Take the pin away.")
  var remove = false

  @OptionGroup var downloads: ChosenDownloads

  func run() throws { try Order(remove ? "unpin" : "pin").carryOut(on: downloads) }
}

/// Ends unfinished downloads.
struct Cancel: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "End downloads that are not completed.")

  @OptionGroup var downloads: ChosenDownloads

  func run() throws { try Order("cancel").carryOut(on: downloads) }
}

/// Tries failed downloads anew.
struct Retry: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Try failed downloads anew.")

  @OptionGroup var downloads: ChosenDownloads

  func run() throws { try Order("retry").carryOut(on: downloads) }
}

/// Shows or sets how much a user may keep.
struct Quota: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how much a user may keep, or set it.",
    discussion: """
      What is set here stands above the configuration, also after a restart, until it is set to default. Nothing is \
      removed by it: what does not fit goes, or is refused, at the user's next start.
      """)

  @Argument(help: ArgumentHelp("The user.", valueName: "USER"))
  var user: String

  @Argument(
    help: ArgumentHelp("Such as 50GiB; none for no limit; default for what the configuration says.", valueName: "SIZE"))
  var size: String?

  @OptionGroup var output: OutputOption
  @OptionGroup var file: ConfigurationOption

  func validate() throws {
    guard UserID(user) != nil else { throw ValidationError("USER must be 1 to 128 bytes") }
    guard let size, size != "none", size != "default" else { return }
    guard let bytes = ByteSize.bytes(in: size), (1...Ledger.largestLimit).contains(bytes) else {
      throw ValidationError(
        "SIZE must be digits and one of B KB MB GB TB KiB MiB GiB TiB, such as 50GiB, or none, or default")
    }
  }

  func run() throws {
    let source = BoxSource(try ConfigurationFile.load(file.config))
    let path = "/users/\(PercentCoding.encode(user))"
    let answer: BoxSource.DaemonAnswer?
    switch size {
    case nil: answer = try source.ask("GET", path)
    case "default"?: answer = try source.ask("DELETE", "\(path)/quota")
    case let size?:
      let bytes = ByteSize.bytes(in: size).map { "\($0)" } ?? "null"
      answer = try source.ask("POST", "\(path)/quota", body: Array("{\"limit_bytes\":\(bytes)}".utf8))
    }
    guard let answer else { throw source.absence }
    guard answer.isGood else { throw StartFailure(status: 1, description: answer.detail) }
    guard !output.json else { return output.print(answer.document) }
    for line in BoxText.users([answer.document]).lines(width: PlainText.screenWidth) { Terminal.say(line) }
  }
}

/// One order for several downloads.
private struct Order {
  private let name: String

  init(_ name: String) { self.name = name }

  /// Has the daemon do it to one after the other; what it refuses keeps the others from nothing.
  ///
  /// - Throws: status 1 when it refused any, 75 when there is no daemon to ask.
  func carryOut(on downloads: ChosenDownloads) throws {
    let source = BoxSource(try ConfigurationFile.load(downloads.file.config))
    var refused = false
    for id in downloads.ids {
      guard let answer = try source.ask("POST", "/downloads/\(PercentCoding.encode(id))/\(name)") else {
        throw source.absence
      }
      if !answer.isGood {
        Larder.complain("\(PlainText.harmless(id)): \(answer.detail)")
        refused = true
      } else if downloads.output.json {
        downloads.output.print(answer.document)
      } else {
        Terminal.say(BoxText.line(answer.document))
      }
    }
    if refused { throw ExitCode(1) }
  }
}
