// The program: its subcommands and its exit statuses.

import ArgumentParser
import Glibc
import Loop

/// `larder`, the edge cache.
@main
struct Larder: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "larder",
    abstract: "Keeps a platform's videos on a box near its users.",
    discussion: "Premium users ask the box for titles; it downloads them from S3 and plays them to the local network.",
    version: "larder \(Version.current)",
    subcommands: [
      Serve.self, Demo.self, Check.self, Token.self, ShowStatus.self, Downloads.self, Users.self, Audit.self, Top.self,
      Evict.self, Pin.self, Cancel.self, Retry.self, Quota.self, Verify.self,
    ])

  /// The wrong usage of a command, and no command at all, is status 64; an error that nobody foresaw is 70.
  static func main() {
    EventLoop.ignoreBrokenPipes()
    Descriptor.raiseLimit()
    guard CommandLine.arguments.count > 1 else {
      complain("no subcommand; try larder --help")
      Glibc.exit(64)
    }
    do {
      var command = try parseAsRoot()
      try command.run()
      LogQueue.standardError.flush()
    } catch let code as ExitCode {
      // All is said already.
      Glibc.exit(code.rawValue)
    } catch let failure as StartFailure {
      complain(failure.description)
      Glibc.exit(failure.status)
    } catch {
      switch exitCode(for: error) {
      // Asked for, and no error: help and version.
      case .success: exit(withError: error)
      case .validationFailure:
        let what = message(for: error).split(separator: "\n").joined(separator: " ")
        complain("\(what); try larder --help")
        Glibc.exit(64)
      default:
        complain("\(error)")
        Glibc.exit(70)
      }
    }
  }

  /// One line on standard error for each of the text's lines.
  static func complain(_ text: String) {
    for line in text.split(separator: "\n") {
      let bytes = Array("larder: \(line)\n".utf8)
      // Behind what was logged before.
      LogQueue.standardError.append(bytes) { dropped in Array("larder: \(dropped) lines are missing\n".utf8) }
    }
    LogQueue.standardError.flush()
  }
}

/// `--config FILE`, which must exist; without it the default file must.
struct ConfigurationOption: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("The configuration file.", valueName: "FILE"))
  var config = "/etc/larder/larder.toml"
}
