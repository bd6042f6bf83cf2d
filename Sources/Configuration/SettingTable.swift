// The one table of keys. The decoder, the defaults, `etc/larder.toml`, the reference and
// what a reload may change are all made of it; a key that is not here does not exist.

extension Setting {
  /// Every section, in the file's order.
  public static let sections: [Section] = [
    Section(name: "server", prose: "Who may connect to the box, and for how long.", settings: server),
    Section(name: "auth", prose: "Which tokens open the API.", settings: auth),
    Section(name: "storage", prose: "Where the videos are kept, and how much room they may take.", settings: storage),
    Section(name: "origin", prose: "The object store that titles come from.", settings: origin),
    Section(name: "downloads", prose: "How titles are fetched.", settings: downloads),
    Section(name: "quota", prose: "How much each user may keep.", settings: quota),
    Section(name: "catalog", prose: "The list of titles.", settings: catalog),
    Section(name: "log", prose: "What is logged.", settings: log),
  ]

  /// Every key, in the file's order.
  public static let all: [Setting] = sections.flatMap(\.settings)

  private static let day = Duration.seconds(86_400)
  private static let timeout = Codec<Duration>.duration(.milliseconds(100)...day)
  private static let optionalText = Codec<String>.text { text throws(Complaint) in try checkText(text, 0...1024) }
  private static let name = Codec<String>.text("not empty") { text throws(Complaint) in try checkText(text, 1...128) }
  private static let optionalPath = Codec<String>.text("an absolute path or empty") { path throws(Complaint) in
    try checkPath(path, mayBeEmpty: true)
  }

  private static let server = [
    Setting(
      "server.listen", \.server.listen, .addresses, default: [ListenAddress("0.0.0.0:4000")].compactMap(\.self),
      needsRestart: true,
      """
      Addresses and ports to listen on, as "0.0.0.0:4000" or "[::]:4000"; port 0 is any free one. Sockets that \
      systemd passes in are used instead.
      """),
    Setting(
      "server.max_connections", \.server.maxConnections, .count(1...65536), default: 4096,
      "Connections that are open at the same time at the most; more are told to come back later."),
    Setting(
      "server.idle_timeout", \.server.idleTimeout, timeout, default: .seconds(75),
      "A kept-alive connection without a request is closed after this time."),
    Setting(
      "server.header_timeout", \.server.headerTimeout, timeout, default: .seconds(10),
      "A request's head must be complete within this time."),
    Setting(
      "server.admin_socket", \.server.adminSocket,
      .text("an absolute path of up to 107 bytes or empty") { path throws(Complaint) in
        try checkPath(path, mayBeEmpty: true, limit: 107)
      }, default: "/run/larder/admin.sock", needsRestart: true,
      "The socket that the commands of the program talk to. Empty turns it off."),
  ]

  private static let auth = [
    Setting(
      "auth.secret_file", \.auth.secretFile, optionalPath, default: "",
      """
      The key of HS256 tokens: the file's bytes less one trailing newline, 32 at the least. Empty means a key that \
      is made at the first start in the data directory, with mode 0600.
      """),
    Setting(
      "auth.jwks_file", \.auth.jwksFile, optionalPath, default: "",
      "The platform's public keys (RS256, ES256, EdDSA) as a JWKS. Empty means none."),
    Setting(
      "auth.issuer", \.auth.issuer, optionalText, default: "",
      "The issuer (iss) that a token must name. Empty means that it is not checked."),
    Setting(
      "auth.audience", \.auth.audience, optionalText, default: "",
      "The audience (aud) that a token must name. Empty means that it is not checked."),
    Setting(
      "auth.required_role", \.auth.requiredRole, name, default: "premium",
      "The role that a token must hold; admin may stand in for it."),
  ]

  private static let storage = [
    Setting(
      "storage.path", \.storage.path,
      .text("an absolute path") { path throws(Complaint) in try checkPath(path, mayBeEmpty: false) },
      default: "/var/lib/larder", needsRestart: true, "The data directory: the ledger, the objects and the downloads."),
    Setting(
      "storage.capacity", \.storage.capacity, .size(0...(.max)), default: 0,
      "Bytes of video kept at the most. 0 means what the file system holds less the reserve."),
    Setting(
      "storage.reserve", \.storage.reserve, .size(0...(.max)), default: 1 << 30,
      "Always left free on the file system."),
    Setting(
      "storage.scrub_rate", \.storage.scrubRate, .size(0...(.max)), default: 8 << 20,
      "Bytes in a second that are compared with their checksums while nobody plays and nothing is fetched. 0 means never."
    ),
    Setting(
      "storage.scrub_interval", \.storage.scrubInterval, .duration(.seconds(1)...(day * 365)), default: day * 30,
      "From the beginning of one look at everything to the beginning of the next."),
  ]

  private static let origin = [
    Setting(
      "origin.endpoint", \.origin.endpoint,
      .parsed("text", range: "http:// or https://, a host, perhaps a port") { text throws(Complaint) in
        try Endpoint.checked(text)
      }, default: Endpoint(isSecure: true, host: "s3.us-east-1.amazonaws.com", port: nil),
      "The server of the object store, without bucket, path or credentials."),
    Setting(
      "origin.region", \.origin.region, .text("not empty", checkRegion), default: "us-east-1",
      "The region that requests are signed for."),
    Setting(
      "origin.bucket", \.origin.bucket, .text("not empty", checkBucket), default: "streamly-content",
      "The bucket that holds the titles."),
    Setting(
      "origin.addressing", \.origin.addressing, .choice(), default: .path,
      "Where the bucket stands in a URL: in its path, or (virtual) in the host's name."),
    Setting(
      "origin.key_template", \.origin.keyTemplate,
      .parsed("text", range: "contains {content_id}") { text throws(Complaint) in try KeyTemplate.checked(text) },
      default: KeyTemplate(text: "{content_id}/{quality}.mp4"),
      "A title's key in the bucket: {content_id} and {quality} are filled in."),
    Setting(
      "origin.catalog_key", \.origin.catalogKey, optionalText, default: "",
      "The key of a JSON object in the bucket with titles, qualities and their keys. Empty means that there is none."),
    Setting(
      "origin.credentials_file", \.origin.credentialsFile, optionalPath, default: "",
      """
      Credentials in the format of the AWS tools. Empty means the file origin in $CREDENTIALS_DIRECTORY, else the \
      variables AWS_*.
      """),
    Setting(
      "origin.profile", \.origin.profile, .text("not empty", checkProfile), default: "default",
      "The profile in the credentials file."),
    Setting(
      "origin.ca_file", \.origin.caFile, optionalPath, default: "",
      "Certificate authorities to trust instead of the system's (PEM). Empty means the system's."),
    Setting(
      "origin.connect_timeout", \.origin.connectTimeout, timeout, default: .seconds(5),
      "Connecting to the origin may take this long."),
    Setting(
      "origin.stall_timeout", \.origin.stallTimeout, timeout, default: .seconds(20),
      "A transfer slower than 1 KiB/s for this long is dropped and tried again."),
  ]

  private static let downloads = [
    Setting(
      "downloads.active", \.downloads.active, .count(1...64), default: 4, "Titles fetched at the same time."),
    Setting(
      "downloads.connections", \.downloads.connections, .count(1...64), default: 4,
      "Ranged requests at the same time for each title."),
    Setting(
      "downloads.chunk_size", \.downloads.chunkSize, .size((64 << 10)...(1 << 30)), default: 8 << 20,
      "The bytes of one request, and of what is fetched again after a fault. Titles in flight keep theirs."),
    Setting(
      "downloads.max_rate", \.downloads.maxRate, .size(0...(.max)), default: 0,
      "Bytes in a second over all transfers together. 0 means no limit."),
    Setting(
      "downloads.rate_while_playing", \.downloads.rateWhilePlaying, .size(0...(.max)), default: 0,
      "The same for what nobody plays, as long as somebody plays anything. 0 means no limit of its own."),
    Setting(
      "downloads.retry_initial", \.downloads.retryInitial, .duration(.milliseconds(1)...day),
      default: .milliseconds(500), "The wait after a first failure; each next one is longer."),
    Setting(
      "downloads.retry_max", \.downloads.retryMax, .duration(.milliseconds(1)...day), default: .seconds(60),
      "The longest wait between two attempts; not less than retry_initial."),
  ]

  private static let quota = [
    Setting(
      "quota.default", \.quota.default, .size(0...(.max)), default: 20 << 30,
      "Bytes for each user. 0 means no limit."),
    Setting(
      "quota.eviction", \.quota.eviction, .choice(), default: .lru,
      """
      What a download does that does not fit: lru removes the user's least recently played ones, none refuses the \
      new one.
      """),
    Setting(
      "quota.playing_grace", \.quota.playingGrace, .duration(.zero...(day * 30)), default: .seconds(600),
      "A title played within this time is never evicted."),
    Setting(
      "quota.users", \.quota.users, .sizesByUser, default: [:],
      "Users with a quota of their own: a line for each, as \"user_abc123\" = \"50GiB\". 0 means no limit."),
  ]

  private static let catalog = [
    Setting(
      "catalog.refresh", \.catalog.refresh, .duration(.seconds(1)...(day * 30)), default: .seconds(900),
      "How often origin.catalog_key is read. The last good copy serves while the origin cannot be reached.")
  ]

  private static let log = [
    Setting(
      "log.level", \.log.level, .choice(), default: .info, "The least severe level that is written."),
    Setting("log.format", \.log.format, .choice(), default: .text, "Lines for people, or one JSON object a line."),
    Setting(
      "log.access", \.log.access, .yesOrNo, default: false,
      "A line for each request that was answered, at the level info: who, what, with which status, how much, how long."),
  ]
}
