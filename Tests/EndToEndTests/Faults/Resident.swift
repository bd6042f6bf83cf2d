// Somebody who lives with the box: asks for titles, plays, pins and deletes them at random, and keeps a diary of what the
// box has acknowledged. After a crash the diary is held against the box.

import Foundation
import Glibc

/// What a resident knows of one download.
struct DiaryEntry: Sendable {
  var title: Title
  var isDeleted = false
  /// Nil when a wish for it was not answered.
  var isPinned: Bool? = false
  var isCompleted = false
  /// The most that was ever shown: what is shown is durable.
  var downloadedBytes = 0
  /// Whether a wish to delete it was not answered.
  var isDoubtful = false
}

/// One user, as a value: the diary goes from round to round.
struct Resident: Sendable {
  let name: String
  let token: String
  let titles: [Title]
  private(set) var diary: [String: DiaryEntry] = [:]
  /// Titles whose start was not answered.
  private var doubtfulStarts: Set<String> = []
  private var generator: SplitMix64
  private(set) var acknowledged = 0

  init(name: String, token: String, titles: [Title], seed: UInt64) {
    self.name = name
    self.token = token
    self.titles = titles
    generator = SplitMix64(seed: seed)
  }

  private func ask(_ port: Int, _ method: String, _ target: String, body: String? = nil) throws -> Answer {
    let connection = try Connection(port: port)
    try connection.send(request(method, target, headers: ["Authorization": "Bearer \(token)"], body: body))
    return try connection.receive(to: method)
  }

  // MARK: Life

  /// Lives until the box no longer answers, which it does until its death.
  mutating func live(port: Int, until fate: Fate) throws {
    while true {
      do { try act(port, fate) } catch let wrong as Wrong { throw wrong } catch {
        guard fate.hasCome else {
          throw Wrong(description: "\(name) got no answer from a box in good health: \(error)")
        }
        return
      }
    }
  }

  private mutating func act(_ port: Int, _ fate: Fate) throws {
    let known = diary.filter { !$0.value.isDeleted && !$0.value.isDoubtful }.keys.sorted()
    let id = known.randomElement(using: &generator)
    switch (Int.random(in: 0..<10, using: &generator), id) {
    case (0...2, _), (_, nil): try start(titles.randomElement(using: &generator)!, port, fate)
    case (3...4, let id?): try look(id, port, fate)
    case (5...6, let id?): try play(id, port, fate)
    case (7, let id?): try pin(id, port, fate)
    case (8, let id?): try delete(id, port, fate)
    case (_, _):
      let answer = try ask(port, "GET", "/api/downloads")
      if answer.status != 200 { return try refused(answer, fate) }
    }
  }

  /// A title may not fit beside the others. A disk that has just gone may be noticed before the process ends. Everything
  /// else is wrong.
  private func refused(_ answer: Answer, _ fate: Fate) throws {
    if answer.status == 507, answer.code == "quota_exceeded" { return }
    guard fate.hasCome, answer.status >= 500 else { throw Wrong(description: "\(name): \(answer)") }
  }

  private mutating func start(_ title: Title, _ port: Int, _ fate: Fate) throws {
    doubtfulStarts.insert(title.contentID)
    let answer = try ask(port, "POST", "/api/downloads/start", body: User.startBody(title))
    guard answer.status == 201 || answer.status == 200, let id = answer.json?.id?.text else {
      return try refused(answer, fate)
    }
    doubtfulStarts.remove(title.contentID)
    acknowledged += 1
    if diary[id] == nil { diary[id] = DiaryEntry(title: title) }
  }

  private mutating func look(_ id: String, _ port: Int, _ fate: Fate) throws {
    let answer = try ask(port, "GET", "/api/downloads/\(id)")
    guard answer.status == 200, let record = answer.json else { return try refused(answer, fate) }
    if record.status?.text == "completed" { diary[id]?.isCompleted = true }
    let known = diary[id]?.downloadedBytes ?? 0
    diary[id]?.downloadedBytes = max(known, record.downloaded_bytes?.int ?? 0)
  }

  private mutating func play(_ id: String, _ port: Int, _ fate: Fate) throws {
    guard let entry = diary[id] else { return }
    let answer = try ask(port, "GET", "/api/downloads/\(id)/play")
    if answer.status == 409, !entry.isCompleted { return }
    guard answer.status == 200 else { return try refused(answer, fate) }
    guard answer.body == entry.title.bytes else { throw Wrong(description: "\(id) played \(answer.body)") }
  }

  private mutating func pin(_ id: String, _ port: Int, _ fate: Fate) throws {
    let wanted = Bool.random(using: &generator)
    let before = diary[id]?.isPinned
    diary[id]?.isPinned = nil as Bool?
    let answer = try ask(port, wanted ? "PUT" : "DELETE", "/api/downloads/\(id)/pin")
    if answer.status == 200 { acknowledged += 1 }
    // What was refused changed nothing, unless the power went in between.
    diary[id]?.isPinned = answer.status == 200 ? wanted : before == wanted ? wanted : nil
    if answer.status != 200 { try refused(answer, fate) }
  }

  private mutating func delete(_ id: String, _ port: Int, _ fate: Fate) throws {
    diary[id]?.isDoubtful = true
    let path = diary[id]?.isCompleted == true ? "/delete" : ""
    let answer = try ask(port, "DELETE", "/api/downloads/\(id)\(path)")
    switch answer.status {
    case 200:
      diary[id]?.isDeleted = true
      diary[id]?.isDoubtful = false
      acknowledged += 1
    // It was completed a moment ago.
    case 409:
      diary[id]?.isDoubtful = false
    default: try refused(answer, fate)
    }
  }

  // MARK: Reckoning

  /// Holds the diary against the box, which was started anew, and takes over what was in doubt.
  mutating func reckon(with user: User) throws {
    func require(_ condition: Bool, _ what: @autoclosure () -> String) throws {
      if !condition { throw Wrong(description: "\(name): \(what())") }
    }
    for (id, entry) in diary {
      let answer = try user.ask("GET", "/api/downloads/\(id)")
      try require(answer.status == 200, "\(id) of \(entry.title.contentID) was acknowledged and is gone: \(answer)")
      let record = answer.json ?? .null
      let isDeleted = record.deleted_at != .null
      try require(!entry.isDeleted || isDeleted, "\(id) was deleted and is back: \(record)")
      try require(entry.isDeleted || entry.isDoubtful || !isDeleted, "\(id) was not deleted and is: \(record)")
      let now = record.downloaded_bytes?.int ?? -1
      try require(now >= entry.downloadedBytes || isDeleted, "\(id) had \(entry.downloadedBytes) bytes: \(record)")
      if entry.isCompleted, !isDeleted {
        try require(record.status?.text == "completed", "\(id) was completed: \(record)")
        let play = try user.play(id)
        try require(play.status == 200 && play.body == entry.title.bytes, "\(id) plays \(play.status) \(play.body)")
      }
      if let pinned = entry.isPinned, !isDeleted {
        try require(record.pinned?.bool == pinned, "\(id) was pinned: \(pinned): \(record)")
      }
      diary[id]?.isDeleted = isDeleted
      diary[id]?.isDoubtful = false
      diary[id]?.isPinned = record.pinned?.bool
    }
    try adopt(from: user)
    // Enough that old ones are asked for again and again.
    let old = diary.filter { $0.value.isDeleted }.keys.sorted().dropLast(30)
    for id in old { diary[id] = nil }
  }

  /// What is there and was never acknowledged must be a start without an answer; the figures must be exact.
  private mutating func adopt(from user: User) throws {
    var (used, reserved) = (0, 0)
    let list = try user.expect(200, "GET", "/api/downloads?limit=100")
    for record in list.downloads?.array ?? [] {
      guard let id = record.id?.text, let content = record.content_id?.text else { continue }
      if diary[id] == nil {
        guard doubtfulStarts.contains(content), let title = titles.first(where: { $0.contentID == content }) else {
          throw Wrong(description: "\(name): nobody asked for \(record)")
        }
        diary[id] = DiaryEntry(title: title)
      }
      let size = record.total_bytes?.int ?? 0
      if record.status?.text == "completed" { used += size } else { reserved += size }
    }
    doubtfulStarts = []
    // The list carries the figures of the same moment.
    guard list.storage?.used_bytes?.int == used, list.storage?.reserved_bytes?.int == reserved else {
      throw Wrong(description: "\(name): \(used) used, \(reserved) reserved, and \(list)")
    }
  }
}
