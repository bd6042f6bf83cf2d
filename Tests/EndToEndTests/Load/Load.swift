// Thousands of connections from one thread by poll(2), and what the box looks like meanwhile.

import Foundation
import Glibc
import Synchronization

/// The connections of one scenario.
@safe
final class Load {
  private(set) var clients: [LoadClient] = []
  /// The most connections that were open at a time.
  private(set) var most = 0
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

  /// A long run is asked for by LARDER_LOAD=full; else it is a smoke run.
  static let isFull = ProcessInfo.processInfo.environment["LARDER_LOAD"] == "full"

  static func size(_ smoke: Int, full: Int) -> Int { isFull ? full : smoke }

  init() {
    // Each client is a descriptor of this process.
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  deinit { unsafe buffer.deallocate() }

  @discardableResult
  func add(
    _ port: Int, from host: UInt8 = 1, receiveBuffer: Int32? = nil, isNarrow: Bool = false
  ) throws -> LoadClient {
    let client = try LoadClient(port: port, from: host, receiveBuffer: receiveBuffer, isNarrow: isNarrow)
    clients.append(client)
    return client
  }

  func add(_ count: Int, _ port: Int, _ body: (LoadClient) -> Void) throws {
    for _ in 0..<count { body(try add(port)) }
  }

  /// Everybody leaves.
  func leave(reset: Bool = false) {
    for client in clients { client.leave(reset: reset) }
    clients = []
  }

  /// What went wrong anywhere.
  var faults: [String] { clients.compactMap(\.fault) }

  /// Drives all clients for a while.
  func run(seconds: Double) throws {
    let end = now() + seconds
    while now() < end { turn() }
  }

  /// Drives all clients until it is so; the deadline is for what never happens.
  func run(
    until what: String, within seconds: Double = 60, explain: @autoclosure () -> String = "", _ condition: () -> Bool
  ) throws {
    let deadline = now() + seconds
    while !condition() {
      turn()
      if let fault = faults.first { throw RigFailure("\(what): \(fault)\n\(explain())") }
      if now() > deadline { throw Late(description: "not within \(seconds) s: \(what)\n\(explain())") }
    }
  }

  private func turn() {
    let moment = now()
    let open = clients.filter(\.isOpen)
    most = max(most, open.count)
    var polls = open.map { pollfd(fd: $0.descriptor, events: $0.wanted(moment), revents: 0) }
    guard unsafe poll(&polls, nfds_t(polls.count), 10) > 0 else { return }
    for (client, poll) in zip(open, polls) where poll.revents != 0 {
      unsafe client.happened(poll.revents, moment, buffer: buffer)
    }
  }
}

/// What the box takes of the machine.
struct Vitals: CustomStringConvertible {
  /// What it may take.
  struct Bounds {
    var descriptors: Int
    /// In KiB.
    var anonymous: Int
  }

  /// In KiB.
  var resident: Int
  /// Of these, what is no file: in KiB. Nothing under a sanitizer, which keeps what was freed.
  var anonymous: Int
  var descriptors: Int

  init(_ box: Box) throws { try self.init(of: box.program?.pid ?? 0) }

  init(of pid: pid_t) throws {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    func field(_ name: String) -> Int {
      let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
      return Int(line.filter(\.isNumber)) ?? 0
    }
    resident = field("VmRSS")
    let environment = ProcessInfo.processInfo.environment
    let isSanitized = ["ASAN_OPTIONS", "TSAN_OPTIONS"].contains { environment[$0] != nil }
    anonymous = isSanitized ? 0 : field("RssAnon")
    descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
  }

  var description: String { "RSS \(resident >> 10) MiB (anonymous \(anonymous) KiB), \(descriptors) descriptors" }
}

/// What a process takes of the machine at the most: looked at all the while, by a thread of its own.
final class Lookout: Sendable {
  private struct State {
    var most: Vitals
    var looks = 1
    var fault: String?
    var isOver = false
    var hasEnded = false
  }

  private let state: Mutex<State>

  init(_ box: Box) throws {
    let pid = box.program?.pid ?? 0
    state = Mutex(State(most: try Vitals(of: pid)))
    Thread.detachNewThread { [self] in
      while !state.withLock({ $0.isOver }) {
        do { note(try Vitals(of: pid)) } catch { state.withLock { $0.fault = $0.fault ?? "\(error)" } }
        usleep(50_000)
      }
      state.withLock { $0.hasEnded = true }
    }
  }

  private func note(_ vitals: Vitals) {
    state.withLock {
      $0.most.resident = max($0.most.resident, vitals.resident)
      $0.most.anonymous = max($0.most.anonymous, vitals.anonymous)
      $0.most.descriptors = max($0.most.descriptors, vitals.descriptors)
      $0.looks += 1
    }
  }

  /// Ends it; each figure is the highest, whenever that was. Throws when the process could not be looked at.
  func finish() throws -> Vitals {
    state.withLock { $0.isOver = true }
    try eventually("the last look") { state.withLock { $0.hasEnded ? true : nil } }
    return try state.withLock {
      if let fault = $0.fault { throw RigFailure("the box cannot be looked at: \(fault)") }
      return $0.most
    }
  }
}

/// Users who want nothing but their titles, while others misbehave: each of their requests must be answered, and rightly.
final class Bystanders: Sendable {
  private struct State {
    var waits: [Double] = []
    var turnedAway = 0
    var fault: String?
    var isOver = false
    var running = 0
  }

  private let state = Mutex(State())

  /// Two users on threads of their own, each request on a connection of its own.
  init(_ users: [User], _ title: Title, _ id: [String]) {
    for (user, id) in zip(users, id) {
      state.withLock { $0.running += 1 }
      let (port, authorization, bytes) = (user.box.port, user.authorization, title.bytes)
      Thread.detachNewThread { [self] in
        var turn = 0
        while !state.withLock({ $0.isOver || $0.fault != nil }) {
          turn += 1
          do { try ask(turn, port, authorization, id, bytes) } catch {
            state.withLock { $0.fault = "request \(turn) of a bystander: \(error)" }
          }
          usleep(5000)
        }
        state.withLock { $0.running -= 1 }
      }
    }
  }

  private func ask(
    _ turn: Int, _ port: Int, _ authorization: [String: String], _ id: String, _ bytes: Bytes
  ) throws {
    let deadline = now() + 60
    while true {
      let began = now()
      let answer: Answer
      do { answer = try self.answer(turn, port, authorization, id) } catch {
        // The connection that says "busy" may be cut in a flood before that is read.
        guard now() < deadline else { throw error }
        state.withLock { $0.turnedAway += 1 }
        usleep(50_000)
        continue
      }
      if answer.status == 503, now() < deadline {
        state.withLock { $0.turnedAway += 1 }
        usleep(50_000)
        continue
      }
      guard answer.status == (turn % 4 == 2 ? 206 : 200) else { throw RigFailure("\(answer)") }
      if turn % 4 == 2 {
        let first = Self.offset(turn, bytes.count)
        guard answer.body == bytes[first..<min(bytes.count, first + 65536)] else { throw RigFailure("wrong bytes") }
      }
      state.withLock { $0.waits.append(now() - began) }
      return
    }
  }

  private static func offset(_ turn: Int, _ size: Int) -> Int { turn &* 7919 % max(1, size - 65536) }

  private func answer(_ turn: Int, _ port: Int, _ authorization: [String: String], _ id: String) throws -> Answer {
    let connection = try Connection(port: port)
    var headers = authorization
    switch turn % 4 {
    case 0: try connection.send(request("GET", "/healthz"))
    case 1: try connection.send(request("GET", "/api/downloads/storage", headers: headers))
    case 2:
      // The size does not matter to a range that ends behind it.
      let first = Self.offset(turn, Self.titleSize)
      headers["Range"] = "bytes=\(first)-\(first + 65535)"
      try connection.send(request("GET", "/api/downloads/\(id)/play", headers: headers))
    default:
      try connection.send(request(turn % 8 == 3 ? "PUT" : "DELETE", "/api/downloads/\(id)/pin", headers: headers))
    }
    return try connection.receive()
  }

  /// The size of the title that they play.
  static let titleSize = 4 << 20

  /// How many requests have been answered.
  var count: Int { state.withLock { $0.waits.count } }

  /// Ends them; throws what went wrong.
  func finish() throws -> Waits {
    state.withLock { $0.isOver = true }
    try eventually("the bystanders' last answer", within: 90) { state.withLock { $0.running == 0 ? true : nil } }
    return try state.withLock {
      if let fault = $0.fault { throw RigFailure(fault) }
      return Waits(sorted: $0.waits.sorted(), turnedAway: $0.turnedAway)
    }
  }

  struct Waits: CustomStringConvertible {
    let sorted: [Double]
    let turnedAway: Int

    var longest: Double { sorted.last ?? 0 }

    func percentile(_ share: Double) -> Double {
      sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    var description: String {
      func text(_ seconds: Double) -> String { "\((seconds * 100_000).rounded() / 100) ms" }
      return "\(sorted.count) answers to others, p50 \(text(percentile(0.5))), p99 \(text(percentile(0.99))), "
        + "longest \(text(longest)), \(turnedAway) times turned away before"
    }
  }
}
