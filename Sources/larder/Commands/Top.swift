// `larder top`: the box live, drawn anew every second, until somebody presses q.

import ArgumentParser
import Configuration
import Glibc
import HTTP

/// A live view of the running box.
struct Top: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Watch the box: what comes in, who watches what, quotas, disk, origin.",
    discussion: "Drawn anew every second; q or Ctrl-C ends it. Prints once when standard output is no terminal.")

  @OptionGroup var file: ConfigurationOption

  /// How many users are asked for; a screen shows fewer.
  private static let users = 200
  /// How long an answer is waited for, in seconds: the keys are not looked at meanwhile.
  private static let patience = 2

  func run() throws {
    let source = BoxSource(try ConfigurationFile.load(file.config))
    // What keeps it from the first look is said on an ordinary screen.
    var scene = try look(source)
    guard Terminal.isLive, let terminal = RawTerminal() else {
      for line in TopScreen(scene).lines(width: nil, height: nil) { Terminal.say(line) }
      return
    }
    defer { terminal.restore() }
    while true {
      let size = Terminal.size ?? (columns: 80, rows: 24)
      terminal.draw(TopScreen(scene).lines(width: size.columns, height: size.rows))
      switch terminal.wait(milliseconds: 1000) {
      case .over: return
      case .resized: continue
      case .time: break
      }
      do { scene = try look(source) } catch let failure as StartFailure {
        // It may be on its way back: the last picture stays, and says so.
        scene.trouble = failure.description
      }
    }
  }

  private func look(_ source: BoxSource) throws -> TopScreen.Scene {
    guard let status = try source.ask("GET", "/status", patience: Self.patience),
      let users = try source.ask("GET", "/users", [("limit", "\(Self.users)")], patience: Self.patience)
    else { throw source.absence }
    for answer in [status, users] where !answer.isGood { throw StartFailure.temporary(answer.detail) }
    return TopScreen.Scene(status: status.document, users: users.document["users"]?.array ?? [])
  }
}
