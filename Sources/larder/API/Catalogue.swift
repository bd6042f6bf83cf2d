// The list of titles that the platform keeps in its bucket: read now and then, checked, and kept for when there is no network.

import Cache
import Glibc
import HTTP
import Loop

/// One title of the catalogue.
struct CatalogueTitle: Sendable {
  struct Quality: Sendable {
    let name: String
    let key: String
    let size: Int?
  }

  let contentID: String
  let qualities: [Quality]
  /// Everything that the platform says of it, as it says it.
  let members: [JSONValue.Member]
}

/// A catalogue that was read and made sense.
struct CatalogueCopy: Sendable {
  let titles: [CatalogueTitle]
  /// The keys of those that can be asked for.
  private let keys: [Title: String]

  /// What is wrong with a document that should be a catalogue.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// Reads `{"titles":[{"content_id":…,"qualities":{"720p":{"key":…,"size":…}}}]}`; unknown members are kept.
  init(_ bytes: [UInt8]) throws(Fault) {
    let document: JSONValue
    do { document = try JSONReader.read(bytes) } catch { throw Fault(description: "it is no JSON: \(error)") }
    guard let list = document["titles"]?.array else { throw Fault(description: "it has no array \"titles\"") }
    var titles: [CatalogueTitle] = []
    var keys: [Title: String] = [:]
    for (index, entry) in list.enumerated() {
      let place = "titles[\(index)]"
      guard let id = entry["content_id"]?.string, let members = entry.object else {
        throw Fault(description: "\(place) has no text \"content_id\"")
      }
      var qualities: [CatalogueTitle.Quality] = []
      for member in entry["qualities"]?.object ?? [] {
        guard let key = member.value["key"]?.string, (1...1024).contains(key.utf8.count) else {
          throw Fault(description: "\(place).qualities.\(member.name) has no text \"key\" of 1 to 1024 bytes")
        }
        qualities.append(
          CatalogueTitle.Quality(name: member.name, key: key, size: member.value["size"]?.integer.map { Int($0) }))
        if let title = try? Title(contentID: id, quality: member.name) { keys[title] = key }
      }
      titles.append(CatalogueTitle(contentID: id, qualities: qualities, members: members))
    }
    self.titles = titles
    self.keys = keys
  }

  func key(of title: Title) -> String? { keys[title] }
}

/// Keeps the catalogue fresh, and lists it.
@EventLoop
final class Catalogue {
  private let origin: OriginClient
  private let log: EventLog
  /// Where the last good copy lies.
  private let path: String
  /// Reads, and makes lists, in the time that the other threads leave.
  let worker = Worker(name: "catalogue", yields: true)
  private var key = ""
  /// Which of the origin's places was asked for it.
  private var place = 0
  private var refresh = Duration.zero
  private var retry = RetryPolicy(initial: 1, limit: 1)
  /// Readings in a row that brought nothing.
  private var failures = 0
  /// Whether the last reading brought a catalogue.
  private var isRead = false
  private var isReading = false
  private var reading: Task<Void, Never>?
  /// Until the next reading.
  private let timer = Timer()
  /// Whose list is being made, and rung when it is.
  private var listing: [UserID: Chimes] = [:]
  private(set) var copy: CatalogueCopy?

  /// The largest catalogue that is read, in bytes.
  nonisolated static let limit = 64 << 20

  init(path: String, origin: OriginClient, log: EventLog) {
    self.path = path
    self.origin = origin
    self.log = log
  }

  /// Whether there is one to ask for.
  var isConfigured: Bool { !key.isEmpty }

  /// Reads the kept copy, so that the first start goes by it, and then asks the origin, now and every `refresh`, and sooner
  /// after a reading that failed; "" for no catalogue.
  ///
  /// A reload asks at once when another catalogue is configured or the last reading failed, and postpones nothing.
  func use(key: String, refresh: Duration, retry: RetryPolicy) async {
    let isNew = key != self.key || origin.place != place
    let isOtherwise = refresh != self.refresh
    self.key = key
    self.refresh = refresh
    self.retry = retry
    place = origin.place
    guard !key.isEmpty else {
      copy = nil
      (isRead, isReading) = (false, false)
      reading?.cancel()
      timer.stop()
      return
    }
    if copy == nil { await readKept() }
    // Another reload may have come meanwhile.
    guard key == self.key else { return }
    // One that is under way goes on: who reloads often would never have it read.
    if isNew || !isRead && !isReading {
      failures = 0
      read()
    } else if isOtherwise, timer.isActive {
      wait(for: refresh)
    }
  }

  /// Asks the origin now, and again after a while.
  private func read() {
    timer.stop()
    reading?.cancel()
    isReading = true
    reading = EventLoop.spawn { [self] in
      let outcome = await readOrigin()
      guard !Task.isCancelled else { return }
      isReading = false
      isRead = outcome == .read
      switch outcome {
      case .read, .senseless:
        failures = 0
        wait(for: refresh)
      case .unread(let asked):
        var random = SystemRandomNumberGenerator()
        wait(for: min(refresh, .milliseconds(retry.wait(attempt: failures, asked: asked, using: &random))))
        failures += 1
      }
    }
  }

  private func wait(for time: Duration) { timer.start(after: time) { [weak self] in self?.read() } }

  /// The list for a user, as a document. Of one user's, one is made at a time: others' have their turn in between.
  func list(for user: UserID, under policy: Policy, by ledger: Ledger) async throws -> [UInt8] {
    while let other = listing[user] { await other.wait() }
    let chimes = Chimes()
    listing[user] = chimes
    defer {
      listing[user] = nil
      chimes.ring()
    }
    let list = CatalogueListing(
      titles: copy?.titles ?? [], bucket: origin.bucket, user: user, policy: policy, ledger: ledger)
    return try await worker.run { try list.document() }
  }

  private func readKept() async {
    let path = path
    let kept = await worker.run { SmallFile.read(path, limit: Self.limit).flatMap { try? CatalogueCopy($0) } }
    if copy == nil, isConfigured { copy = kept }
  }

  private enum Outcome: Equatable {
    case read
    /// What came is no catalogue: another reading would bring the same.
    case senseless
    /// The origin was not heard, and wants not to be asked for so many milliseconds.
    case unread(Int64?)
  }

  private func readOrigin() async -> Outcome {
    let (asked, place) = (key, place)
    switch await origin.read(asked, limit: Self.limit) {
    case .failure(let problem):
      // That it is still so is not told each time.
      let text = "the catalogue cannot be read: \(problem)"
      if problem.isOurs || failures > 0 {
        log.debug("catalogue.unread", text)
      } else {
        log.warning("catalogue.unread", text)
      }
      return .unread(problem.retryAfter)
    case .success(let bytes):
      guard asked == key, origin.place == place else { return .unread(nil) }
      do {
        // A large one takes longer to read than the loop may be away.
        let fresh = try await worker.run { () throws(CatalogueCopy.Fault) in try CatalogueCopy(bytes) }
        guard asked == key, origin.place == place else { return .unread(nil) }
        // So does letting go of one.
        worker.post { [copy] in withExtendedLifetime(copy) {} }
        copy = fresh
        let path = path
        if let error = await worker.run({ SmallFile.replace(path, with: bytes) }) {
          log.warning("catalogue.unkept", "the catalogue cannot be kept for offline use: \(error)")
        }
        log.debug("catalogue.read", "the catalogue has \(fresh.titles.count) titles")
        return .read
      } catch {
        log.warning("catalogue.unread", "\(asked): \(error); the last good one stays")
        return .senseless
      }
    }
  }
}

/// Small files, whole. Blocks: for the disk's threads and the start.
enum SmallFile {
  /// The bytes of a file; nil when it cannot be read or is larger than `limit`.
  static func read(_ path: String, limit: Int) -> [UInt8]? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    let file = ObjectFile(owning: descriptor)
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_size >= 0, Int(status.st_size) <= limit else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    let isWhole = try? unsafe bytes.withUnsafeMutableBytes { unsafe try file.read(into: $0, at: 0) }
    return isWhole == true ? bytes : nil
  }

  /// Writes a file beside it, makes it durable, and puts it in place at once; the error, if any.
  static func replace(_ path: String, with bytes: [UInt8]) -> DiskError? {
    let fresh = path + ".new"
    let descriptor = unsafe open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { return DiskError("open \(fresh)", errno) }
    let file = ObjectFile(owning: descriptor)
    do {
      try file.write(bytes, at: 0)
      try file.synchronize()
    } catch { return error }
    return unsafe rename(fresh, path) == 0 ? nil : DiskError("replace \(path)", errno)
  }
}
