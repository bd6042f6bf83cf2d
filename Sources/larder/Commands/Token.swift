// `larder token`: a signed bearer token, for trying the box and for platforms that share its key.

import Access
import ArgumentParser
import Cache
import Configuration
import Loop

/// Prints a signed bearer token.
struct Token: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print a signed bearer token.")

  @Option(name: .long, help: ArgumentHelp("The user that it is for.", valueName: "ID"))
  var user: String

  @Option(
    name: .long, help: ArgumentHelp("A role that it carries; the required one if none is named.", valueName: "NAME"))
  var role: [String] = []

  @Option(name: .long, help: ArgumentHelp("How long it is good: digits and one of ms s m h d.", valueName: "TIME"))
  var ttl = "24h"

  @OptionGroup var file: ConfigurationOption

  func validate() throws {
    guard (1...128).contains(user.utf8.count) else { throw ValidationError("--user must be 1 to 128 bytes") }
    guard let duration = TimeSpan.duration(in: ttl), duration >= .seconds(1) else {
      throw ValidationError("--ttl must be digits and one of ms s m h d, at least 1s, such as 24h")
    }
  }

  func run() throws {
    let configuration = try ConfigurationFile.load(file.config)
    // Only a key that is to be made needs the directory: who may read a key file need not be able to write there.
    if configuration.auth.secretFile.isEmpty { try DataDirectory.prepareForKey(configuration.storage.path) }
    let loaded: AuthKeyFile.Loaded
    do { loaded = try Settings.secret(configuration, makesKey: true) } catch {
      throw StartFailure.configuration("\(file.config): \(error)")
    }
    let rules = AccessRules(
      issuer: configuration.auth.issuer, audience: configuration.auth.audience,
      requiredRole: configuration.auth.requiredRole)
    let issuer = TokenIssuer(rules: rules, secret: loaded.secret)
    let roles = role.isEmpty ? [rules.requiredRole] : role
    let (user, seconds) = (user, (TimeSpan.duration(in: ttl) ?? .zero).components.seconds)
    let made: Result<String, TokenIssueError> = EventLoop.run {
      do throws(TokenIssueError) {
        let now = Clock.now.milliseconds
        return .success(try await issuer.issue(user: user, roles: roles, lifetimeSeconds: seconds, at: now))
      } catch {
        return .failure(error)
      }
    }
    do { print(try made.get()) } catch { throw ValidationError("\(error)") }
  }
}
