// `larder check`: the configuration in full, or everything that is wrong with it; and, when asked, whether the origin that
// it names is one to fetch from.

import ArgumentParser
import Cache
import Configuration
import Loop
import S3

/// Reads the configuration and prints it with the defaults filled in, or tries the origin.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Read the configuration and print it in full, or every error in it; or try the origin.")

  @Flag(
    name: .long,
    help: "Try the origin: connection, TLS, credentials, bucket, clock, ranges, If-Match, checksum. A line for each.")
  var origin = false

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The title to try the origin with; else the catalogue's first.", valueName: "CONTENT_ID/QUALITY"))
  var title: String?

  @OptionGroup var file: ConfigurationOption

  func validate() throws {
    guard let title else { return }
    guard origin else { throw ValidationError("--title goes with --origin") }
    guard Self.parse(title) != nil else {
      throw ValidationError("--title must be a content id, a slash and a quality, such as content_abc/720p")
    }
  }

  func run() throws {
    let configuration = try ConfigurationFile.load(file.config)
    if origin { try tryOrigin(configuration) } else { try describe(configuration) }
  }

  private func describe(_ configuration: Configuration) throws {
    let path = file.config
    let checked: Result<[String], StartFailure> = EventLoop.run {
      do throws(SettingProblem) {
        let origin = try OriginSettings(configuration.origin)
        var notes = [
          origin.credentials.map { "# access key \(Configuration.mask($0.accessKeyID))" }
            ?? "# no credentials: requests to the origin are not signed"
        ]
        if !configuration.auth.secretFile.isEmpty || !configuration.auth.jwksFile.isEmpty {
          notes += try await Settings(configuration, makesKey: false).warnings.map { "# \($0)" }
        }
        return .success(notes)
      } catch {
        return .failure(.configuration("\(path): \(error)"))
      }
    }
    let notes = try checked.get()
    print(configuration.describe(), terminator: "")
    for note in notes { print(note) }
  }

  /// Status 1 when something is wrong.
  private func tryOrigin(_ configuration: Configuration) throws {
    let settings: OriginSettings
    do { settings = try OriginSettings(configuration.origin) } catch {
      throw StartFailure.configuration("\(file.config): \(error)")
    }
    let title = title.flatMap(Self.parse)
    let result: Result<[OriginFinding], CurlFailure> = EventLoop.run {
      do {
        // What the client would log is among the findings.
        let log = EventLog(.silent)
        let client = try OriginClient(settings, metrics: Metrics(), log: log)
        defer { client.shutDown() }
        let template = configuration.origin.keyTemplate
        let check = OriginCheck(client: client, catalogueKey: configuration.origin.catalogKey, title: title) {
          template.key(contentID: $0.contentID, quality: $0.quality)
        }
        return .success(await check.run())
      } catch {
        return .failure(CurlFailure(description: "\(error)"))
      }
    }
    let findings = try result.get()
    for finding in findings { print(PlainText.harmless(finding.line)) }
    if findings.contains(where: { $0.verdict == .failed }) { throw ExitCode(1) }
  }

  /// The content id may hold slashes.
  private static func parse(_ text: String) -> Title? {
    guard let slash = text.lastIndex(of: "/") else { return nil }
    return try? Title(contentID: String(text[..<slash]), quality: String(text[text.index(after: slash)...]))
  }
}

/// libcurl cannot be set up.
private struct CurlFailure: Error, CustomStringConvertible {
  let description: String
}
