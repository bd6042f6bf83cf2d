// `larder demo`: the whole thing in one process, with an origin of its own, and a walk that shows what it does.

import Access
import ArgumentParser
import Configuration
import Glibc
import Loop

/// Runs a box against an origin inside this process.
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a box and a small S3 in one process, and show what it does.",
    discussion: """
      Downloads one title, plays some of it, prints a token, a link for the browser and the commands to try next, and \
      serves until Ctrl-C. Nothing leaves this machine.
      """)

  @Option(
    name: .long,
    help: ArgumentHelp("Where the box listens; port 0 takes one that is free.", valueName: "ADDR:PORT"))
  var listen = "127.0.0.1:4000"

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Where the box keeps its data; a temporary folder that is removed at the end, if not given.", valueName: "DIR"))
  var data: String?

  @Option(
    name: .long,
    help: ArgumentHelp("A folder of videos to offer instead of those that ship with larder.", valueName: "DIR"))
  var videos: String?

  func validate() throws {
    guard ListenAddress(listen) != nil else {
      throw ValidationError("--listen must be an IP address and a port, such as 127.0.0.1:4000 or [::1]:4000")
    }
    guard data != "", videos != "" else { throw ValidationError("--data and --videos take the path of a folder") }
  }

  func run() throws {
    guard let address = ListenAddress(listen) else { return }
    let (data, videos) = (data.map(Folder.absolute), videos.map(Folder.absolute))
    // The origin is on this machine: a proxy in the environment has no part in it.
    unsafe setenv("no_proxy", "*", 1)
    let folder: TemporaryFolder
    do { folder = try TemporaryFolder() } catch { throw StartFailure.temporary("\(error)") }
    defer { folder.remove() }
    let result: Result<Void, any Error> = EventLoop.run {
      do {
        try await DemoBox(address: address, data: data, videos: videos, folder: folder).run()
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
    Terminal.say(data.map { "Stopped. \($0) is kept." } ?? "Stopped, and the temporary data is removed.")
  }
}
