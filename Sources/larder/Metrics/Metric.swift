// What the box counts and measures: one table, from which come the counters, the text that a scrape reads, and the
// section of the reference. Names follow Prometheus' conventions: base units, `_total` for what only grows.

/// A family of numbers that a scrape finds under one name.
enum Metric: Int, CaseIterable, Sendable {
  case requests
  case connections
  case plays
  case playFirstByte
  case playTime
  case playBytes
  case starts
  case promisesKept
  case promisesBroken
  case fillBytes
  case chunkTime
  case originErrors
  case evictions
  case quotaBytes
  case quotaUsers
  case storageBytes
  case storageFreeBytes
  case storageCapacityBytes
  case storageReserveBytes
  case integrityFailures
  case blocksMended
  case scrubBytes
  case configReloads
  case logLinesDropped
  case startTime
  case buildInfo

  /// How a number behaves.
  enum Kind: String, Sendable {
    /// It only grows, from 0 at each start.
    case counter
    /// It is what it is when it is asked for.
    case gauge
    /// How many observations were no more than each bound, their number and their sum; all of these only grow.
    case histogram
  }

  /// What tells the numbers of one family apart. All values are known beforehand, so that each is there from the start
  /// with 0, and no client can make up new ones.
  struct Label: Sendable {
    let name: String
    let values: [String]

    init(_ name: String, _ values: [String]) {
      self.name = name
      self.values = values
    }
  }

  /// One row of the table.
  struct Definition: Sendable {
    let name: String
    let kind: Kind
    /// The base unit; nil for a plain number.
    let unit: String?
    let label: Label?
    /// Of a histogram of times: the buckets' upper bounds in milliseconds, the last of which is open.
    let bounds: [Int]
    /// One sentence.
    let help: String

    init(_ name: String, _ kind: Kind, unit: String? = nil, label: Label? = nil, _ help: String) {
      self.name = name
      self.kind = kind
      self.unit = unit
      self.label = label
      bounds = []
      self.help = help
    }

    /// A histogram of times.
    ///
    /// - Parameter milliseconds: the buckets' upper bounds, without the open one.
    init(times name: String, upTo milliseconds: [Int], _ help: String) {
      self.name = name
      kind = .histogram
      unit = "seconds"
      label = nil
      bounds = milliseconds + [.max]
      self.help = help
    }

    /// How many numbers the family has; a histogram's sum comes behind its buckets.
    var count: Int { kind == .histogram ? bounds.count + 1 : label?.values.count ?? 1 }
  }

  /// The table, in the order of the cases.
  static let table: [Definition] = allCases.map(\.row)

  var definition: Definition { Self.table[rawValue] }

  private var row: Definition {
    switch self {
    case .requests:
      Definition(
        "larder_requests_total", .counter, label: Label("status", ["2xx", "3xx", "4xx", "5xx"]),
        "Requests of the network that were answered, by the class of their status.")
    case .connections:
      Definition("larder_connections", .gauge, "Connections of the network that are open.")
    case .plays:
      Definition(
        "larder_plays_total", .counter, label: Label("result", ["hit", "partial"]),
        "Answers with bytes of a title: hits when the box holds the whole of it, else partial hits.")
    case .playFirstByte:
      Definition(
        times: "larder_play_first_byte_seconds", upTo: [5, 25, 100, 250, 500, 1000, 2500, 5000, 10_000],
        "From the request of a play to the first byte of its answer, which waits until its first block is there and was compared."
      )
    case .playTime:
      Definition(
        times: "larder_play_seconds", upTo: [100, 1000, 10_000, 60_000, 300_000, 1_800_000, 7_200_000],
        "From the first byte of a play's answer to the last one, or to where it ended before.")
    case .playBytes:
      Definition("larder_play_bytes_total", .counter, unit: "bytes", "Bytes of titles handed to players.")
    case .starts:
      Definition(
        "larder_starts_total", .counter, label: Label("result", ["hit", "partial", "miss"]),
        "New downloads: hits when the box held the title, partial hits when it was fetching it already, else misses.")
    case .promisesKept:
      Definition(
        "larder_promises_kept_total", .counter, "Downloads that were accepted, then or later completed.")
    case .promisesBroken:
      Definition(
        "larder_promises_broken_total", .counter,
        label: Label(
          "code", ["content_not_found", "access_denied", "integrity_mismatch", "quota_exceeded", "storage_full"]),
        "Downloads that were accepted and failed later, by why.")
    case .fillBytes:
      Definition("larder_fill_bytes_total", .counter, unit: "bytes", "Bytes of titles that came from the origin.")
    case .chunkTime:
      Definition(
        times: "larder_chunk_fetch_seconds", upTo: [50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000],
        "How long ranged requests to the origin took that brought all that was asked for.")
    case .originErrors:
      Definition(
        "larder_origin_errors_total", .counter,
        label: Label(
          "code", ["origin_unreachable", "origin_error", "origin_refused", "access_denied", "content_not_found"]),
        "Requests to the origin that failed, by what the failure means.")
    case .evictions:
      Definition(
        "larder_evictions_total", .counter, label: Label("cause", ["quota", "room", "unowned", "administrator"]),
        "Downloads removed for their user's quota, the box's room or by an administrator, and whole objects that no one owned."
      )
    case .quotaBytes:
      Definition(
        "larder_quota_bytes", .gauge, unit: "bytes", label: Label("state", ["limit", "used", "reserved"]),
        "Of all users together: the limits of those who have one, and what completed and unfinished downloads count for."
      )
    case .quotaUsers:
      Definition("larder_quota_users", .gauge, "Users whose downloads count for something.")
    case .storageBytes:
      Definition(
        "larder_storage_bytes", .gauge, unit: "bytes", label: Label("state", ["complete", "filling", "discarded"]),
        "What the ledger charges the disk: whole objects, those on their way at full size, and files yet to be removed."
      )
    case .storageFreeBytes:
      Definition(
        "larder_storage_free_bytes", .gauge, unit: "bytes", "What the file system of the data directory has free.")
    case .storageCapacityBytes:
      Definition(
        "larder_storage_capacity_bytes", .gauge, unit: "bytes",
        "The most bytes of video that may be kept: what is configured, else what the file system has for them.")
    case .storageReserveBytes:
      Definition(
        "larder_storage_reserve_bytes", .gauge, unit: "bytes", "What is always left free on the file system.")
    case .integrityFailures:
      Definition(
        "larder_integrity_failures_total", .counter, label: Label("found", ["play", "scrub", "fill", "verify"]),
        "Stored blocks that were found missing or different from their checksum, by who found them.")
    case .blocksMended:
      Definition("larder_blocks_mended_total", .counter, "Bad or missing blocks that were fetched again.")
    case .scrubBytes:
      Definition("larder_scrub_bytes_total", .counter, unit: "bytes", "Stored bytes that the scrub has read.")
    case .configReloads:
      Definition(
        "larder_config_reloads_total", .counter, label: Label("result", ["reloaded", "kept"]),
        "Orders to read the configuration again, by whether the new one was taken.")
    case .logLinesDropped:
      Definition(
        "larder_log_lines_dropped_total", .counter, "Lines of the log that were lost because nobody read them in time.")
    case .startTime:
      Definition("larder_start_time_seconds", .gauge, unit: "seconds", "When the daemon started, since 1970.")
    case .buildInfo:
      Definition(
        "larder_build_info", .gauge, label: Label("version", [Version.current]), "Always 1; the version is the news.")
    }
  }
}
