// From the configuration's words to what the parts of the daemon go by. Everything that a file named there can be wrong
// about is found here, before anything is changed.

import Access
import Cache
import Configuration
import Crypto
import Glibc
import Logging
import S3

/// A setting is well-formed, but what it names cannot be used.
struct SettingProblem: Error, CustomStringConvertible {
  let key: String
  let reason: String
  /// Whether it is the disk that says no, and may say yes the next time.
  var mayMend = false
  var description: String { "\(key): \(reason)" }
}

/// A configuration together with the secrets it names, checked and ready.
struct Settings: Sendable {
  let configuration: Configuration
  let origin: OriginSettings
  let rules: AccessRules
  let keys: TokenKeys
  let secret: TokenSecret
  /// What the administrator should know, though it works.
  let warnings: [String]

  /// - Parameters:
  ///   - makesKey: whether `auth.key` may be made in the data directory when it is missing.
  ///   - credentials: used instead of those that the configuration names.
  init(
    _ configuration: Configuration, makesKey: Bool, credentials: Credentials? = nil
  ) async throws(SettingProblem) {
    self.configuration = configuration
    var warnings: [String] = []
    origin = try OriginSettings(configuration.origin, credentials: credentials)
    rules = AccessRules(
      issuer: configuration.auth.issuer, audience: configuration.auth.audience,
      requiredRole: configuration.auth.requiredRole)
    let loaded = try Self.secret(configuration, makesKey: makesKey)
    warnings += loaded.warnings
    secret = loaded.secret
    do {
      let keySet = try Self.keySet(configuration.auth.jwksFile)
      keys = try await TokenKeys(secret: loaded.secret, keySet: keySet)
    } catch let problem as SettingProblem {
      throw problem
    } catch {
      throw SettingProblem(key: "auth.jwks_file", reason: "\(configuration.auth.jwksFile): \(error)")
    }
    warnings += keys.warnings
    self.warnings = warnings
  }

  /// The key that tokens and links are signed with.
  static func secret(
    _ configuration: Configuration, makesKey: Bool
  ) throws(SettingProblem) -> AuthKeyFile.Loaded {
    do {
      if !configuration.auth.secretFile.isEmpty { return try AuthKeyFile.load(configuration.auth.secretFile) }
      let path = "\(configuration.storage.path)/auth.key"
      return try makesKey ? AuthKeyFile.loadOrCreate(path) : AuthKeyFile.load(path)
    } catch .system(let operation, let path, let code) where configuration.auth.secretFile.isEmpty {
      // Its own key in its own data directory: no setting is wrong when a disk is full.
      let error = DiskError("\(operation) \(path)", code)
      throw SettingProblem(key: "auth.secret_file", reason: "\(error)", mayMend: error.mayMend)
    } catch {
      throw SettingProblem(key: "auth.secret_file", reason: "\(error)")
    }
  }

  private static func keySet(_ path: String) throws(SettingProblem) -> [UInt8]? {
    guard !path.isEmpty else { return nil }
    guard let bytes = SmallFile.read(path, limit: 1 << 20) else {
      throw SettingProblem(
        key: "auth.jwks_file", reason: "\(path) cannot be read: \(unsafe String(cString: strerror(errno)))")
    }
    return bytes
  }

  var limits: ServerLimits {
    ServerLimits(
      connections: configuration.server.maxConnections,
      idleTimeout: UInt64(configuration.server.idleTimeout.milliseconds),
      headerTimeout: UInt64(configuration.server.headerTimeout.milliseconds))
  }

  /// For the administration socket, which has to have room when the network has none left.
  var adminLimits: ServerLimits {
    var limits = limits
    limits.connections = 64
    return limits
  }

  var descriptors: DescriptorBudget {
    DescriptorBudget(
      connections: configuration.server.maxConnections, active: configuration.downloads.active,
      transfers: configuration.downloads.connections)
  }

  var fills: FillSettings {
    let downloads = configuration.downloads
    return FillSettings(
      active: downloads.active, connections: downloads.connections, chunkSize: downloads.chunkSize,
      retry: RetryPolicy(initial: downloads.retryInitial.milliseconds, limit: downloads.retryMax.milliseconds))
  }

  var scrub: ScrubSettings {
    ScrubSettings(
      rate: configuration.storage.scrubRate, interval: configuration.storage.scrubInterval.milliseconds)
  }

  var rate: RateSettings {
    func limit(_ bytes: Int) -> Int? { bytes == 0 ? nil : bytes }
    return RateSettings(
      most: limit(configuration.downloads.maxRate), whilePlaying: limit(configuration.downloads.rateWhilePlaying))
  }

  var policy: Policy { Policy(configuration) }

  var keyOf: @Sendable (Title) -> String {
    let template = configuration.origin.keyTemplate
    return { template.key(contentID: $0.contentID, quality: $0.quality) }
  }
}

extension Policy {
  /// The administrator's rules, which need no file that the configuration names.
  init(_ configuration: Configuration) {
    let quota = configuration.quota
    var quotas: [UserID: Int?] = [:]
    for (name, bytes) in quota.users {
      if let user = UserID(name) { quotas[user] = .some(bytes == 0 ? nil : bytes) }
    }
    self.init(
      defaultQuota: quota.default == 0 ? nil : quota.default, quotas: quotas,
      evicts: quota.eviction == .lru, playingGrace: quota.playingGrace.milliseconds,
      capacity: configuration.storage.capacity == 0 ? nil : configuration.storage.capacity,
      reserve: configuration.storage.reserve, chunkSize: configuration.downloads.chunkSize
    ) { text in
      SHA256.hash(data: Array(text.utf8)).map { byte in
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }.joined()
    }
  }
}

extension OriginSettings {
  init(_ origin: Configuration.Origin, credentials given: Credentials? = nil) throws(SettingProblem) {
    do {
      endpoint = try S3.Endpoint(
        origin.endpoint.description, region: origin.region, bucket: origin.bucket,
        addressing: origin.addressing == .path ? .path : .virtual)
    } catch {
      throw SettingProblem(key: "origin", reason: "\(error)")
    }
    if let given { credentials = given } else { credentials = try Self.credentials(origin) }
    connectTimeout = origin.connectTimeout
    stallTimeout = origin.stallTimeout
    caFile = origin.caFile.isEmpty ? nil : origin.caFile
    if let caFile, unsafe access(caFile, R_OK) != 0 {
      throw SettingProblem(
        key: "origin.ca_file", reason: "\(caFile) cannot be read: \(unsafe String(cString: strerror(errno)))")
    }
  }

  /// The unit passes a blank file where the administrator has given no credentials (`SetCredential=`).
  private static func isBlank(_ path: String) -> Bool {
    SmallFile.read(path, limit: 16)?.allSatisfy { $0 <= UInt8(ascii: " ") } ?? false
  }

  /// `credentials_file`, else `$CREDENTIALS_DIRECTORY/origin`, else `AWS_*`, else none: a public bucket.
  private static func credentials(_ origin: Configuration.Origin) throws(SettingProblem) -> Credentials? {
    var path = origin.credentialsFile
    if path.isEmpty, let folder = environment("CREDENTIALS_DIRECTORY"), unsafe access("\(folder)/origin", F_OK) == 0,
      !isBlank("\(folder)/origin")
    {
      path = "\(folder)/origin"
    }
    do {
      guard !path.isEmpty else {
        let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
        var found: [String: String] = [:]
        for name in names { found[name] = environment(name) }
        return try Credentials.load(environment: found)
      }
      guard let bytes = SmallFile.read(path, limit: 1 << 20) else {
        throw SettingProblem(
          key: "origin.credentials_file", reason: "\(path) cannot be read: \(unsafe String(cString: strerror(errno)))")
      }
      return try Credentials.load(String(decoding: bytes, as: UTF8.self), profile: origin.profile)
    } catch let problem as SettingProblem {
      throw problem
    } catch {
      throw SettingProblem(key: "origin.credentials_file", reason: path.isEmpty ? "\(error)" : "\(path): \(error)")
    }
  }
}

/// A variable of the environment; nil when it is not set or empty.
func environment(_ name: String) -> String? {
  guard let value = unsafe getenv(name) else { return nil }
  let text = unsafe String(cString: value)
  return text.isEmpty ? nil : text
}

extension LogSettings {
  init(_ log: Configuration.Log) {
    level =
      switch log.level {
      case .trace: .trace
      case .debug: .debug
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      }
    isJSON = log.format == .json
    tellsRequests = log.access
  }
}

extension Duration {
  /// Whole milliseconds.
  var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
