// A box that is used while its disk fails or its process dies: every wish is repeated until the box has acknowledged it,
// what was acknowledged is written down, and in the end the box must hold exactly that.

import Foundation
import Glibc

/// A box on a faulty disk, and what its users were told.
final class FaultyBox {
  let box: Box
  let disk: FaultyDisk
  /// `storage.path`.
  let data: String
  /// The users by name; their tokens outlive every restart.
  private(set) var users: [String: User] = [:]
  /// How each run ended that ended by itself.
  private(set) var endings: [RunEnding] = []
  /// How many calls there were before the disk was mended for the first time; nil before that.
  private(set) var calls: [DiskCall: Int]?
  /// The live downloads that were acknowledged, by id.
  private var live: [String: (user: String, title: Title)] = [:]
  private var gone: [String: String] = [:]

  /// The key and the tokens are the same in all boxes, so that they are made once.
  private static let tokens = Result {
    let box = try Box(["auth": ["secret_file": "\"\(try secret.get())\""]], starts: false)
    return Dictionary(uniqueKeysWithValues: try ["ann", "bob"].map { ($0, try box.user($0).token) })
  }

  private static let secret = Result {
    let path = Scratch.shared.path("secret")
    try String(repeating: "s", count: 64).write(toFile: path, atomically: true, encoding: .utf8)
    guard unsafe chmod(path, 0o600) == 0 else { throw RigFailure.call("chmod") }
    return path
  }

  /// - Parameters:
  ///   - data: `storage.path`; nil for a folder beside the configuration.
  ///   - plan: holds from the first start until something ends the process.
  init(_ changes: Settings = [:], data: String? = nil, plan: [DiskRule] = [], starts: Bool = true) throws {
    disk = try FaultyDisk()
    var changes = changes
    if let data { changes["storage", default: [:]]["path"] = "\"\(data)\"" }
    changes["auth", default: [:]]["secret_file"] = "\"\(try Self.secret.get())\""
    box = try Box(changes, environment: disk.environment, starts: false)
    for (name, token) in try Self.tokens.get() { users[name] = User(box: box, name: name, token: token) }
    self.data = data ?? box.data
    try disk.watch(self.data)
    try disk.plan(plan)
    if starts { try start() }
  }

  /// Starts it, without the plan when that ends it.
  func start() throws {
    do { try box.start() } catch {
      guard box.program?.poll() != nil else { throw error }
      try revive()
    }
  }

  /// Starts it on a disk that is well, after its run has ended by itself.
  private func revive() throws {
    if let ending = box.program?.poll() {
      endings.append(RunEnding(ending: ending, hadListened: box.log.contains { $0.event?.text == "listening" }))
    }
    try mend()
    try box.start()
  }

  /// The disk is well again.
  private func mend() throws {
    if calls == nil { calls = Dictionary(uniqueKeysWithValues: DiskCall.allCases.map { ($0, disk.count($0)) }) }
    try disk.mend()
  }

  /// Does `body` until it answers; a run that ends in between is followed by another.
  @discardableResult
  func insist<Value>(_ what: String, _ body: () throws -> Value?) throws -> Value {
    try eventually(what, within: 60, explain: box.report) {
      do { return try body() } catch let wrong as Wrong { throw wrong } catch {
        // A connection that broke: only the end of the process explains it.
        let hasEnded = try? eventually("the end", within: 2) { self.box.program?.poll() }
        guard hasEnded != nil else { throw error }
        try revive()
        return nil
      }
    }
  }

  var ann: User { get throws { try user("ann") } }
  var bob: User { get throws { try user("bob") } }

  private func user(_ name: String) throws -> User {
    guard let user = users[name] else { throw RigFailure("nobody is called \(name)") }
    return user
  }

  private func require(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw Wrong(description: what()) }
  }

  // MARK: Wishes

  /// Starts a title; a refusal must have changed nothing.
  func start(_ name: String, _ title: Title) throws -> String {
    let user = try user(name)
    let id = try insist("start of \(title.contentID) by \(name)") { () -> String? in
      let answer = try user.tryStart(title)
      if answer.status == 201 || answer.status == 200 { return answer.json?.id?.text }
      try require(answer.status >= 500, "start: \(answer)")
      let listed = try liveDownloads(of: user)
      try require(
        !listed.contains { $0.content_id?.text == title.contentID }, "refused, and there: \(answer) \(listed)")
      return nil
    }
    live[id] = (name, title)
    return id
  }

  /// Waits until it is completed, and plays it.
  func complete(_ id: String) throws {
    guard let (name, title) = live[id] else { throw RigFailure("no live download \(id)") }
    let user = try user(name)
    try insist("\(id) completed") { () -> Bool? in
      try user.download(id).status?.text == "completed" ? true : nil
    }
    try play(id, user, title)
  }

  private func play(_ id: String, _ user: User, _ title: Title) throws {
    let answer = try insist("play of \(id)") { () -> Answer? in
      do {
        let answer = try user.play(id)
        return answer.status < 500 ? answer : nil
      } catch {
        // What cannot be read is cut off, and asked for again.
        guard box.program?.poll() == nil else { throw error }
        return nil
      }
    }
    try require(answer.status == 200 && answer.body == title.bytes, "play of \(id): \(answer.status) \(answer.body)")
  }

  func pin(_ id: String) throws {
    guard let (name, _) = live[id] else { throw RigFailure("no live download \(id)") }
    let user = try user(name)
    try insist("pin of \(id)") { () -> Bool? in
      let answer = try user.ask("PUT", "/api/downloads/\(id)/pin")
      try require(answer.status == 200 || answer.status >= 500, "pin: \(answer)")
      let pinned = try user.download(id).pinned?.bool
      try require(
        pinned == (answer.status == 200), "pin answered \(answer.status), and it is \(String(describing: pinned))")
      return answer.status == 200 ? true : nil
    }
  }

  /// Deletes it; a refusal must have changed nothing.
  func delete(_ id: String) throws {
    guard let (name, _) = live[id] else { throw RigFailure("no live download \(id)") }
    let user = try user(name)
    var isAsked = false
    try insist("delete of \(id)") { () -> Bool? in
      let isFirst = !isAsked
      isAsked = true
      let answer = try user.ask("DELETE", "/api/downloads/\(id)/delete")
      // Gone already: the answer to an earlier try was lost with the process.
      if answer.status == 200 || answer.status == 404 && !isFirst { return true }
      try require(answer.status >= 500, "delete: \(answer)")
      try require(try user.download(id).deleted_at == .null, "refused, and gone: \(answer)")
      return nil
    }
    live[id] = nil
    gone[id] = name
  }

  /// Asks for a deletion whose answer will take long: it is left to whoever calls this.
  func beginDelete(_ id: String) throws -> Connection {
    guard let (name, _) = live.removeValue(forKey: id) else { throw RigFailure("no live download \(id)") }
    gone[id] = name
    let connection = try Connection(port: box.port)
    try connection.send(
      request("DELETE", "/api/downloads/\(id)/delete", headers: try user(name).authorization))
    return connection
  }

  /// It had to go for another.
  func wasEvicted(_ id: String) throws {
    guard let (name, _) = live.removeValue(forKey: id) else { throw RigFailure("no live download \(id)") }
    gone[id] = name
    let user = try user(name)
    let record = try insist("\(id) read") { try user.download(id) }
    try require(record.error?.code?.text == "evicted" && record.deleted_at != .null, "not evicted: \(record)")
  }

  // MARK: What a title goes through

  /// Changes bytes in the middle of a completed title and adds some behind its end, as a disk or somebody may; then plays it.
  func mend(_ id: String) throws {
    guard let (name, title) = live[id] else { throw RigFailure("no live download \(id)") }
    let before = try sums()
    try damage(id)
    try play(id, try user(name), title)
    // It plays before it is whole again. Then its checksums are written anew.
    try insist("\(id) is whole again") { () -> Bool? in
      _ = try user(name).download(id)
      return try sums() != before ? true : nil
    }
  }

  /// When the objects' checksums were written. A number on the disk may come again.
  private func sums() throws -> [String: Int] {
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(data)/objects").filter { $0.hasSuffix(".sums") }
    var times: [String: Int] = [:]
    var status = stat()
    for name in names where unsafe stat("\(data)/objects/\(name)", &status) == 0 {
      times[name] = Int(status.st_mtim.tv_sec) * 1_000_000_000 + Int(status.st_mtim.tv_nsec)
    }
    return times
  }

  /// The origin has another version by the time at which bytes of the old one are lost: the title begins again with that.
  func renew(_ id: String) throws {
    guard let (name, old) = live[id] else { throw RigFailure("no live download \(id)") }
    let (user, new) = (try user(name), old.replaced(size: old.size - 50_000))
    try box.origin.put(new)
    try damage(id)
    live[id] = (name, new)
    try insist("\(id) of the new version") { () -> Bool? in
      // Whoever plays it finds the damage.
      _ = try? user.play(id)
      let now = try user.download(id)
      return now.total_bytes?.int == new.size && now.status?.text == "completed" ? true : nil
    }
    try play(id, user, new)
  }

  private func damage(_ id: String) throws {
    guard let (name, title) = live[id] else { throw RigFailure("no live download \(id)") }
    let user = try user(name)
    let link = try insist("the link of \(id)") { try user.download(id).file_path?.text }
    guard let file = FileHandle(forUpdatingAtPath: "\(data)/\(link)") else { throw Wrong(description: "no \(link)") }
    try file.seek(toOffset: UInt64(title.size / 2))
    try file.write(contentsOf: Data(title.bytes[title.size / 2...title.size / 2 + 2].array.map { ~$0 }))
    try file.seekToEnd()
    try file.write(contentsOf: Data([1, 2, 3]))
    try file.close()
  }

  /// Starts a title of which so many bytes come in, and cancels it then; a refusal must have changed nothing.
  func cancel(_ name: String, _ title: Title, after bytes: Int) throws {
    let (user, proxy) = (try user(name), box.proxy)
    let end = proxy.traffic + bytes
    proxy.hold(after: end)
    defer { proxy.release() }
    let id = try start(name, title)
    try insist("\(id) comes in") { () -> Bool? in
      _ = try user.download(id)
      return proxy.traffic >= end ? true : nil
    }
    var isAsked = false
    try insist("the end of \(id)") { () -> Bool? in
      let isFirst = !isAsked
      isAsked = true
      let answer = try user.ask("DELETE", "/api/downloads/\(id)")
      if answer.status == 200 || answer.status == 404 && !isFirst { return true }
      try require(answer.status >= 500, "cancel: \(answer)")
      try require(try user.download(id).deleted_at == .null, "refused, and gone: \(answer)")
      return nil
    }
    live[id] = nil
    gone[id] = name
  }

  /// Starts a title that the origin refuses, and tries it again once it does not.
  func retry(_ name: String, _ title: Title) throws -> String {
    let user = try user(name)
    box.proxy.fault(Fault(action: Fault.s3(403, "AccessDenied")) { $0.method == "GET" })
    let id = try start(name, title)
    try insist("\(id) failed") { try user.download(id).status?.text == "failed" ? true : nil }
    box.proxy.fault(nil)
    try insist("retry of \(id)") { () -> Bool? in
      let answer = try user.ask("POST", "/api/downloads/\(id)/retry")
      let status = try user.download(id).status?.text
      switch answer.status {
      case 200: return true
      // The answer to an earlier try was lost with the process.
      case 409 where status == "completed": return true
      default:
        try require(answer.status >= 500 && status == "failed", "retry: \(answer), and it is \(status ?? "nothing")")
        return nil
      }
    }
    return id
  }

  private func liveDownloads(of user: User) throws -> [JSON] {
    try user.expect(200, "GET", "/api/downloads").downloads?.array ?? []
  }

  // MARK: The end

  /// Stops it, starts it on a disk that is well, stops that again, and compares everything with what was acknowledged.
  func settle() throws {
    var isFirst = true
    try insist("an end in order") { () -> Bool? in
      try compareAnswers()
      try mend()
      let ending = try box.terminate()
      if ending == .exited(0) { return true }
      // A call of the plan that was under way as the disk was mended may have ended it: once.
      guard let ending, isFirst else {
        throw Wrong(description: "it ended with \(String(describing: ending)): \(box.report)")
      }
      isFirst = false
      endings.append(RunEnding(ending: ending, hadListened: true))
      try box.start()
      return nil
    }
    try box.start()
    try compareAnswers()
    let links = try self.links()
    try eventually("no file too many", within: 20, explain: box.report) {
      try Inspection(data: data).findings(amongLinks: links).isEmpty ? true : nil
    }
    try require(try box.terminate() == .exited(0), "it does not end: \(box.report)")
    let findings = try Inspection(data: data).findings(links: links)
    try require(findings.isEmpty, findings.joined(separator: "; "))
  }

  private func links() throws -> [String: Bytes] {
    var links: [String: Bytes] = [:]
    for (id, (name, title)) in live {
      guard let path = try user(name).download(id).file_path?.text else {
        throw Wrong(description: "\(id) has no file")
      }
      links[path] = title.bytes
    }
    return links
  }

  /// Asks for everything that was acknowledged: all of it must be there, and nothing else.
  func compareAnswers() throws {
    for (name, user) in users.sorted(by: { $0.key < $1.key }) {
      let expected = live.filter { $0.value.user == name }
      for (id, (_, title)) in expected {
        try user.wait(id, for: "completed")
        try play(id, user, title)
      }
      let listed = Set(try liveDownloads(of: user).compactMap { $0.id?.text })
      try require(listed == Set(expected.keys), "\(name) has \(listed.sorted()) and not \(expected.keys.sorted())")
      let used = expected.reduce(0) { $0 + $1.value.title.size }
      let storage = try user.storage()
      try require(storage.used == used && storage.reserved == 0, "\(storage), and \(used) are used")
    }
    for (id, name) in gone {
      let user = try user(name)
      try require(try user.download(id).deleted_at != .null, "\(id) came back")
      try require(try user.play(id).status == 404, "\(id) can be played after its end")
    }
  }
}

/// How a run of a box ended.
struct RunEnding: Equatable, CustomStringConvertible {
  var ending: Ending
  /// Whether it had said that it listens.
  var hadListened: Bool

  var description: String { "\(ending) \(hadListened ? "after" : "before") it listened" }
}

/// A promise that was broken.
struct Wrong: Error, CustomStringConvertible {
  var description: String
}
