// `larder check`: the configuration in full, or everything that is wrong with it.

import ArgumentParser
import Configuration
import Loop
import S3

/// Reads the configuration and prints it with the defaults filled in.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Read the configuration and print it in full, or every error in it.")

  @OptionGroup var file: ConfigurationOption

  func run() throws {
    let configuration = try ConfigurationFile.load(file.config)
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
}
