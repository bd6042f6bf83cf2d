// The way of one title through the box, as its user sees it: start, progress, play, link. Each step is a request to the
// box, and each answer is checked.

import Cache
import Curl
import Glibc
import HTTP
import Loop

/// Walks one title through the box.
@EventLoop
struct DemoWalk {
  /// What the walk leaves behind, for whoever goes on from there.
  struct Outcome: Sendable {
    let download: String
    /// Good for hours, without a header.
    let link: String
  }

  let client: DemoClient
  let entry: DemoTitle
  /// Why the download is no faster; empty when nothing holds it.
  let pace: String

  /// How long the box may make no progress before the walk gives up: the origin digests a long film for minutes.
  private static let patience = Duration.seconds(300)
  /// How much is played, at the most.
  private static let sample = 64 << 10

  /// - Throws: a ``DemoFailure`` with the step that failed, or `CancellationError`.
  func run() async throws -> Outcome {
    let id = try await start()
    try await follow(id)
    try await play(id)
    return Outcome(download: id, link: try await link(id))
  }

  private func start() async throws -> String {
    var writer = JSONWriter()
    writer.object { writer in
      writer.field("content_id", entry.title.contentID)
      writer.field("quality", entry.title.quality)
    }
    Terminal.say("1. Start     POST /api/downloads/start \(String(decoding: writer.bytes, as: UTF8.self))")
    let (status, download) = try await client.json(.post, "/api/downloads/start", writer.bytes)
    guard let id = download["id"]?.string else { throw DemoFailure(description: "the new download has no id") }
    let size =
      download["total_bytes"]?.integer.map { "\($0) bytes reserved of the quota" } ?? "its size is not known yet"
    Terminal.say("             \(status) \(status == 200 ? "it is there already" : size)")
    return id
  }

  private func follow(_ id: String) async throws {
    Terminal.say("2. Progress  GET /api/downloads/\(id)/progress")
    if !pace.isEmpty { Terminal.say("             \(pace)") }
    var last: ProgressBar?
    var moved = EventLoop.exactNow
    while true {
      let (_, progress) = try await client.json(.get, "/api/downloads/\(id)/progress")
      let bar = ProgressBar(progress)
      if bar.downloaded != last?.downloaded { moved = EventLoop.exactNow }
      if Terminal.isLive {
        Terminal.draw("             \(bar.bar)")
      } else if bar.downloaded != last?.downloaded || bar.trouble != last?.trouble {
        // Each line stays: only what is new.
        Terminal.say("             \(bar.text)")
      }
      last = bar
      switch progress["status"]?.string {
      case "completed":
        if Terminal.isLive { Terminal.say("") }
        Terminal.say("             completed: whole, on the disk, and compared with the origin's MD5")
        return
      case "pending", "downloading":
        guard EventLoop.exactNow < moved.advanced(by: Self.patience) else {
          throw DemoFailure(description: "the download makes no progress: \(bar.trouble ?? bar.text)")
        }
      case let other:
        throw DemoFailure(description: "the download is \(other ?? "in no state"): \(bar.trouble ?? bar.text)")
      }
      try await EventLoop.sleep(for: .milliseconds(100))
    }
  }

  /// Plays some bytes from the middle, as a seek does, and compares them with the origin's.
  private func play(_ id: String) async throws {
    guard entry.size > 0 else { return }
    let first = entry.size / 2
    let range = first...min(entry.size - 1, first + Self.sample - 1)
    Terminal.say("3. Play      GET /api/downloads/\(id)/play  Range: bytes=\(range.lowerBound)-\(range.upperBound)")
    let answer = try await client.bytes("/api/downloads/\(id)/play", range)
    let path = entry.path
    let disk = Worker(name: "demo")
    let original = try await disk.run { () throws(DiskError) in try Self.read(path, range) }
    await disk.stop()
    guard answer.head.status == 206, answer.body == original else {
      throw DemoFailure(description: "the box plays other bytes than the origin holds")
    }
    Terminal.say(
      "             206 \(answer.head["content-range"] ?? ""), the same \(range.count) bytes as at the origin")
  }

  private nonisolated static func read(_ path: String, _ range: ClosedRange<Int>) throws(DiskError) -> [UInt8] {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DiskError("open \(path)", errno) }
    let file = ObjectFile(owning: descriptor)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 16)
    defer { unsafe buffer.deallocate() }
    guard unsafe try file.read(into: buffer, at: range.lowerBound) else { throw DiskError("read \(path)", EIO) }
    return unsafe Array(buffer)
  }

  private func link(_ id: String) async throws -> String {
    Terminal.say("4. Link      POST /api/downloads/\(id)/play-url")
    let (status, answer) = try await client.json(.post, "/api/downloads/\(id)/play-url")
    guard let path = answer["url"]?.string, let expiry = answer["expires_at"]?.string else {
      throw DemoFailure(description: "the answer to play-url has no url")
    }
    Terminal.say("             \(status) it opens this title alone, without a header, until \(expiry)")
    return client.base + path
  }
}

extension ProgressBar {
  /// From the box's progress object.
  init(_ progress: JSONValue) {
    self.init(
      progress: progress["progress"]?.number ?? 0, downloaded: Int(progress["downloaded_bytes"]?.integer ?? 0),
      total: progress["total_bytes"]?.integer.map { Int($0) },
      bytesPerSecond: Int(progress["bytes_per_second"]?.integer ?? 0), trouble: progress["error"]?["message"]?.string)
  }
}

extension JSONValue {
  /// A number, whole or not.
  fileprivate var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}
