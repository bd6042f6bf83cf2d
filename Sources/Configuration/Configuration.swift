// What the administrator wants, as values that every other part may trust: a
// `Configuration` only comes from the defaults or from a file that passed every check.
// Which keys there are, their ranges and defaults is written once, in SettingTable.swift.

/// Everything that `larder.toml` says, with the defaults filled in.
///
/// Sizes are bytes, and rates bytes in a second. A value of its own is changed by starting from
/// ``defaults`` (as the demo does) or by reading a file with ``load(path:)``.
public struct Configuration: Sendable, Equatable {
  /// Who may connect to the box, and for how long.
  public var server = Server()
  /// Which tokens open the API.
  public var auth = Auth()
  /// Where the videos are kept, and how much room they may take.
  public var storage = Storage()
  /// The object store that titles come from.
  public var origin = Origin()
  /// How titles are fetched.
  public var downloads = Downloads()
  /// How much each user may keep.
  public var quota = Quota()
  /// The list of titles.
  public var catalog = Catalog()
  /// What is logged.
  public var log = Log()

  /// The section `[server]`.
  public struct Server: Sendable, Equatable {
    /// The addresses to listen on; at least one, unless systemd passes sockets in.
    public var listen: [ListenAddress] = []
    /// The most connections that are open at the same time.
    public var maxConnections = 0
    /// How long a kept-alive connection may wait without a request.
    public var idleTimeout = Duration.zero
    /// How long a request's head may take to arrive.
    public var headerTimeout = Duration.zero
    /// The path of the administration socket; empty turns it off.
    public var adminSocket = ""
  }

  /// The section `[auth]`.
  public struct Auth: Sendable, Equatable {
    /// The file with the HS256 key; empty means the key made in the data directory.
    public var secretFile = ""
    /// The file with the platform's public keys (JWKS); empty means none.
    public var jwksFile = ""
    /// The `iss` that tokens must carry; empty means that it is not checked.
    public var issuer = ""
    /// The `aud` that tokens must carry; empty means that it is not checked.
    public var audience = ""
    /// The role without which the API answers `premium_required`.
    public var requiredRole = ""
  }

  /// The section `[storage]`.
  public struct Storage: Sendable, Equatable {
    /// The data directory, an absolute path.
    public var path = ""
    /// Bytes of video kept at the most; 0 means what the file system holds less the reserve.
    public var capacity = 0
    /// Bytes always left free on the file system.
    public var reserve = 0
    /// Bytes a second that are compared with their checksums in idle time; 0 means never.
    public var scrubRate = 0
    /// From the beginning of one round to the beginning of the next.
    public var scrubInterval = Duration.zero
  }

  /// The section `[origin]`.
  public struct Origin: Sendable, Equatable {
    /// The server of the object store.
    public var endpoint = Endpoint(isSecure: true, host: "", port: nil)
    /// The region that requests are signed for.
    public var region = ""
    /// The bucket that holds the titles.
    public var bucket = ""
    /// Where in the URL the bucket stands.
    public var addressing = Addressing.path
    /// How a title's key in the bucket is made.
    public var keyTemplate = KeyTemplate(text: "")
    /// The key of the catalogue in the bucket; empty means that there is none.
    public var catalogKey = ""
    /// The AWS credentials file; empty means `$CREDENTIALS_DIRECTORY/origin`, then `AWS_*` variables.
    public var credentialsFile = ""
    /// The profile to read in the credentials file.
    public var profile = ""
    /// The certificate authorities that are trusted (PEM); empty means the system's.
    public var caFile = ""
    /// How long connecting to the origin may take.
    public var connectTimeout = Duration.zero
    /// How long a transfer may stay below 1 KiB/s before it is dropped and tried again.
    public var stallTimeout = Duration.zero

    /// Where in the URL the bucket stands.
    public enum Addressing: String, CaseIterable, Sendable {
      /// As the first part of the path: `https://host/bucket/key`.
      case path
      /// As a part of the host's name: `https://bucket.host/key`.
      case virtual
    }
  }

  /// The section `[downloads]`.
  public struct Downloads: Sendable, Equatable {
    /// How many titles are fetched at the same time.
    public var active = 0
    /// How many ranged requests run at the same time for each title.
    public var connections = 0
    /// The bytes of a chunk, the unit of transfer.
    public var chunkSize = 0
    /// Bytes in a second over all transfers together; 0 means no limit.
    public var maxRate = 0
    /// Bytes a second of what nobody plays while somebody plays; 0 for no limit of its own.
    public var rateWhilePlaying = 0
    /// How long the first wait after a failure is; each next one is longer.
    public var retryInitial = Duration.zero
    /// The longest wait between two attempts.
    public var retryMax = Duration.zero
  }

  /// The section `[quota]`.
  public struct Quota: Sendable, Equatable {
    /// The bytes each user may keep; 0 means no limit.
    public var `default` = 0
    /// What happens when a new download does not fit.
    public var eviction = Eviction.lru
    /// How long after a play a title is safe from eviction.
    public var playingGrace = Duration.zero
    /// The bytes of the users who have a quota of their own, by user id; 0 means no limit.
    public var users: [String: Int] = [:]

    /// What happens when a new download does not fit.
    public enum Eviction: String, CaseIterable, Sendable {
      /// The user's least recently played downloads make room.
      case lru
      /// Nothing is removed: the new download is refused.
      case none
    }

    /// The bytes that a user may keep; 0 means no limit.
    public func limit(of user: String) -> Int { users[user] ?? self.default }
  }

  /// The section `[catalog]`.
  public struct Catalog: Sendable, Equatable {
    /// How often the catalogue is read from the origin.
    public var refresh = Duration.zero
  }

  /// The section `[log]`.
  public struct Log: Sendable, Equatable {
    /// The least severe level that is written.
    public var level = Level.info
    /// How a line of the log is written.
    public var format = Format.text
    /// Whether there is a line for each request that was answered.
    public var access = false

    /// How severe a line of the log is, the least severe first.
    public enum Level: String, CaseIterable, Sendable {
      case trace, debug, info, notice, warning, error
    }

    /// How a line of the log is written.
    public enum Format: String, CaseIterable, Sendable {
      /// For people.
      case text
      /// One JSON object a line.
      case json
    }
  }

  /// Only the table of settings may start from nothing.
  init() {}

  /// What holds when the file says nothing: every default of the table of settings.
  public static let defaults: Configuration = {
    var configuration = Configuration()
    for setting in Setting.all { setting.reset(&configuration) }
    return configuration
  }()
}
